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

from nedc_bench.errors import Finding

FILLER = "bckg"
FILLER_CODE = 0

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

    @classmethod
    def from_events(
        cls,
        duration: float,
        events: Iterable[Event | tuple[float, float, str] | tuple[float, float, str, float]],
        name: str = "",
    ) -> Recording:
        """A recording from ``(start, stop, label[, confidence])`` events, sorted, filled and merged here.

        >>> [tuple(event) for event in Recording.from_events(10.0, [(2.0, 3.0, "seiz")]).events]
        [(0.0, 2.0, 'bckg', 1.0), (2.0, 3.0, 'seiz', 1.0), (3.0, 10.0, 'bckg', 1.0)]
        """
        rows = [Event(*event) for event in events]
        vocabulary = {FILLER: FILLER_CODE}
        codes = [vocabulary.setdefault(row.label, len(vocabulary)) for row in rows]
        starts = np.array([row.start for row in rows], dtype=np.float64)
        stops = np.array([row.stop for row in rows], dtype=np.float64)
        confidences = np.array([row.confidence for row in rows], dtype=np.float64)
        order = time_order(starts, stops)
        timeline = fill_and_merge(
            duration, starts[order], stops[order], confidences[order], np.array(codes, dtype=np.intp)[order]
        )
        return cls(name, "", duration, *timeline, tuple(vocabulary), (0,) * len(vocabulary))

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
