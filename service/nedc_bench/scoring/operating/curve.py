"""Operating curves: an algorithm's figures for a hypothesis at every threshold on the confidence of its events.

The task: a detector gives each event a confidence, and its user sets a threshold. A low threshold finds more seizures
and raises more false alarms. Detectors are compared at a false alarm rate that users can accept.

Metrics, at every distinct threshold ``t``, of the hypothesis reduced to events with a confidence of at least ``t``:

- counts, sensitivity, precision, false alarms per 24 hours: the figures of `overlap`, `szcore-event` or `taes` for that
  hypothesis, to the last bit.
- sensitivity at a false alarm rate, and the area under the curve: `nedc_bench.scoring.operating.area`.

Conventions: thresholds descend, so false alarms tend to increase (they can decrease where events merge); arrays have
one value per threshold. NaN stands for a rate without a value (`szcore-event` only).

docs/curves.md has definitions, sources and limits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import inf, isnan
from typing import Any, NamedTuple

import numpy as np

from nedc_bench.annotations import Parameters
from nedc_bench.annotations.timeline import Floats
from nedc_bench.checks import check_choice, check_number, check_whole
from nedc_bench.errors import Finding
from nedc_bench.scoring import szcore
from nedc_bench.scoring.figures import SECONDS_PER_DAY
from nedc_bench.scoring.operating import area
from nedc_bench.scoring.operating.fold import fold
from nedc_bench.scoring.operating.states import PairStates

SCHEMA = "nedc-bench/curve/1"
FALSE_ALARMS_PER_24H = (10.0, 5.0, 2.5, 1.0)  # rates at which sensitivity is usually reported
MAX_THRESHOLDS = 1_000_000  # most thresholds that `auc` samples
COLUMNS = ("threshold", "tp", "fp", "fn", "sensitivity", "precision", "false_alarms_per_24h")


class OperatingPoint(NamedTuple):
    """A detector at one threshold; the figures are those of `OperatingCurve`.

    Attributes:
        threshold: on the confidence; infinite if nothing is detected.
        tp, fp, fn: events (or parts of events) that are found, false alarms, and missed.
        sensitivity: the fraction of reference events that is found; None if it has no value.
        precision: the fraction of detections that is not a false alarm; None if it has no value.
        false_alarms_per_24h: false alarms per 24 hours of recording; None if it has no value.
    """

    threshold: float
    tp: float
    fp: float
    fn: float
    sensitivity: float | None
    precision: float | None
    false_alarms_per_24h: float | None

    def to_dict(self) -> dict[str, float | None]:
        """The point as a dictionary; an infinite threshold becomes None."""
        return self._asdict() | {"threshold": self.threshold if np.isfinite(self.threshold) else None}


@dataclass(frozen=True, slots=True, eq=False)
class OperatingCurve:
    """An algorithm's figures for a class at every distinct threshold, descending.

    Attributes:
        algorithm: ``overlap``, ``szcore-event`` or ``taes``.
        label: the class.
        thresholds: on the confidence, shape ``(thresholds,)`` like every array.
        tp, fp, fn: events (in ``taes``, parts of events) that are found, false alarms, and missed.
        sensitivity: tp / (tp + fn).
        precision: tp / (tp + fp).
        false_alarms_per_24h: fp per 24 hours of recording.
        pairs: the number of recordings.
        duration_seconds: the total duration of the reference recordings.
        parameters: the parameters of scoring.
        warnings: about the files; ``one-point`` if all confidences are equal; ``no-event`` if the references have no
            event; ``coverage`` if alarms cover most of the recordings.
    """

    algorithm: str
    label: str
    thresholds: Floats
    tp: Floats
    fp: Floats
    fn: Floats
    sensitivity: Floats
    precision: Floats
    false_alarms_per_24h: Floats
    pairs: int
    duration_seconds: float
    parameters: Parameters
    warnings: tuple[Finding, ...]

    @classmethod
    def of_pairs(
        cls,
        pairs: Sequence[PairStates],
        algorithm: str,
        label: str,
        parameters: Parameters,
        warnings: Sequence[Finding] = (),
    ) -> OperatingCurve:
        """The curve of a corpus from the states of its pairs, in list order."""
        thresholds, tp, fp, fn = fold(pairs)
        duration = 0.0
        for pair in pairs:
            duration += pair.seconds
        rates = _szcore_rates if algorithm == szcore.EVENT else _nedc_rates
        columns = (thresholds, tp, fp, fn, *rates(tp, fp, fn, pairs, duration))
        for column in columns:
            column.flags.writeable = False
        noticed = tuple(warnings)
        if thresholds.size < 2:
            what = "all events of the hypotheses have one confidence" if thresholds.size else "no event is detected"
            message = f"{what}: the curve has {thresholds.size or 'no'} point{'' if thresholds.size == 1 else 's'}; "
            message += (
                "an operating curve needs a confidence for each event: the last column of csv_bi, or BIDS's column "
            )
            noticed += (Finding("hypothesis", "", None, "one-point", message + "confidence"),)
        if not sum(pair.targets for pair in pairs):
            message = f"the references have no event of class {label}, so there is no sensitivity"
            message += "" if algorithm == szcore.EVENT else "; it is reported as 0, as NEDC EEG Eval does"
            noticed += (Finding("reference", "", None, "no-event", message),)
        return cls(algorithm, label, *columns, len(pairs), duration, parameters, noticed)

    def __repr__(self) -> str:
        """A one-line summary."""
        pairs, thresholds = (_counted(*own) for own in ((self.pairs, "pair"), (self.thresholds.size, "threshold")))
        return f"<OperatingCurve: {self.algorithm}, class {self.label}, {pairs}, {thresholds}>"

    def _repr_html_(self) -> str:
        """The operating points at `FALSE_ALARMS_PER_24H`, for a notebook."""
        head = "".join(f"<th>{name}</th>" for name in ("allowed per 24 h", *COLUMNS))
        rows = [f"<caption>{escape(repr(self)[1:-1])}</caption>", f"<tr>{head}</tr>"]
        for rate in FALSE_ALARMS_PER_24H:
            shown = ("" if value is None else f"{value:.6g}" for value in (rate, *self.at_false_alarms(rate)))
            rows.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in shown)}</tr>")
        return f"<table>{''.join(rows)}</table>"

    @property
    def points(self) -> list[OperatingPoint]:
        """Every operating point, by descending threshold."""
        return [self._point(k) for k in range(self.thresholds.size)]

    @property
    def front(self) -> list[OperatingPoint]:
        """The Pareto-optimal operating points, by ascending false alarms and sensitivity."""
        known = (~np.isnan(self.sensitivity) & ~np.isnan(self.false_alarms_per_24h)).nonzero()[0]
        order = known[np.lexsort((-self.sensitivity[known], self.false_alarms_per_24h[known]))]
        best = np.maximum.accumulate(np.append(0.0, self.sensitivity[order]))
        return [self._point(int(k)) for k in order[self.sensitivity[order] > best[:-1]]]

    def at_threshold(self, threshold: float) -> OperatingPoint:
        """The operating point at any threshold; above the highest, nothing is detected."""
        threshold = check_number("threshold", threshold, -inf)
        k = int(np.searchsorted(-self.thresholds, -threshold, side="right")) - 1
        return self._point(k) if k >= 0 else self._nothing()

    def at_false_alarms(self, per_24h: float) -> OperatingPoint:
        """The operating point with the highest sensitivity and at most this many false alarms per 24 hours.

        Ties go to the point with the fewest false alarms. If every threshold raises more, nothing is detected.
        """
        per_24h = check_number("per_24h", per_24h, 0.0)
        allowed = (self.false_alarms_per_24h <= per_24h) & ~np.isnan(self.sensitivity)
        known = allowed.nonzero()[0]
        if not known.size or (best := self.sensitivity[known].max()) <= 0:
            return self._nothing()
        known = known[self.sensitivity[known] == best]
        return self._point(int(known[self.false_alarms_per_24h[known].argmin()]))

    def sensitivity_at(self, per_24h: float) -> float | None:
        """The sensitivity at a false alarm rate, interpolated between operating points as in `neuroatlas-bench`.

        None if the curve does not reach the rate.
        """
        per_24h = check_number("per_24h", per_24h, 0.0)
        found = float(area.interpolate(self.sensitivity, self.false_alarms_per_24h, np.array([per_24h]))[0])
        return None if isnan(found) else found

    def auc(self, method: str = "exact", *, up_to: float = 10.0, thresholds: int | None = 200) -> float | None:
        """The area under the curve of sensitivity over false alarms, from 0 to 1.

        Args:
            method: ``exact``, the mean over all rates from 0 to ``up_to`` of the highest sensitivity within the rate;
                or ``neuroatlas``, as in `neuroatlas-bench` 0.1.1: over 0.1 to 100 false alarms per hour on a log scale,
                interpolated on a grid of 80 rates.
            up_to: false alarms per 24 hours.
            thresholds: for ``neuroatlas``, the number of thresholds sampled from 0 to 1; None means all of the curve's.

        None if there is no area: no reference event, or the curve reaches fewer than two rates of the grid.

        Raises:
            InputError: the method is unknown, ``up_to`` is not above 0, or ``thresholds`` is not from 1 to a million.
        """
        check_choice("method", method, ("exact", "neuroatlas"))
        up_to = check_number("up_to", up_to, -inf)
        thresholds = None if thresholds is None else check_whole("thresholds", thresholds, 1, MAX_THRESHOLDS)
        if method == "exact":
            return area.exact(self.sensitivity, self.false_alarms_per_24h, up_to)
        if not self.tp.size or not (self.tp + self.fn)[0]:
            return None
        if thresholds is None:
            return area.neuroatlas(self.sensitivity, self.false_alarms_per_24h)
        k = np.searchsorted(-self.thresholds, -np.linspace(0.0, 1.0, thresholds)[::-1], side="right") - 1
        columns = self.sensitivity, self.false_alarms_per_24h
        return area.neuroatlas(*(np.where(k < 0, 0.0, column[k]) for column in columns))

    def to_dict(self, *, points: bool = True) -> dict[str, Any]:
        """The curve as a document (docs/curves.md); missing values are None.

        Args:
            points: whether to include every operating point, as one list for each of `COLUMNS`.
        """
        rates = [
            {"allowed": rate, "interpolated_sensitivity": self.sensitivity_at(rate)}
            | self.at_false_alarms(rate).to_dict()
            for rate in FALSE_ALARMS_PER_24H
        ]
        document: dict[str, Any] = {
            "schema": SCHEMA,
            "algorithm": self.algorithm,
            "label": self.label,
            "pairs": self.pairs,
            "duration_seconds": self.duration_seconds,
            "operating_points": int(self.thresholds.size),
            "at_false_alarms_per_24h": rates,
            "auc": {"exact_up_to_10_per_24h": self.auc(), "neuroatlas": self.auc("neuroatlas")},
            "parameters": self.parameters.to_dict(),
            "warnings": [finding.to_dict() for finding in self.warnings],
        }
        if points:
            values = zip(COLUMNS, (self.thresholds, *self._columns), strict=True)
            document["points"] = {name: [_known(value) for value in column.tolist()] for name, column in values}
        return document

    @property
    def _columns(self) -> tuple[Floats, ...]:
        return self.tp, self.fp, self.fn, self.sensitivity, self.precision, self.false_alarms_per_24h

    def _point(self, k: int) -> OperatingPoint:
        tp, fp, fn, *rates = (float(column[k]) for column in self._columns)
        return OperatingPoint(float(self.thresholds[k]), tp, fp, fn, *map(_known, rates))

    def _nothing(self) -> OperatingPoint:
        """The operating point at which nothing is detected."""
        targets = float(self.tp[0] + self.fn[0]) if self.tp.size else 0.0
        nothing = None if self.algorithm == szcore.EVENT else 0.0
        return OperatingPoint(np.inf, 0.0, 0.0, targets, 0.0 if targets else nothing, nothing, 0.0)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _known(value: float) -> float | None:
    return None if isnan(value) else value


def _nedc_rates(
    tp: Floats, fp: Floats, fn: Floats, pairs: Sequence[PairStates], duration: float
) -> tuple[Floats, Floats, Floats]:
    """The rates as in `nedc_bench.scoring.figures`, operation by operation; undefined rates are 0."""
    if not sum(pair.all_targets for pair in pairs):
        return np.zeros(tp.size), np.zeros(tp.size), np.zeros(tp.size)
    return _ratio(tp, tp + fn, 0.0), _ratio(tp, tp + fp, 0.0), fp / duration * SECONDS_PER_DAY


def _szcore_rates(
    tp: Floats, fp: Floats, fn: Floats, pairs: Sequence[PairStates], duration: float
) -> tuple[Floats, Floats, Floats]:
    """The rates as in `nedc_bench.scoring.szcore_figures`; undefined rates are NaN."""
    days = sum(pair.samples for pair in pairs) / szcore.EVENT_RATE / 3600 / 24
    per_day = fp / days if days else np.full(fp.size, np.nan)
    return _ratio(tp, tp + fn, np.nan), _ratio(tp, tp + fp, np.nan), per_day


def _ratio(above: Floats, below: Floats, otherwise: float) -> Floats:
    result = np.full(above.size, otherwise)
    np.divide(above, below, out=result, where=below != 0)
    return result
