"""Inter-rater agreement: Cohen's kappa between the two sides, for each class against the rest and over all classes.

Metrics: confusion matrix of samples (as in `epoch`, with its own epoch), kappa by class, multi-class kappa.

Cohen (1960), "A coefficient of agreement for nominal scales"; Shah et al. (2021), "Objective Evaluation Metrics
for Automatic Classification of EEG Events"; docs/scoring.md 4.5.
"""

from __future__ import annotations

from typing import NamedTuple

from nedc_bench.annotations.parameters import Parameters
from nedc_bench.scoring.contribution import Algorithm, ConfusionTotal, Events, Matrix, is_matrix
from nedc_bench.scoring.epoch import compare_samples

NAME = "ira"


class Kappas(NamedTuple):
    """Kappa of each class against the rest, and over all classes."""

    per_class: list[float]
    multi_class: float


class IraContribution(NamedTuple):
    """What a pair adds: the confusion matrix of samples."""

    confusion: Matrix


class IraTotal(ConfusionTotal):
    """The corpus' confusion matrix."""

    def add(self, contribution: IraContribution) -> None:
        """Add a pair."""
        self.add_confusion(contribution.confusion)

    def agreement(self) -> Kappas:
        """The kappas of the corpus."""
        confusion = self.confusion
        return Kappas([_kappa(confusion, c) for c in range(len(confusion))], _multi_class_kappa(confusion))


def contribute(reference: Events, hypothesis: Events, parameters: Parameters) -> IraContribution:
    """Compare the samples of the two sides."""
    classes = len(parameters.label_map.classes)
    return IraContribution(compare_samples(reference, hypothesis, parameters.ira_epoch_duration, classes).confusion)


ALGORITHM = Algorithm(NAME, contribute, IraContribution, (is_matrix,), IraTotal)


def _kappa(confusion: list[list[int]], c: int) -> float:
    """Kappa of one class against the rest; only the diagonal of the rest counts as agreement, as in the original."""
    a = confusion[c][c]
    b = sum(confusion[c]) - a
    c_ = sum(row[c] for row in confusion) - a
    d = sum(row[o] for o, row in enumerate(confusion) if o != c)
    n = a + b + c_ + d
    observed = expected = 0.0
    if n:
        observed = (a + d) / n
        expected = (a + b) / n * (a + c_) / n + (c_ + d) / n * (b + d) / n
    return _ratio(observed - expected, 1 - expected)


def _multi_class_kappa(confusion: list[list[int]]) -> float:
    n = sum(map(sum, confusion))
    trace = sum(row[c] for c, row in enumerate(confusion))
    chance = sum(sum(row) * sum(other[c] for other in confusion) for c, row in enumerate(confusion))
    return _ratio(n * trace - chance, n * n - chance)


def _ratio(above: float, below: float) -> float:
    if below == 0:
        return 1.0 if above == 0 else 0.0
    return above / below
