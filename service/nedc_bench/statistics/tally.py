"""An algorithm's totals, subject by subject, and the figures of any sum of them.

A bootstrap replicate is a sum in which a subject can count several times or not at all. Its figures come from the
scorer's own totals and formulas (`nedc_bench.scoring`), so there is one implementation of every figure, and the
replicate in which every subject is drawn once has the figures of the corpus. (``taes`` adds floats: its sum over
subjects can differ from the corpus' sum over events in the last bit.)

A rate with a denominator of 0 has no value here, although NEDC gives 0: such zeros would pull intervals down. ``f1``
has a value if there is any target or any alarm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nedc_bench.annotations import Parameters
from nedc_bench.annotations.timeline import Floats
from nedc_bench.scoring import ALGORITHM, Figures, PairScore, SzcoreFigures
from nedc_bench.scoring.epoch import NAME as EPOCH
from nedc_bench.scoring.figures import derive_figures
from nedc_bench.scoring.ira import NAME as IRA
from nedc_bench.scoring.szcore import scored_classes
from nedc_bench.scoring.taes import NAME as TAES

SUMMARY = "summary"
KAPPA = "kappa"

Integers = NDArray[np.int64]
Numbers = NDArray[Any]  # int64, or float64 in ``taes``


class Sums(NamedTuple):
    """Totals, one row per sum, and the seconds of recording in each."""

    rows: Numbers
    durations: Floats


@dataclass(frozen=True, slots=True)
class Tally:
    """The totals of one algorithm.

    Attributes:
        algorithm: its name.
        parameters: the parameters of scoring.
        subjects: the totals and seconds, one row per subject.
    """

    algorithm: str
    parameters: Parameters
    subjects: Sums

    @classmethod
    def of(cls, algorithm: str, parameters: Parameters, subjects: Sequence[Sequence[PairScore]]) -> Tally:
        """Add up the pairs of each subject, in their order."""
        rows, durations = [], []
        for pairs in subjects:
            total = _total(algorithm, parameters)
            duration = 0.0
            for pair in pairs:
                total.add(pair.contributions[algorithm])
                duration += pair.duration_seconds
            rows.append(list(_flat(_state(total))))
            durations.append(duration)
        dtype = np.float64 if algorithm == TAES else np.int64
        return cls(algorithm, parameters, Sums(np.array(rows, dtype=dtype), np.array(durations, dtype=np.float64)))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that have figures, and `SUMMARY`."""
        classes = self.parameters.label_map.classes
        if self.algorithm.startswith("szcore"):
            return (*(classes[c] for c in scored_classes(self.parameters)), SUMMARY)
        return (*classes, SUMMARY)

    @property
    def figures(self) -> tuple[str, ...]:
        """The names of the figures that each label has."""
        if self.algorithm == IRA:
            return (KAPPA,)
        return SzcoreFigures._fields if self.algorithm.startswith("szcore") else Figures._fields

    def number(self, value: float, figure: int) -> float:
        """A value as in the result document: counts of events and samples are integers."""
        counts = ("targets", "hits", "misses", "false_alarms", "insertions", "deletions", "tp", "tn", "fp", "fn")
        return int(value) if self.algorithm != TAES and self.figures[figure] in counts else value

    def resampled(self, multiplicities: Integers) -> Sums:
        """The sums in which subject ``s`` counts ``multiplicities[k, s]`` times."""
        rows, durations = self.subjects
        summed = multiplicities @ rows if rows.dtype == np.int64 else _in_order(multiplicities, rows)
        return Sums(summed, _in_order(multiplicities, durations[:, np.newaxis])[:, 0])

    def leave_one_out(self) -> Sums:
        """The sums that leave out one subject each."""
        rows, durations = self.subjects
        return Sums(_without(rows), _without(durations))

    def whole(self) -> Sums:
        """The sum of all subjects."""
        return self.resampled(np.ones((1, len(self.subjects.durations)), dtype=np.int64))

    def values(self, sums: Sums) -> Floats:
        """The figures of each sum, shape ``(sums, labels, figures)``; NaN where a figure has no value."""
        measure = _measure(self.algorithm, self.parameters)
        template = _total(self.algorithm, self.parameters)
        shape = _state(template)
        found = []
        for row, duration in zip(sums.rows.tolist(), sums.durations.tolist(), strict=True):
            numbers = iter(row)
            for name, part in shape.items():
                setattr(template, name, _filled(part, numbers))
            found.append(measure(template, duration))
        values = np.array(found, dtype=np.float64).reshape(len(found), len(self.labels), len(self.figures))
        if self.figures == Figures._fields:
            values[_undefined(values)] = np.nan
        return values


def _total(algorithm: str, parameters: Parameters) -> Any:
    return ALGORITHM[algorithm].total(len(parameters.label_map.classes))


def _state(total: Any) -> dict[str, Any]:
    """The state of a total: numbers, and lists of numbers."""
    return {name: value for name, value in vars(total).items() if name != "rate"}


def _flat(state: Any) -> Iterator[float]:
    for part in state.values() if isinstance(state, dict) else state:
        if isinstance(part, list):
            yield from _flat(part)
        else:
            yield part


def _filled(shape: Any, numbers: Iterator[float]) -> Any:
    return [_filled(part, numbers) for part in shape] if isinstance(shape, list) else next(numbers)


def _in_order(multiplicities: Integers, rows: Floats) -> Floats:
    """The weighted sums, added from the first subject on: the same bits on every machine, unlike BLAS."""
    summed = np.zeros((len(multiplicities), rows.shape[1]))
    for weights, row in zip(multiplicities.T, rows, strict=True):
        summed += weights[:, np.newaxis] * row
    return summed


def _without(rows: Numbers) -> Numbers:
    """For each row, the sum of all other rows, from those before and after it, so that nothing cancels."""
    none = np.zeros((1, *rows.shape[1:]), dtype=rows.dtype)
    before = np.concatenate((none, np.add.accumulate(rows)[:-1]))
    after = np.concatenate((np.add.accumulate(rows[::-1])[::-1][1:], none))
    added: Numbers = before + after
    return added


def _measure(algorithm: str, parameters: Parameters) -> Callable[[Any, float], list[Any]]:
    """The function from a total and its seconds to figures, one row per label."""
    classes = parameters.label_map.classes
    if algorithm == IRA:
        return lambda total, _: _kappas(total)
    if algorithm.startswith("szcore"):
        scored = scored_classes(parameters)
        groups = [*([c] for c in scored), list(scored)]
        return lambda total, _: [total.figures(group) for group in groups]
    epoch = parameters.epoch_duration if algorithm == EPOCH else None

    def counted(total: Any, duration: float) -> list[Any]:
        derived = derive_figures(total.counts(parameters), classes, duration, epoch)
        return [*derived.classes, derived.summary]

    return counted


def _kappas(total: Any) -> list[float | None]:
    """The kappas; None where chance alone gives full agreement: all samples, or none, are of a class."""
    kappas = total.agreement()
    confusion = total.confusion
    samples = sum(map(sum, confusion))
    shares = [(sum(row), sum(other[c] for other in confusion)) for c, row in enumerate(confusion)]
    each = [
        None if share in {(0, 0), (samples, samples)} else kappa
        for share, kappa in zip(shares, kappas.per_class, strict=True)
    ]
    return [*each, None if (samples, samples) in shares else kappas.multi_class]


def _undefined(values: Floats) -> NDArray[np.bool_]:
    """Which of NEDC's figures are 0 only because the denominator is 0; shape of ``values``."""
    column = {name: values[..., k] for k, name in enumerate(Figures._fields)}
    tp, tn, fp, fn = (column[name] for name in ("tp", "tn", "fp", "fn"))
    square = np.round((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn), 10)
    empty = {
        "sensitivity": tp + fn == 0,
        "specificity": tn + fp == 0,
        "precision": tp + fp == 0,
        "npv": tn + fn == 0,
        "accuracy": tp + tn + fp + fn == 0,
        "f1": tp + fp + fn == 0,
        "mcc": square <= 0,
    }
    empty |= {
        "miss_rate": empty["sensitivity"],
        "false_positive_rate": empty["specificity"],
        "false_discovery_rate": empty["precision"],
        "false_omission_rate": empty["npv"],
        "misclassification_rate": empty["accuracy"],
        "prevalence": empty["accuracy"],
    }
    result = np.zeros(values.shape, dtype=bool)
    for name, where in empty.items():
        result[..., Figures._fields.index(name)] = where
    nothing = column["targets"][:, -1] == 0  # targets of all labels; without any, NEDC computes no rate
    result[nothing, :, Figures._fields.index("fn") + 1 :] = True
    return result
