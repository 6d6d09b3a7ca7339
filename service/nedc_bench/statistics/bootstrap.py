"""The bootstrap: replicates of a corpus, made by drawing subjects with replacement, and intervals from them.

Recordings of one subject are correlated, so subjects are drawn, not recordings or events (a cluster bootstrap).

- Efron and Tibshirani (1993), "An Introduction to the Bootstrap": percentile intervals (chapter 13), BCa (chapter 14).
- Field and Welsh (2007), "Bootstrapping clustered data", J. R. Stat. Soc. B 69(3).

A seed gives bit-identical results for any number of workers: each block of `BLOCK` replicates has its own stream,
``PCG64(SeedSequence(seed, spawn_key=(block,)))``. Indices come from the raw 64 bits, which NumPy promises to keep
stable, not from its `Generator`, which may change. The probabilities of two subjects differ by less than ``1 / 2**32``.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from math import floor, fsum
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from nedc_bench.annotations.timeline import Floats
from nedc_bench.statistics.tally import Integers, Tally

BLOCK = 100  # replicates per random stream
BLOCKS_A_CALL = 10  # blocks in one call to a worker
MIN_SUBJECTS = 5  # fewer give so few distinct resamples that their quantiles mean nothing
MOST_UNDEFINED = 0.05  # there is no interval if a larger share of replicates has no value
LEVEL_DIGITS = 12  # so that results do not depend on the last bit of the platform's logarithm

_NORMAL = NormalDist()


class Interval(NamedTuple):
    """The bounds of a confidence interval."""

    lower: float
    upper: float


class Bounds(NamedTuple):
    """The intervals of a figure; None and a ``note`` if the replicates do not give one.

    Attributes:
        bca: bias-corrected and accelerated.
        percentile: quantiles of the replicates.
        undefined: the number of replicates without a value; the intervals come from the others.
    """

    bca: Interval | None
    percentile: Interval | None
    undefined: int
    note: str = ""


def draw(subjects: int, seed: int, block: int, replicates: int = BLOCK) -> Integers:
    """How often each subject is drawn in each replicate of a block, shape ``(replicates, subjects)``."""
    stream = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(block,)))
    raw = stream.random_raw(BLOCK * subjects).reshape(BLOCK, subjects)[:replicates]
    drawn = ((raw >> np.uint64(32)) * np.uint64(subjects) >> np.uint64(32)).astype(np.int64)
    offset = np.arange(replicates)[:, np.newaxis] * subjects
    return np.bincount((drawn + offset).ravel(), minlength=replicates * subjects).reshape(replicates, subjects)


def replicate(tallies: Sequence[Tally], replicates: int, seed: int, executor: Executor | None = None) -> list[Floats]:
    """The figures of each tally in every replicate; the tallies have the same subjects and share the draws.

    Args:
        executor: computes blocks; by default they are computed here.

    Returns:
        For each tally an array of shape ``(replicates, labels, figures)``, NaN where a figure has no value.
    """
    work = partial(_blocks, tuple(tallies), seed, replicates)
    firsts = range(0, replicates, BLOCK * BLOCKS_A_CALL)
    done = map(work, firsts) if executor is None else executor.map(work, firsts)
    return [np.concatenate(parts) for parts in zip(*done, strict=True)]


def _blocks(tallies: Sequence[Tally], seed: int, replicates: int, first: int) -> list[Floats]:
    """The figures of the replicates of one call, starting at ``first``."""
    parts: list[list[Floats]] = [[] for _ in tallies]
    for begin in range(first, min(first + BLOCK * BLOCKS_A_CALL, replicates), BLOCK):
        subjects = len(tallies[0].subjects.durations)
        drawn = draw(subjects, seed, begin // BLOCK, min(BLOCK, replicates - begin))
        for tally, found in zip(tallies, parts, strict=True):
            found.append(tally.values(tally.resampled(drawn)))
    return [np.concatenate(found) for found in parts]


def bounds(estimate: float, replicates: Floats, jackknife: Floats, level: float) -> Bounds:
    """The intervals of one figure.

    Args:
        estimate: the figure over all subjects; NaN if it has no value.
        replicates, jackknife: the figure in each replicate, and without each subject in turn; NaN as above.
        level: the confidence level, such as 0.95.
    """
    ordered = np.sort(replicates[~np.isnan(replicates)])
    undefined = replicates.size - ordered.size
    if np.isnan(estimate):
        return Bounds(None, None, undefined, "the figure has no value: its denominator is 0")
    if jackknife.size < MIN_SUBJECTS:
        message = f"{jackknife.size} subject{'' if jackknife.size == 1 else 's'}"
        return Bounds(None, None, undefined, f"{message}; an interval by subject needs {MIN_SUBJECTS} or more")
    if undefined > MOST_UNDEFINED * replicates.size:
        message = f"too few subjects have what the figure needs: {undefined} of {replicates.size} replicates"
        return Bounds(None, None, undefined, f"{message} have no value")
    if ordered[0] == ordered[-1]:
        return Bounds(None, None, undefined, "the figure is the same in every replicate")
    tails = ((1 - level) / 2, (1 + level) / 2)
    percentile = Interval(*(quantile(ordered, tail) for tail in tails))
    adjusted = _bca_levels(estimate, ordered, jackknife[~np.isnan(jackknife)], tails)
    if adjusted is None:
        return Bounds(None, percentile, undefined, "the replicates lie too far from the estimate for BCa")
    return Bounds(Interval(*(quantile(ordered, tail) for tail in adjusted)), percentile, undefined)


def quantile(ordered: Floats, level: float) -> float:
    """The quantile of sorted numbers, interpolated linearly."""
    place = level * (ordered.size - 1)
    below = min(floor(place), ordered.size - 2)
    low, high = ordered[below : below + 2].tolist()
    return float(low + (place - below) * (high - low))


def _bca_levels(
    estimate: float, ordered: Floats, jackknife: Floats, tails: tuple[float, float]
) -> tuple[float, ...] | None:
    """The levels of the quantiles that are the BCa bounds."""
    below = int(np.searchsorted(ordered, estimate, "left")) + int(np.searchsorted(ordered, estimate, "right"))
    if below in {0, 2 * ordered.size} or jackknife.size < 2:
        return None
    bias = _NORMAL.inv_cdf(below / (2 * ordered.size))
    acceleration = _acceleration(jackknife.tolist())
    levels = []
    for tail in tails:
        shifted = bias + _NORMAL.inv_cdf(tail)
        if acceleration * shifted >= 1:
            return None
        levels.append(round(_NORMAL.cdf(bias + shifted / (1 - acceleration * shifted)), LEVEL_DIGITS))
    return tuple(levels)


def _acceleration(jackknife: Sequence[float]) -> float:
    """BCa's acceleration: how fast the standard error changes with the figure, from the jackknife values."""
    mean = fsum(jackknife) / len(jackknife)
    squares, cubes = (fsum((mean - value) ** power for value in jackknife) for power in (2, 3))
    return cubes / (6 * squares**1.5) if squares > 0 else 0.0
