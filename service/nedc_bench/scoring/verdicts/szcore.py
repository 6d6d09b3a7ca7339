"""The verdicts of ``szcore-event`` and ``szcore-sample``.

Merged events are counted with the first of them; a split event counts once for each of its pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from nedc_bench.scoring.contribution import Events
from nedc_bench.scoring.szcore import (
    EVENT_RATE,
    SAMPLE_RATE,
    Ranges,
    match,
    merge_and_split,
    sample_count,
    sample_numbers,
    scored_classes,
    united,
)
from nedc_bench.scoring.verdicts.model import (
    FALSE_ALARM,
    HIT,
    MISS,
    PARTIAL,
    Judged,
    Judgements,
    Pair,
    Part,
    by_samples,
    check_partners,
    overlapping,
)

Found = Sequence[tuple[int, ...]]


def judge_events(pair: Pair) -> Judgements:
    """Judge each event by the pieces of the merged event that begins with it."""
    judgements = _nothing(pair)
    samples = sample_count(pair.reference, EVENT_RATE)
    for c in scored_classes(pair.parameters):
        ref, hyp = _Side(pair.reference, c, pair), _Side(pair.hypothesis, c, pair)
        matched = match(ref.pieces, hyp.pieces, samples, pair.parameters)
        within = Ranges(matched.ranges.first, np.minimum(matched.ranges.end, samples))
        heard_by = _overlapping(matched.widened, within)
        for event, judged in ref.judge(hyp, matched.found.tolist(), heard_by, MISS):
            judgements[0][event] = judged
        for event, judged in hyp.judge(ref, matched.heard.tolist(), _overlapping(within, matched.widened), FALSE_ALARM):
            judgements[1][event] = judged
    return judgements


class _Side:
    """The events of one class on one side: original, and merged and split."""

    def __init__(self, side: Events, c: int, pair: Pair) -> None:
        self.events = (side.classes == c).nonzero()[0].tolist()
        starts, stops = side.starts[self.events], side.stops[self.events]
        self.pieces = merge_and_split(starts, stops, pair.parameters)
        firsts = self.pieces.firsts
        self.as_they_are = Ranges(starts, stops)
        self.merged = Ranges(starts[firsts[:-1]], stops[firsts[1:] - 1])
        self.members = [self.events[first:end] for first, end in pairwise(firsts.tolist())]

    def judge(self, other: _Side, good: list[bool], touched: Found, miss: str) -> list[tuple[int, Judged]]:
        """The verdicts: ``good`` pieces are not misses; ``touched`` are the other side's pieces that each overlaps."""
        direct = _overlapping(self.as_they_are, other.as_they_are)
        joined = _overlapping(self.merged, other.merged)
        pieces: list[list[int]] = [[] for _ in self.members]
        for piece, k in enumerate(self.pieces.merged.tolist()):
            pieces[k].append(piece)
        owners = other.pieces.merged.tolist()
        result = []
        first = named = 0
        for k, members in enumerate(self.members):
            right = sum(good[piece] for piece in pieces[k])
            wrong = len(pieces[k]) - right
            verdict = miss if not right else PARTIAL if wrong else HIT
            partners = tuple(
                sorted({event for piece in pieces[k] for q in touched[piece] for event in other.members[owners[q]]})
            )
            named += len(partners) * len(members)
            check_partners(named)
            rule = _rule(len(pieces[k]), right, bool(direct[first]), bool(joined[k]), bool(partners))
            part = Part(None, right, wrong, 0) if miss == MISS else Part(None, 0, 0, wrong)
            share = right / len(pieces[k])
            result.append((members[0], Judged(verdict, share, rule, partners, (part,))))
            result += [(event, Judged(verdict, share, "merged before", partners)) for event in members[1:]]
            first += len(members)
        return result


def _rule(pieces: int, right: int, direct: bool, joined: bool, partners: bool) -> str:  # noqa: FBT001  # what is known
    """The rule that decided on a merged event; ``direct``: its first event overlaps a partner itself."""
    if pieces > 1:
        return "split"
    if right:
        return "overlap" if direct else "merged" if joined else "tolerance"
    if partners:
        return "minimum overlap"
    return "no sample" if joined else "no overlap"


def judge_samples(pair: Pair) -> Judgements:
    """Judge each event by its samples; a sample of several events belongs to the first."""
    judgements = _nothing(pair)
    samples = sample_count(pair.reference, SAMPLE_RATE)
    for c in scored_classes(pair.parameters):
        sides = [_SampledSide(side, c, samples) for side in (pair.reference, pair.hypothesis)]
        for k, miss in enumerate((MISS, FALSE_ALARM)):
            own, other = sides[k], sides[1 - k]
            both = other.union.covered(own.owned).tolist()
            found = _overlapping(own.owned, other.owned)
            lengths = (own.owned.end - own.owned.first).tolist()
            for event, length, agree, partners in zip(own.events, lengths, both, found, strict=True):
                right, wrong = int(agree), int(length - agree)
                part = Part(None, right, wrong, 0) if miss == MISS else Part(None, 0, 0, wrong)
                named = tuple(other.events[partner] for partner in partners)
                judgements[k][event] = by_samples(right, wrong, miss, named, (part,))
    return judgements


class _SampledSide:
    """The events of one class on one side: the samples of each, and those of all."""

    def __init__(self, side: Events, c: int, samples: int) -> None:
        self.events = (side.classes == c).nonzero()[0].tolist()
        starts, stops = side.starts[self.events], side.stops[self.events]
        first, end = (np.minimum(sample_numbers(times, SAMPLE_RATE), samples) for times in (starts, stops))
        reached = np.maximum.accumulate(np.append(0.0, end))[:-1]
        first = np.minimum(np.maximum(first, reached), np.maximum(first, end))
        self.owned = Ranges(first, np.maximum(first, end))
        self.union = united(starts, stops, samples)


def _overlapping(own: Ranges, other: Ranges) -> Found:
    """For each range, the indices of the other ranges that intersect it."""
    found: list[tuple[int, ...]] = [()] * own.first.size
    mine, others = (own.first < own.end).nonzero()[0], (other.first < other.end).nonzero()[0]
    if others.size:
        pairs = overlapping(own.first[mine], own.end[mine], other.first[others], other.end[others])
        for k, partners in zip(mine.tolist(), pairs, strict=True):
            found[k] = tuple(others[list(partners)].tolist())
    return found


def _nothing(pair: Pair) -> tuple[list[Judged | None], list[Judged | None]]:
    return [None] * pair.reference.classes.size, [None] * pair.hypothesis.classes.size
