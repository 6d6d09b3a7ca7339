"""The registry of algorithms, and scoring one pair.

A `PairScore` can be computed anywhere (another process, another machine) and stored; `nedc_bench.scoring.corpus` folds
pair scores in one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import NamedTuple

from nedc_bench.annotations import Parameters, Recording
from nedc_bench.annotations.recording import differing_durations
from nedc_bench.checks import check_texts
from nedc_bench.errors import Finding, InputError, quoted, refusal, strict_findings
from nedc_bench.scoring import alignment, dp, epoch, ira, overlap, szcore, taes
from nedc_bench.scoring.contribution import Events, PackedEvents
from nedc_bench.scoring.dp import DpContribution
from nedc_bench.scoring.epoch import EpochContribution
from nedc_bench.scoring.ira import IraContribution
from nedc_bench.scoring.overlap import OverlapContribution
from nedc_bench.scoring.szcore_figures import SzcoreContribution
from nedc_bench.scoring.taes import TaesContribution

_NEDC = (dp.ALGORITHM, epoch.ALGORITHM, overlap.ALGORITHM, taes.ALGORITHM, ira.ALGORITHM)
ALGORITHMS = tuple(algorithm.name for algorithm in _NEDC)  # the meaning of ``all``
ALGORITHM = {algorithm.name: algorithm for algorithm in (*_NEDC, szcore.EVENT_ALGORITHM, szcore.SAMPLE_ALGORITHM)}

Contribution = (
    DpContribution | EpochContribution | OverlapContribution | TaesContribution | IraContribution | SzcoreContribution
)


class FileId(NamedTuple):
    """The name of an input file as given, and the SHA-256 of its bytes."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class PairScore:
    """What one pair adds to a corpus.

    Attributes:
        reference, hypothesis: the two files.
        duration_seconds: the end of the last reference event.
        events: the scored events of the reference and the hypothesis.
        contributions: by the name of the algorithm.
        warnings: about the two files.
        seconds: the time that each algorithm took; not part of the result.
    """

    reference: FileId
    hypothesis: FileId
    duration_seconds: float
    events: tuple[PackedEvents, PackedEvents]
    contributions: dict[str, Contribution]
    warnings: tuple[Finding, ...]
    seconds: dict[str, float] = field(default_factory=dict, compare=False)


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
        strict: turn warnings into errors.

    Raises:
        InputError: labels are not in the map, the durations differ, or there is a warning under ``strict``.
    """
    sides = {"reference": reference, "hypothesis": hypothesis}
    warnings = tuple(replace(finding, side=side) for side in sides for finding in sides[side].warnings)
    warnings += _differing_names(reference, hypothesis)
    if strict and (refused := parameters.warnings + warnings):
        raise InputError(strict_findings(refused))
    ref, hyp = (
        Events(side.starts, side.stops, parameters.label_map.classify(side, name)) for name, side in sides.items()
    )
    if round(float(ref.stops[-1]), 4) != round(float(hyp.stops[-1]), 4):
        message = f"{differing_durations(reference, hypothesis)}; both must have the duration of the recording"
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


def _differing_names(reference: Recording, hypothesis: Recording) -> tuple[Finding, ...]:
    ours, theirs = hypothesis.base_name, reference.base_name
    if not ours or not theirs or ours == theirs:
        return ()
    its = f"its reference {reference.name}".rstrip()
    message = f"is of the recording {quoted(ours)} (its bname), {its} of {quoted(theirs)}"
    return (Finding("hypothesis", hypothesis.name, None, "base-name", message),)


def cost(
    reference_events: int, hypothesis_events: int, parameters: Parameters, algorithms: Sequence[str] = ALGORITHMS
) -> float:
    """The approximate seconds that `score_pair` takes, given the events per side (including background).

    Used to size chunks of work: only ``dp`` grows faster than the number of events.
    """
    linear = 5e-4 + 3e-6 * (reference_events + hypothesis_events)
    return linear + (alignment.cost(reference_events, hypothesis_events, parameters) if dp.NAME in algorithms else 0.0)


def check_algorithms(names: str | Sequence[str]) -> tuple[str, ...]:
    """The requested algorithms, one or several, in report order; ``all`` means NEDC's five.

    Raises:
        InputError: a name is not an algorithm.
    """
    names = (names,) if isinstance(names, str) else check_texts("algorithms", names)
    for name in names:
        if name not in (*ALGORITHM, "all"):
            raise refusal("algorithm", f"{name!r} is not an algorithm; known: {', '.join(ALGORITHM)}, all")
    if not names:
        raise refusal("algorithm", f"no algorithm is requested; known: {', '.join(ALGORITHM)}, all")
    return tuple(name for name in ALGORITHM if name in names or (name in ALGORITHMS and "all" in names))


def _contributions(
    ref: Events, hyp: Events, parameters: Parameters, algorithms: Sequence[str], seconds: dict[str, float]
) -> dict[str, Contribution]:
    """The contribution of each algorithm; the time taken is stored in ``seconds``."""
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
