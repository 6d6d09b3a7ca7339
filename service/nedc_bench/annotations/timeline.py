"""Events in time: order, filling of gaps, merging of neighbours, and irregularities.

Conventions: one array per column, times in seconds, IEEE doubles exactly as parsed.

Source: docs/scoring.md section 3.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

FILLER = "bckg"
FILLER_CODE = 0

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Scalar = TypeVar("Scalar", np.float64, np.intp)


class Timeline(NamedTuple):
    """The arrays of a `Recording`, in the order of its fields."""

    starts: Floats
    stops: Floats
    confidences: Floats
    labels: Codes

    def take(self, kept: NDArray[np.bool_]) -> Timeline:
        """The events that are kept."""
        return Timeline(self.starts[kept], self.stops[kept], self.confidences[kept], self.labels[kept])


class Irregularity(NamedTuple):
    """An irregularity of events that are still scored; ``events`` are the affected ones."""

    code: str
    message: str
    events: Codes


def find_irregularities(duration: float, starts: Floats, stops: Floats, confidences: Floats) -> list[Irregularity]:
    """The irregularities of sorted events that are scored with a warning (docs/scoring.md section 8).

    Events that overlap, run past the end or begin before 0 cause fillers of negative length; an event of zero length
    counts as an event.
    """
    enter, leave = round4(starts), round4(stops)
    overlapping = (enter[1:] < np.maximum.accumulate(leave)[:-1]).nonzero()[0] + 1
    return [
        Irregularity(code, f"{_events(found.size)} {what}", found)
        for code, what, found in (
            ("overlap", "overlapping an earlier one", overlapping),
            ("past-end", f"running past the end ({duration} s)", (leave > round(duration, 4)).nonzero()[0]),
            ("before-start", "beginning before the start of the recording", (enter < 0).nonzero()[0]),
            ("zero-length", "of no length (to 4 digits)", (enter == leave).nonzero()[0]),
            ("confidence", "whose confidence is not finite", (~np.isfinite(confidences)).nonzero()[0]),
        )
        if found.size
    ]


def _events(count: int) -> str:
    return "1 event" if count == 1 else f"{count} events"


def time_order(starts: Floats, stops: Floats) -> Codes:
    """The order of events by (start, stop); equal events keep their order."""
    return np.lexsort((stops, starts))


def find_detections(starts: Floats, stops: Floats, confidences: Floats, labels: Codes) -> Timeline | None:
    """The sorted events as they are before they are filled and merged, where confidences tell some of them apart."""
    own = confidences[labels != FILLER_CODE]
    return None if (own[1:] == own[:-1]).all() else Timeline(starts, stops, confidences, labels)


def fill_and_merge(duration: float, starts: Floats, stops: Floats, confidences: Floats, labels: Codes) -> Timeline:
    """Fill the gaps between sorted events with background, then merge neighbours with the same label.

    A filler goes wherever an event does not start where the previous one stopped (to 4 digits). Between overlapping
    events it has a negative length and is scored so, as in the original.
    """
    if not starts.size:
        return Timeline(np.zeros(1), np.array([duration]), np.ones(1), np.array([FILLER_CODE], dtype=np.intp))
    leave = np.append(0.0, round4(stops))
    enter = np.append(round4(starts), round(duration, 4))
    gap = leave != enter
    gaps = gap.nonzero()[0]
    before = gap.cumsum()
    own, fillers = np.arange(starts.size) + before[:-1], gaps + before[gaps] - 1
    filled = Timeline(
        _interleave(own, starts, fillers, leave[gaps]),
        _interleave(own, stops, fillers, enter[gaps]),
        _interleave(own, confidences, fillers, 1.0),
        _interleave(own, labels, fillers, FILLER_CODE),
    )
    changes = (filled.labels[1:] != filled.labels[:-1]).nonzero()[0]
    first, last = np.append(0, changes + 1), np.append(changes, filled.labels.size - 1)
    return Timeline(filled.starts[first], filled.stops[last], filled.confidences[first], filled.labels[first])


def count_merged(starts: Floats, stops: Floats, labels: Codes) -> int:
    """The number of events after `fill_and_merge`, without the fillers at the two ends, computed in little memory."""
    gap = round4(stops[:-1]) != round4(starts[1:])
    background = labels == FILLER_CODE
    changes = labels[1:] != labels[:-1]
    both_sides = gap & ~background[1:] & ~background[:-1]
    return 1 + int(np.count_nonzero(changes | both_sides)) + int(np.count_nonzero(both_sides))


def _interleave(
    own: Codes, values: NDArray[Scalar], fillers: Codes, filler_values: NDArray[Scalar] | float
) -> NDArray[Scalar]:
    result = np.empty(own.size + fillers.size, dtype=values.dtype)
    result[own], result[fillers] = values, filler_values
    return result


def round4(times: Floats) -> Floats:
    """Python's ``round(t, 4)`` of every time, equal in every bit.

    A time that equals its nearest multiple of 1e-4 is already rounded; only the others go through ``round``, which
    rounds the exact decimal value (NumPy's rounding multiplies first and can differ in the last bit).
    """
    rounded = np.rint(times * 1e4) / 1e4
    for k in (rounded != times).nonzero()[0]:
        rounded[k] = round(float(times[k]), 4)
    return rounded
