"""Verification: whether a document is, byte for byte, what this version makes of the files.

What a result document says of parameters is compared with those that are given, and never believed. Of an evidence
document, seed, replicates, subgroups and limits are taken from the document, which its digest guards.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, TypeVar

from nedc_bench.annotations import Pairing, Parameters
from nedc_bench.annotations.source import Path, read_content
from nedc_bench.errors import quoted, refusal
from nedc_bench.evaluation.corpus import Result, score_corpus
from nedc_bench.reports import build_document, build_evidence, evidence_text
from nedc_bench.reports.document import SCHEMA as RESULT
from nedc_bench.reports.evidence import SCHEMA as EVIDENCE
from nedc_bench.scoring import ALGORITHM
from nedc_bench.statistics import Settings, Table, uncertainty
from nedc_bench.version import __version__

T = TypeVar("T")


def verify(
    document: Path, pairing: Pairing, *, parameters: Parameters | None = None, table: Table | None = None
) -> list[str]:
    """What differs between a document and what the files give; nothing, when it is right to the last byte.

    Args:
        document: the path of a ``result.json`` or ``evidence.json``.
        pairing: the files, under the names that the document was made with.
        parameters: what it was made with; the original's defaults, when None.
        table: the table of subjects that it was made with, if any.

    Raises:
        InputError: the document is none of ours, or the files are refused.
    """
    content = read_content(document)
    if hashlib.sha256(content.data).hexdigest() != content.sha256:
        raise refusal("document", "is compressed; give the document itself", file=content.name)
    written = _parsed(content.data, content.name)
    if written["version"] != __version__:
        return [f"version: {quoted(str(written['version']))} made it, this is {__version__}; verify it with the former"]
    parameters = Parameters() if parameters is None else parameters
    result = score_corpus(pairing, algorithms=_algorithms(written, content.name), parameters=parameters)
    made: dict[str, Any]
    if written["schema"] == RESULT:
        made = build_document(result, per_pair="per_pair" in written, events="events" in written)
        text = json.dumps(made, allow_nan=False) + "\n"
    else:
        made = _evidence(written, content.name, result, table)
        text = evidence_text(made)
    if content.data == text.encode():
        return []
    return list(_differences(written, made, "")) or [_first_byte(content.data, text.encode())]


def _evidence(written: dict[str, Any], name: str, result: Result, table: Table | None) -> dict[str, Any]:
    """The evidence document with the settings, subgroups and limits of the one that is written."""
    method, requested = (_part(written, key, dict, name) for key in ("method", "requested"))
    settings = Settings(
        _part(method, "replicates", int, name),
        _part(method, "seed", int, name),
        _part(method, "level", float, name),
        _part(method, "proportions", str, name),
    )
    subgroups, limits = (_texts(requested, key, name) for key in ("subgroups", "require"))
    found = uncertainty(result, settings=settings, table=table, subgroups=subgroups, require=limits)
    return build_evidence(result, found)


def _parsed(data: bytes, name: str) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise refusal("document", f"is no JSON document: {error}", file=name) from None
    if not isinstance(document, dict) or document.get("schema") not in {RESULT, EVIDENCE} or "version" not in document:
        message = f"is neither a result document ({RESULT}) nor an evidence document ({EVIDENCE})"
        raise refusal("document", message, file=name)
    return document


def _algorithms(document: dict[str, Any], name: str) -> list[str]:
    holder = document if document["schema"] == RESULT else _part(document, "overall", dict, name)
    algorithms = list(_part(holder, "algorithms", dict, name))
    if not algorithms or not set(algorithms) <= set(ALGORITHM):
        raise refusal("document", f"names algorithms that are not known: {quoted(', '.join(algorithms))}", file=name)
    return algorithms


def _part(document: dict[str, Any], key: str, kind: type[T], name: str) -> T:
    value = document.get(key)
    if key not in document or not isinstance(value, kind):
        raise refusal("document", f"has no {quoted(key)}, or not as nedc-bench writes it", file=name)
    return value


def _texts(document: dict[str, Any], key: str, name: str) -> list[str]:
    texts = _part(document, key, list, name)
    if not all(isinstance(text, str) for text in texts):
        raise refusal("document", f"{quoted(key)} holds something other than text", file=name)
    return texts


def _differences(written: Any, made: Any, place: str) -> Iterator[str]:
    """Where two documents differ, as ``algorithms.taes.labels.seiz.tp: 3.0 is written, 2.5 is right``."""
    if isinstance(written, dict) and isinstance(made, dict):
        for key in dict.fromkeys((*made, *written)):
            where = f"{place}.{key}" if place else str(key)
            if key not in made:
                yield f"{where}: is written, and does not belong there"
            elif key not in written:
                yield f"{where}: is missing"
            else:
                yield from _differences(written[key], made[key], where)
    elif isinstance(written, list) and isinstance(made, list) and len(written) == len(made):
        for k, (one, other) in enumerate(zip(written, made, strict=True)):
            yield from _differences(one, other, f"{place}[{k}]")
    elif type(written) is not type(made) or written != made:
        yield f"{place}: {_shown(written)} is written, {_shown(made)} is right"


def _shown(value: Any) -> str:
    return quoted(json.dumps(value))[1:-1]


def _first_byte(data: bytes, made: bytes) -> str:
    """Where texts differ that mean the same."""
    shared = min(len(data), len(made))
    place = next((k for k in range(shared) if data[k] != made[k]), shared)
    return f"byte {place}: the text differs where its meaning does not (white space, order, or how a number is written)"
