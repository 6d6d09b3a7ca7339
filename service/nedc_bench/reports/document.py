"""The result document: the same JSON from the command, the service and the library (docs/result.md).

Floats are written in their shortest round-trip form, so that ``==`` survives. NaN and infinity cannot occur; the writer
refuses them.
"""

from __future__ import annotations

import json
from typing import IO, Any

from nedc_bench.errors import as_unicode
from nedc_bench.reports.events import event_documents
from nedc_bench.scoring import CorpusScore, FileId
from nedc_bench.statistics import Table
from nedc_bench.version import __version__

RESULT_NAME = "result.json"
SCHEMA = "nedc-bench/result/1"


def build_document(score: CorpusScore, *, per_pair: bool = False, events: bool = False) -> dict[str, Any]:
    """The result document of ``score``.

    Args:
        score: the figures.
        per_pair: add the figures of each pair.
        events: add the events of each pair, with each algorithm's verdicts.
    """
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "version": __version__,
        "pairs": len(score.scores),
        "duration_seconds": score.duration_seconds,
        "algorithms": _algorithms(score),
        "parameters": score.parameters.to_dict(),
        "warnings": [warning.to_dict() for warning in score.warnings],
        "inputs": input_documents(score),
    }
    if per_pair:
        document["per_pair"] = [_pair(single) for single in score.split()]
    if events:
        document["events"] = list(event_documents(score))
    return document


def input_documents(score: CorpusScore) -> list[dict[str, dict[str, str]]]:
    """The names and hashes of the files of every pair."""
    return [
        {"reference": input_document(pair.reference), "hypothesis": input_document(pair.hypothesis)}
        for pair in score.scores
    ]


def write_json(document: dict[str, Any], file: IO[str]) -> None:
    """Write the document as one line of JSON."""
    json.dump(document, file, allow_nan=False)
    file.write("\n")


def _algorithms(score: CorpusScore) -> dict[str, Any]:
    return {name: result.to_dict() for name, result in score.algorithms.items()}


def input_document(file: FileId | Table) -> dict[str, str]:
    """The name and hash of a file."""
    return {"name": as_unicode(file.name), "sha256": file.sha256}


def _pair(score: CorpusScore) -> dict[str, Any]:
    (pair,) = score.scores
    return {
        "reference": as_unicode(pair.reference.name),
        "hypothesis": as_unicode(pair.hypothesis.name),
        "duration_seconds": score.duration_seconds,
        "algorithms": _algorithms(score),
    }
