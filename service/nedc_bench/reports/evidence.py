"""The evidence document: figures with their uncertainty, their inputs, and the limits that they were checked against.

It records everything needed to reproduce it to the last byte: scorer version, parameters, the inputs' hashes, seed,
replicates (docs/uncertainty.md). Its ``digest`` is the SHA-256 of its text without the digest, so that any changed byte
is detected, even if no figure depends on it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from nedc_bench.annotations.timeline import FILLER
from nedc_bench.reports.document import input_document, input_documents
from nedc_bench.scoring import CorpusScore
from nedc_bench.scoring.burden import Burden, BurdenResult, Delays, detection_delays, pair_burden
from nedc_bench.statistics import Uncertainty
from nedc_bench.statistics.tally import SUMMARY
from nedc_bench.version import __version__

EVIDENCE_NAME = "evidence.json"
SCHEMA = "nedc-bench/evidence/1"
FEW_SUBJECTS = 50  # with fewer, bootstrap intervals are too narrow (docs/uncertainty.md)

SHOWN = ("sensitivity", "precision", "f1", "false_alarms_per_24h")  # in the terminal and on the page


def build_evidence(score: CorpusScore, found: Uncertainty) -> dict[str, Any]:
    """The evidence document of a corpus and its uncertainty."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "version": __version__,
        "pairs": len(score.scores),
        "duration_seconds": score.duration_seconds,
        **evidence_figures(found),
        "burden": _burden(score),
        "parameters": score.parameters.to_dict(),
        "warnings": [warning.to_dict() for warning in score.warnings],
        "participants": None if found.table is None else input_document(found.table),
        "inputs": input_documents(score),
    }
    return document | {"digest": hashlib.sha256(evidence_text(document).encode()).hexdigest()}


def evidence_figures(found: Uncertainty) -> dict[str, Any]:
    """The figures and limits of the evidence document, which a result document holds as ``evidence``."""
    proportions = found.settings.proportions
    return {
        "method": {
            "intervals": "bootstrap of subjects, percentile and BCa; proportions of events also without subjects",
            **found.settings.to_dict(),
            "subjects": found.overall.subjects,
            "recordings_alone": found.recordings_alone,
            "cautions": list(_cautions(found)),
        },
        "requested": {"subgroups": list(found.subgroups), "require": [outcome.limit for outcome in found.outcomes]},
        "limits": [outcome.to_dict() for outcome in found.outcomes],
        "accepted": found.accepted if found.outcomes else None,
        "overall": found.overall.to_dict(proportions),
        "subgroups": {
            column: {name: group.to_dict(proportions) for name, group in groups.items()}
            for column, groups in found.groups.items()
        },
    }


def evidence_text(document: Mapping[str, Any]) -> str:
    """The text of the document's file."""
    return json.dumps(document, allow_nan=False, indent=1) + "\n"


def _burden(score: CorpusScore) -> dict[str, Any]:
    """Detection delay and seizure burden of each class but background, as in `BurdenResult`."""
    document = {}
    for c, label in enumerate(score.parameters.label_map.classes):
        if label == FILLER:
            continue
        sides = [[packed.unpack() for packed in pair.events] for pair in score.scores]
        seconds = [pair.duration_seconds for pair in score.scores]
        delays = [detection_delays(reference, hypothesis, c) for reference, hypothesis in sides]
        reference, hypothesis = (
            Burden.of(
                [pair_burden(own[k], c, s) for own, s in zip(sides, seconds, strict=True)], score.duration_seconds
            )
            for k in range(2)
        )
        late = Delays.of((delay for found, _ in delays for delay in found), sum(missed for _, missed in delays))
        found = BurdenResult(label, len(sides), score.duration_seconds, reference, hypothesis, late).to_dict()
        del found["delay"]["seconds"]  # one value per hit
        document[label] = {name: found[name] for name in ("delay", "burden")}
    return document


def _cautions(found: Uncertainty) -> Iterator[str]:
    """Warnings for the reader of the intervals."""
    groups = [("", found.overall), *((name, group) for own in found.groups.values() for name, group in own.items())]
    for name, group in groups:
        if group.subjects < FEW_SUBJECTS:
            subjects = f"{group.subjects} subject{'' if group.subjects == 1 else 's'}"
            where = f"{name}: " if name else ""
            yield f"{where}{subjects}; intervals of fewer than {FEW_SUBJECTS} subjects are too narrow"
    if found.recordings_alone:
        count = f"{found.recordings_alone} recording{'' if found.recordings_alone == 1 else 's'}"
        yield f"no known subject for {count}; where recordings share subjects, the intervals are too narrow"


def format_evidence(document: Mapping[str, Any]) -> str:
    """The main figures with their intervals as a table, and the limits; figures are rounded for reading."""
    method = document["method"]
    level = f"{100 * method['level']:g} %"
    rows: list[tuple[str, ...]] = [
        ("group", "algorithm", "label", "figure", "estimate", f"{level} by subject", f"{level} {_of(method)}")
    ]
    rows += _rows("all", document["overall"], method["proportions"])
    for groups in document["subgroups"].values():
        for name, group in groups.items():
            rows += _rows(name, group, method["proportions"])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += ["", *(f"caution: {caution}" for caution in method["cautions"])] if method["cautions"] else []
    lines += ["", *map(_limit, document["limits"])] if document["limits"] else []
    return "\n".join(lines)


def _of(method: Mapping[str, Any]) -> str:
    return {"wilson": "Wilson", "clopper_pearson": "Clopper-Pearson"}[method["proportions"]]


def _rows(name: str, group: Mapping[str, Any], proportions: str) -> Iterator[tuple[str, ...]]:
    """The rows of a group: the main figures of every label but background."""
    for algorithm, labels in group["algorithms"].items():
        for label, figures in labels.items():
            if label in {FILLER, SUMMARY}:
                continue
            for figure in (*SHOWN, "kappa"):
                if figure in figures:
                    own = figures[figure]
                    digits = 2 if figure == SHOWN[-1] else 4
                    bounds = (_bounds(own["bca"], digits), _bounds(own.get(proportions), digits))
                    yield (name, algorithm, label, figure, _number(own["estimate"], digits), *bounds)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _bounds(bounds: list[float] | None, digits: int) -> str:
    return "-" if bounds is None else " to ".join(f"{bound:.{digits}f}" for bound in bounds)


def _limit(outcome: Mapping[str, Any]) -> str:
    values = (
        f"{check['group'] or 'all'} {'has no value' if check['value'] is None else check['value']}"
        for check in outcome["checks"]
    )
    return f"{'met' if outcome['met'] else 'NOT MET'}: {outcome['limit']} ({outcome['compared']}: {', '.join(values)})"
