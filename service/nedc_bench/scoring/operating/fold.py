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
    sums = np.zeros((3, thresholds.size))
    for begin in range(0, thresholds.size, CHUNK):
        chunk = -thresholds[begin : begin + CHUNK]
        hits, misses, alarms = (row[begin : begin + CHUNK] for row in sums)
        for pair in pairs:
            state = np.searchsorted(-pair.thresholds, chunk, side="right")
            low, high = int(state[0]), int(state[-1])
            groups = [(parts, len(list(same))) for parts, same in groupby(pair.parts[low : high + 1])]
            kind = np.arange(len(groups)).repeat([length for _, length in groups])[state - low]
            _add(hits, [parts.hits for parts, _ in groups], kind)
            _add(misses, [parts.misses for parts, _ in groups], kind)
            add_ones(misses, np.array([parts.missed for parts, _ in groups])[kind])
            _add(alarms, [parts.alarms for parts, _ in groups], kind)
            add_ones(alarms, pair.alarms[state])
    return sums[0], sums[2], sums[1]


def _add(sums: Floats, numbers: Sequence[Numbers], kind: Codes) -> None:
    """Add to each sum the numbers of its kind, one at a time."""
    longest = max(map(len, numbers))
    if not longest:
        return
    padded = np.array([[*own, *[0.0] * (longest - len(own))] for own in numbers]).reshape(len(numbers), longest)
    for column in padded.T:
        sums += column[kind]


def add_ones(sums: Floats, counts: Codes) -> None:
    """Add 1.0 to each sum as often as its count says, with the last bit that so many additions give.

    Up to the next power of two every sum is exact, so those additions are one; the next is rounded, and done alone.
    """
    left = counts.copy()
    while left.any():
        _, exponents = np.frexp(sums)
        room = np.where(sums >= 1.0, np.floor(np.ldexp(1.0, exponents) - sums), 0.0)
        many = np.minimum(left, room.astype(np.int64))
        sums += many
        left -= many
        alone = (many == 0) & (left > 0)
        sums += alone
        left -= alone
