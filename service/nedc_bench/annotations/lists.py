"""Which files are scored against which: two files, two list files, or two folders.

Source: docs/scoring.md sections 6 and 8.
"""

from __future__ import annotations

import io
import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from nedc_bench.annotations.csv_bi import COLUMNS, VERSION
from nedc_bench.annotations.recording import Recording
from nedc_bench.annotations.source import Source, read_bytes, read_text
from nedc_bench.errors import MAX_FINDINGS_PER_FILE, Finding, InputError, quoted, refusal

SUFFIX = ".csv_bi"

_VARIABLE = re.compile(r"\$(\w+|\{[^}]*\})", re.ASCII)  # as os.path.expandvars sees them

Given = TypeVar("Given")
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Pair:
    """A reference and a hypothesis, and the names they go by in messages and reports."""

    reference: Source | Recording
    hypothesis: Source | Recording
    reference_name: str | None = None
    hypothesis_name: str | None = None


@dataclass(frozen=True, slots=True)
class Pairing:
    """The pairs of a corpus in scoring order, and what was noticed about the lists."""

    pairs: tuple[Pair, ...]
    warnings: tuple[Finding, ...] = ()


def find_pairs(reference: str, hypothesis: str) -> Pairing:
    """The pairs of two files, of two list files (by position) or of two folders (by relative name).

    Raises:
        InputError: the two are of different kinds, or some file has no counterpart or is listed twice.
    """
    (kind, ref), (hypothesis_kind, hyp) = _both_sides(_look, reference, hypothesis)
    if kind != hypothesis_kind:
        message = f"the reference is a {kind} and the hypothesis a {hypothesis_kind}; give two of the same"
        raise refusal("pairing", message)
    if kind == "folder":
        return _pair_by_name(reference, hypothesis)
    if kind == "list":
        names = {"reference": reference, "hypothesis": hypothesis}
        return _pair_by_position(*_both_sides(lambda side, source: read_list(source, side, names[side]), ref, hyp))
    return Pairing((Pair(ref, hyp, reference, hypothesis),))


def read_list(source: Source, side: str = "", name: str | None = None) -> list[str]:
    """The paths of a list file: one a line; ``#`` lines, blank lines and all white space are ignored.

    ``$NAME`` is replaced from the environment. A relative path that does not lead anywhere from the current
    folder is taken from the list's own.

    Raises:
        InputError: the list cannot be read, is empty, or names an environment variable that is not set.
    """
    text = read_text(source, side, name)
    paths: list[str] = []
    faults: list[Finding] = []
    for number, line in enumerate(text.text.split("\n"), 1):
        entry = "".join(line.split())
        if not entry or entry.startswith("#"):
            continue
        if any(variable.strip("{}") not in os.environ for variable in _VARIABLE.findall(entry)):
            message = f"{quoted(entry)} names an environment variable that is not set"
            faults.append(Finding(side, text.name, number, "variable", message))
            if len(faults) == MAX_FINDINGS_PER_FILE:
                break
        paths.append(_resolve(os.path.expandvars(entry), text.name))
    if faults:
        raise InputError(faults)
    if not paths:
        raise refusal("empty", "lists no file", side=side, file=text.name)
    return paths


def _both_sides(read: Callable[[str, Given], Read], reference: Given, hypothesis: Given) -> tuple[Read, Read]:
    """``read(side, given)`` of both sides; what refuses either is reported together."""
    results: list[Read] = []
    faults: list[Finding] = []
    for side, given in (("reference", reference), ("hypothesis", hypothesis)):
        try:
            results.append(read(side, given))
        except InputError as error:
            faults += error.findings
    if faults:
        raise InputError(faults)
    return results[0], results[1]


def _look(side: str, path: str) -> tuple[str, Source]:
    """Whether ``path`` is a folder, a file or a list, and what to read it from: a pipe can be read only once."""
    if os.path.isdir(path):
        return "folder", path
    if path.endswith(SUFFIX):
        return "file", path
    data = read_bytes(path, path, side)
    text = read_text(io.BytesIO(data), side, path).text
    kind = "file" if VERSION in text.partition("\n")[0] or COLUMNS in text else "list"
    return kind, path if os.path.isfile(path) else io.BytesIO(data)


def _resolve(entry: str, list_path: str) -> str:
    beside = os.path.join(os.path.dirname(list_path), entry)
    return beside if not os.path.exists(entry) and os.path.exists(beside) else entry


def _pair_by_position(references: Sequence[str], hypotheses: Sequence[str]) -> Pairing:
    faults = [*_listed_twice(references, "reference"), *_listed_twice(hypotheses, "hypothesis")]
    if len(references) != len(hypotheses):
        message = f"the lists differ in length: {len(references)} reference and {len(hypotheses)} hypothesis files"
        faults.append(Finding("", "", None, "pairing", message))
        faults += _without_counterpart(references, hypotheses, "reference")
        faults += _without_counterpart(hypotheses, references, "hypothesis")
    if faults:
        raise InputError(faults)
    return Pairing(
        tuple(Pair(reference, hypothesis) for reference, hypothesis in zip(references, hypotheses, strict=True)),
        _order_warnings(references, hypotheses),
    )


def _listed_twice(paths: Sequence[str], side: str) -> list[Finding]:
    repeated = [path for path, count in Counter(map(os.path.normpath, paths)).items() if count > 1]
    return [Finding(side, path, None, "twice", "is listed twice") for path in repeated[:MAX_FINDINGS_PER_FILE]]


def _without_counterpart(paths: Sequence[str], others: Sequence[str], side: str) -> list[Finding]:
    names = {os.path.basename(other) for other in others}
    lone = [path for path in paths if os.path.basename(path) not in names]
    other_side = "hypothesis" if side == "reference" else "reference"
    message = f"has no {other_side} file of the same name"
    return [Finding(side, path, None, "pairing", message) for path in lone[:MAX_FINDINGS_PER_FILE]]


def _order_warnings(references: Sequence[str], hypotheses: Sequence[str]) -> tuple[Finding, ...]:
    """Lists are paired by position, as in the original; same names at other positions look like a mistake."""
    names = [os.path.basename(path) for path in hypotheses]
    known = set(names)
    for reference, name in zip(references, names, strict=True):
        own = os.path.basename(reference)
        if own != name and own in known:
            message = (
                f"is paired with {quoted(name)} by position, while {quoted(own)} stands elsewhere in the other list"
            )
            return (Finding("reference", reference, None, "list-order", message),)
    return ()


def _pair_by_name(references: str, hypotheses: str) -> Pairing:
    ours, theirs = annotation_files(references), annotation_files(hypotheses)
    faults = [
        Finding(side, os.path.join(folder, name), None, "pairing", f"has no counterpart in {other}")
        for side, folder, other, lone in (
            ("reference", references, hypotheses, sorted({*ours} - {*theirs})),
            ("hypothesis", hypotheses, references, sorted({*theirs} - {*ours})),
        )
        for name in lone[:MAX_FINDINGS_PER_FILE]
    ]
    if not ours and not theirs:
        raise refusal("empty", f"has no {SUFFIX} file", side="reference", file=references)
    if faults:
        raise InputError(faults)
    return Pairing(tuple(Pair(os.path.join(references, name), os.path.join(hypotheses, name)) for name in ours))


def annotation_files(folder: str) -> list[str]:
    """The sorted names of the annotation files in and below ``folder``, relative to it; links are followed.

    Raises:
        InputError: a folder cannot be listed.
    """

    def refuse(error: OSError) -> None:
        raise refusal("unreadable", f"cannot be listed: {error.strerror}", file=str(error.filename)) from None

    found = []
    seen: set[str] = set()
    for parent, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:  # a link back
            folders.clear()
            continue
        seen.add(real)
        below = os.path.relpath(parent, folder)
        found += [os.path.normpath(os.path.join(below, name)) for name in names if name.endswith(SUFFIX)]
    return sorted(found)
