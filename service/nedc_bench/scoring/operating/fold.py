"""The counts of a corpus at every threshold, from those of its pairs in their states.

Conventions: thresholds descend; a pair is in the state of its last own threshold that is not below the corpus'. Counts
of events are whole numbers, and any order of adding them gives the same. The parts of events that ``taes`` adds are
floats: at each threshold they are added one at a time, pair by pair in list order, as `TaesTotal` does; here all
thresholds take each step together. Whole events are added many at once wherever every sum on the way is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from nedc_bench.annotations.timeline import Codes, Floats
from nedc_bench.scoring.operating.states import PairStates
from nedc_bench.scoring.operating.taes_sweep import Numbers

CHUNK = 16_384  # thresholds that take a step together
EXPONENT_BITS = 52  # of a double, where its exponent begins


class Totals(NamedTuple):
    """The counts of a corpus; each of shape ``(thresholds,)``."""

    thresholds: Floats
    tp: Floats
    fp: Floats
    fn: Floats


def fold(pairs: Sequence[PairStates]) -> Totals:
    """The counts of the corpus; whole numbers are exact as floats."""
    every = [pair.thresholds for pair in pairs]
    thresholds = np.unique(np.concatenate(every))[::-1].copy() if len(pairs) > 1 else every[0].copy()
    if pairs[0].parts:
        return Totals(thresholds, *_fold_parts(pairs, thresholds))
    targets = sum(pair.targets for pair in pairs)
    tp, fp = (_fold_counts(thresholds, pairs, [getattr(pair, name) for pair in pairs]) for name in ("found", "alarms"))
    return Totals(thresholds, tp.astype(np.float64), fp.astype(np.float64), (targets - tp).astype(np.float64))


def _fold_counts(thresholds: Floats, pairs: Sequence[PairStates], counts: Sequence[Codes]) -> Codes:
    begin = sum(int(own[0]) for own in counts)
    changes = np.concatenate([np.diff(own) for own in counts])
    places = np.concatenate([pair.thresholds for pair in pairs])
    kept = changes.nonzero()[0]
    total = np.zeros(thresholds.size, dtype=np.int64)
    np.add.at(total, np.searchsorted(-thresholds, -places[kept]), changes[kept])
    sums: Codes = begin + total.cumsum()
    return sums


def _fold_parts(pairs: Sequence[PairStates], thresholds: Floats) -> tuple[Floats, Floats, Floats]:
    """True positives, false positives and false negatives.

    Of a pair come the parts of events first, then the whole ones; whole ones wait, and are added together with those of
    the next pairs, until parts come.
    """
    hits, misses, alarms = np.zeros((3, thresholds.size))
    missed, false = _Whole(thresholds), _Whole(thresholds)
    for pair in pairs:
        if any(parts.hits or parts.misses or parts.alarms for parts in pair.parts):
            missed.add_to(misses)
            false.add_to(alarms)
            _add_parts(pair, thresholds, hits, misses, alarms)
        missed.take(pair, np.array([parts.missed for parts in pair.parts]))
        false.take(pair, pair.alarms)
    missed.add_to(misses)
    false.add_to(alarms)
    return hits, alarms, misses


class _Whole:
    """Whole events that wait to be added, at each threshold."""

    def __init__(self, thresholds: Floats) -> None:
        self.thresholds = thresholds
        self.begin = 0
        self.changes = np.zeros(thresholds.size, dtype=np.int64)

    def take(self, pair: PairStates, counts: Codes) -> None:
        """Take those of a pair in each of its states."""
        self.begin += int(counts[0])
        changes = np.diff(counts)
        kept = changes.nonzero()[0]
        places = np.searchsorted(-self.thresholds, -pair.thresholds[kept])
        np.add.at(self.changes, places, changes[kept])

    def add_to(self, sums: Floats) -> None:
        """Add them; then none waits."""
        add_ones(sums, self.begin + self.changes.cumsum())
        self.begin = 0
        self.changes[:] = 0


def _add_parts(pair: PairStates, thresholds: Floats, hits: Floats, misses: Floats, alarms: Floats) -> None:
    """Add the parts of a pair's events, at each threshold those of its state."""
    for begin in range(0, thresholds.size, CHUNK):
        chunk = slice(begin, begin + CHUNK)
        state = np.searchsorted(-pair.thresholds, -thresholds[chunk], side="right")
        low, high = int(state[0]), int(state[-1])
        groups = [(parts, len(list(same))) for parts, same in groupby(pair.parts[low : high + 1])]
        kind = np.arange(len(groups)).repeat([length for _, length in groups])[state - low]
        _add(hits[chunk], [parts.hits for parts, _ in groups], kind)
        _add(misses[chunk], [parts.misses for parts, _ in groups], kind)
        _add(alarms[chunk], [parts.alarms for parts, _ in groups], kind)


def _add(sums: Floats, numbers: Sequence[Numbers], kind: Codes) -> None:
    """Add to each sum the numbers of its kind, one at a time."""
    longest = max(map(len, numbers))
    padded = np.array([[*own, *[0.0] * (longest - len(own))] for own in numbers]).reshape(len(numbers), longest)
    for column in padded.T:
        sums += column[kind]


def add_ones(sums: Floats, counts: Codes) -> None:
    """Add 1.0 to each sum as often as its count says, with the last bit that so many additions give.

    From 1 up to the next power of two every sum is exact, so those additions are one; what goes beyond is done step by
    step.
    """
    reached = sums + counts
    crossing = (sums.view(np.int64) ^ reached.view(np.int64)) >> EXPONENT_BITS != 0
    slow = ((crossing | (sums < 1.0)) & (counts > 0)).nonzero()[0]
    reached[slow] = _with_ones(sums[slow], counts[slow])
    sums[:] = reached


def _with_ones(sums: Floats, left: Codes) -> Floats:
    while left.any():
        _, exponents = np.frexp(sums)
        room = np.where(sums >= 1.0, np.floor(np.ldexp(1.0, exponents) - sums), 0.0)
        many = np.minimum(left, room.astype(np.int64))
        alone = (many == 0) & (left > 0)
        sums = sums + many + alone
        left = left - many - alone
    return sums
