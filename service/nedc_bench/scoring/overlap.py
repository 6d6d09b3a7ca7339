"""Overlap scoring: an event is hit if any event of its class on the other side overlaps it, however little.

Metrics: hits, misses, false alarms of events (insertions are the false alarms, deletions the misses).

Shah et al. (2021), "Objective Evaluation Metrics for Automatic Classification of EEG Events"; docs/scoring.md 4.3.

Events overlap when ``a.stop > b.start and a.start < b.stop`` (open intervals).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nedc_bench.annotations.parameters import Parameters
from nedc_bench.scoring.contribution import (
    Algorithm,
    Counts,
    Events,
    PerClass,
    add_counts,
    in_order,
    is_per_class,
    per_class,
)

NAME = "overlap"


class OverlapContribution(NamedTuple):
    """What a pair adds: counts of events by class."""

    hits: PerClass
    misses: PerClass
    false_alarms: PerClass


class OverlapTotal:
    """The corpus' hits, misses and false alarms."""

    def __init__(self, classes: int) -> None:
        self.hits, self.misses, self.false_alarms = ([0] * classes for _ in range(3))

    def add(self, contribution: OverlapContribution) -> None:
        """Add a pair."""
        add_counts(self.hits, contribution.hits)
        add_counts(self.misses, contribution.misses)
        add_counts(self.false_alarms, contribution.false_alarms)

    def counts(self, parameters: Parameters) -> list[Counts]:
        """The counts of each class, as integers."""
        targets = [hit + miss for hit, miss in zip(self.hits, self.misses, strict=True)]
        return derive(targets, self.hits, self.misses, self.false_alarms)


def contribute(reference: Events, hypothesis: Events, parameters: Parameters) -> OverlapContribution:
    """Count by class the reference events hit and missed, and the hypothesis events without a reference."""
    classes = len(parameters.label_map.classes)
    found = overlapped(reference, hypothesis, classes)
    founded = overlapped(hypothesis, reference, classes)
    return OverlapContribution(
        per_class(reference.classes[found], classes),
        per_class(reference.classes[~found], classes),
        per_class(hypothesis.classes[~founded], classes),
    )


ALGORITHM = Algorithm(NAME, contribute, OverlapContribution, (is_per_class, is_per_class, is_per_class), OverlapTotal)


def derive(
    targets: Sequence[float], hits: Sequence[float], misses: Sequence[float], false_alarms: Sequence[float]
) -> list[Counts]:
    """The counts of each class from its targets, hits, misses and false alarms."""
    result = []
    for c, (target, hit, miss, false_alarm) in enumerate(zip(targets, hits, misses, false_alarms, strict=True)):
        tn = in_order(other for o, other in enumerate(hits) if o != c)
        result.append(Counts(target, hit, miss, false_alarm, false_alarm, miss, hit, tn, false_alarm, miss))
    return result


def overlapped(events: Events, others: Events, classes: int) -> NDArray[np.bool_]:
    """Whether each event overlaps some other event of its class, shape ``(events,)``.

    Among the others that start before an event stops, the one that stops last overlaps it if any does.
    """
    result = np.zeros(events.classes.size, dtype=bool)
    for c in range(classes):
        own, other = np.flatnonzero(events.classes == c), np.flatnonzero(others.classes == c)
        if not own.size or not other.size:
            continue
        other = other[np.argsort(others.starts[other], kind="stable")]
        latest_stop = np.maximum.accumulate(others.stops[other])
        before = np.searchsorted(others.starts[other], events.stops[own], "left")
        result[own] = (before > 0) & (latest_stop[before - 1] > events.starts[own])
    return result
