"""The time that alarms cover outside reference events: a guard against curves that reward noise.

An alarm that hardly ever stops overlaps every seizure and is at most one false alarm, so ``overlap`` gives it a
sensitivity of 1 with almost no false alarms. Such a detector is useless, but its curve does not show it.

Conventions: time in seconds; *states* as in `nedc_bench.scoring.operating.detections`. Alarms are the events as given;
`szcore-event` merges close events, so its alarms cover more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nedc_bench.annotations.timeline import Codes, Floats
from nedc_bench.errors import Finding
from nedc_bench.scoring.contribution import Events
from nedc_bench.scoring.operating.curve import FALSE_ALARMS_PER_24H, OperatingCurve, OperatingPoint
from nedc_bench.scoring.operating.detections import Detections

MOST = 0.5  # of the time outside reference events


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """The time of a pair that alarms cover outside reference events.

    Attributes:
        thresholds: descending, shape ``(states - 1,)``.
        covered: seconds covered in each state, shape ``(states,)``.
        seconds: all time outside reference events.
    """

    thresholds: Floats
    covered: Floats
    seconds: float

    @classmethod
    def of(cls, reference: Events, detections: Detections, c: int) -> Coverage:
        """The coverage of class ``c``."""
        targets = reference.classes == c
        knots, before = _time_before(reference.starts[targets], reference.stops[targets])
        own = detections.classes == c
        duration = float(reference.stops[-1])
        begins, ends = (
            np.minimum(column[own], duration) for column in (detections.events.starts, detections.events.stops)
        )
        starts, stops, ranks = _apart(begins, ends, detections.ranks[own])
        outside = stops - starts - np.interp(stops, knots, before) + np.interp(starts, knots, before)
        added = np.bincount(ranks, outside, detections.thresholds.size)
        covered = np.append(0.0, added.cumsum())
        return cls(detections.thresholds, covered, duration - float(before[-1]))

    def at(self, threshold: float) -> float:
        """The seconds covered at a threshold."""
        return float(self.covered[np.searchsorted(-self.thresholds, -threshold, side="right")])


def excess(curve: OperatingCurve, pairs: Sequence[Coverage]) -> Iterator[Finding]:
    """A warning if, at a reported point, alarms cover more than `MOST` of the time outside reference events."""
    seconds = sum(pair.seconds for pair in pairs)
    most = max(FALSE_ALARMS_PER_24H)
    front = [point for point in curve.front if (point.false_alarms_per_24h or 0.0) <= most]
    reported = dict.fromkeys([*map(curve.at_false_alarms, FALSE_ALARMS_PER_24H), *front])
    worst, share = None, 0.0
    for point in reported:
        own = sum(pair.at(point.threshold) for pair in pairs) / seconds if seconds > 0 else 0.0
        if own > share:
            worst, share = point, own
    if worst is not None and share > MOST:
        yield Finding("hypothesis", "", None, "coverage", _message(curve, worst, share))


def _message(curve: OperatingCurve, point: OperatingPoint, share: float) -> str:
    rate = point.false_alarms_per_24h or 0.0
    message = (
        f"at threshold {point.threshold:.4g} ({rate:.2f} false alarms per day) alarms cover {share:.0%} of the time "
    )
    message += "outside reference events; an alarm that hardly ever stops finds every seizure. "
    others = " or ".join(name for name in ("taes", "szcore-event") if name != curve.algorithm)
    return message + f"Compare the curve of {others}"


def _time_before(starts: Floats, stops: Floats) -> tuple[Floats, Floats]:
    """Knots for `numpy.interp` of the time that events cover up to a given time; events may overlap."""
    if not starts.size:
        return np.zeros(1), np.zeros(1)
    order = starts.argsort(kind="stable")
    starts, reached = starts[order], np.maximum.accumulate(stops[order])
    begins = np.append(True, starts[1:] > reached[:-1])
    ends = np.append(begins[1:], True)
    knots = np.stack((starts[begins], reached[ends]), axis=1)
    lengths = knots[:, 1] - knots[:, 0]
    after = lengths.cumsum()
    return knots.ravel(), np.stack((after - lengths, after), axis=1).ravel()


def _apart(starts: Floats, stops: Floats, ranks: Codes) -> tuple[Floats, Floats, Codes]:
    """Events cut at their overlaps into disjoint stretches, each with the lowest rank that covers it."""
    if (starts[1:] >= stops[:-1]).all():
        return starts, stops, ranks
    edges = np.unique(np.concatenate((starts, stops)))
    first, end = edges.searchsorted(starts).tolist(), edges.searchsorted(stops).tolist()
    free = list(range(edges.size + 1))  # union-find: from each stretch towards the next one not taken
    taken: list[tuple[int, int]] = []
    for event in ranks.argsort(kind="stable").tolist():
        k = _next(free, first[event])
        while k < end[event]:
            taken.append((k, event))
            free[k] = k + 1
            k = _next(free, k)
    own, of = np.array(taken, dtype=np.intp).reshape(-1, 2).T
    return edges[own], edges[own + 1], ranks[of]


def _next(free: list[int], k: int) -> int:
    while free[k] != k:
        free[k] = free[free[k]]
        k = free[k]
    return k
