"""The parts of ``POST /api/v1/evaluate``, once they are read: pairs of files and how to score them."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from nedc_bench.annotations import Parameters, read_parameters
from nedc_bench.annotations.layout import MISSING
from nedc_bench.annotations.pairs import order_warnings
from nedc_bench.annotations.parameters import CHANNELS, MAX_TOLERANCE_SECONDS
from nedc_bench.annotations.presets import PRESETS
from nedc_bench.api.archive import read_archive
from nedc_bench.api.fields import Fields
from nedc_bench.api.upload import Upload
from nedc_bench.checks import parsed_number
from nedc_bench.errors import MAX_FINDINGS_PER_FILE, Finding, quoted, refusal
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
        InputError: the parts are not a valid request; every fault is named.
        ProblemError: 503, there is no memory left.
    """
    form = _Form(upload)
    pipeline = form.single("pipeline", PIPELINE).lower()
    if pipeline != PIPELINE:
        reason = "runs in CI and by hand only" if pipeline in {"alpha", "dual"} else "is not known"
        form.fault(f"pipeline {pipeline[:40]!r} {reason}; send {PIPELINE}, or leave it out")
    names = [name.strip().lower() for text in form.texts("algorithms") for name in text.split(",")] or list(ALGORITHMS)
    algorithms = form.read(ALGORITHMS, lambda: check_algorithms(names))
    strict, per_pair = form.flag("strict"), form.flag("per_pair")
    parameters = form.read(Parameters(), lambda: _parameters(form))
    evidence = _evidence(form, len(parameters.label_map.classes))
    limits: dict[str, Any] = {"max_pairs": max_pairs, "max_bytes": max_bytes, "take": take}
    nothing: tuple[list[PairInput], tuple[Finding, ...]] = [], ()
    pairs, warnings = form.read(nothing, lambda: _pairs(form, parameters.channels, limits))
    form.check()
    study = None if evidence is None else Study.of(*evidence, (pair.reference_name for pair in pairs))
    parameters = replace(parameters, notes=(*parameters.notes, *warnings))
    return pairs, Asked(algorithms, parameters, strict, per_pair, study)


class _Form(Fields):
    """The fields of a form, with its files."""

    def __init__(self, upload: Upload) -> None:
        super().__init__("form", upload.fields, lenient=True)
        self.files = upload.files


def _evidence(form: _Form, classes: int) -> tuple[int, int] | None:
    """Seed and replicates of the intervals that are asked for; generated clients always send both."""
    seed = form.whole("seed", Settings().seed, 0, MAX_SEED)
    replicates = form.whole("replicates", REPLICATES, MIN_REPLICATES, MAX_REPLICATES)
    if not form.flag("evidence"):
        return None
    if classes > MAX_STUDY_CLASSES:
        message = f"evidence is limited to {MAX_STUDY_CLASSES} classes here, and [MAP] has {classes}"
        form.fault(f"{message}; the command nedc-bench evidence takes any number")
    return seed, replicates


def _pairs(form: _Form, channels: str, limits: dict[str, Any]) -> tuple[list[PairInput], tuple[Finding, ...]]:
    references, hypotheses, archives = (form.files[name] for name in ("reference", "hypothesis", "archive"))
    pattern, missing = form.single("pattern", "") or None, form.choice("missing", MISSING, MISSING[0])
    if archives:
        if references or hypotheses or len(archives) > 1:
            raise refusal("form", "send either one archive, or reference and hypothesis files")
        (name, data) = archives[0]
        return read_archive(name, data, pattern=pattern, missing=missing, channels=channels, **limits)
    if pattern is not None or missing != MISSING[0]:
        form.fault("pattern and missing pair the files of an archive; send one")
    if len(references) != len(hypotheses) or not references:
        count = f"{len(references)} reference and {len(hypotheses)} hypothesis"
        raise refusal("form", f"send as many reference as hypothesis files, at least one of each; these are {count}")
    pairs = [
        PairInput.of(bytes(ref), ref_name, bytes(hyp), hyp_name)
        for (ref_name, ref), (hyp_name, hyp) in zip(references, hypotheses, strict=True)
    ]
    order = order_warnings([name for name, _ in references], [name for name, _ in hypotheses])
    return pairs, (*order, *_sent_twice(pairs))


def _sent_twice(pairs: list[PairInput]) -> list[Finding]:
    """Warnings about pairs of the same names and contents; names alone may be those of different folders."""
    counted = Counter((pair.names, pair.reference_sha256, pair.hypothesis_sha256) for pair in pairs)
    repeated = [(names, count) for (names, *_), count in counted.items() if count > 1]
    message = "and its hypothesis {} are sent {} times and count {} times; send each pair once"
    return [
        Finding("reference", reference, None, "twice", message.format(quoted(hypothesis), count, count))
        for (reference, hypothesis), count in repeated[:MAX_FINDINGS_PER_FILE]
    ]


def _parameters(form: _Form) -> Parameters:
    given: dict[str, Any] = {}
    if labels := form.choice("labels", PRESETS, None, "; send others in parameters, as [MAP]"):
        given["label_map"] = PRESETS[labels]
    if channels := form.choice("channels", CHANNELS, None):
        given["channels"] = channels
    if tolerance := form.single("duration_tolerance", ""):
        try:
            given["duration_tolerance"] = parsed_number(tolerance)
        except ValueError:
            form.fault(f"duration_tolerance must be seconds, not {tolerance[:40]!r}")
    files = form.files["parameters"]
    if len(files) > 1:
        raise refusal("form", "send at most one parameter file")
    return replace(read_parameters(io.BytesIO(files[0][1]), files[0][0]) if files else Parameters(), **given)


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
            "uniqueItems": True,
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
        "pattern": {
            "type": "string",
            "pattern": r"\{id\}",
            "description": "Of an archive: a hypothesis's name; {id} stands for its reference's, as in {id}_pred.",
        },
        "labels": {"type": "string", "enum": list(PRESETS), "description": "A preset label map."},
        "channels": {
            "type": "string",
            "enum": list(CHANNELS),
            "description": "Refuse per-channel events, or score their union.",
        },
        "duration_tolerance": {
            "type": "number",
            "minimum": 0,
            "maximum": MAX_TOLERANCE_SECONDS,
            "description": "Seconds by which durations may differ.",
        },
        "evidence": flag | {"description": "Add confidence intervals, by a bootstrap of subjects."},
        "seed": {"type": "integer", "minimum": 0, "maximum": MAX_SEED, "default": 0, "description": "Of evidence."},
        "replicates": {"type": "integer", "minimum": MIN_REPLICATES, "maximum": MAX_REPLICATES, "default": REPLICATES},
    }
    neither = {"not": {"anyOf": [{"required": [name]} for name in ("reference", "archive")]}}
    return {
        "type": "object",
        "description": "What to score: pairs of files, or an archive of them. An empty text counts as not sent.",
        "properties": properties,
        "additionalProperties": False,
        "dependentRequired": {"reference": ["hypothesis"], "hypothesis": ["reference"]},
        # a oneOf would be clearer, but client generators turn it into an untyped body
        "not": {"anyOf": [{"required": ["archive", "reference"]}, {"required": ["archive", "hypothesis"]}, neither]},
    }
