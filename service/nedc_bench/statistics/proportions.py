"""Confidence intervals of a proportion: ``hits`` of ``trials``, assumed to be independent.

- Wilson (1927), "Probable inference, the law of succession, and statistical inference".
- Clopper and Pearson (1934), "The use of confidence or fiducial limits"; exact, and wider.

Only algorithms that count events have proportions. Consecutive samples (``epoch``, ``szcore-sample``) are far from
independent, and ``taes`` counts parts of events.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from math import sqrt
from statistics import NormalDist
from typing import Any

from nedc_bench.errors import EvaluationError
from nedc_bench.statistics.bootstrap import Interval

WILSON, CLOPPER_PEARSON = "wilson", "clopper_pearson"
PROPORTIONS = (WILSON, CLOPPER_PEARSON)
EVENT_ALGORITHMS = ("dp", "overlap", "szcore-event")


def proportion_of(figure: str, counts: Mapping[str, float]) -> tuple[int, int] | None:
    """The (hits, trials) of a figure that is a proportion; None if it is not one, or has no trials.

    Args:
        counts: ``tp``, ``fp``, ``fn`` and, where the algorithm has it, ``tn``.
    """
    tp, fp, fn, tn = (int(counts.get(name, 0)) for name in ("tp", "fp", "fn", "tn"))
    found = {
        "sensitivity": (tp, tp + fn),
        "miss_rate": (fn, tp + fn),
        "specificity": (tn, tn + fp),
        "false_positive_rate": (fp, tn + fp),
        "precision": (tp, tp + fp),
        "false_discovery_rate": (fp, tp + fp),
        "npv": (tn, tn + fn),
        "false_omission_rate": (fn, tn + fn),
        "accuracy": (tp + tn, tp + tn + fp + fn),
        "misclassification_rate": (fp + fn, tp + tn + fp + fn),
        "prevalence": (tp + fn, tp + tn + fp + fn),
    }.get(figure)
    return found if found is not None and found[1] > 0 else None


def interval(method: str, hits: int, trials: int, level: float) -> Interval:
    """The interval by `WILSON` or `CLOPPER_PEARSON`.

    Raises:
        EvaluationError: Clopper-Pearson needs scipy, which is not installed.
    """
    return wilson(hits, trials, level) if method == WILSON else clopper_pearson(hits, trials, level)


def wilson(hits: int, trials: int, level: float = 0.95) -> Interval:
    """Wilson's score interval, without continuity correction.

    >>> wilson(8, 10)
    Interval(lower=0.49016247153664183, upper=0.9433178485456247)
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, square = hits / trials, z * z
    centre = share + square / (2 * trials)
    half = z * sqrt((share * (1 - share) + square / (4 * trials)) / trials)
    lower, upper = ((centre + sign * half) / (1 + square / trials) for sign in (-1, 1))
    return Interval(0.0 if hits == 0 else lower, 1.0 if hits == trials else upper)


def clopper_pearson(hits: int, trials: int, level: float = 0.95) -> Interval:
    """The exact interval.

    Raises:
        EvaluationError: scipy is not installed.
    """
    try:
        special: Any = importlib.import_module("scipy.special")  # an optional dependency
    except ModuleNotFoundError as error:
        message = f"Clopper-Pearson intervals need scipy ({error}): pip install 'nedc-bench[statistics]'"
        raise EvaluationError(f"{message}; or take Wilson's") from error
    tail = (1 - level) / 2
    lower = float(special.betaincinv(hits, trials - hits + 1, tail)) if hits else 0.0
    upper = float(special.betaincinv(hits + 1, trials - hits, 1 - tail)) if hits < trials else 1.0
    return Interval(lower, upper)
