"""Pairing files for scoring: two files, two list files, or two folders.

Source: docs/scoring.md sections 6 and 8; docs/formats.md for folders.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeVar

from nedc_bench.annotations.foreign import looks_like_list
from nedc_bench.annotations.layout import MISSING, SUFFIXES, is_ignored, names_that_count, pair_names
from nedc_bench.annotations.pairs import Pair, Pairing, given_twice, order_warnings
from nedc_bench.annotations.parameters import CHANNELS
from nedc_bench.annotations.reading import HEAD, head_of, lines_of
from nedc_bench.annotations.source import Path, Source, check_path, read_beginning, read_content, read_text
from nedc_bench.checks import check_choice, check_kinds
from nedc_bench.errors import MAX_FINDINGS_PER_FILE, Finding, InputError, quoted, refusal

LIST_SUFFIXES = (".list", ".lst", ".txt")
MAX_PATH_CHARACTERS = 4096

_VARIABLE = re.compile(r"\$(\w+|\{[^}]*\})", re.ASCII)  # as os.path.expandvars recognises them
_ANNOTATION = re.compile(
    r"(?m)^#?[ \t]*+version|^TERM,|^onset[\t,]|^[\[{<]|channel,start_time|^[A-Z][\w ]*+:[ \t]|^\d+[,\t ]"
)

Given = TypeVar("Given")
Read = TypeVar("Read")


def find_pairs(
    reference: Path,
    hypothesis: Path,
    *,
    pattern: str | None = None,
    missing: str = "refuse",
    channels: str = "refuse",
) -> Pairing:
    """Pair two files, two list files (by position) or two folders (by name, with the rule of `pair_names`).

    Args:
        reference: path of a file, a list or a folder, as text or `os.PathLike`.
        hypothesis: path of the same kind.
        pattern: for folders: a hypothesis's base name, from its reference's, such as ``{id}_pred``.
        missing: for folders: ``refuse`` a reference without hypothesis, or score it against an ``empty`` one.
        channels: for folders, as in `Parameters`: with ``union`` a ``.csv`` counts before the ``.csv_bi`` beside it.

    Raises:
        InputError: the two are of different kinds, or a file has no counterpart or is listed twice.
    """
    reference, hypothesis = check_path(reference, "reference"), check_path(hypothesis, "hypothesis")
    check_kinds(pattern=(pattern, str | None))
    check_choice("missing", missing, MISSING, "missing")
    check_choice("channels", channels, CHANNELS)
    (kind, ref), (hypothesis_kind, hyp) = _both_sides(_look, reference, hypothesis)
    if kind != hypothesis_kind:
        message = f"the reference is a {kind} and the hypothesis a {hypothesis_kind}; "
        message += "give two files, two lists or two folders"
        raise refusal("pairing", message)
    if kind != "folder" and (pattern is not None or missing != "refuse"):
        option = "pattern" if pattern is not None else "missing"
        raise refusal("pairing", f"{option} is for two folders; {kind}s are paired by position")
    if kind == "folder":
        pairing = _pair_folders(reference, hypothesis, pattern=pattern, missing=missing, channels=channels)
    elif kind == "list":
        names = {"reference": reference, "hypothesis": hypothesis}
        pairing = _pair_by_position(*_both_sides(lambda side, source: read_list(source, side, names[side]), ref, hyp))
    else:
        pairing = Pairing((Pair(ref, hyp, reference, hypothesis),))
    if os.path.realpath(reference) != os.path.realpath(hypothesis):
        return pairing
    note = f"reference and hypothesis are the same {kind}, so figures are perfect; name the detector's as hypothesis"
    return replace(pairing, notes=(*pairing.notes, note))


def read_list(source: Source, side: str = "", name: str | None = None) -> list[str]:
    """The paths of a list file: one per line; ``#`` lines, blank lines and all white space are ignored.

    ``$NAME`` is replaced from the environment, and ``~`` by the home folder. A relative path is resolved against the
    current folder, or against the list's own folder if no such file exists. A path with blanks is used as written if
    there is no such file without them.

    Raises:
        InputError: the list cannot be read, is empty, or names an environment variable that is not set.
    """
    text = read_text(source, side, name)
    paths: list[str] = []
    faults: list[Finding] = []
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text.text), 1):
        entry = "".join(line.split())
        if not entry or entry.startswith("#"):
            continue
        if len(line) > MAX_PATH_CHARACTERS:
            message = f"{quoted(entry)} has {len(line)} characters; a path has at most {MAX_PATH_CHARACTERS}"
            raise refusal("path", message, side=side, file=text.name, line=number)
        if any(variable.strip("{}") not in os.environ for variable in _VARIABLE.findall(entry)):
            message = f"{quoted(entry)} names an environment variable that is not set"
            faults.append(Finding(side, text.name, number, "variable", message))
            if len(faults) == MAX_FINDINGS_PER_FILE:
                break
        paths.append(_resolve(entry, line.strip(), text.name))
    if faults:
        raise InputError(faults)
    if not paths:
        raise refusal("empty", "lists no file", side=side, file=text.name)
    return paths


def list_files(path: Path, channels: str = "refuse") -> list[str]:
    """The annotation files of one path: the file itself, the files of a list, or those in and below a folder.

    Args:
        channels: as for `find_pairs`.

    Raises:
        InputError: the list or folder cannot be read, or has no annotation file.
    """
    plain = check_path(path)
    try:
        kind, source = _look("", plain)
    except InputError:  # the reader says why it cannot be read
        return [plain]
    if kind == "file":
        return [plain]
    if kind == "list":
        return read_list(source, name=plain)
    names = names_that_count(_names(plain), channels)
    if not names:
        raise refusal("empty", f"holds no annotation file ({', '.join(SUFFIXES[:6])} ...)", file=plain)
    return [os.path.join(plain, name) for name in names]


def _both_sides(read: Callable[[str, Given], Read], reference: Given, hypothesis: Given) -> tuple[Read, Read]:
    """``read(side, given)`` for both sides; the findings of both are reported together."""
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
    """The kind of ``path`` (folder, file or list), and the source to read; a pipe can be read only once."""
    if os.path.isdir(path):
        return "folder", path
    if not is_ignored(os.path.basename(path)):  # the suffix of an annotation
        return "file", path
    whole = None if os.path.isfile(path) else read_content(path, side).data
    beginning = read_beginning(path, HEAD + 1) if whole is None else whole[: HEAD + 1]
    text = head_of(beginning.decode("utf-8", "replace").removeprefix("\ufeff"))
    named = path.casefold().endswith(LIST_SUFFIXES) and not _is_annotation(text)
    kind = "list" if named or looks_like_list(text) or _lists_files(text, path) else "file"
    return kind, path if whole is None else io.BytesIO(whole)


def _is_annotation(text: str) -> bool:
    """Whether a text with the name of a list is really an annotation or another tool's table."""
    return _ANNOTATION.search(text) is not None


def _lists_files(text: str, path: str) -> bool:
    """Whether the lines of a text are existing files."""
    lines = (line.strip() for _, line in lines_of(text))
    entries = list(islice((line for line in lines if not line.startswith("#")), MAX_FINDINGS_PER_FILE))
    return bool(entries) and all(
        len(entry) < MAX_PATH_CHARACTERS and os.path.isfile(_resolve("".join(entry.split()), entry, path))
        for entry in entries
    )


def _resolve(entry: str, written: str, list_path: str) -> str:
    """The path of an entry: without white space, else beside the list, else either as written, else unchanged."""
    expanded = [os.path.expanduser(os.path.expandvars(text)) for text in (entry, written)]
    folder = os.path.dirname(list_path)
    for path in expanded:
        for candidate in (path, os.path.join(folder, path)):
            if os.path.lexists(candidate):
                return candidate
    return expanded[0]


def _pair_by_position(references: Sequence[str], hypotheses: Sequence[str]) -> Pairing:
    faults = [*given_twice(references, "reference"), *given_twice(hypotheses, "hypothesis")]
    if len(references) != len(hypotheses):
        message = f"the lists differ in length: {len(references)} reference and {len(hypotheses)} hypothesis files"
        faults.append(Finding("", "", None, "pairing", message))
        faults += _without_counterpart(references, hypotheses, "reference")
        faults += _without_counterpart(hypotheses, references, "hypothesis")
    if faults:
        raise InputError(faults)
    return Pairing(
        tuple(Pair(reference, hypothesis) for reference, hypothesis in zip(references, hypotheses, strict=True)),
        order_warnings(references, hypotheses),
    )


def _without_counterpart(paths: Sequence[str], others: Sequence[str], side: str) -> list[Finding]:
    names = {os.path.basename(other) for other in others}
    lone = [path for path in paths if os.path.basename(path) not in names]
    other_side = "hypothesis" if side == "reference" else "reference"
    message = f"has no {other_side} file of the same name"
    return [Finding(side, path, None, "pairing", message) for path in lone[:MAX_FINDINGS_PER_FILE]]


def _pair_folders(references: str, hypotheses: str, *, pattern: str | None, missing: str, channels: str) -> Pairing:
    layout = pair_names(
        _names(references),
        _names(hypotheses),
        pattern=pattern,
        missing=missing,
        channels=channels,
        reference_folder=references,
        hypothesis_folder=hypotheses,
    )
    pairs = [
        Pair(os.path.join(references, pair.reference), None, None, f"(none for {pair.reference})")
        if pair.hypothesis is None
        else Pair(os.path.join(references, pair.reference), os.path.join(hypotheses, pair.hypothesis))
        for pair in layout.pairs
    ]
    return Pairing(tuple(pairs), layout.warnings, layout.notes, layout.passed_over)


def _refuse_special(path: str) -> None:
    """Refuse what would be waited for without end, as a FIFO."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise refusal("unreadable", "is not a regular file; a folder must hold files alone", file=path)


def _names(folder: str) -> list[str]:
    """The names of all files in and below ``folder``, relative to it, with ``/``; links are followed."""

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
        for name in names:
            _refuse_special(os.path.join(parent, name))
        found += [os.path.normpath(os.path.join(below, name)).replace(os.sep, "/") for name in names]
    return found
