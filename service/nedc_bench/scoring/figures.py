"""The rates of a class and of the whole corpus, from the counts.

Conventions: operations run left to right as written, since the last bit depends on it; a rate with denominator 0 is 0.
Source: docs/scoring.md section 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

from nedc_bench.scoring.contribution import Counts, in_order

SECONDS_PER_DAY = 86400


class Figures(NamedTuple):
    """All figures of one class, or of the summary. Counts are events or samples (fractional in ``taes``).

    Attributes:
        targets, hits, misses, false_alarms, insertions, deletions: as the algorithm counts them.
        tp, tn, fp, fn: true and false positives and negatives.
        sensitivity: tp / (tp + fn), also recall or true positive rate.
        specificity: tn / (tn + fp).
        precision: tp / (tp + fp), also positive predictive value.
        npv: tn / (tn + fn), negative predictive value.
        miss_rate, false_positive_rate, false_discovery_rate, false_omission_rate: one minus the four above.
        accuracy: (tp + tn) / all; misclassification_rate: one minus it.
        prevalence: (tp + fn) / all.
        f1: harmonic mean of precision and sensitivity; in the summary with the original's own denominator.
        mcc: Matthews correlation coefficient.
        false_alarms_per_24h: fp per 24 hours of recording; in ``epoch``, seconds of false alarm.
    """

    targets: float
    hits: float
    misses: float
    false_alarms: float
    insertions: float
    deletions: float
    tp: float
    tn: float
    fp: float
    fn: float
    sensitivity: float = 0.0
    specificity: float = 0.0
    precision: float = 0.0
    npv: float = 0.0
    miss_rate: float = 0.0
    false_positive_rate: float = 0.0
    false_discovery_rate: float = 0.0
    false_omission_rate: float = 0.0
    accuracy: float = 0.0
    misclassification_rate: float = 0.0
    prevalence: float = 0.0
    f1: float = 0.0
    mcc: float = 0.0
    false_alarms_per_24h: float = 0.0

    def to_dict(self) -> dict[str, float]:
        """The figures by name, in the order of the result document."""
        return self._asdict()


class Derived(NamedTuple):
    """The figures of every class and the summary; ``mcc_undefined`` names those without a real MCC."""

    classes: tuple[Figures, ...]
    summary: Figures
    mcc_undefined: tuple[str, ...]


def derive_figures(
    counts: Sequence[Counts], names: Sequence[str], duration_seconds: float, seconds_per_count: float | None
) -> Derived:
    """The figures of each class and of their sum.

    Args:
        counts: one per class, in the order of the label map.
        names: the classes, for ``mcc_undefined``.
        duration_seconds: the total duration of the reference recordings.
        seconds_per_count: the epoch if counts are samples; None if they are events.
    """
    summed = Counts(*(in_order(column) for column in zip(*counts, strict=True)))
    if in_order(count.targets for count in counts) == 0:
        return Derived(tuple(Figures(*count) for count in counts), Figures(*summed), ())
    classes = [_figures(count, duration_seconds, seconds_per_count) for count in counts]
    last = classes[-1]
    summary = _figures(summed, duration_seconds, seconds_per_count, f1_denominator=last.precision + last.sensitivity)
    undefined = (
        name
        for name, count, figures in zip((*names, "summary"), (*counts, summed), (*classes, summary), strict=True)
        if figures.mcc == 0 and _mcc_square(count) < 0
    )
    return Derived(tuple(classes), summary, tuple(undefined))


def _figures(
    counts: Counts, duration: float, seconds_per_count: float | None, f1_denominator: float | None = None
) -> Figures:
    tp, tn, fp, fn = counts.tp, counts.tn, counts.fp, counts.fn
    everything = tp + tn + fp + fn
    tpr, tnr, ppv, npv = _ratio(tp, tp + fn), _ratio(tn, tn + fp), _ratio(tp, tp + fp), _ratio(tn, tn + fn)
    accuracy, prevalence = _ratio(tp + tn, everything), _ratio(tp + fn, everything)
    alarms = fp if seconds_per_count is None else fp * seconds_per_count
    return Figures(
        *counts,
        sensitivity=tpr,
        specificity=tnr,
        precision=ppv,
        npv=npv,
        miss_rate=1 - tpr,
        false_positive_rate=1 - tnr,
        false_discovery_rate=1 - ppv,
        false_omission_rate=1 - npv,
        accuracy=accuracy,
        misclassification_rate=1 - accuracy,
        prevalence=prevalence,
        f1=_f1(ppv, tpr, ppv + tpr if f1_denominator is None else f1_denominator),
        mcc=_mcc(counts),
        false_alarms_per_24h=_ratio(alarms, duration) * SECONDS_PER_DAY,
    )


def _ratio(above: float, below: float) -> float:
    return above / below if below != 0 else 0.0


def _f1(ppv: float, tpr: float, denominator: float) -> float:
    """The F1 score; the summary uses the denominator of the last class, as the original does."""
    return 2 * ppv * tpr / denominator if round(denominator, 10) != 0 else 0.0


def _mcc_square(counts: Counts) -> float:
    """The square of the denominator of MCC; 0 if it rounds to 0 at 10 digits."""
    tp, tn, fp, fn = counts.tp, counts.tn, counts.fp, counts.fn
    square = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return square if round(square, 10) != 0 else 0.0


def _mcc(counts: Counts) -> float:
    square = _mcc_square(counts)
    return (counts.tp * counts.tn - counts.fp * counts.fn) / sqrt(square) if square > 0 else 0.0
