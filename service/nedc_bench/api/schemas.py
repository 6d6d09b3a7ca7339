"""The result document as types, from which the OpenAPI document has its schemas; nothing is decoded by them.

A test decodes what the service answers strictly, so that no field is missing here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from nedc_bench.scoring import Figures as _Figures

if TYPE_CHECKING:
    Figures = _Figures
else:
    Figures = msgspec.defstruct("Figures", [(name, float) for name in _Figures._fields])
    Figures.__doc__ = "The figures of a label, or of all together."

Confusion = dict[str, dict[str, float]]


class Scores(msgspec.Struct):
    """What an algorithm found, by label and together."""

    labels: dict[str, Figures]
    summary: Figures
    confusion: Confusion | UnsetType = UNSET


class Agreement(msgspec.Struct):
    """How far both sides agree: Cohen's kappa."""

    confusion: Confusion
    kappa: dict[str, float]
    multi_class_kappa: float


class SzcoreFigures(msgspec.Struct):
    """The figures of a label in SzCORE's scoring; a rate is null where it has no value."""

    targets: int
    tp: int
    fp: int
    fn: int
    sensitivity: float | None
    precision: float | None
    f1: float | None
    false_alarms_per_24h: float | None


class Spread(msgspec.Struct):
    """A rate over subjects: mean and standard deviation."""

    mean: float | None
    sd: float | None


class Subjects(msgspec.Struct):
    """Averages over subjects: how many there are, and each rate of each label."""

    count: int
    labels: dict[str, dict[str, Spread]]


class SzcoreScores(msgspec.Struct):
    """What one of SzCORE's algorithms found, by label and together, and over subjects where they are known."""

    labels: dict[str, SzcoreFigures]
    summary: SzcoreFigures
    subjects: Subjects | UnsetType = UNSET


class Algorithms(msgspec.Struct):
    """The algorithms that were asked for."""

    dp: Scores | UnsetType = UNSET
    epoch: Scores | UnsetType = UNSET
    overlap: Scores | UnsetType = UNSET
    taes: Scores | UnsetType = UNSET
    ira: Agreement | UnsetType = UNSET
    szcore_event: SzcoreScores | UnsetType = msgspec.field(name="szcore-event", default=UNSET)
    szcore_sample: SzcoreScores | UnsetType = msgspec.field(name="szcore-sample", default=UNSET)


class Warned(msgspec.Struct):
    """What is unusual about an input, and was scored all the same."""

    side: str
    file: str
    line: int | None
    code: str
    message: str


class InputFile(msgspec.Struct):
    """A file that was scored."""

    name: str
    sha256: str


class InputPair(msgspec.Struct):
    """Both files of a pair."""

    reference: InputFile
    hypothesis: InputFile


class PairResult(msgspec.Struct):
    """The figures of a pair by itself."""

    reference: str
    hypothesis: str
    duration_seconds: float
    algorithms: Algorithms


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
