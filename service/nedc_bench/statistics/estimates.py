"""Every figure of a group of recordings, with its intervals."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np

from nedc_bench.annotations import Parameters
from nedc_bench.annotations.timeline import Floats
from nedc_bench.checks import check_choice, check_number, check_whole
from nedc_bench.scoring import Agreement, AlgorithmResult, CorpusScore, PairScore, SzcoreResult
from nedc_bench.statistics.bootstrap import Bounds, Interval, bounds, replicate
from nedc_bench.statistics.groups import Subjects
from nedc_bench.statistics.limits import BCA, PERCENTILE, Bound, Place
from nedc_bench.statistics.proportions import EVENT_ALGORITHMS, PROPORTIONS, WILSON, interval, proportion_of
from nedc_bench.statistics.table import Table
from nedc_bench.statistics.tally import KAPPA, SUMMARY, Tally

MIN_REPLICATES, MAX_REPLICATES = 100, 1_000_000
MIN_LEVEL, MAX_LEVEL = 0.5, 0.999
MAX_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Settings:
    """How uncertainty is computed.

    Attributes:
        replicates: the number of bootstrap replicates.
        seed: the seed of the random numbers.
        level: the confidence level of the intervals, which are two-sided.
        proportions: ``wilson`` or ``clopper_pearson``.

    Raises:
        InputError: a value is out of range.
    """

    replicates: int = 10_000
    seed: int = 0
    level: float = 0.95
    proportions: str = WILSON

    def __post_init__(self) -> None:
        replicates = check_whole("replicates", self.replicates, MIN_REPLICATES, MAX_REPLICATES, code="replicates")
        object.__setattr__(self, "replicates", replicates)
        object.__setattr__(self, "seed", check_whole("seed", self.seed, 0, MAX_SEED, code="seed"))
        object.__setattr__(self, "level", check_number("level", self.level, MIN_LEVEL, MAX_LEVEL, code="level"))
        check_choice("proportions", self.proportions, PROPORTIONS, "proportions")

    def to_dict(self) -> dict[str, Any]:
        """As in the evidence document."""
        return {name: getattr(self, name) for name in ("replicates", "seed", "level", "proportions")}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its intervals.

    Attributes:
        value: the figure; None if it has no value.
        bounds: from the bootstrap of subjects.
        proportion: the interval that assumes independent events; None if the figure is not a proportion.
    """

    value: float | None
    bounds: Bounds
    proportion: Interval | None

    def bound(self, bound: Bound) -> float | None:
        """A bound, or the value itself; None if there is none."""
        if not bound.method:
            return self.value
        found = {BCA: self.bounds.bca, PERCENTILE: self.bounds.percentile}.get(bound.method, self.proportion)
        return None if found is None else float(getattr(found, bound.side))

    def to_dict(self, proportions: str) -> dict[str, Any]:
        """As in the evidence document."""
        document: dict[str, Any] = {"estimate": self.value} | bounds_document(self.bounds)
        if self.proportion is not None:
            document[proportions] = list(self.proportion)
        return document


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of a group of recordings.

    Attributes:
        recordings, subjects, duration_seconds: the size of the group.
        estimates: by algorithm, label and figure.
    """

    recordings: int
    subjects: int
    duration_seconds: float
    estimates: dict[str, dict[str, dict[str, Estimate]]]

    def at(self, place: Place) -> Estimate:
        """The estimate of a figure."""
        return self.estimates[place.algorithm][place.label][place.figure]

    def to_dict(self, proportions: str) -> dict[str, Any]:
        """As in the evidence document."""
        algorithms = {
            algorithm: {
                label: {figure: estimate.to_dict(proportions) for figure, estimate in figures.items()}
                for label, figures in labels.items()
            }
            for algorithm, labels in self.estimates.items()
        }
        facts = {name: getattr(self, name) for name in ("recordings", "subjects", "duration_seconds")}
        return facts | {"algorithms": algorithms}


def bounds_document(found: Bounds) -> dict[str, Any]:
    """The intervals in document form, with a note only if there is one."""
    document: dict[str, Any] = {
        name: None if own is None else list(own) for name, own in ((BCA, found.bca), (PERCENTILE, found.percentile))
    }
    document["undefined"] = found.undefined
    return document | ({"note": found.note} if found.note else {})


def estimate_group(
    pairs: Sequence[PairScore],
    parameters: Parameters,
    algorithms: Sequence[str],
    *,
    settings: Settings,
    table: Table | None = None,
    executor: Executor | None = None,
) -> Group:
    """The figures of these pairs, and their intervals."""
    corpus = CorpusScore.fold(pairs, parameters, algorithms)
    members = Subjects.of(pairs, table).members
    tallies = [Tally.of(name, parameters, members) for name in algorithms]
    replicates = replicate(tallies, settings.replicates, settings.seed, executor)
    estimates = {}
    for tally, drawn in zip(tallies, replicates, strict=True):
        whole, without = corpus_values(corpus, tally), tally.values(tally.leave_one_out())
        estimates[tally.algorithm] = {
            label: {
                figure: _estimate(
                    tally, whole[a], b, replicates=drawn[:, a, b], jackknife=without[:, a, b], settings=settings
                )
                for b, figure in enumerate(tally.figures)
            }
            for a, label in enumerate(tally.labels)
        }
    return Group(len(pairs), len(members), corpus.duration_seconds, estimates)


def _estimate(
    tally: Tally, whole: Floats, figure: int, *, replicates: Floats, jackknife: Floats, settings: Settings
) -> Estimate:
    """The estimate of one figure; ``whole`` has the figures of its label."""
    value = float(whole[figure])
    proportion = None
    if tally.algorithm in EVENT_ALGORITHMS:
        found = proportion_of(tally.figures[figure], dict(zip(tally.figures, whole.tolist(), strict=True)))
        proportion = None if found is None else interval(settings.proportions, *found, settings.level)
    return Estimate(
        None if np.isnan(value) else tally.number(value, figure),
        bounds(value, replicates, jackknife, settings.level),
        proportion,
    )


def corpus_values(corpus: CorpusScore, tally: Tally) -> Floats:
    """The corpus' own figures, shape ``(labels, figures)``; NaN where a figure has no value."""
    result = corpus.algorithms[tally.algorithm]
    summed = tally.values(tally.whole())[0]
    own = np.array([_row(result, label, tally.figures) for label in tally.labels], dtype=np.float64)
    own[np.isnan(summed)] = np.nan
    return own


def _row(result: AlgorithmResult | Agreement | SzcoreResult, label: str, figures: Sequence[str]) -> list[float | None]:
    if isinstance(result, Agreement):
        assert tuple(figures) == (KAPPA,)
        return [result.multi_class_kappa if label == SUMMARY else result.kappa[label]]
    found = result.summary if label == SUMMARY else result.labels[label]
    return [getattr(found, figure) for figure in figures]
