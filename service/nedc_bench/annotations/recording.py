"""One side of a pair: the events of a recording, filled and merged so that they run from its start to its end.

Conventions: times are seconds from the start of the recording, IEEE doubles exactly as parsed; an event holds
from ``start`` to ``stop``; events are in the order in which they are scored.

Source: docs/scoring.md section 3.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from nedc_bench.errors import MAX_FINDINGS_PER_FILE, Finding, InputError

FILLER = "bckg"
FILLER_CODE = 0
MAX_SECONDS = 1e9  # of a recording

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Scalar = TypeVar("Scalar", np.float64, np.intp)


class Event(NamedTuple):
    """``label`` from ``start`` to ``stop`` (seconds), with the annotator's or detector's ``confidence``."""

    start: float
    stop: float
    label: str
    confidence: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """The annotation of one recording, filled and merged.

    Attributes:
        name: the file's name as it was given.
        sha256: of the file's bytes, hexadecimal; empty where there was no file.
        duration: seconds, from the file's header.
        starts, stops: seconds, shape ``(events,)``; ``stop < start`` where a filler goes back over an overlap.
        confidences: shape ``(events,)``.
        labels: indices into ``vocabulary``, shape ``(events,)``.
        vocabulary: the annotation labels; the first is always ``bckg``, the label of the fillers.
        label_lines: for each label of the vocabulary, the first line it stands on (0: none).
        warnings: what was noticed and scored all the same.
        base_name: the file's ``bname``, the recording that it says it annotates; empty where it does not say.
    """

    name: str
    sha256: str
    duration: float
    starts: Floats
    stops: Floats
    confidences: Floats
    labels: Codes
    vocabulary: tuple[str, ...]
    label_lines: tuple[int, ...] = (0,)
    warnings: tuple[Finding, ...] = ()
    base_name: str = ""

    @classmethod
    def from_events(
        cls,
        duration: float,
        events: Iterable[Event | tuple[float, float, str] | tuple[float, float, str, float]],
        name: str = "",
    ) -> Recording:
        """A recording from ``(start, stop, label[, confidence])`` events, sorted, filled and merged here.

        Args:
            duration: seconds.
            events: in any order; times in seconds from the start of the recording.
            name: what the recording goes by in messages and reports.

        Raises:
            InputError: a time that is no finite number, a stop before its start, or a duration that is not above 0.

        >>> [tuple(event) for event in Recording.from_events(10.0, [(2.0, 3.0, "seiz")]).events]
        [(0.0, 2.0, 'bckg', 1.0), (2.0, 3.0, 'seiz', 1.0), (3.0, 10.0, 'bckg', 1.0)]
        """
        rows = [Event(*event) for event in events]
        _check_events(duration, rows, name)
        vocabulary = {FILLER: FILLER_CODE}
        codes = [vocabulary.setdefault(row.label, len(vocabulary)) for row in rows]
        starts = np.array([row.start for row in rows], dtype=np.float64)
        stops = np.array([row.stop for row in rows], dtype=np.float64)
        confidences = np.array([row.confidence for row in rows], dtype=np.float64)
        order = time_order(starts, stops)
        starts, stops = starts[order], stops[order]
        timeline = fill_and_merge(duration, starts, stops, confidences[order], np.array(codes, dtype=np.intp)[order])
        noticed = find_irregularities(duration, starts, stops, confidences[order])
        warnings = tuple(Finding("", name, None, found.code, found.message) for found in noticed)
        return cls(name, "", duration, *timeline, tuple(vocabulary), (0,) * len(vocabulary), warnings)

    @property
    def events(self) -> list[Event]:
        """The events as scored, in order."""
        labels = [self.vocabulary[code] for code in self.labels.tolist()]
        columns = (self.starts.tolist(), self.stops.tolist(), labels, self.confidences.tolist())
        return [Event(*row) for row in zip(*columns, strict=True)]

    def first_line(self, label: str) -> int | None:
        """The line that ``label`` first stands on, or None."""
        return self.label_lines[self.vocabulary.index(label)] or None


class Timeline(NamedTuple):
    """The arrays of a `Recording`, in the order of its fields."""

    starts: Floats
    stops: Floats
    confidences: Floats
    labels: Codes


class Irregularity(NamedTuple):
    """Something odd about events that are scored all the same; ``events`` are those it is about."""

    code: str
    message: str
    events: Codes


def find_irregularities(duration: float, starts: Floats, stops: Floats, confidences: Floats) -> list[Irregularity]:
    """What sorted events are scored with all the same, and a person may want to know (docs/scoring.md section 8).

    Events that overlap, run past the end or begin before 0 make fillers of negative length; an event of no length
    counts as an event.
    """
    enter, leave = round4(starts), round4(stops)
    overlapping = np.flatnonzero(enter[1:] < np.maximum.accumulate(leave)[:-1]) + 1
    return [
        Irregularity(code, f"{_events(found.size)} {what}", found)
        for code, what, found in (
            ("overlap", "overlapping an earlier one", overlapping),
            ("past-end", f"running past the end ({duration} s)", np.flatnonzero(leave > round(duration, 4))),
            ("before-start", "beginning before the start of the recording", np.flatnonzero(enter < 0)),
            ("zero-length", "of no length (to 4 digits)", np.flatnonzero(enter == leave)),
            ("confidence", "whose confidence is not finite", np.flatnonzero(~np.isfinite(confidences))),
        )
        if found.size
    ]


def _events(count: int) -> str:
    return "1 event" if count == 1 else f"{count} events"


def _check_events(duration: float, events: list[Event], name: str) -> None:
    """Refuse what the reader of files would refuse."""
    faults = []
    if not 0 < duration <= MAX_SECONDS:
        message = f"duration must be above 0 and at most {MAX_SECONDS:.0f} s, not {duration}"
        faults.append(Finding("", name, None, "duration", message))
    for event in events:
        if not -MAX_SECONDS <= event.start <= event.stop <= MAX_SECONDS:
            message = f"{tuple(event)} must have start <= stop, in seconds, both finite"
            faults.append(Finding("", name, None, "time", message))
    if faults:
        raise InputError(faults[:MAX_FINDINGS_PER_FILE])


def time_order(starts: Floats, stops: Floats) -> Codes:
    """The order of events by (start, stop); equal ones keep theirs."""
    return np.lexsort((stops, starts))


def fill_and_merge(duration: float, starts: Floats, stops: Floats, confidences: Floats, labels: Codes) -> Timeline:
    """Fill the gaps between sorted events with background, then merge neighbours of one label.

    A filler stands wherever an event does not start where the one before it stopped (to 4 digits): between
    overlapping events it has a negative length, and is scored so, as the original does.
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
    """How many events `fill_and_merge` makes of sorted ones, but for the fillers at the two ends; in little memory."""
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
    """Python's ``round(t, 4)`` of every time, to the bit.

    A time that equals its nearest multiple of 1e-4 is its own rounding; only the others go through ``round``,
    which rounds the exact decimal value (NumPy's own rounding multiplies first, and so differs in the last bit).
    """
    rounded = np.rint(times * 1e4) / 1e4
    for k in (rounded != times).nonzero()[0]:
        rounded[k] = round(float(times[k]), 4)
    return rounded
