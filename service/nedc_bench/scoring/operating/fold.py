"""The counts of a corpus at every threshold, from the counts of its pairs in each state.

Conventions: thresholds descend; a pair is in the state of its lowest threshold that is not below the corpus'. Event
counts are integers, so the order of addition does not matter. ``taes`` adds parts of events, which are floats: at each
threshold they are added one at a time, pair by pair in list order, as `TaesTotal` does; here each step handles all
thresholds at once. Whole events are added many at once wherever every intermediate sum is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

import numpy as np

from nedc_bench.annotations.timeline import Codes, Floats
from nedc_bench.scoring.operating.states import PairStates
from nedc_bench.scoring.operating.taes_sweep import Numbers

CHUNK = 16_384  # sums that fit in a CPU cache
EXPONENT_BITS = 52  # below the exponent of a double


class Totals(NamedTuple):
    """The counts of a corpus; each of shape ``(thresholds,)``."""

    thresholds: Floats
    tp: Floats
    fp: Floats
    fn: Floats


def fold(pairs: Sequence[PairStates]) -> Totals:
    """The counts of the corpus; integers are exact as floats."""
    every = np.concatenate([pair.thresholds for pair in pairs])
    if len(pairs) > 1:
        rising, inverse = np.unique(every, return_inverse=True)
        thresholds, places = rising[::-1].copy(), rising.size - 1 - inverse
    else:
        thresholds, places = every, np.arange(every.size)
    if pairs[0].parts:
        return Totals(thresholds, *_fold_parts(pairs, places, thresholds.size))
    targets = sum(pair.targets for pair in pairs)
    tp, fp = (
        _fold_counts([getattr(pair, name) for pair in pairs], places, thresholds.size) for name in ("found", "alarms")
    )
    return Totals(thresholds, tp.astype(np.float64), fp.astype(np.float64), (targets - tp).astype(np.float64))


def _fold_counts(counts: Sequence[Codes], places: Codes, size: int) -> Codes:
    """The summed counts of the pairs at each threshold; ``places`` says where each of their states but 0 begins."""
    changes = np.concatenate([np.diff(own) for own in counts])
    kept = changes.nonzero()[0]
    total = np.zeros(size, dtype=np.int64)
    np.add.at(total, places[kept], changes[kept])
    sums: Codes = sum(int(own[0]) for own in counts) + total.cumsum()
    return sums


def _fold_parts(pairs: Sequence[PairStates], places: Codes, size: int) -> tuple[Floats, Floats, Floats]:
    """True positives, false positives and false negatives.

    Hits and misses are added only for thresholds at which the hits or misses of a pair change.
    """
    ends = np.cumsum([pair.thresholds.size for pair in pairs])
    states = [np.append(0, own) for own in np.split(places, ends[:-1])]  # where each state of a pair begins
    changes = np.unique(np.concatenate([own[pair.begins] for pair, own in zip(pairs, states, strict=True)]))
    hits, misses, alarms = _Sums(changes.size), _Sums(changes.size), _Sums(size)
    for pair, own in zip(pairs, states, strict=True):
        begins = own[pair.begins]
        few = changes.searchsorted(begins)
        hits.add_whole(few, hits.add(few, [parts.hits for parts in pair.parts]))
        found = misses.add(few, [parts.misses for parts in pair.parts])
        misses.add_whole(few, found + np.array([parts.missed for parts in pair.parts], dtype=np.int64))
        found = alarms.add(begins, [parts.alarms for parts in pair.parts])
        alarms.add_whole(own, pair.alarms + found.repeat(np.diff(pair.begins, append=own.size)))
    lasting = np.diff(changes, append=size)
    return hits.total().repeat(lasting), alarms.total(), misses.total().repeat(lasting)


class _Sums:
    """The sums at some thresholds, and the whole events still to be added to them.

    A pair adds parts of events first, then whole events. Whole events of several pairs are collected, and added
    together before the next parts.
    """

    def __init__(self, size: int) -> None:
        self.sums = np.zeros(size)
        self.waiting = np.zeros(size, dtype=np.int64)

    def add(self, begins: Codes, items: Sequence[Numbers]) -> Codes:
        """Add the numbers of items, one at a time; each item lasts until the next begins.

        Returns:
            The number of whole events in each item that has no parts, else 0; these are not added.
        """
        numbers = [[number for number in own if number] for own in items]  # adding a zero changes nothing
        whole = np.array([len(own) if all(number == 1.0 for number in own) else 0 for own in numbers])
        kept = (np.array([len(own) for own in numbers]) > whole).nonzero()[0]
        if kept.size:
            ends = np.append(begins[1:], self.sums.size)
            low, high = int(kept[0]), int(kept[-1]) + 1
            span = slice(int(begins[low]), int(ends[high - 1]))
            add_ones(self.sums[span], self.waiting[span])
            self.waiting[span] = 0
            lasting = ends[low:high] - begins[low:high]
            apart = [[] if whole[k] else numbers[k] for k in range(low, high)]
            for column in zip_longest(*apart, fillvalue=0.0):
                self.sums[span] += np.repeat(column, lasting)
        return whole

    def add_whole(self, begins: Codes, counts: Codes) -> None:
        """Collect whole events; each count lasts until the next begins, and the first begins at 0."""
        self.waiting += np.repeat(counts, np.diff(begins, append=self.waiting.size))

    def total(self) -> Floats:
        """The final sums."""
        add_ones(self.sums, self.waiting)
        return self.sums


def add_ones(sums: Floats, counts: Codes) -> None:
    """Add 1.0 to each sum ``counts`` times, with the same last bit as that many separate additions.

    From 1 up to the next power of two every sum is exact, so these additions are done at once; the rest is done step by
    step.
    """
    for begin in range(0, sums.size, CHUNK):
        own, more = sums[begin : begin + CHUNK], counts[begin : begin + CHUNK]
        reached = own + more
        crossing = (own.view(np.int64) ^ reached.view(np.int64)) >> EXPONENT_BITS != 0
        slow = ((crossing | (own < 1.0)) & (more > 0)).nonzero()[0]
        slow = slow[own[slow] != np.floor(own[slow])]  # integers stay exact
        if slow.size:
            reached[slow] = _with_ones(own[slow], more[slow])
        own[:] = reached


def _with_ones(sums: Floats, left: Codes) -> Floats:
    while left.any():
        _, exponents = np.frexp(sums)
        room = np.where(sums >= 1.0, np.floor(np.ldexp(1.0, exponents) - sums), 0.0)
        many = np.minimum(left, room.astype(np.int64))
        alone = (many == 0) & (left > 0)
        sums = sums + many + alone
        left = left - many - alone
    return sums
