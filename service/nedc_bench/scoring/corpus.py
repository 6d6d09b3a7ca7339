"""A pair to its score, and the fold of pair scores in list order to the score of a corpus.

A `PairScore` can be computed anywhere (another process, another machine) and kept; the fold is done in one place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any, NamedTuple, Self

from nedc_bench.annotations import Parameters, Recording
from nedc_bench.errors import Finding, InputError, refusal
from nedc_bench.scoring import dp, epoch, ira, overlap, taes
from nedc_bench.scoring.contribution import ConfusionTotal, Events, PackedEvents
from nedc_bench.scoring.dp import DpContribution, DpTotal
from nedc_bench.scoring.epoch import EpochContribution, EpochTotal
from nedc_bench.scoring.figures import Figures, derive_figures
from nedc_bench.scoring.ira import IraContribution, IraTotal
from nedc_bench.scoring.overlap import OverlapContribution, OverlapTotal
from nedc_bench.scoring.taes import TaesContribution, TaesTotal

ALGORITHM = {module.NAME: module.ALGORITHM for module in (dp, epoch, overlap, taes, ira)}
ALGORITHMS = tuple(ALGORITHM)

Contribution = DpContribution | EpochContribution | OverlapContribution | TaesContribution | IraContribution
CountedTotal = DpTotal | EpochTotal | OverlapTotal | TaesTotal
ConfusionMatrix = dict[str, dict[str, int]]


class FileId(NamedTuple):
    """The name of an input file as it was given, and the sha256 of its bytes."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class PairScore:
    """What one pair adds to a corpus.

    Attributes:
        reference, hypothesis: the two files.
        duration_seconds: the end of the last reference event.
        events: of the reference and of the hypothesis, as they were scored.
        contributions: one an algorithm, by name.
        warnings: what was noticed in the two files.
        seconds: the time that each algorithm took where it ran; no part of the result.
    """

    reference: FileId
    hypothesis: FileId
    duration_seconds: float
    events: tuple[PackedEvents, PackedEvents]
    contributions: dict[str, Contribution]
    warnings: tuple[Finding, ...]
    seconds: dict[str, float] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class AlgorithmResult:
    """The figures of one algorithm: each class', their summary, and ``confusion[reference][hypothesis]`` or None."""

    labels: dict[str, Figures]
    summary: Figures
    confusion: ConfusionMatrix | None

    def to_dict(self) -> dict[str, Any]:
        """As in the result document."""
        document: dict[str, Any] = {
            "labels": {label: figures.to_dict() for label, figures in self.labels.items()},
            "summary": self.summary.to_dict(),
        }
        return document if self.confusion is None else document | {"confusion": self.confusion}


@dataclass(frozen=True, slots=True)
class Agreement:
    """Inter-rater agreement: the confusion matrix of samples, kappa a class, and over all classes."""

    confusion: ConfusionMatrix
    kappa: dict[str, float]
    multi_class_kappa: float

    def to_dict(self) -> dict[str, Any]:
        """As in the result document."""
        return {"confusion": self.confusion, "kappa": self.kappa, "multi_class_kappa": self.multi_class_kappa}


@dataclass(frozen=True)
class CorpusScore:
    """The figures of a corpus (or of a single pair).

    Attributes:
        parameters: what it was scored with.
        scores: the pairs, in list order.
        duration_seconds: of all reference recordings.
        algorithms: the results by algorithm, in the order of `ALGORITHMS`.
        warnings: of the lists, the files and the figures.
    """

    parameters: Parameters
    scores: tuple[PairScore, ...]
    duration_seconds: float
    algorithms: dict[str, AlgorithmResult | Agreement]
    warnings: tuple[Finding, ...]

    @classmethod
    def fold(
        cls,
        scores: Iterable[PairScore],
        parameters: Parameters,
        algorithms: Sequence[str] = ALGORITHMS,
        warnings: Sequence[Finding] = (),
    ) -> Self:
        """Fold pair scores, in list order, to the figures of the corpus."""
        kept: list[PairScore] = []
        noticed = list(warnings)
        totals = {
            name: ALGORITHM[name].total(len(parameters.label_map.classes)) for name in check_algorithms(algorithms)
        }
        duration = 0.0
        for score in scores:
            kept.append(score)
            noticed.extend(score.warnings)
            duration += score.duration_seconds
            for name, total in totals.items():
                total.add(score.contributions[name])
        results: dict[str, AlgorithmResult | Agreement] = {}
        for name, total in totals.items():
            if isinstance(total, IraTotal):
                results[name] = _agreement(total, parameters)
            else:
                assert isinstance(total, CountedTotal)
                results[name] = _figures(name, total, parameters, duration, noticed)
        return cls(parameters, tuple(kept), duration, results, tuple(noticed))

    def split(self) -> Iterator[CorpusScore]:
        """Each pair as a corpus of its own."""
        for score in self.scores:
            yield CorpusScore.fold([score], self.parameters, tuple(self.algorithms))

    def counted(self, name: str) -> AlgorithmResult:
        """The result of ``dp``, ``epoch``, ``overlap`` or ``taes``.

        Raises:
            KeyError: the algorithm was not asked for.
        """
        result = self.algorithms[name]
        assert isinstance(result, AlgorithmResult)
        return result

    @property
    def dp(self) -> AlgorithmResult:
        """DP alignment."""
        return self.counted(dp.NAME)

    @property
    def epoch(self) -> AlgorithmResult:
        """Epoch scoring."""
        return self.counted(epoch.NAME)

    @property
    def overlap(self) -> AlgorithmResult:
        """Overlap scoring."""
        return self.counted(overlap.NAME)

    @property
    def taes(self) -> AlgorithmResult:
        """Time-aligned event scoring."""
        return self.counted(taes.NAME)

    @property
    def ira(self) -> Agreement:
        """Inter-rater agreement."""
        result = self.algorithms[ira.NAME]
        assert isinstance(result, Agreement)
        return result


def score_pair(
    reference: Recording,
    hypothesis: Recording,
    parameters: Parameters,
    algorithms: Sequence[str] = ALGORITHMS,
    *,
    strict: bool = False,
) -> PairScore:
    """Score one pair with each algorithm.

    Args:
        strict: refuse what would be a warning.

    Raises:
        InputError: labels that the map does not know, recordings of different length, or a warning under ``strict``.
    """
    sides = {"reference": reference, "hypothesis": hypothesis}
    warnings = tuple(replace(finding, side=side) for side in sides for finding in sides[side].warnings)
    if strict and warnings:
        raise InputError(warnings)
    ref, hyp = (
        Events(side.starts, side.stops, parameters.label_map.classify(side, name)) for name, side in sides.items()
    )
    if round(float(ref.stops[-1]), 4) != round(float(hyp.stops[-1]), 4):
        message = f"lasts {hypothesis.duration} s, its reference {reference.name} {reference.duration} s; "
        message += "both must have the duration of the recording"
        raise refusal("duration", message, side="hypothesis", file=hypothesis.name)
    seconds: dict[str, float] = {}
    try:
        contributions = _contributions(ref, hyp, parameters, algorithms, seconds)
    except InputError as error:
        raise InputError(
            replace(finding, side="reference", file=reference.name) for finding in error.findings
        ) from None
    return PairScore(
        FileId(reference.name, reference.sha256),
        FileId(hypothesis.name, hypothesis.sha256),
        float(ref.stops[-1]),
        (PackedEvents.of(ref), PackedEvents.of(hyp)),
        contributions,
        warnings,
        seconds,
    )


def cost(
    reference_events: int, hypothesis_events: int, parameters: Parameters, algorithms: Sequence[str] = ALGORITHMS
) -> float:
    """About how many seconds `score_pair` takes, for so many events a side (background between them included).

    It is meant for sizing chunks of work: only ``dp`` grows faster than the number of events.
    """
    linear = 5e-4 + 3e-6 * (reference_events + hypothesis_events)
    return linear + (dp.cost(reference_events, hypothesis_events, parameters) if dp.NAME in algorithms else 0.0)


def check_algorithms(names: Sequence[str]) -> tuple[str, ...]:
    """The algorithms asked for, in report order; ``all`` is every one.

    Raises:
        InputError: a name that is none.
    """
    for name in names:
        if name not in (*ALGORITHMS, "all"):
            raise refusal("algorithm", f"{name!r} is not an algorithm; known: {', '.join(ALGORITHMS)}, all")
    if not names:
        raise refusal("algorithm", f"no algorithm is asked for; known: {', '.join(ALGORITHMS)}, all")
    return tuple(name for name in ALGORITHMS if name in names or "all" in names)


def _contributions(
    ref: Events, hyp: Events, parameters: Parameters, algorithms: Sequence[str], seconds: dict[str, float]
) -> dict[str, Contribution]:
    """The contribution of each algorithm; how long it took goes to ``seconds``."""
    result: dict[str, Contribution] = {}
    for name, algorithm in ALGORITHM.items():
        if name not in algorithms:
            continue
        begin = perf_counter()
        compared = result.get(epoch.NAME)
        if name == ira.NAME and compared and parameters.epoch_duration == parameters.ira_epoch_duration:
            assert isinstance(compared, EpochContribution)
            result[name] = IraContribution(compared.confusion)
        else:
            result[name] = algorithm.contribute(ref, hyp, parameters)
        seconds[name] = perf_counter() - begin
    return result


def _figures(
    name: str, total: CountedTotal, parameters: Parameters, duration: float, warnings: list[Finding]
) -> AlgorithmResult:
    classes = parameters.label_map.classes
    epoch_seconds = parameters.epoch_duration if name == epoch.NAME else None
    derived = derive_figures(total.counts(parameters), classes, duration, epoch_seconds)
    for where in derived.mcc_undefined:
        message = f"{name}: the MCC of {where} has no real value (negative counts); it is given as 0"
        warnings.append(Finding("", "", None, "mcc", message))
    confusion = _named(total, classes) if isinstance(total, ConfusionTotal) else None
    return AlgorithmResult(dict(zip(classes, derived.classes, strict=True)), derived.summary, confusion)


def _agreement(total: IraTotal, parameters: Parameters) -> Agreement:
    classes = parameters.label_map.classes
    kappas = total.agreement()
    return Agreement(_named(total, classes), dict(zip(classes, kappas.per_class, strict=True)), kappas.multi_class)


def _named(total: ConfusionTotal, classes: Sequence[str]) -> ConfusionMatrix:
    return {name: dict(zip(classes, row, strict=True)) for name, row in zip(classes, total.confusion, strict=True)}
