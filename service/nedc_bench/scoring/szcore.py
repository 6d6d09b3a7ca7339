"""SzCORE's two scorings: seizure *events* with tolerances, and *samples* at 1 Hz; each class against the rest.

The task: EEG seizure detectors raise alarms, and an alarm half a minute early is as good as one on time. So
`szcore-event` merges close events, splits long ones, and widens every reference event before it compares:

    reference          |=======|
    widened    |- 30 s -|=======|--- 60 s ---|
    hypothesis   |==|                              hit: it overlaps the widened event (more than ``min_overlap``)
    hypothesis                                 |=| false alarm: it overlaps no widened event that is hit

Dan, Pale, Amirshahi, Cappelletti, Ingolfsson, Wang, Cossettini, Bernini, Benini, Beniczky, Atienza and Ryvlin (2024),
"SzCORE: Seizure Community Open-Source Research Evaluation framework for the validation of electroencephalography-based
automated seizure detection algorithms", Epilepsia. The counts are those of its tool, PyPI's `timescoring` 0.0.7.

Conventions: an event is a half-open range of samples, ``round(start * rate)`` to ``round(stop * rate)`` (halves to
even), at 10 Hz for events and 1 Hz for samples; a recording has ``round(duration * rate)`` samples. Every class except
that of ``bckg`` is scored. Events are those of the other algorithms: sorted, with touching events of one label merged.

In order, on both sides (seconds; SzCORE's defaults): events less than ``min_duration_between_events`` (90) apart are
merged; events longer than ``max_event_duration`` (300) are split; then reference events are widened by
``tolerance_start`` (30) and ``tolerance_end`` (60), within the recording.

Where the tool deviates from its paper, we follow the tool:

- A merged event stops where the *last* of its events stops, even when an earlier one stops later.
- The last piece of a long event is the remainder, however short. Each piece counts, as a target or a false alarm.
- ``min_overlap`` is a part of the *widened* reference event, and must be exceeded by a millionth.
- A hypothesis event that has no sample (shorter than a tenth of a second, or past the end) is a false alarm.
- One hypothesis event can find several reference events; none of them is a false alarm then.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nedc_bench.annotations.parameters import Parameters
from nedc_bench.annotations.timeline import FILLER, Floats
from nedc_bench.errors import refusal
from nedc_bench.scoring.contribution import Algorithm, Events, is_per_class
from nedc_bench.scoring.szcore_figures import SzcoreContribution, SzcoreTotal

EVENT, SAMPLE = "szcore-event", "szcore-sample"
EVENT_RATE, SAMPLE_RATE = 10, 1  # samples per second
MAX_PIECES = 1_000_000  # of split events, per side
LEAST = 1e-6  # by which the minimum overlap must be exceeded

Indices = NDArray[np.intp]
Flags = NDArray[np.bool_]


class Pieces(NamedTuple):
    """The events of one class and side, merged and split; each of shape ``(pieces,)``, ascending and disjoint.

    Attributes:
        starts, stops: seconds.
        merged: for each piece, the merged event that it belongs to.
        firsts: for each merged event, the index of its first event, then one past the last; shape ``(merged + 1,)``.
    """

    starts: Floats
    stops: Floats
    merged: Indices
    firsts: Indices


class Ranges(NamedTuple):
    """Half-open ranges of sample numbers; each of shape ``(ranges,)``, ascending."""

    first: Floats
    end: Floats

    def covered(self, others: Ranges) -> Floats:
        """The number of samples of these disjoint ranges in each of the others."""
        lengths = np.append(0.0, (self.end - self.first).cumsum())

        def before(samples: Floats) -> Floats:
            k = self.first.searchsorted(samples, "left")
            within = np.minimum(samples, self.end[np.maximum(k, 1) - 1]) - self.end[np.maximum(k, 1) - 1]
            return np.where(k > 0, lengths[k] + within, 0.0)

        if not self.first.size:
            return np.zeros(others.first.size)
        return np.where(others.end > others.first, before(others.end) - before(others.first), 0.0)


class Matched(NamedTuple):
    """The judgement of a class's pieces; shapes ``(reference pieces,)`` and ``(hypothesis pieces,)``.

    Attributes:
        widened: the reference pieces with their tolerances, in samples.
        found: reference pieces that are hit.
        heard: hypothesis pieces that are not false alarms.
        ranges: the hypothesis pieces, in samples.
        shares: the part of each widened reference piece that the hypothesis covers.
    """

    widened: Ranges
    found: Flags
    heard: Flags
    ranges: Ranges
    shares: Floats


def scored_classes(parameters: Parameters) -> list[int]:
    """The scored classes: all except the one with ``bckg``."""
    background = parameters.label_map.index.get(FILLER)
    return [c for c in range(len(parameters.label_map.classes)) if c != background]


def contribute_events(reference: Events, hypothesis: Events, parameters: Parameters) -> SzcoreContribution:
    """Count by class the reference events, the hits and the false alarms.

    Raises:
        InputError: events are split into too many pieces.
    """
    samples = sample_count(reference, EVENT_RATE)
    counts = [(0, 0, 0)] * len(parameters.label_map.classes)
    for c in scored_classes(parameters):
        ref_times, hyp_times = of_class(reference, c), of_class(hypothesis, c)
        if ref_times[0].size or hyp_times[0].size:
            ref, hyp = merge_and_split(*ref_times, parameters), merge_and_split(*hyp_times, parameters)
            counts[c] = ref.starts.size, 0, hyp.starts.size
            if ref.starts.size and hyp.starts.size:
                matched = match(ref, hyp, samples, parameters)
                found, heard = (int(np.count_nonzero(pieces)) for pieces in (matched.found, matched.heard))
                counts[c] = ref.starts.size, found, hyp.starts.size - heard
    return SzcoreContribution.of(counts, samples)


def contribute_samples(reference: Events, hypothesis: Events, parameters: Parameters) -> SzcoreContribution:
    """Count by class the samples of the reference, those of both sides, and the other ones of the hypothesis."""
    samples = sample_count(reference, SAMPLE_RATE)
    counts = [(0, 0, 0)] * len(parameters.label_map.classes)
    for c in scored_classes(parameters):
        ref_times, hyp_times = of_class(reference, c), of_class(hypothesis, c)
        if not ref_times[0].size and not hyp_times[0].size:
            continue
        ref, hyp = united(*ref_times, samples), united(*hyp_times, samples)
        targets, positives = (int((side.end - side.first).sum()) for side in (ref, hyp))
        both = int(hyp.covered(ref).sum())
        counts[c] = targets, both, positives - both
    return SzcoreContribution.of(counts, samples)


def is_count(number: int, classes: int) -> bool:
    """Whether the number is not negative."""
    return number >= 0


SHAPE = (is_per_class, is_per_class, is_per_class, is_count)
EVENT_ALGORITHM = Algorithm(
    EVENT, contribute_events, SzcoreContribution, SHAPE, lambda classes: SzcoreTotal(classes, EVENT_RATE)
)
SAMPLE_ALGORITHM = Algorithm(
    SAMPLE, contribute_samples, SzcoreContribution, SHAPE, lambda classes: SzcoreTotal(classes, SAMPLE_RATE)
)


def sample_count(reference: Events, rate: int) -> int:
    """The number of samples of the recording."""
    return round(float(reference.stops[-1]) * rate)


def of_class(events: Events, c: int) -> tuple[Floats, Floats]:
    """The starts and stops of a class's events."""
    own = events.classes == c
    return events.starts[own], events.stops[own]


def merge_and_split(starts: Floats, stops: Floats, parameters: Parameters) -> Pieces:
    """The events of one class, merged and split.

    A merged event stops with its last event, so whether two events are merged depends on neighbours alone.
    """
    if not starts.size:
        none = np.zeros(0, dtype=np.intp)
        return Pieces(starts, stops, none, np.zeros(1, dtype=np.intp))
    apart = starts[1:] - stops[:-1] >= parameters.szcore_min_duration_between_events
    cuts = apart.nonzero()[0] + 1
    firsts = np.concatenate(([0], cuts, [starts.size]))
    starts, stops = starts[firsts[:-1]], stops[firsts[1:] - 1]
    longest = parameters.szcore_max_event_duration
    merged = np.arange(starts.size)
    if not (stops - starts > longest).any():
        return Pieces(starts, stops, merged, firsts)
    if ((stops - starts) / longest).sum() > MAX_PIECES:
        raise refusal("size", f"szcore-event is limited to {MAX_PIECES} pieces of events; raise max_event_duration")
    pieces = []
    for k, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
        begin = start
        while stop - begin > longest:
            pieces.append((begin, begin + longest, k))
            begin += longest
        pieces.append((begin, stop, k))
    split = np.array(pieces)
    return Pieces(split[:, 0], split[:, 1], split[:, 2].astype(np.intp), firsts)


def match(ref: Pieces, hyp: Pieces, samples: int, parameters: Parameters) -> Matched:
    """The reference pieces that are hit, and the hypothesis pieces that are not false alarms.

    Widened pieces ascend by both ends, so that binary search finds the first that a piece can overlap.
    """
    opened = np.maximum(0.0, ref.starts - parameters.szcore_tolerance_start)
    closed = np.minimum(samples / EVENT_RATE, ref.stops + parameters.szcore_tolerance_end)
    widened = Ranges(sample_numbers(opened, EVENT_RATE), sample_numbers(closed, EVENT_RATE))
    ranges = Ranges(sample_numbers(hyp.starts, EVENT_RATE), sample_numbers(hyp.stops, EVENT_RATE))
    within = Ranges(np.minimum(ranges.first, samples), np.minimum(ranges.end, samples))
    with np.errstate(divide="ignore", invalid="ignore"):  # a piece past the end has no length and is missed
        shares = within.covered(widened) / EVENT_RATE / (closed - opened)
    found = shares > parameters.szcore_min_overlap + LEAST
    first, end = widened.first[found], widened.end[found]
    k = end.searchsorted(ranges.first, "right")
    heard = k < end.size
    heard[heard] = first[k[heard]] < ranges.end[heard]
    return Matched(widened, found, heard & (ranges.first < ranges.end), ranges, shares)


def united(starts: Floats, stops: Floats, samples: int) -> Ranges:
    """The samples at 1 Hz that the events cover, as disjoint ranges."""
    first, end = (np.minimum(sample_numbers(times, SAMPLE_RATE), samples) for times in (starts, stops))
    if not first.size:
        return Ranges(first, end)
    reached = np.maximum.accumulate(end)
    begins = np.append(True, first[1:] > reached[:-1]).nonzero()[0]
    return Ranges(first[begins], reached[np.append(begins[1:] - 1, first.size - 1)])


def sample_numbers(times: Floats, rate: int) -> Floats:
    """The sample number of each time, as a float; none is negative."""
    return np.maximum(np.rint(times * rate), 0.0)
