"""Types of the result document, for the schemas of the OpenAPI document; nothing is decoded with them.

A test decodes the service's answers strictly, so that no field is missing here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from nedc_bench.scoring import Figures as _Figures
from nedc_bench.scoring.szcore_figures import RATES
from nedc_bench.scoring.szcore_figures import SzcoreFigures as _SzcoreFigures

if TYPE_CHECKING:
    Figures = _Figures
    SzcoreFigures = _SzcoreFigures
else:
    Figures = msgspec.defstruct("Figures", [(name, float) for name in _Figures._fields])
    Figures.__doc__ = "The figures of a label, or of all labels."
    SzcoreFigures = msgspec.defstruct(
        "SzcoreFigures", [(name, float | None if name in RATES else int) for name in _SzcoreFigures._fields]
    )
    SzcoreFigures.__doc__ = "SzCORE's figures of a label, or of all labels; a rate without a value is null."

Confusion = dict[str, dict[str, float]]


class Scores(msgspec.Struct):
    """The results of an algorithm, by label and in total."""

    labels: dict[str, Figures]
    summary: Figures
    confusion: Confusion | UnsetType = UNSET


class Agreement(msgspec.Struct):
    """The agreement of both sides: Cohen's kappa."""

    confusion: Confusion
    kappa: dict[str, float]
    multi_class_kappa: float


class Averaged(msgspec.Struct):
    """Mean and standard deviation of a figure over subjects; null if no subject has it."""

    mean: float | None
    sd: float | None


class Subjects(msgspec.Struct):
    """The averages over subjects, by label and figure."""

    count: int
    labels: dict[str, dict[str, Averaged]]


class SzcoreScores(msgspec.Struct):
    """The results of an algorithm of SzCORE, by label and in total."""

    labels: dict[str, SzcoreFigures]
    summary: SzcoreFigures
    subjects: Subjects | UnsetType = UNSET


class Algorithms(msgspec.Struct, rename={"szcore_event": "szcore-event", "szcore_sample": "szcore-sample"}):
    """The requested algorithms."""

    dp: Scores | UnsetType = UNSET
    epoch: Scores | UnsetType = UNSET
    overlap: Scores | UnsetType = UNSET
    taes: Scores | UnsetType = UNSET
    ira: Agreement | UnsetType = UNSET
    szcore_event: SzcoreScores | UnsetType = UNSET
    szcore_sample: SzcoreScores | UnsetType = UNSET


class Warned(msgspec.Struct):
    """An irregularity of the input that was scored nevertheless."""

    side: str
    file: str
    line: int | None
    code: str
    message: str


class InputFile(msgspec.Struct):
    """A scored file."""

    name: str
    sha256: str


class InputPair(msgspec.Struct):
    """Both files of a pair."""

    reference: InputFile
    hypothesis: InputFile


class PairResult(msgspec.Struct):
    """The figures of a single pair."""

    reference: str
    hypothesis: str
    duration_seconds: float
    algorithms: Algorithms


Bounds = Annotated[list[float], msgspec.Meta(min_length=2, max_length=2)]


class Estimate(msgspec.Struct):
    """A figure, its intervals (null, with a note, where there is none), and how many replicates had no value."""

    estimate: float | None
    bca: Bounds | None
    percentile: Bounds | None
    undefined: int
    note: str | UnsetType = UNSET
    wilson: Bounds | UnsetType = UNSET


class EvidenceGroup(msgspec.Struct):
    """The estimates of some recordings, by algorithm, label and figure."""

    recordings: int
    subjects: int
    duration_seconds: float
    algorithms: dict[str, dict[str, dict[str, Estimate]]]


class Method(msgspec.Struct):
    """How intervals are computed."""

    intervals: str
    replicates: int
    seed: int
    level: float
    proportions: str
    subjects: int
    recordings_alone: int
    cautions: list[str]


class Evidence(msgspec.Struct):
    """Confidence intervals, see docs/uncertainty.md; over HTTP there are no subgroups and no limits."""

    method: Method
    requested: dict[str, list[str]]
    limits: list[dict[str, Any]]
    accepted: bool | None
    overall: EvidenceGroup
    subgroups: dict[str, dict[str, EvidenceGroup]]


class Result(msgspec.Struct):
    """The result document, see docs/result.md."""

    schema: str
    version: str
    pairs: int
    duration_seconds: float
    algorithms: Algorithms
    parameters: dict[str, Any]
    warnings: list[Warned]
    inputs: list[InputPair]
    per_pair: list[PairResult] | UnsetType = UNSET
    evidence: Evidence | UnsetType = UNSET
