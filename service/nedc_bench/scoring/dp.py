"""DP alignment: the class sequences of the two sides aligned by edit distance; times play no part.

Metrics: hits (aligned with the same class), insertions, deletions, confusion matrix with substitutions.

Shah et al. (2021), "Objective Evaluation Metrics for Automatic Classification of EEG Events"; docs/scoring.md 4.1.

Of all cheapest alignments the original's is the one found by walking back from the end, preferring a
substitution or match, then an insertion, then a deletion. With unit penalties the walk needs only the
differences between neighbouring cells, which the bit-vector recurrence of Hyyro (2003), "A bit-vector
algorithm for computing Levenshtein and Damerau edit distances", gives for a whole row at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from nedc_bench.annotations.parameters import Parameters
from nedc_bench.errors import refusal
from nedc_bench.scoring.contribution import (
    NULL,
    Algorithm,
    Alignment,
    ConfusionTotal,
    Counts,
    Events,
    Matrix,
    PerClass,
    add_counts,
    is_alignment_with_null,
    is_matrix,
    is_per_class,
    matrix,
)

NAME = "dp"

MAX_CELLS = 25_000_000  # of the plain table, a byte each
MAX_ROW_BYTES = 32 * 1024 * 1024  # of the bit-vector rows kept at a time


class DpContribution(NamedTuple):
    """What a pair adds: insertions and deletions of each class, aligned pairs of classes, and the alignment itself."""

    insertions: PerClass
    deletions: PerClass
    confusion: Matrix
    alignment: Alignment


class DpTotal(ConfusionTotal):
    """The corpus' insertions, deletions and confusion matrix."""

    def __init__(self, classes: int) -> None:
        super().__init__(classes)
        self.insertions, self.deletions = [0] * classes, [0] * classes

    def add(self, contribution: DpContribution) -> None:
        """Add a pair."""
        add_counts(self.insertions, contribution.insertions)
        add_counts(self.deletions, contribution.deletions)
        self.add_confusion(contribution.confusion)

    def counts(self, parameters: Parameters) -> list[Counts]:
        """The counts of each class; every number is an int."""
        confusion = self.confusion
        trace = range(len(confusion))
        result = []
        for c, (insertions, deletions) in enumerate(zip(self.insertions, self.deletions, strict=True)):
            hits = confusion[c][c]
            misses = sum(confusion[c]) - hits + deletions
            tn = sum(confusion[i][j] for i in trace for j in trace if c not in {i, j})
            result.append(
                Counts(hits + misses, hits, misses, insertions, insertions, deletions, hits, tn, insertions, misses)
            )
        return result


def contribute(reference: Events, hypothesis: Events, parameters: Parameters) -> DpContribution:
    """Align the two class sequences; count insertions, deletions and the confusion matrix.

    Raises:
        InputError: penalties other than 1 and sequences too long for the plain table.
    """
    classes = len(parameters.label_map.classes)
    alignment = align(_codes(reference), _codes(hypothesis), parameters)
    ref, hyp = (np.minimum(np.frombuffer(side, dtype=np.uint8), classes).astype(np.intp) for side in alignment)
    size = classes + 1  # the last row and column are those of the null symbol
    cells = np.bincount(ref * size + hyp, minlength=size * size).reshape(size, size)
    return DpContribution(
        tuple(cells[-1, :-1].tolist()), tuple(cells[:-1, -1].tolist()), matrix(cells[:-1, :-1]), alignment
    )


ALGORITHM = Algorithm(
    NAME, contribute, DpContribution, (is_per_class, is_per_class, is_matrix, is_alignment_with_null), DpTotal
)


def align(reference: bytes, hypothesis: bytes, parameters: Parameters) -> Alignment:
    """Align two sequences of class indices, one byte each; `NULL` stands where a side has nothing."""
    penalties = (parameters.penalty_del, parameters.penalty_ins, parameters.penalty_sub)
    steps = _unit_steps(reference, hypothesis) if penalties == (1, 1, 1) else _steps(reference, hypothesis, *penalties)
    i, j = len(reference), len(hypothesis)
    ref, hyp = bytearray(), bytearray()
    for step in steps:
        ref.append(NULL if step == _INSERT else reference[i - 1])
        hyp.append(NULL if step == _DELETE else hypothesis[j - 1])
        i -= step != _INSERT
        j -= step != _DELETE
    return Alignment(bytes(ref[::-1]), bytes(hyp[::-1]))


_BOTH, _INSERT, _DELETE = range(3)


def _codes(events: Events) -> bytes:
    return events.classes.astype(np.uint8).tobytes()


def _unit_steps(reference: bytes, hypothesis: bytes) -> Iterator[int]:
    """The steps of the alignment from its end, for unit penalties.

    Equal symbols are always aligned: no path is cheaper than the diagonal one. Elsewhere, with the cell
    diagonally before as 0, the cells before in the row and in the column are -1, 0 or 1, and only a -1 beats
    the substitution; the row's (an insertion) goes first.
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
    """The rows of the edit distance table ``D`` as bit vectors, asked for from the last to the first.

    ``rows[i]`` is two vectors: bit ``j - 1`` of the first says ``D[i][j-1] < D[i-1][j-1]``, of the second
    ``D[i-1][j] < D[i-1][j-1]``. All rows are computed once, and only the state at the start of each block is
    kept; a block is computed again when it is asked for.
    """

    def __init__(self, reference: bytes, hypothesis: bytes) -> None:
        self.reference = reference
        self.all = (1 << len(hypothesis)) - 1
        self.matches = dict.fromkeys({*reference, *hypothesis}, 0)
        for symbol in set(hypothesis):
            bits = bytes(49 if other == symbol else 48 for other in reversed(hypothesis))
            self.matches[symbol] = int(bits, 2)
        self.block_length = max(1, MAX_ROW_BYTES // (2 * (len(hypothesis) // 7 + 60)))
        self.block_states = [(self.all, 0)]  # how each block begins: where a row rises along j, and where it falls
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


def _steps(
    reference: bytes, hypothesis: bytes, deletion: float, insertion: float, substitution: float
) -> Iterator[int]:
    """The steps of the alignment from its end, for any penalties: the original's table, cell by cell."""
    ref, hyp = bytes([NULL, *reference, NULL]), bytes([NULL, *hypothesis, NULL])
    if len(ref) * len(hyp) > MAX_CELLS:
        message = (
            f"dp with penalties other than 1 is limited to {MAX_CELLS} cells; {len(ref)} x {len(hyp)} events are more"
        )
        raise refusal("size", message)
    above = [0.0]
    table = [bytearray([_INSERT]) * len(hyp)]
    for _ in hyp[1:]:
        above.append(above[-1] + insertion)
    for symbol in ref[1:]:
        row = [above[0] + deletion]
        steps = bytearray([_DELETE])
        for j in range(1, len(hyp)):
            best, step = above[j - 1] + (0.0 if symbol == hyp[j] else substitution), _BOTH
            if row[j - 1] + insertion < best:
                best, step = row[j - 1] + insertion, _INSERT
            if above[j] + deletion < best:
                best, step = above[j] + deletion, _DELETE
            row.append(best)
            steps.append(step)
        above = row
        table.append(steps)
    i, j = len(reference), len(hypothesis)  # the null symbols at the ends are always aligned with each other
    while i or j:
        step = table[i][j]
        yield step
        i -= step != _INSERT
        j -= step != _DELETE
