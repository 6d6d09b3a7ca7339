"""Overlap scoring: an event is found when some event of its class on the other side overlaps it at all.

Metrics: hits, misses, false alarms of events (insertions are the false alarms, deletions the misses).

Shah et al. (2021), "Objective Evaluation Metrics for Automatic Classification of EEG Events"; docs/scoring.md 4.3.

Events overlap when ``a.stop > b.start and a.start < b.stop`` (open intervals).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nedc_bench.annotations.parameters import Parameters
from nedc_bench.scoring.contribution import Alignment, Contribution, Counts, Events, Total, in_order

NAME = "overlap"


def contribute(reference: Events, hypothesis: Events, parameters: Parameters) -> Contribution:
    """Count for each class the reference events found and not found, and the hypothesis events without a reference."""
    classes = len(parameters.label_map.classes)
    found = overlapped(reference, hypothesis, classes)
    founded = overlapped(hypothesis, reference, classes)
    return Contribution(
        counters={
            "hits": _per_class(reference.classes[found], classes),
            "misses": _per_class(reference.classes[~found], classes),
            "false_alarms": _per_class(hypothesis.classes[~founded], classes),
        },
        alignment=Alignment(*(side.classes.astype(np.uint8).tobytes() for side in (reference, hypothesis))),
    )


def counts(total: Total, parameters: Parameters) -> list[Counts]:
    """The counts of each class; every number is an int."""
    return derive(total["hits"], total["misses"], total["false_alarms"], None)


def derive(
    hits: list[float], misses: list[float], false_alarms: list[float], targets: list[float] | None
) -> list[Counts]:
    """The counts of each class from hits, misses and false alarms; targets are hits and misses, unless given."""
    result = []
    for c, (hit, miss, false_alarm) in enumerate(zip(hits, misses, false_alarms, strict=True)):
        target = hit + miss if targets is None else targets[c]
        tn = in_order(other for o, other in enumerate(hits) if o != c)
        result.append(Counts(target, hit, miss, false_alarm, false_alarm, miss, hit, tn, false_alarm, miss))
    return result


def overlapped(events: Events, others: Events, classes: int) -> NDArray[np.bool_]:
    """Which events overlap some other event of their class, shape ``(events,)``.

    Of the others that start before an event stops, the one that stops last overlaps it if any does.
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


def _per_class(codes: NDArray[np.intp], classes: int) -> tuple[tuple[int, ...], ...]:
    return tuple((int(n),) for n in np.bincount(codes, minlength=classes))
