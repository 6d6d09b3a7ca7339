"""The parts of ``POST /api/v1/evaluate``, once they are read: pairs of files and how to score them."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from nedc_bench.annotations import Parameters, read_parameters
from nedc_bench.annotations.layout import MISSING
from nedc_bench.annotations.parameters import CHANNELS
from nedc_bench.annotations.presets import PRESETS
from nedc_bench.api.archive import read_archive
from nedc_bench.api.errors import ProblemError
from nedc_bench.api.upload import Upload
from nedc_bench.errors import Finding
from nedc_bench.execution import Asked, PairInput, Study
from nedc_bench.jobs.model import PIPELINE
from nedc_bench.scoring import ALGORITHM, ALGORITHMS, check_algorithms
from nedc_bench.statistics import MAX_SEED, MIN_REPLICATES, Settings

REPLICATES, MAX_REPLICATES = 2_000, 5_000  # of a bootstrap; the command takes more
MAX_STUDY_CLASSES = 10


def read_form(
    upload: Upload, max_pairs: int, max_bytes: int, take: Callable[[int], None]
) -> tuple[list[PairInput], Asked]:
    """The request of the parts.

    Raises:
        InputError, ProblemError: the parts are not a valid request.
    """
    pipeline = _single(upload, "pipeline", PIPELINE)
    if pipeline != PIPELINE:
        reason = "runs in CI and by hand only" if pipeline in {"alpha", "dual"} else "is not known"
        raise ProblemError(422, f"pipeline {pipeline[:40]!r} {reason}; send {PIPELINE}, or leave it out")
    names = [name.strip() for text in upload.fields["algorithms"] for name in text.split(",")] or list(ALGORITHMS)
    pairs, warnings = _pairs(upload, max_pairs, max_bytes, take)
    strict, per_pair = _flag(upload, "strict"), _flag(upload, "per_pair")
    parameters = _parameters(upload)
    parameters = replace(parameters, notes=(*parameters.notes, *warnings))
    study = _study(upload, pairs, len(parameters.label_map.classes))
    return pairs, Asked(check_algorithms(names), parameters, strict, per_pair, study)


def _study(upload: Upload, pairs: Sequence[PairInput], classes: int) -> Study | None:
    """The intervals that are asked for, within bounds; generated clients always send seed and replicates."""
    seed = _number(upload, "seed", Settings().seed, 0, MAX_SEED)
    replicates = _number(upload, "replicates", REPLICATES, MIN_REPLICATES, MAX_REPLICATES)
    if not _flag(upload, "evidence"):
        return None
    if classes > MAX_STUDY_CLASSES:
        detail = f"evidence is limited to {MAX_STUDY_CLASSES} classes here, and [MAP] has {classes}"
        raise ProblemError(422, f"{detail}; the command nedc-bench evidence takes any number")
    return Study.of(seed, replicates, (pair.reference_name for pair in pairs))


def _pairs(
    upload: Upload, max_pairs: int, max_bytes: int, take: Callable[[int], None]
) -> tuple[list[PairInput], tuple[Finding, ...]]:
    references, hypotheses, archives = (upload.files[name] for name in ("reference", "hypothesis", "archive"))
    if archives:
        if references or hypotheses or len(archives) > 1:
            raise ProblemError(422, "send either one archive, or reference and hypothesis files")
        (name, data) = archives[0]
        pattern, missing = _single(upload, "pattern", "") or None, _single(upload, "missing", "refuse")
        limits: dict[str, Any] = {"max_pairs": max_pairs, "max_bytes": max_bytes, "take": take}
        return read_archive(name, data, pattern=pattern, missing=missing, **limits)
    if upload.fields["pattern"] or _single(upload, "missing", "refuse") != "refuse":
        raise ProblemError(422, "pattern and missing pair the files of an archive; send one")
    if len(references) != len(hypotheses) or not references:
        count = f"{len(references)} reference and {len(hypotheses)} hypothesis"
        raise ProblemError(422, f"send as many reference as hypothesis files, at least one of each; these are {count}")
    return [
        PairInput.of(bytes(ref), ref_name, bytes(hyp), hyp_name)
        for (ref_name, ref), (hyp_name, hyp) in zip(references, hypotheses, strict=True)
    ], ()


def _parameters(upload: Upload) -> Parameters:
    files = upload.files["parameters"]
    if len(files) > 1:
        raise ProblemError(422, "send at most one parameter file")
    parameters = read_parameters(io.BytesIO(files[0][1]), files[0][0]) if files else Parameters()
    given: dict[str, Any] = {}
    if labels := _single(upload, "labels", ""):
        if labels not in PRESETS:
            raise ProblemError(422, f"labels must be one of {', '.join(PRESETS)}; send others in parameters, as [MAP]")
        given["label_map"] = PRESETS[labels]
    if channels := _single(upload, "channels", ""):
        given["channels"] = channels
    if tolerance := _single(upload, "duration_tolerance", ""):
        try:
            given["duration_tolerance"] = float(tolerance)
        except ValueError:
            raise ProblemError(422, f"duration_tolerance must be seconds, not {tolerance[:40]!r}") from None
    return replace(parameters, **given)


def _single(upload: Upload, name: str, default: str) -> str:
    values = upload.fields[name]
    if len(values) > 1:
        raise ProblemError(422, f"{name} is given {len(values)} times")
    return values[0] if values else default


def _number(upload: Upload, name: str, default: int, low: int, high: int) -> int:
    text = _single(upload, name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(high)) and low <= int(text) <= high):
        raise ProblemError(422, f"{name} must be a whole number from {low} to {high}, not {text[:40]!r}")
    return int(text)


def _flag(upload: Upload, name: str) -> bool:
    text = _single(upload, name, "false").lower()
    if text not in {"true", "false"}:
        raise ProblemError(422, f"{name} must be true or false, not {text[:40]!r}")
    return text == "true"


def form_schema() -> dict[str, Any]:
    """The parts in the OpenAPI document."""
    file = {"type": "string", "format": "binary"}  # the form that client generators and the page understand
    files = {"type": "array", "minItems": 1, "items": file}
    flag = {"type": "string", "enum": ["true", "false"], "default": "false"}
    properties = {
        "reference": files | {"description": "Annotation files; the n-th is paired with the n-th hypothesis."},
        "hypothesis": files | {"description": "Annotation files, as many as references."},
        "archive": file | {"description": "Instead of both: a tar or zip with ref/ and hyp/, paired by name."},
        "algorithms": {
            "type": "array",
            "items": {"type": "string", "enum": [*ALGORITHM, "all"]},
            "default": ["all"],
            "description": "The algorithms to run.",
        },
        "pipeline": {
            "type": "string",
            "enum": ["beta"],
            "default": "beta",
            "description": "The original tool runs in CI and by hand only.",
        },
        "parameters": file | {"description": "The original's TOML parameter file."},
        "strict": flag | {"description": "Turn warnings into errors."},
        "per_pair": flag | {"description": "Add the figures of each pair."},
        "missing": {
            "type": "string",
            "enum": list(MISSING),
            "default": "refuse",
            "description": "Of an archive: refuse a reference without hypothesis, or score it as one without events.",
        },
        "pattern": {"type": "string", "description": "Of an archive: a hypothesis's name, as in {id}_pred."},
        "labels": {"type": "string", "enum": list(PRESETS), "description": "A preset label map."},
        "channels": {
            "type": "string",
            "enum": list(CHANNELS),
            "description": "Refuse per-channel events, or score their union.",
        },
        "duration_tolerance": {"type": "number", "minimum": 0, "description": "Seconds by which durations may differ."},
        "evidence": flag | {"description": "Add confidence intervals, by a bootstrap of subjects."},
        "seed": {"type": "integer", "minimum": 0, "maximum": MAX_SEED, "default": 0, "description": "Of evidence."},
        "replicates": {"type": "integer", "minimum": MIN_REPLICATES, "maximum": MAX_REPLICATES, "default": REPLICATES},
    }
    neither = {"not": {"anyOf": [{"required": [name]} for name in ("reference", "archive")]}}
    return {
        "type": "object",
        "description": "What to score: pairs of files, or an archive of them.",
        "properties": properties,
        "additionalProperties": False,
        "dependentRequired": {"reference": ["hypothesis"], "hypothesis": ["reference"]},
        # a oneOf would be clearer, but client generators turn it into an untyped body
        "not": {"anyOf": [{"required": ["archive", "reference"]}, {"required": ["archive", "hypothesis"]}, neither]},
    }
