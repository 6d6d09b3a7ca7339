"""The alignment of two sequences by edit distance, equal to the original's.

Among all cheapest alignments the original picks the one found by walking back from the end, preferring a substitution
or match, then an insertion, then a deletion. With unit penalties the walk needs only the differences between
neighbouring cells, which the bit-vector recurrence of Hyyro (2003), "A bit-vector algorithm for computing Levenshtein
and Damerau edit distances", computes for a whole row at once. With other penalties the table is filled diagonal by
diagonal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate, repeat

import numpy as np

from nedc_bench.annotations.parameters import Parameters
from nedc_bench.errors import refusal
from nedc_bench.scoring.contribution import NULL, Alignment

MAX_CELLS = 100_000_000  # of the table for penalties other than 1, two bits each
SMALL = 50  # cells per diagonal; below that, filling cell by cell is faster
MAX_ROW_BYTES = 32 * 1024 * 1024  # of bit-vector rows in memory at a time


def align(reference: bytes, hypothesis: bytes, parameters: Parameters) -> Alignment:
    """Align two sequences of class indices, one byte each; `NULL` marks a side without a symbol."""
    penalties = _penalties(parameters)
    steps = (
        _unit_steps(reference, hypothesis)
        if penalties == (1, 1, 1)
        else _weighted_steps(reference, hypothesis, *penalties)
    )
    i, j = len(reference), len(hypothesis)
    ref, hyp = bytearray(), bytearray()
    for step in steps:
        ref.append(NULL if step == _INSERT else reference[i - 1])
        hyp.append(NULL if step == _DELETE else hypothesis[j - 1])
        i -= step != _INSERT
        j -= step != _DELETE
    return Alignment(bytes(ref[::-1]), bytes(hyp[::-1]))


def cost(reference_events: int, hypothesis_events: int, parameters: Parameters) -> float:
    """The approximate seconds that `contribute` takes on current hardware, given the events per side.

    Used to size chunks of work; it errs on the high side.
    """
    cells, diagonals = reference_events * hypothesis_events, reference_events + hypothesis_events
    if _penalties(parameters) == (1, 1, 1):
        return 1e-6 * diagonals + 1e-9 * cells
    return min(0.3e-6 * cells, 15e-6 * diagonals + 8e-9 * min(cells, MAX_CELLS))


_BOTH, _INSERT, _DELETE = range(3)
_Table = Callable[[int, int], int]  # the step at a cell of the edit distance table


def _penalties(parameters: Parameters) -> tuple[float, float, float]:
    return float(parameters.penalty_del), float(parameters.penalty_ins), float(parameters.penalty_sub)


def _unit_steps(reference: bytes, hypothesis: bytes) -> Iterator[int]:
    """The steps of the alignment from its end, for unit penalties.

    Equal symbols are always aligned, since no path is cheaper than the diagonal. Elsewhere, relative to the previous
    cell on the diagonal, the previous cells in the row and the column are -1, 0 or 1, and only -1 beats the
    substitution; the row (an insertion) is preferred.
    """
    i, j = len(reference), len(hypothesis)
    while i and j and reference[i - 1] == hypothesis[j - 1]:
        yield _BOTH
        i, j = i - 1, j - 1
    rows = _Rows(reference[:i], hypothesis[:j]) if i and j else None
    while i and j:
        assert rows is not None
        if reference[i - 1] != hypothesis[j - 1]:
            insertion_falls, deletion_falls = rows[i]
            if insertion_falls >> (j - 1) & 1:
                yield _INSERT
                j -= 1
                continue
            if deletion_falls >> (j - 1) & 1:
                yield _DELETE
                i -= 1
                continue
        yield _BOTH
        i, j = i - 1, j - 1
    yield from [_DELETE] * i
    yield from [_INSERT] * j


class _Rows:
    """The rows of the edit distance table ``D`` as bit vectors, read from the last to the first.

    ``rows[i]`` is two vectors: bit ``j - 1`` of the first says ``D[i][j-1] < D[i-1][j-1]``, of the second
    ``D[i-1][j] < D[i-1][j-1]``. All rows are computed once, keeping only the state at the start of each block; a block
    is computed again when it is read.
    """

    def __init__(self, reference: bytes, hypothesis: bytes) -> None:
        self.reference = reference
        self.all = (1 << len(hypothesis)) - 1
        self.matches = dict.fromkeys({*reference, *hypothesis}, 0)
        for symbol in set(hypothesis):
            bits = bytes(49 if other == symbol else 48 for other in reversed(hypothesis))
            self.matches[symbol] = int(bits, 2)
        self.block_length = max(1, MAX_ROW_BYTES // (2 * (len(hypothesis) // 7 + 60)))
        self.block_states = [(self.all, 0)]  # at the start of each block: where a row rises and falls along j
        self.block_start = 0
        self.block = self._compute(0)
        while self.block_start + self.block_length < len(reference):
            self.block_start += self.block_length
            self.block = self._compute(self.block_start)

    def __getitem__(self, i: int) -> tuple[int, int]:
        if i <= self.block_start:
            number = (i - 1) // self.block_length
            self.block_start = number * self.block_length
            self.block_states = self.block_states[: number + 1]
            self.block = self._compute(self.block_start)
        return self.block[i - self.block_start - 1]

    def _compute(self, start: int) -> list[tuple[int, int]]:
        rises, falls = self.block_states[-1]
        everything, matches = self.all, self.matches
        block = []
        for symbol in self.reference[start : start + self.block_length]:
            match = matches[symbol]
            same_or_down = (((match & rises) + rises) ^ rises) | match
            up = falls | (everything & ~(same_or_down | rises))
            down = (rises & same_or_down) << 1
            up = up << 1 | 1
            block.append((down, falls))
            match |= falls
            rises, falls = (down | ~(match | up)) & everything, up & match & everything
        self.block_states.append((rises, falls))
        return block


def _weighted_steps(
    reference: bytes, hypothesis: bytes, deletion: float, insertion: float, substitution: float
) -> Iterator[int]:
    """The steps of the alignment from its end, for any penalties."""
    n, m = len(reference), len(hypothesis)
    if n * m > MAX_CELLS:
        message = f"dp with penalties other than 1 is limited to {MAX_CELLS} cells; {n} x {m} events are more: "
        raise refusal("size", message + "leave out dp, or use penalties of 1")
    fill = _fill_by_cell if n * m <= SMALL * (n + m) else _fill_by_diagonal
    step_at = fill(reference, hypothesis, deletion, insertion, substitution)
    i, j = n, m
    while i and j:
        step = step_at(i, j)
        yield step
        i -= step != _INSERT
        j -= step != _DELETE
    yield from [_DELETE] * i
    yield from [_INSERT] * j


def _fill_by_cell(
    reference: bytes, hypothesis: bytes, deletion: float, insertion: float, substitution: float
) -> _Table:
    """The original's table, cell by cell."""
    above = list(accumulate(repeat(insertion, len(hypothesis)), initial=0.0))
    table = []
    for symbol in reference:
        left = above[0] + deletion
        row, steps = [left], bytearray()
        for j, other in enumerate(hypothesis):
            best, step = above[j] + (0.0 if symbol == other else substitution), _BOTH
            if left + insertion < best:
                best, step = left + insertion, _INSERT
            if above[j + 1] + deletion < best:
                best, step = above[j + 1] + deletion, _DELETE
            left = best
            row.append(best)
            steps.append(step)
        above = row
        table.append(steps)
    return lambda i, j: table[i - 1][j - 1]


def _fill_by_diagonal(
    reference: bytes, hypothesis: bytes, deletion: float, insertion: float, substitution: float
) -> _Table:
    """The same table, one diagonal ``i + j`` at a time; each needs only the two previous diagonals.

    Each cell results from the same additions and comparisons as in `_fill_by_cell`, so it is the same double for any
    penalties. A diagonal is indexed by ``i``; two bits per cell are kept.
    """
    n, m = len(reference), len(hypothesis)
    ref = np.frombuffer(reference, dtype=np.uint8)
    backwards = np.frombuffer(hypothesis[::-1], dtype=np.uint8)
    column = np.add.accumulate(np.append(0.0, np.full(n, deletion)))  # from the left, as the original adds
    row = np.add.accumulate(np.append(0.0, np.full(m, insertion)))
    before, last = column.copy(), column.copy()  # of the diagonals i + j = d - 2 and d - 1
    last[0] = row[1]
    kept = []
    for d in range(2, n + m + 1):
        low, high = max(1, d - m), min(n, d - 1) + 1
        best = (ref[low - 1 : high - 1] != backwards[m - d + low : m - d + high]) * substitution
        best += before[low - 1 : high - 1]
        inserted, deleted = last[low:high] + insertion, last[low - 1 : high - 1] + deletion
        insert = inserted < best
        np.minimum(best, inserted, out=best)
        delete = deleted < best
        kept.append((low, np.packbits(insert), np.packbits(delete)))
        before, last = last, before
        np.minimum(best, deleted, out=last[low:high])
        if d <= m:
            last[0] = row[d]
        if d <= n:
            last[d] = column[d]

    def step_at(i: int, j: int) -> int:
        low, insert, delete = kept[i + j - 2]
        byte, bit = divmod(i - low, 8)
        if delete[byte] << bit & 128:
            return _DELETE
        return _INSERT if insert[byte] << bit & 128 else _BOTH

    return step_at
