"""Time-aligned event scoring (TAES): an event earns partial credit for the part that the other side covers.

Metrics: targets (events); fractional hits, misses and false alarms of events.

Shah et al. (2021), "Objective Evaluation Metrics for Automatic Classification of EEG Events"; docs/scoring.md 4.4.

The original has two notions of overlap. Open intervals of seconds (`overlap`) decide whether a reference event is
considered. Whole seconds decide which events belong together: events *touch* if their integers
``int(start)..int(stop)`` (closed) have one in common. Events up to a second apart can touch, so a hit can be negative.

Binary search finds all touching pairs, their hits and false alarms are computed at once, and the original's walk over
flags visits those pairs alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nedc_bench.annotations.parameters import Parameters
from nedc_bench.annotations.timeline import Floats
from nedc_bench.errors import refusal
from nedc_bench.scoring.contribution import (
    Algorithm,
    Counts,
    Events,
    Parts,
    PerClass,
    add_counts,
    in_order,
    is_finite,
    is_parts,
    is_per_class,
    per_class,
)
from nedc_bench.scoring.overlap import derive, overlapped

NAME = "taes"

MAX_TOUCHING_PAIRS = 1_000_000
CLASS_BITS = 32  # more than any time in seconds needs

Indices = NDArray[np.intp]


class TaesContribution(NamedTuple):
    """What a pair adds: events by class, and the ordered parts of events that are hits, misses and false alarms.

    ``sums`` are the pair's hits, misses and false alarms over all classes, for its report.
    """

    targets: PerClass
    hits: Parts
    misses: Parts
    false_alarms: Parts
    sums: tuple[float, float, float]


class TaesTotal:
    """The corpus' targets, hits, misses and false alarms; float sums add one number at a time."""

    def __init__(self, classes: int) -> None:
        self.targets = [0] * classes
        self.hits, self.misses, self.false_alarms = ([0.0] * classes for _ in range(3))

    def add(self, contribution: TaesContribution) -> None:
        """Add a pair."""
        add_counts(self.targets, contribution.targets)
        for sums, parts in (
            (self.hits, contribution.hits),
            (self.misses, contribution.misses),
            (self.false_alarms, contribution.false_alarms),
        ):
            for c, numbers in enumerate(parts):
                sums[c] = in_order(numbers, sums[c])

    def counts(self, parameters: Parameters) -> list[Counts]:
        """The counts of each class, as floats."""
        return [Counts(*map(float, row)) for row in derive(self.targets, self.hits, self.misses, self.false_alarms)]


def contribute(reference: Events, hypothesis: Events, parameters: Parameters) -> TaesContribution:
    """Score the events of each class separately; contributions are in the order of the reference events.

    Raises:
        InputError: a reference event of length zero is hit, so that the original divides by zero; or too many events
            overlap each other.
    """
    classes = len(parameters.label_map.classes)
    walked = walk(reference, hypothesis, classes)
    refs, added = walked.refs, walked.added
    missed = np.bincount(reference.classes[walked.missed], minlength=classes).tolist()
    false = np.bincount(hypothesis.classes[walked.false], minlength=classes).tolist()
    of_class = [reference.classes[refs] == c for c in range(classes)]
    return TaesContribution(
        per_class(reference.classes, classes),
        tuple(_numbers(added[0, own], 0) for own in of_class),
        tuple(_numbers(added[1, own], missed[c]) for c, own in enumerate(of_class)),
        tuple(_numbers(added[2, own], false[c]) for c, own in enumerate(of_class)),
        (
            in_order(_numbers(added[0], 0), 0.0),
            in_order(_numbers(added[1], sum(missed)), 0.0),
            in_order(_numbers(added[2], sum(false)), 0.0),
        ),
    )


ALGORITHM = Algorithm(
    NAME, contribute, TaesContribution, (is_per_class, is_parts, is_parts, is_parts, is_finite), TaesTotal
)


class Walked(NamedTuple):
    """What the walk over the events of a pair adds up to.

    Attributes:
        refs: the reference event of each step, ascending; shape ``(steps,)``.
        added: hit, miss and false alarm of each step, shape ``(3, steps)``.
        missed: the reference events that no step used, each a whole miss; shape ``(reference events,)``.
        false: the hypothesis events that no step used, each a whole false alarm; shape ``(hypothesis events,)``.
    """

    refs: Indices
    added: Floats
    missed: NDArray[np.bool_]
    false: NDArray[np.bool_]


def walk(reference: Events, hypothesis: Events, classes: int) -> Walked:
    """The original's walk over the events of a pair.

    Raises:
        InputError: as `contribute`.
    """
    looked_at = overlapped(reference, hypothesis, classes)
    i, j = touching_pairs(reference, hypothesis)
    hits, alarms = calc_hf(reference.starts[i], reference.stops[i], hypothesis.starts[j], hypothesis.stops[j])
    ref_free, hyp_free = np.ones(reference.starts.size, dtype=bool), np.ones(hypothesis.starts.size, dtype=bool)

    # A pair whose events touch nothing else needs no walk: both of its branches give the same hit.
    alone = (np.bincount(i, minlength=ref_free.size)[i] == 1) & (np.bincount(j, minlength=hyp_free.size)[j] == 1)
    single, rest = (alone & looked_at[i]).nonzero()[0], (~alone).nonzero()[0]
    ref_free[i[single]] = hyp_free[j[single]] = False

    flags = _Flags(ref_free.tolist(), hyp_free.tolist())
    pairs = _Pairs.of(i[rest], j[rest], hits[rest], alarms[rest], hypothesis.stops[j[rest]] >= reference.stops[i[rest]])
    walked = np.array(_walk(pairs, looked_at.tolist(), flags), dtype=np.float64).reshape(-1, 4).T

    refs = np.concatenate((i[single], walked[0].astype(np.intp)))
    added = np.concatenate((np.stack((hits[single], 1 - hits[single], alarms[single])), walked[1:]), axis=1)
    order = np.argsort(refs, kind="stable")
    _refuse_zero_length(reference, refs[order])
    return Walked(refs[order], added[:, order], np.array(flags.ref_free), np.array(flags.hyp_free))


def _numbers(added: Floats, whole: int) -> tuple[float, ...]:
    """The numbers to add, in order, without zeros, which change nothing."""
    return (*added[added != 0].tolist(), *[1.0] * whole)


def _refuse_zero_length(reference: Events, refs: Indices) -> None:
    undefined = refs[reference.starts[refs] == reference.stops[refs]]
    if undefined.size:
        message = f"taes has no value: the reference event at {reference.starts[undefined[0]]} s has length zero "
        message += (
            "(overlapping events can cause this), and a hit is a part of that length; remove the event or choose "
        )
        message += "other algorithms"
        raise refusal("zero-length", message)


class _Pairs(NamedTuple):
    """Touching pairs, ascending by reference, then hypothesis event."""

    refs: list[int]
    hyps: list[int]
    hits: list[float]  # as `calc_hf` computes them
    alarms: list[float]
    outlasts: list[bool]  # the hypothesis event stops with or after the reference event
    ends: list[int]  # at the first pair of a reference event: the start of the next event's pairs
    next_ref: list[int]  # the pair of the same hypothesis event with the next reference event, or 0

    @classmethod
    def of(cls, refs: Indices, hyps: Indices, *columns: NDArray[np.float64] | NDArray[np.bool_]) -> _Pairs:
        """The pairs with the data that `_walk` needs."""
        begins = np.append(True, refs[1:] != refs[:-1])[: refs.size].nonzero()[0]
        ends = np.zeros_like(refs)
        ends[begins] = np.append(begins[1:], refs.size)
        by_hyp = np.lexsort((refs, hyps))
        same = (hyps[by_hyp][1:] == hyps[by_hyp][:-1]).nonzero()[0]
        next_ref = np.zeros_like(refs)
        next_ref[by_hyp[same]] = by_hyp[same + 1]
        return cls(*(column.tolist() for column in (refs, hyps, *columns, ends, next_ref)))


class _Flags(NamedTuple):
    """The events that are not used yet."""

    ref_free: list[bool]
    hyp_free: list[bool]


def _walk(pairs: _Pairs, looked_at: list[bool], flags: _Flags) -> list[tuple[int, float, float, float]]:
    """The original's walk over the flags: (reference event, hit, miss, false alarm) for each used pair."""
    refs, hyps, hits, alarms, outlasts, ends, next_ref = pairs
    ref_free, hyp_free = flags
    steps = []
    begin = 0
    while begin < len(refs):
        ref, end = refs[begin], ends[begin]
        if ref_free[ref] and looked_at[ref]:
            for p in range(begin, end):
                hyp = hyps[p]
                if not hyp_free[hyp]:
                    continue
                hit, alarm = hits[p], alarms[p]
                miss = 1 - hit
                ref_free[ref] = hyp_free[hyp] = False
                if outlasts[p]:
                    later = next_ref[p]
                    while later:
                        ref_free[refs[later]] = False
                        miss += 1
                        later = next_ref[later]
                else:
                    for later in range(p + 1, end):
                        hyp_free[hyps[later]] = False
                        hit += hits[later]
                        miss -= hits[later]
                        alarm += alarms[later]
                steps.append((ref, hit, miss, alarm))
        begin = end
    return steps


def calc_hf(ref_starts: Floats, ref_stops: Floats, hyp_starts: Floats, hyp_stops: Floats) -> tuple[Floats, Floats]:
    """The part of each reference event that its hypothesis event hits, and the part that protrudes (at most 1)."""
    before = (hyp_starts <= ref_starts) & (hyp_stops <= ref_stops)
    after = (hyp_starts >= ref_starts) & (hyp_stops >= ref_stops)
    around = (hyp_starts < ref_starts) & (hyp_stops > ref_stops)
    with np.errstate(divide="ignore", invalid="ignore"):  # the caller refuses a length of zero
        length = ref_stops - ref_starts
        hits = np.where(before, hyp_stops - ref_starts, np.where(after, ref_stops - hyp_starts, hyp_stops - hyp_starts))
        sticking = np.where(before, ref_starts - hyp_starts, hyp_stops - ref_stops)
        sticking = np.where(before | after, sticking, (hyp_stops - ref_stops) + (ref_starts - hyp_starts))
        hits = np.where(around, 1.0, hits / length)
        alarms = np.where(before | after | around, sticking / length, 0.0)
        return hits, np.where(alarms > 1.0, 1.0, alarms)


def touching_pairs(reference: Events, hypothesis: Events) -> tuple[Indices, Indices]:
    """All (reference, hypothesis) pairs of one class with a whole second in common, ascending.

    Two ranges of seconds intersect if the second begins within the first, or the first begins within the second and
    later. In both cases the partners of a range are neighbours when sorted by their starts.
    """
    ref, hyp = _Seconds.of(reference), _Seconds.of(hypothesis)
    hyp_left, hyp_right = hyp.first.searchsorted(ref.first, "left"), hyp.first.searchsorted(ref.last, "right")
    ref_left, ref_right = ref.first.searchsorted(hyp.first, "right"), ref.first.searchsorted(hyp.last, "right")
    pairs = int((hyp_right - hyp_left).sum() + (ref_right - ref_left).sum())
    if pairs > MAX_TOUCHING_PAIRS:
        message = f"taes is limited to {MAX_TOUCHING_PAIRS} pairs of overlapping events; these files have {pairs}"
        raise refusal("size", message)
    ref_of_one, hyp_of_one = _expand(hyp_left, hyp_right)
    hyp_of_two, ref_of_two = _expand(ref_left, ref_right)
    i = ref.events[np.concatenate((ref_of_one, ref_of_two))]
    j = hyp.events[np.concatenate((hyp_of_one, hyp_of_two))]
    order = np.lexsort((j, i))
    return i[order], j[order]


class _Seconds(NamedTuple):
    """The nonempty ranges of whole seconds, ascending by start; each class occupies its own stretch."""

    first: Indices
    last: Indices
    events: Indices

    @classmethod
    def of(cls, events: Events) -> _Seconds:
        stretch = events.classes.astype(np.int64) << CLASS_BITS
        first, last = events.starts.astype(np.int64) + stretch, events.stops.astype(np.int64) + stretch
        kept = (first <= last).nonzero()[0]
        kept = kept[first[kept].argsort(kind="stable")]
        return cls(first[kept], last[kept], kept)


def _expand(left: Indices, right: Indices) -> tuple[Indices, Indices]:
    """(owner, member) for every member of every range ``left[k]..right[k]-1``."""
    lengths = right - left
    owners = np.arange(left.size).repeat(lengths)
    return owners, np.arange(owners.size) + (left - lengths.cumsum() + lengths)[owners]
