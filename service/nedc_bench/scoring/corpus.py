"""Folding pair scores, in list order, into the score of a corpus.

Pair scores can come from anywhere; one place folds them, so every figure keeps its last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from nedc_bench.annotations import Parameters
from nedc_bench.checks import check_kinds
from nedc_bench.errors import Finding, refusal
from nedc_bench.scoring import dp, epoch, ira, overlap, szcore, taes
from nedc_bench.scoring.contribution import ConfusionTotal
from nedc_bench.scoring.dp import DpTotal
from nedc_bench.scoring.epoch import EpochTotal
from nedc_bench.scoring.figures import Figures, derive_figures
from nedc_bench.scoring.ira import IraTotal
from nedc_bench.scoring.overlap import OverlapTotal
from nedc_bench.scoring.pair import ALGORITHM, ALGORITHMS, PairScore, check_algorithms
from nedc_bench.scoring.szcore_figures import SzcoreContribution, SzcoreResult, SzcoreTotal, subject_of
from nedc_bench.scoring.taes import TaesTotal
from nedc_bench.scoring.verdicts import Verdict, judge

CountedTotal = DpTotal | EpochTotal | OverlapTotal | TaesTotal
ConfusionMatrix = dict[str, dict[str, int]]
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class AlgorithmResult:
    """The figures of one algorithm: by class, their summary, and ``confusion[reference][hypothesis]`` or None."""

    labels: dict[str, Figures]
    summary: Figures
    confusion: ConfusionMatrix | None

    def to_dict(self) -> dict[str, Any]:
        """The result as in the result document."""
        document: dict[str, Any] = {
            "labels": {label: figures.to_dict() for label, figures in self.labels.items()},
            "summary": self.summary.to_dict(),
        }
        return document if self.confusion is None else document | {"confusion": self.confusion}


@dataclass(frozen=True, slots=True)
class Agreement:
    """Inter-rater agreement: the confusion matrix of samples, kappa by class, and over all classes."""

    confusion: ConfusionMatrix
    kappa: dict[str, float]
    multi_class_kappa: float

    def to_dict(self) -> dict[str, Any]:
        """The result as in the result document."""
        return {"confusion": self.confusion, "kappa": self.kappa, "multi_class_kappa": self.multi_class_kappa}


@dataclass(frozen=True)
class CorpusScore:
    """The figures of a corpus, or of a single pair.

    Attributes:
        parameters: the parameters of scoring.
        scores: the pairs, in list order.
        duration_seconds: the total duration of the reference recordings.
        algorithms: the results by algorithm, in the order of `ALGORITHM`.
        warnings: about the parameters, the lists, the files and the figures.
    """

    parameters: Parameters
    scores: tuple[PairScore, ...]
    duration_seconds: float
    algorithms: dict[str, AlgorithmResult | Agreement | SzcoreResult]
    warnings: tuple[Finding, ...]

    @classmethod
    def fold(
        cls,
        scores: Iterable[PairScore],
        parameters: Parameters,
        algorithms: Sequence[str] = ALGORITHMS,
        warnings: Callable[[], Iterable[Finding]] = tuple,
    ) -> Self:
        """Fold pair scores, in list order, into the figures of the corpus.

        Args:
            warnings: gives the warnings about the pairs once all scores are folded.
        """
        kept: list[PairScore] = []
        noticed: list[Finding] = []
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
        results: dict[str, AlgorithmResult | Agreement | SzcoreResult] = {}
        for name, total in totals.items():
            if isinstance(total, IraTotal):
                results[name] = _agreement(total, parameters)
            elif isinstance(total, SzcoreTotal):
                results[name] = _szcore(name, total, kept, parameters)
            else:
                assert isinstance(total, CountedTotal)
                results[name] = _figures(name, total, parameters, duration, noticed)
        return cls(parameters, tuple(kept), duration, results, (*parameters.warnings, *warnings(), *noticed))

    def events(self, algorithm: str) -> Iterator[Verdict]:
        """The verdicts of an algorithm on every event of every pair, in list order, computed lazily.

        Raises:
            InputError: the algorithm was not requested.
        """
        self._result(algorithm, object)
        return (verdict for pair in self.scores for verdict in judge(pair, algorithm, self.parameters))

    def split(self) -> Iterator[CorpusScore]:
        """Each pair as a separate corpus."""
        for score in self.scores:
            yield CorpusScore.fold([score], self.parameters, tuple(self.algorithms))

    def counted(self, name: str) -> AlgorithmResult:
        """The result of ``dp``, ``epoch``, ``overlap`` or ``taes``.

        Raises:
            InputError: the algorithm was not requested, or is another.
        """
        return self._result(name, AlgorithmResult)

    def _result(self, name: str, kind: type[Found]) -> Found:
        check_kinds(algorithm=(name, str))
        if name not in self.algorithms:
            asked = ", ".join(self.algorithms)
            raise refusal("algorithm", f"{name} was not scored; the algorithms were {asked}. Add it with algorithms=")
        result = self.algorithms[name]
        if not isinstance(result, kind):
            raise refusal("algorithm", f"{name} has no {kind.__name__} but {type(result).__name__}")
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
    def szcore_event(self) -> SzcoreResult:
        """SzCORE's event scoring."""
        return self.szcore(szcore.EVENT)

    @property
    def szcore_sample(self) -> SzcoreResult:
        """SzCORE's sample scoring."""
        return self.szcore(szcore.SAMPLE)

    def szcore(self, name: str) -> SzcoreResult:
        """The result of ``szcore-event`` or ``szcore-sample``.

        Raises:
            InputError: the algorithm was not requested, or is another.
        """
        return self._result(name, SzcoreResult)

    @property
    def ira(self) -> Agreement:
        """Inter-rater agreement."""
        return self._result(ira.NAME, Agreement)


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


def _szcore(name: str, total: SzcoreTotal, scores: Iterable[PairScore], parameters: Parameters) -> SzcoreResult:
    by_subject: dict[str | None, SzcoreTotal] = {}
    for score in scores:
        subject = subject_of(score.reference.name)
        if subject not in by_subject:
            by_subject[subject] = SzcoreTotal(len(total.targets), total.rate)
        contribution = score.contributions[name]
        assert isinstance(contribution, SzcoreContribution)
        by_subject[subject].add(contribution)
    classes = parameters.label_map.classes
    return SzcoreResult.of(total, by_subject, {classes[c]: c for c in szcore.scored_classes(parameters)})


def _named(total: ConfusionTotal, classes: Sequence[str]) -> ConfusionMatrix:
    return {name: dict(zip(classes, row, strict=True)) for name, row in zip(classes, total.confusion, strict=True)}
