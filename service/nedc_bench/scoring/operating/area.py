"""Sensitivity at a false alarm rate, and the area under the curve.

There are two definitions. *Exact*: the sensitivity at a rate ``f`` is the highest of all operating points with at most
``f`` false alarms. This is a step function of ``f``, so its integral is exact. *As published*: event Sens@FA of
`neuroatlas-bench` 0.1.1 (PyPI, MIT licence; ``neuroatlas/extensions/tasks/_event_sens_fa.py``). By ascending threshold,
the curve starts at the operating point with the highest false alarm rate. It takes the highest sensitivity at equal
rates, is linear between rates, and is sampled at 80 rates from 0.01 to 100 per hour, evenly spaced on a logarithmic
scale. The area covers 0.1 to 100 per hour on that scale, and is divided by the width that the curve reaches.

Conventions: arrays of shape ``(points,)`` by descending threshold; rates are false alarms per 24 hours.
"""

from __future__ import annotations

import numpy as np

from nedc_bench.annotations.timeline import Floats
from nedc_bench.errors import refusal

HOURS = 24
GRID_PER_HOUR = np.geomspace(0.01, 100.0, 80)
_IN_RANGE = GRID_PER_HOUR >= 0.1


def exact(sensitivity: Floats, rate: Floats, up_to: float) -> float | None:
    """The mean, over rates from 0 to ``up_to``, of the highest sensitivity within the rate; 0 below the first point.

    >>> exact(np.array([0.5, 0.75]), np.array([1.0, 3.0]), 4.0)  # 0 up to 1, 0.5 up to 3, 0.75 up to 4
    0.4375
    """
    if not 0 < up_to < np.inf:
        raise refusal("argument", f"up_to must be above 0 false alarms in 24 hours, not {up_to}")
    known = ~np.isnan(sensitivity) & ~np.isnan(rate) & (rate <= up_to)
    if sensitivity.size and np.isnan(sensitivity).all():
        return None
    order = np.lexsort((sensitivity[known], rate[known]))
    rates = np.append(rate[known][order], up_to)
    best = np.maximum.accumulate(sensitivity[known][order])
    return float((np.diff(rates) * best).sum() / up_to)


def interpolate(sensitivity: Floats, rate: Floats, at: Floats) -> Floats:
    """The sensitivity at each rate, NaN outside the rates that the curve reaches; shape of ``at``."""
    result = np.full(at.shape, np.nan)
    if not rate.size or np.isnan(rate).all() or np.isnan(sensitivity).all():
        return result
    ascending = rate[::-1]  # by ascending threshold
    branch = slice(int(np.nanargmax(ascending)), None)
    reached, inverse = np.unique(ascending[branch], return_inverse=True)
    best = np.zeros(reached.size)
    np.maximum.at(best, inverse, sensitivity[::-1][branch])
    within = (at >= reached[0]) & (at <= reached[-1])
    result[within] = np.interp(at[within], reached, best)
    return result


def neuroatlas(sensitivity: Floats, rate: Floats) -> float | None:
    """The area as published, from 0 to 1; None if the curve reaches fewer than two rates of the grid."""
    sampled = interpolate(sensitivity, rate / HOURS, GRID_PER_HOUR)
    used = _IN_RANGE & ~np.isnan(sampled)
    if used.sum() < 2:
        return None
    x, y = np.log10(GRID_PER_HOUR[used]), sampled[used]
    return float(((y[1:] + y[:-1]) / 2 * np.diff(x)).sum() / (x[-1] - x[0]))
