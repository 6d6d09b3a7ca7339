"""A hypothesis before any threshold: its events with their confidences, and the events that remain at each threshold.

At threshold ``t`` the hypothesis keeps the events with a confidence of at least ``t``; background is not a detection,
and stays. The remaining events are filled and merged as if read from a file: events that touch become one, and are
separate again when the event between them is removed.

*State* ``k`` of a pair is the hypothesis at its ``k``-th highest threshold; in state 0 no event remains.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nedc_bench.annotations import Parameters, Recording
from nedc_bench.annotations.score_track import ScoreTrack
from nedc_bench.annotations.timeline import FILLER, FILLER_CODE, Codes, Floats, Timeline, fill_and_merge, round4
from nedc_bench.errors import refusal
from nedc_bench.scoring.contribution import Events

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The events of a hypothesis, sorted by (start, stop), and its thresholds.

    Attributes:
        events: sorted; with their annotation labels.
        classes: the class index of each.
        thresholds: the distinct confidences of all events but background, descending; shape ``(states - 1,)``.
        ranks: for each event, the index of its confidence in ``thresholds``; -1 for background.
        class_of: the class of each annotation label.
        duration: seconds.
        whole: the events of the last state as scored, if known.
        are_windows: whether the events are windows of a `ScoreTrack`, which never overlap.
    """

    events: Timeline
    classes: Codes
    thresholds: Floats
    ranks: Codes
    class_of: Codes
    duration: float
    whole: Events | None = None
    are_windows: bool = False

    @classmethod
    def of_recording(cls, recording: Recording, parameters: Parameters) -> Detections:
        """The detections of a hypothesis.

        Raises:
            InputError: an event's confidence is not a finite number.
        """
        class_of = _classes(recording.vocabulary, parameters)
        background = class_of[FILLER_CODE]
        events, whole = recording.detections, None
        if events is None:  # all events have one confidence: all are scored, or none
            kept = class_of[recording.labels] != background
            whole = Events(recording.starts, recording.stops, class_of[recording.labels])
            columns = Timeline(recording.starts, recording.stops, recording.confidences, recording.labels)
            events = columns.take(kept)
        classes = class_of[events.labels]
        own = classes != background
        confidences = events.confidences[own]
        if not np.isfinite(confidences).all():
            _refuse_confidence(recording)
        ascending, inverse = np.unique(confidences, return_inverse=True)
        ranks = np.full(classes.size, -1, dtype=np.intp)
        ranks[own] = ascending.size - 1 - inverse
        return cls(events, classes, ascending[::-1], ranks, class_of, recording.duration, whole)

    @classmethod
    def of_track(cls, track: ScoreTrack, parameters: Parameters, duration: float) -> Detections:
        """The detections of a score track, scored over ``duration`` seconds; each window is an event."""
        label = parameters.label_map.index.get(track.label)
        if label is None:
            message = parameters.label_map.unknown(track.label)
            raise refusal("label", message, side="hypothesis", file=track.name)
        numbers = np.arange(track.filtered.size + 1) / float(track.sampling_rate)
        ascending, ranks = _ranked(np.asarray(track.scores), track.filtered)
        kept = np.isfinite(track.filtered)
        if round(duration, 4) != round(track.duration, 4):
            kept &= numbers[:-1] < round(duration, 4)
            numbers = np.minimum(numbers, round(duration, 4))
        labels = np.ones(int(kept.sum()), dtype=np.intp)
        events = Timeline(numbers[:-1][kept], numbers[1:][kept], track.filtered[kept], labels)
        class_of = _classes((FILLER, track.label), parameters)
        return cls(events, class_of[labels], ascending[::-1], ranks[kept], class_of, duration, None, are_windows=True)

    def states(self) -> Iterator[Events]:
        """The events of each state as scored; there is one state more than thresholds."""
        if self.whole is not None:
            yield self._scored(np.zeros(self.classes.size, dtype=bool))
            if self.thresholds.size:
                yield self.whole
            return
        for rank in range(-1, self.thresholds.size):
            yield self._scored(self.ranks <= rank)

    def _scored(self, kept: Flags) -> Events:
        timeline = fill_and_merge(self.duration, *self.events.take(kept))
        return Events(timeline.starts, timeline.stops, self.class_of[timeline.labels])

    def nodes(self, c: int) -> Nodes | None:
        """The events of a class as `Nodes`; None if a sweep over them would not be exact."""
        if not self.are_windows and not self._is_tidy():
            return None
        own = (self.classes == c).nonzero()[0]
        starts, stops, labels = self.events.starts[own], self.events.stops[own], self.events.labels[own]
        linked = (starts[1:] == stops[:-1]) & (labels[1:] == labels[:-1])
        return Nodes(starts, stops, self.ranks[own], linked, self.thresholds.size)

    def _is_tidy(self) -> bool:
        """Whether no event overlaps another or is empty, and events that touch do so to the last bit."""
        starts, stops = self.events.starts, self.events.stops
        enter, leave = round4(starts), round4(stops)
        touching = leave[:-1] == enter[1:]
        return bool(
            (enter < leave).all()
            and (leave[:-1] <= enter[1:]).all()
            and (starts[1:][touching] == stops[:-1][touching]).all()
        )


@dataclass(frozen=True, slots=True, eq=False)
class Nodes:
    """The events of one class, without overlaps; in each state, linked nodes that remain form one event (a piece).

    Attributes:
        starts, stops: seconds, ascending, shape ``(nodes,)``.
        ranks: the first state that contains each node, minus one.
        linked: whether each node touches the next, so that both form one event; shape ``(nodes - 1,)``.
        steps: the number of thresholds of the pair.
    """

    starts: Floats
    stops: Floats
    ranks: Codes
    linked: Flags
    steps: int

    def there(self, ranks: Codes) -> Codes:
        """The number of items with these ranks that are present in each state, shape ``(steps + 1,)``."""
        counts = np.bincount(ranks, minlength=self.steps)
        return np.append(0, counts.cumsum())


def _classes(vocabulary: tuple[str, ...], parameters: Parameters) -> Codes:
    index = parameters.label_map.index
    return np.array([index[label] for label in vocabulary], dtype=np.intp)


def _ranked(scores: Floats, filtered: Floats) -> tuple[Floats, Codes]:
    """The distinct scores, ascending, and the number of distinct scores above each filtered one."""
    ascending, inverse = np.unique(scores, return_inverse=True)
    if filtered is not scores:
        found, inverse = np.unique(filtered, return_inverse=True)
        inverse = ascending.searchsorted(found)[inverse]
    return ascending, ascending.size - 1 - inverse


def _refuse_confidence(recording: Recording) -> None:
    place = next((found for found in recording.warnings if found.code == "confidence"), None)
    message = "has events whose confidence is not a finite number; an operating curve needs one for every event"
    raise refusal("confidence", message, side="hypothesis", file=recording.name, line=place.line if place else None)
