"""One side of a pair: the events of a recording, filled and merged so that they cover it from start to end.

Conventions: times are seconds from the start of the recording, IEEE doubles exactly as parsed; an event lasts from
``start`` to ``stop``; events are in scoring order.

Source: docs/scoring.md section 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nedc_bench.annotations.arrays import (
    DEFAULT_LABEL,
    check_label,
    event_rows,
    frame_rows,
    mask_intervals,
    probability_intervals,
    seconds,
)
from nedc_bench.annotations.timeline import (
    FILLER,
    FILLER_CODE,
    Codes,
    Floats,
    Timeline,
    fill_and_merge,
    find_detections,
    find_irregularities,
    round4,
    time_order,
)
from nedc_bench.checks import check_number
from nedc_bench.errors import MAX_FINDINGS_PER_FILE, Finding, InputError, quoted

MAX_SECONDS = 1e9  # of a recording


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
        name: the file's name as given.
        sha256: the SHA-256 of the file's bytes in hexadecimal; empty without a file.
        duration: seconds, from the file's header.
        starts, stops: seconds, shape ``(events,)``; ``stop < start`` for a filler between overlapping events.
        confidences: shape ``(events,)``.
        labels: indices into ``vocabulary``, shape ``(events,)``.
        vocabulary: the annotation labels; the first is always ``bckg``, the label of fillers.
        label_lines: for each label of the vocabulary, the line of its first occurrence (0: none).
        warnings: irregularities that were scored nevertheless.
        base_name: the file's ``bname``, the recording that it claims to annotate; empty if missing.
        detections: the sorted events before they were filled and merged, for operating curves; None where all events
            but background have one confidence.
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
    detections: Timeline | None = None

    def __repr__(self) -> str:
        """What it is of, in a line: its duration, and how many events each label but background has."""
        counts = np.bincount(self.labels, minlength=len(self.vocabulary)).tolist()
        events = [f"{count} {label}" for label, count in zip(self.vocabulary, counts, strict=True)][1:]
        name = f" {quoted(self.name)}" if self.name else ""
        return f"<Recording{name}: {self.duration:g} s, {', '.join(events) or 'no events'}>"

    @classmethod
    def from_events(
        cls,
        duration: float,
        events: Iterable[Event | Sequence[Any]] | NDArray[Any],
        name: str = "",
        *,
        label: str = DEFAULT_LABEL,
    ) -> Recording:
        """A recording from ``(start, stop[, label[, confidence]])`` events, which are sorted, filled and merged.

        Args:
            duration: seconds.
            events: in any order, with times in seconds from the start of the recording; or an array of shape
                ``(events, 2)`` with starts and stops. Events with named fields (named tuples, records of a structured
                array, rows of a pandas frame) are read by the names ``start``, ``stop``, ``label`` and ``confidence``.
            name: the name of the recording in messages and reports.
            label: the label of events without one.

        Raises:
            InputError: an item is not an event or has fields of other names, a time is not finite, a stop is before its
                start, or the duration is not above 0.

        >>> [tuple(event) for event in Recording.from_events(10.0, [(2.0, 3.0)]).events]
        [(0.0, 2.0, 'bckg', 1.0), (2.0, 3.0, 'seiz', 1.0), (3.0, 10.0, 'bckg', 1.0)]
        """
        check_label(label, name)
        length = seconds(duration, "duration", name)
        rows = [Event(*row) for row in event_rows(events, label, name)]
        _check_events(length, rows, name)
        vocabulary = {FILLER: FILLER_CODE}
        codes = [vocabulary.setdefault(row.label, len(vocabulary)) for row in rows]
        starts = np.array([row.start for row in rows], dtype=np.float64)
        stops = np.array([row.stop for row in rows], dtype=np.float64)
        confidences = np.array([row.confidence for row in rows], dtype=np.float64)
        order = time_order(starts, stops)
        starts, stops, confidences = starts[order], stops[order], confidences[order]
        labels = np.array(codes, dtype=np.intp)[order]
        timeline = fill_and_merge(length, starts, stops, confidences, labels)
        noticed = find_irregularities(length, starts, stops, confidences)
        warnings = tuple(Finding("", name, None, found.code, found.message) for found in noticed)
        lines = (0,) * len(vocabulary)
        detections = find_detections(starts, stops, confidences, labels)
        return cls(name, "", length, *timeline, tuple(vocabulary), lines, warnings, detections=detections)

    @classmethod
    def from_mask(
        cls, mask: ArrayLike, *, sampling_rate: float, name: str = "", label: str = DEFAULT_LABEL
    ) -> Recording:
        """A recording from one truth value per sample (or window); each run of true samples is an event.

        Args:
            mask: shape ``(samples,)``, with truth values or 0 and 1.
            sampling_rate: samples (or windows) per second; the recording lasts ``samples / sampling_rate`` seconds.
            name: the name of the recording in messages and reports.
            label: the label of the events.

        Raises:
            InputError: the mask has other values or more dimensions, or the rate is not above 0.

        >>> [tuple(event) for event in Recording.from_mask([0, 0, 1, 1, 1, 0], sampling_rate=2).events][1]
        (1.0, 2.5, 'seiz', 1.0)
        """
        duration, intervals = mask_intervals(mask, sampling_rate, name)
        return cls.from_events(duration, intervals, name, label=label)

    @classmethod
    def from_probabilities(
        cls,
        probabilities: ArrayLike,
        *,
        sampling_rate: float,
        threshold: float,
        min_duration: float = 0.0,
        min_gap: float = 0.0,
        name: str = "",
        label: str = DEFAULT_LABEL,
    ) -> Recording:
        """A recording from a detector's output, one probability per sample (or window).

        Args:
            probabilities: shape ``(samples,)``, from 0 to 1.
            sampling_rate: samples (or windows) per second.
            threshold: samples with this probability or more belong to an event. It is compared in the precision of the
                array, as by NumPy: the float32 nearest to 0.7 reaches a threshold of 0.7.
            min_duration: seconds; shorter events are dropped, after gaps are closed.
            min_gap: seconds; events closer together become one.
            name: the name of the recording in messages and reports.
            label: the label of the events; their confidence is the highest probability in them.

        Raises:
            InputError: a value is out of range.

        >>> detector = [0.1, 0.9, 0.2, 0.8, 0.1, 0.1, 0.7]
        >>> recording = Recording.from_probabilities(
        ...     detector, sampling_rate=1, threshold=0.5, min_duration=2.0, min_gap=1.5
        ... )
        >>> [tuple(event) for event in recording.events][1]
        (1.0, 4.0, 'seiz', 0.9)
        """
        duration, intervals = probability_intervals(
            probabilities, sampling_rate, threshold=threshold, min_duration=min_duration, min_gap=min_gap, file=name
        )
        check_label(label, name)
        events = [(start, stop, label, confidence) for start, stop, confidence in intervals]
        return cls.from_events(duration, events, name)

    @classmethod
    def from_dataframe(cls, duration: float, frame: Any, name: str = "", *, label: str = DEFAULT_LABEL) -> Recording:
        """A recording from a data frame (pandas, polars, or a mapping of columns) with one event per row.

        Args:
            duration: seconds.
            frame: columns ``start`` and ``stop`` (seconds), and optionally ``label`` and ``confidence``.
            name: the name of the recording in messages and reports.
            label: the label of the events if there is no such column.

        Raises:
            InputError: it is not a data frame, a column is missing, or a row is not an event.

        >>> frame = {"start": [2.0, 5.0], "stop": [3.0, 7.0]}
        >>> [event.label for event in Recording.from_dataframe(10.0, frame).events]
        ['bckg', 'seiz', 'bckg', 'seiz', 'bckg']
        """
        check_label(label, name)
        return cls.from_events(duration, frame_rows(frame, label, name), name)

    def with_duration(self, duration: float) -> Recording:
        """The recording as if it had lasted ``duration`` seconds.

        The closing background is stretched or cut. Events that ran to the old end are cut at the new one.

        >>> recording = Recording.from_events(10.5, [(2.0, 3.0), (9.0, 10.5)])
        >>> [tuple(event) for event in recording.with_duration(10.0).events][-1]
        (9.0, 10.0, 'seiz', 1.0)
        """
        own = Timeline(self.starts, self.stops, self.confidences, self.labels)
        duration = check_number("duration", duration, 0.0, MAX_SECONDS)
        timeline = fill_and_merge(duration, *self._cut(own, duration))
        late = (round4(timeline.stops) > round(duration, 4)).any()
        warnings = tuple(warning for warning in self.warnings if warning.code != "past-end" or late)
        detections = None if self.detections is None else self._cut(self.detections, duration)
        return replace(self, duration=duration, warnings=warnings, detections=detections, **timeline._asdict())

    def _cut(self, events: Timeline, duration: float) -> Timeline:
        """The events as they are when the recording lasts ``duration`` seconds."""
        own, end = round(self.duration, 4), round(duration, 4)
        past_own_end = round4(events.stops) > own
        kept = past_own_end | (events.starts < end) | ((events.starts == end) & (events.stops == end))
        stops = np.where(past_own_end, events.stops, np.minimum(events.stops, end))
        if events.labels.size and events.labels[-1] == FILLER_CODE and events.stops[-1] == own:
            kept[-1], stops[-1] = events.starts[-1] < end, end
        return Timeline(events.starts[kept], stops[kept], events.confidences[kept], events.labels[kept])

    @property
    def events(self) -> list[Event]:
        """The events in scoring order."""
        labels = [self.vocabulary[code] for code in self.labels.tolist()]
        columns = (self.starts.tolist(), self.stops.tolist(), labels, self.confidences.tolist())
        return [Event(*row) for row in zip(*columns, strict=True)]

    def first_line(self, label: str) -> int | None:
        """The line of the first occurrence of ``label``, or None."""
        if label not in self.vocabulary:
            return None
        return self.label_lines[self.vocabulary.index(label)] or None


def differing_durations(reference: Recording, hypothesis: Recording) -> str:
    """The message about two sides with different durations."""
    its = f"its reference {reference.name}".rstrip()
    return f"lasts {hypothesis.duration} s, {its} {reference.duration} s"


def _check_events(duration: float, events: list[Event], name: str) -> None:
    """Refuse the events that a file's reader would refuse."""
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
