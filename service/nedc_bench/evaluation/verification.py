"""Verification: whether this version computes the same document from the files, byte for byte.

The parameters in a document are compared with the given ones first, and never trusted. The seed, replicates, subgroups
and limits of an evidence document are taken from the document, which its digest protects. A file may be given under
another spelling of the path in the document, such as ``./ref/a.csv_bi`` for ``ref/a.csv_bi``.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from typing import Any, TypeVar

from nedc_bench.annotations import Pair, Pairing, Parameters
from nedc_bench.annotations.source import Path, read_content
from nedc_bench.checks import check_kinds
from nedc_bench.errors import as_unicode, quoted, refusal
from nedc_bench.evaluation.corpus import Result, score_corpus
from nedc_bench.evaluation.differences import explain, file_names, other_parameters
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
    """The differences between a document and the one computed from the files, causes first; empty if all bytes match.

    Args:
        document: the path of a ``result.json`` or ``evidence.json``.
        pairing: the files, under the names that the document was made with.
        parameters: the parameters that it was made with; None means the original's defaults.
        table: the table of subjects that it was made with, if any.

    Raises:
        InputError: the document was not written by nedc-bench, or the files are refused.
    """
    check_kinds(document=(document, str | os.PathLike))
    check_kinds(pairing=(pairing, Pairing), parameters=(parameters, Parameters | None), table=(table, Table | None))
    if os.path.isdir(document):
        raise refusal("document", "is a folder; give the result.json or evidence.json in it", file=str(document))
    content = read_content(document)
    if hashlib.sha256(content.data).hexdigest() != content.sha256:
        raise refusal("document", "is compressed; give the document itself", file=content.name)
    written = _parsed(content.data, content.name)
    if written["version"] != __version__:
        return [f"version: {quoted(str(written['version']))} made it, this is {__version__}; verify it with the former"]
    parameters = Parameters() if parameters is None else parameters
    algorithms = _algorithms(written, content.name)
    if other := other_parameters(written, parameters.to_dict()):
        return other
    pairing, table = _as_spelled(pairing, table, written)
    result = score_corpus(pairing, algorithms=algorithms, parameters=parameters)
    made: dict[str, Any]
    if written["schema"] == RESULT:
        made = build_document(result, per_pair="per_pair" in written, events="events" in written)
        text = json.dumps(made, allow_nan=False) + "\n"
    else:
        made = _evidence(written, content.name, result, table)
        text = evidence_text(made)
    if content.data == text.encode():
        return []
    return explain(written, json.loads(text)) or [_first_byte(content.data, text.encode())]


def _as_spelled(pairing: Pairing, table: Table | None, written: dict[str, Any]) -> tuple[Pairing, Table | None]:
    """The files with their paths spelled as in the document, where both name the same paths."""
    spelled: dict[str, str] = {}
    pairs = list(pairing.pairs)
    for k, names in enumerate(file_names(written, len(pairs)) or []):
        pairs[k] = _spelled_pair(pairs[k], names, spelled)
    warnings, passed_over = (
        tuple(replace(found, file=spelled.get(found.file, found.file)) for found in own)
        for own in (pairing.warnings, pairing.passed_over)
    )
    participants = written.get("participants")
    name = participants.get("name") if isinstance(participants, dict) else None
    if table is not None and isinstance(name, str) and _is_same_path(name, table.name):
        table = replace(table, name=name)
    return replace(pairing, pairs=tuple(pairs), warnings=warnings, passed_over=passed_over), table


def _spelled_pair(pair: Pair, names: tuple[str, str], spelled: dict[str, str]) -> Pair:
    own = []
    given = (pair.reference, pair.reference_name), (pair.hypothesis, pair.hypothesis_name)
    for (source, name), other in zip(given, names, strict=True):
        path = os.fspath(source) if isinstance(source, (str, os.PathLike)) else ""
        same = bool(path) and name in {None, path} and _is_same_path(path, other)
        if same:
            spelled[path] = other
        own.append(other if same else name)
    return replace(pair, reference_name=own[0], hypothesis_name=own[1])


def _is_same_path(one: str, other: str) -> bool:
    return bool(one and other) and as_unicode(os.path.abspath(one)) == as_unicode(os.path.abspath(other))


def _evidence(written: dict[str, Any], name: str, result: Result, table: Table | None) -> dict[str, Any]:
    """The evidence document with the settings, subgroups and limits of the written one."""
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
        message = f"is not a JSON document ({error}); give the result.json or evidence.json that belongs to it"
        raise refusal("document", message, file=name) from None
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


def _first_byte(data: bytes, made: bytes) -> str:
    """The first difference between texts with the same meaning."""
    shared = min(len(data), len(made))
    place = next((k for k in range(shared) if data[k] != made[k]), shared)
    return f"byte {place}: the text differs where its meaning does not (white space, order, or how a number is written)"
