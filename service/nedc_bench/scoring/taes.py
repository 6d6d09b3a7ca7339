"""Time-aligned event scoring (TAES): events earn partial credit for the part of them that the other side covers.

Metrics: targets (events); fractional hits, misses and false alarms of events.

Shah et al. (2021), "Objective Evaluation Metrics for Automatic Classification of EEG Events"; docs/scoring.md 4.4.

Two notions of overlap are at work, both the original's: whether a reference event is looked at is decided by
open intervals of seconds (`overlap`), which events then belong together by whole seconds: events *touch* when the
integers ``int(start)..int(stop)`` (closed) of the two have one in common. Events up to a second apart can touch,
and so a hit can be negative.

Classes do not mix, so each is scored by itself: all touching pairs are found by binary search, their hits and
false alarms computed at once, and the original's walk over flags is done on those pairs alone.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nedc_bench.annotations.parameters import Parameters
from nedc_bench.annotations.recording import Floats
from nedc_bench.errors import refusal
from nedc_bench.scoring.contribution import Alignment, Contribution, Counts, Events, Total
from nedc_bench.scoring.overlap import derive, overlapped

NAME = "taes"

MAX_TOUCHING_PAIRS = 10_000_000

Indices = NDArray[np.intp]


def contribute(reference: Events, hypothesis: Events, parameters: Parameters) -> Contribution:
    """Score the events class by class.

    Raises:
        InputError: a reference event of length zero is hit, where the original divides by zero; or far too many
            events overlap each other.
    """
    classes = len(parameters.label_map.classes)
    looked_at = overlapped(reference, hypothesis, classes)
    scored = []
    for c in range(classes):
        own, other = np.flatnonzero(reference.classes == c), np.flatnonzero(hypothesis.classes == c)
        sides = _Sides(reference.starts[own], reference.stops[own], hypothesis.starts[other], hypothesis.stops[other])
        scored.append(_score_class(own, sides, looked_at[own]))
    events = np.concatenate([part.events for part in scored])
    in_list_order = np.argsort(events, kind="stable")
    hits, misses, alarms = np.concatenate([part.added for part in scored], axis=1)[:, in_list_order]
    return Contribution(
        counters={
            "targets": tuple((float(np.count_nonzero(reference.classes == c)),) for c in range(classes)),
            "hits": tuple(_numbers(part.added[0], 0) for part in scored),
            "misses": tuple(_numbers(part.added[1], part.missed) for part in scored),
            "false_alarms": tuple(_numbers(part.added[2], part.false) for part in scored),
        },
        alignment=Alignment(reference.classes.astype(np.uint8).tobytes(), b""),
        sums=(
            _running_sum(hits, 0),
            _running_sum(misses, sum(part.missed for part in scored)),
            _running_sum(alarms, sum(part.false for part in scored)),
        ),
    )


def counts(total: Total, parameters: Parameters) -> list[Counts]:
    """The counts of each class; every number is a float."""
    columns = ([float(n) for n in total[name]] for name in ("hits", "misses", "false_alarms", "targets"))
    return [Counts(*map(float, row)) for row in derive(*columns)]


def _numbers(credit: Floats, whole: int) -> tuple[float, ...]:
    """The numbers to add for a class, in order; adding a zero changes nothing, so zeros are left out."""
    return (*credit[credit != 0].tolist(), *[1.0] * whole)


def _running_sum(credit: Floats, whole: int) -> float:
    return float(np.add.accumulate(np.concatenate(([0.0], credit, np.ones(whole))))[-1])


class _Class(NamedTuple):
    events: Indices  # the reference event of each addition, ascending
    added: Floats  # what is added to hits, misses and false alarms, in order, shape (3, additions)
    missed: int  # reference events left over, a whole miss each
    false: int  # hypothesis events left over, a whole false alarm each


class _Sides(NamedTuple):
    """The events of one class on both sides."""

    ref_starts: Floats
    ref_stops: Floats
    hyp_starts: Floats
    hyp_stops: Floats


def _score_class(events: Indices, sides: _Sides, looked_at: NDArray[np.bool_]) -> _Class:
    """Score the events of one class; ``events`` are the places of the reference's in the recording."""
    ref_starts, ref_stops, hyp_starts, hyp_stops = sides
    i, j = _touching_pairs(sides)
    hits, alarms = _calc_hf(_Sides(ref_starts[i], ref_stops[i], hyp_starts[j], hyp_stops[j]))
    ref_free, hyp_free = np.ones(ref_starts.size, dtype=bool), np.ones(hyp_starts.size, dtype=bool)

    # A pair whose two events touch nothing else needs no walk: it is a hit in both of its branches.
    alone = (np.bincount(i, minlength=ref_starts.size)[i] == 1) & (np.bincount(j, minlength=hyp_starts.size)[j] == 1)
    single = np.flatnonzero(alone & looked_at[i])
    ref_free[i[single]] = hyp_free[j[single]] = False

    rest = np.flatnonzero(~alone)
    outlasts = hyp_stops[j[rest]] >= ref_stops[i[rest]]
    pairs = _Pairs(i[rest].tolist(), j[rest].tolist(), hits[rest].tolist(), alarms[rest].tolist(), outlasts.tolist())
    flags = _Flags(ref_free.tolist(), hyp_free.tolist())
    walked = np.array(_walk(pairs, looked_at.tolist(), flags), dtype=np.float64).reshape(-1, 4).T

    refs = np.concatenate((i[single], walked[0].astype(np.intp)))
    added = np.concatenate((np.stack((hits[single], 1 - hits[single], alarms[single])), walked[1:]), axis=1)
    order = np.argsort(refs, kind="stable")
    refs, added = refs[order], added[:, order]
    undefined = refs[ref_starts[refs] == ref_stops[refs]]
    if undefined.size:
        message = "taes has no value: overlapping reference events leave one of length zero at "
        message += f"{ref_starts[undefined[0]]} s, and its hit is a part of that length; remove the overlap"
        raise refusal("zero-length", message, side="reference")
    return _Class(events[refs], added, sum(flags.ref_free), sum(flags.hyp_free))


class _Pairs(NamedTuple):
    """Touching pairs, ascending by reference, then hypothesis event."""

    refs: list[int]
    hyps: list[int]
    hits: list[float]  # as `_calc_hf` gives them
    alarms: list[float]
    outlasts: list[bool]  # the hypothesis event stops with the reference event, or after it


class _Flags(NamedTuple):
    """The events that are not used up."""

    ref_free: list[bool]
    hyp_free: list[bool]


def _walk(pairs: _Pairs, looked_at: list[bool], flags: _Flags) -> list[tuple[int, float, float, float]]:
    """The original's walk over the flags: (reference event, hit, miss, false alarm) for each pair that is used."""
    refs, hyps, hits, alarms, outlasts = pairs
    ref_free, hyp_free = flags
    refs_of: dict[int, list[int]] = {}
    for ref, hyp in zip(refs, hyps, strict=True):
        refs_of.setdefault(hyp, []).append(ref)
    steps = []
    begin = 0
    while begin < len(refs):
        ref = refs[begin]
        end = bisect_right(refs, ref, begin)
        if ref_free[ref] and looked_at[ref]:
            for p in range(begin, end):
                hyp = hyps[p]
                if not hyp_free[hyp]:
                    continue
                hit, alarm = hits[p], alarms[p]
                miss = 1 - hit
                ref_free[ref] = hyp_free[hyp] = False
                if outlasts[p]:
                    for later in refs_of[hyp]:
                        if later > ref:
                            ref_free[later] = False
                            miss += 1
                else:
                    for q in range(p + 1, end):
                        hyp_free[hyps[q]] = False
                        hit += hits[q]
                        miss -= hits[q]
                        alarm += alarms[q]
                steps.append((ref, hit, miss, alarm))
        begin = end
    return steps


def _calc_hf(pairs: _Sides) -> tuple[Floats, Floats]:
    """The part of each reference event that its hypothesis event hits, and the part that sticks out (at most 1)."""
    ref_starts, ref_stops, hyp_starts, hyp_stops = pairs
    with np.errstate(divide="ignore", invalid="ignore"):  # a length of zero is refused where it is used
        length = ref_stops - ref_starts
        before = (hyp_starts <= ref_starts) & (hyp_stops <= ref_stops)
        after = (hyp_starts >= ref_starts) & (hyp_stops >= ref_stops)
        around = (hyp_starts < ref_starts) & (hyp_stops > ref_stops)
        cases = [before, after, around]
        hits = np.select(
            cases,
            [(hyp_stops - ref_starts) / length, (ref_stops - hyp_starts) / length, np.ones_like(length)],
            (hyp_stops - hyp_starts) / length,
        )
        alarms = np.select(
            cases,
            [
                (ref_starts - hyp_starts) / length,
                (hyp_stops - ref_stops) / length,
                ((hyp_stops - ref_stops) + (ref_starts - hyp_starts)) / length,
            ],
            np.zeros_like(length),
        )
        return hits, np.where(alarms > 1.0, 1.0, alarms)


def _touching_pairs(sides: _Sides) -> tuple[Indices, Indices]:
    """All (reference, hypothesis) pairs with a whole second in common, ascending.

    Two ranges of seconds meet when the second begins within the first, or the first within the second and
    later than it; either way the partners of a range are neighbours in the order of their beginnings.
    """
    ref = _Seconds.of(sides.ref_starts, sides.ref_stops)
    hyp = _Seconds.of(sides.hyp_starts, sides.hyp_stops)
    hyp_left, hyp_right = np.searchsorted(hyp.first, ref.first, "left"), np.searchsorted(hyp.first, ref.last, "right")
    ref_left, ref_right = np.searchsorted(ref.first, hyp.first, "right"), np.searchsorted(ref.first, hyp.last, "right")
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
    """The ranges of whole seconds that are not empty, ascending by their first."""

    first: Indices
    last: Indices
    events: Indices

    @classmethod
    def of(cls, starts: Floats, stops: Floats) -> _Seconds:
        first, last = starts.astype(np.int64), stops.astype(np.int64)
        events = np.flatnonzero(first <= last)
        events = events[np.argsort(first[events], kind="stable")]
        return cls(first[events], last[events], events)


def _expand(left: Indices, right: Indices) -> tuple[Indices, Indices]:
    """(owner, member) for every member of every range ``left[k]..right[k]-1``."""
    lengths = right - left
    owners = np.repeat(np.arange(left.size), lengths)
    offsets = np.arange(owners.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return owners, left[owners] + offsets
