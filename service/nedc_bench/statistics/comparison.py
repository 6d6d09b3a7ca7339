"""Two systems on the same references: the difference in every figure, and in the reference events that they find.

- Differences use paired replicates: both systems are scored on the same drawn subjects (Efron and Tibshirani 1993).
- McNemar (1947), "Note on the sampling error of the difference between correlated proportions": of the reference events
  that only one system finds, does either find more? The test is exact (binomial, two-sided) and assumes independent
  events. Events of one subject are not independent, so the p-value is too small where subjects have many events.

A difference is the second system minus the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from fractions import Fraction
from math import comb, nan
from typing import Any, NamedTuple

import numpy as np

from nedc_bench.annotations.timeline import Floats
from nedc_bench.checks import check_kinds
from nedc_bench.errors import Finding, InputError
from nedc_bench.scoring import CorpusScore
from nedc_bench.scoring.verdicts import judge
from nedc_bench.scoring.verdicts.model import HIT, MISS, REFERENCE
from nedc_bench.statistics.bootstrap import Bounds, bounds, replicate
from nedc_bench.statistics.estimates import Settings, bounds_document, corpus_values
from nedc_bench.statistics.groups import Subjects
from nedc_bench.statistics.proportions import EVENT_ALGORITHMS
from nedc_bench.statistics.table import Table
from nedc_bench.statistics.tally import Tally

MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of two systems, and the difference.

    Attributes:
        first, second: the figure of each; None if it has no value.
        difference: the second minus the first; None if either has no value.
        bounds: of the difference, from the paired bootstrap of subjects.
    """

    first: float | None
    second: float | None
    difference: float | None
    bounds: Bounds

    def to_dict(self) -> dict[str, Any]:
        """As in the comparison document."""
        facts = {name: getattr(self, name) for name in ("first", "second", "difference")}
        return facts | bounds_document(self.bounds)


class McNemar(NamedTuple):
    """Reference events, counted by which systems find them, and the exact two-sided p-value of McNemar's test."""

    both: int
    first_only: int
    second_only: int
    neither: int
    p: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What `compare` found.

    Attributes:
        settings: how uncertainty was computed.
        subjects, recordings_alone: as in `Uncertainty`.
        differences: by algorithm, label and figure.
        events: by algorithm and label, for algorithms that either find an event or miss it.
    """

    settings: Settings
    subjects: int
    recordings_alone: int
    differences: dict[str, dict[str, dict[str, Difference]]]
    events: dict[str, dict[str, McNemar]]

    def to_dict(self) -> dict[str, Any]:
        """The comparison document's figures."""
        return {
            "settings": self.settings.to_dict(),
            "subjects": self.subjects,
            "recordings_alone": self.recordings_alone,
            "algorithms": {
                algorithm: {
                    label: {figure: difference.to_dict() for figure, difference in figures.items()}
                    for label, figures in labels.items()
                }
                for algorithm, labels in self.differences.items()
            },
            "mcnemar": {
                algorithm: {label: found._asdict() for label, found in labels.items()}
                for algorithm, labels in self.events.items()
            },
        }


def compare(
    first: CorpusScore,
    second: CorpusScore,
    *,
    settings: Settings | None = None,
    table: Table | None = None,
    executor: Executor | None = None,
) -> Comparison:
    """Compare two systems that were scored on the same references, with the same parameters and algorithms.

    Args:
        first, second: the scores; a difference is the second minus the first.
        settings, table, executor: as for `uncertainty`.

    Raises:
        InputError: the references, parameters or algorithms differ.
    """
    check_kinds(
        first=(first, CorpusScore),
        second=(second, CorpusScore),
        settings=(settings, Settings | None),
        table=(table, Table | None),
        executor=(executor, Executor | None),
    )
    settings = Settings() if settings is None else settings
    _refuse_differing(first, second)
    both = (first, second)
    subjects = Subjects.of(first.scores, table)
    names = tuple(first.algorithms)
    members = [Subjects.of(score.scores, table).members for score in both]
    tallies = [
        [Tally.of(name, score.parameters, own) for name in names] for score, own in zip(both, members, strict=True)
    ]
    replicates = replicate([*tallies[0], *tallies[1]], settings.replicates, settings.seed, executor)
    differences = {
        name: _differences(
            [corpus_values(score, own[k]) for score, own in zip(both, tallies, strict=True)],
            [own[k] for own in tallies],
            replicates[len(names) + k] - replicates[k],
            settings,
        )
        for k, name in enumerate(names)
    }
    events = {name: _events(first, second, name) for name in names if name in EVENT_ALGORITHMS}
    return Comparison(settings, len(subjects.members), subjects.recordings_alone, differences, events)


def mcnemar(first_only: int, second_only: int) -> float:
    """The exact two-sided p-value: the probability of a split this unequal if both systems are equally likely to win.

    >>> mcnemar(1, 9)
    0.021484375
    """
    events, fewer = first_only + second_only, min(first_only, second_only)
    tail = Fraction(sum(comb(events, k) for k in range(fewer + 1)), 2**events)
    return min(1.0, float(2 * tail))


def _refuse_differing(first: CorpusScore, second: CorpusScore) -> None:
    faults = []
    if first.parameters != second.parameters or tuple(first.algorithms) != tuple(second.algorithms):
        message = "the two systems were scored with different parameters or algorithms; score both alike"
        faults.append(Finding("", "", None, "compare", message))
    ours, theirs = ([score.reference for score in corpus.scores] for corpus in (first, second))
    if len(ours) != len(theirs):
        message = (
            f"the two systems were scored on {len(ours)} and {len(theirs)} recordings; give both the same references"
        )
        faults.append(Finding("", "", None, "compare", message))
    differing = [(one, other) for one, other in zip(ours, theirs, strict=False) if one != other]
    for one, other in differing[:MOST_NAMED]:
        message = (
            f"has {other.name} in its place for the second system, or other content; give both the same references"
        )
        faults.append(Finding("reference", one.name, None, "compare", message))
    if faults:
        raise InputError(faults)


def _differences(
    whole: Sequence[Floats], tallies: Sequence[Tally], drawn: Floats, settings: Settings
) -> dict[str, dict[str, Difference]]:
    """The differences of an algorithm's figures, by label and figure."""
    first, second = (tally.values(tally.leave_one_out()) for tally in tallies)
    without = second - first
    tally = tallies[0]
    return {
        label: {
            figure: _difference(
                [None if np.isnan(own[a, b]) else tally.number(float(own[a, b]), b) for own in whole],
                drawn[:, a, b],
                without[:, a, b],
                settings.level,
            )
            for b, figure in enumerate(tally.figures)
        }
        for a, label in enumerate(tally.labels)
    }


def _difference(values: Sequence[float | None], replicates: Floats, jackknife: Floats, level: float) -> Difference:
    first, second = values
    if first is None or second is None:
        return Difference(first, second, None, bounds(nan, replicates, jackknife, level))
    difference = second - first
    return Difference(first, second, difference, bounds(difference, replicates, jackknife, level))


def _events(first: CorpusScore, second: CorpusScore, algorithm: str) -> dict[str, McNemar]:
    """McNemar's table for each label that has reference events."""
    counts = Counter(_found(first, second, algorithm))
    tables = {
        label: [counts[label, one, other] for one in (True, False) for other in (True, False)]
        for label in first.parameters.label_map.classes
    }
    return {
        label: McNemar(both, one, other, neither, mcnemar(one, other))
        for label, (both, one, other, neither) in tables.items()
        if both + one + other + neither
    }


def _found(first: CorpusScore, second: CorpusScore, algorithm: str) -> Iterator[tuple[str, bool, bool]]:
    """The label of each reference event that has a verdict for both systems, and whether each system finds it."""
    for one, other in zip(first.scores, second.scores, strict=True):
        verdicts: list[dict[int, tuple[str, bool]]] = [
            {
                verdict.event: (verdict.label, verdict.verdict == HIT)
                for verdict in judge(pair, algorithm, first.parameters)
                if verdict.side == REFERENCE and verdict.verdict in {HIT, MISS}
            }
            for pair in (one, other)
        ]
        for event, (label, found) in verdicts[0].items():
            if event in verdicts[1]:
                yield label, found, verdicts[1][event][1]
