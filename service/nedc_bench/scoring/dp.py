"""DP alignment: aligns the class sequences of the two sides by edit distance, ignoring times.

Metrics: hits (aligned with the same class), insertions, deletions, confusion matrix with substitutions.

Shah et al. (2021), "Objective Evaluation Metrics for Automatic Classification of EEG Events"; docs/scoring.md 4.1.

Among all cheapest alignments it finds the original's: `nedc_bench.scoring.alignment`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nedc_bench.annotations.parameters import Parameters
from nedc_bench.scoring.alignment import align
from nedc_bench.scoring.contribution import (
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


class DpContribution(NamedTuple):
    """What a pair adds: insertions and deletions by class, the confusion matrix, and the alignment."""

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
        """The counts of each class, as integers."""
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
        InputError: with penalties other than 1, there are more than `MAX_CELLS` pairs of events.
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


def _codes(events: Events) -> bytes:
    return events.classes.astype(np.uint8).tobytes()
