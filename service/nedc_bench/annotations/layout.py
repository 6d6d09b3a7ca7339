r"""Pairing the file names of two trees: one rule for folders, lists of names and archives, without I/O.

Names are relative, with ``/`` (an archive made by Windows may hold ``\``). The annotations of a side:

- A name must end in an annotation's suffix (`SUFFIXES`, in any case, optionally with ``.gz``). Other files are ignored:
  hidden files, ``__MACOSX/``, ``._*``, ``Thumbs.db``, signals, BIDS tables of channels and participants.
- If a recording has several files (TUSZ has ``.csv`` beside ``.csv_bi``), the first of `SUFFIXES` counts.
- A BIDS sidecar (``_eeg.json``) without an ``_events.tsv`` is a reference without events, never a hypothesis.

Two files pair if their names without suffix are equal: with their folders; else by base name, if base names are unique
on both sides (a tree against a flat folder); else ignoring case. Pairs have the order of the references.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nedc_bench.errors import MAX_FINDINGS_PER_FILE, Finding, InputError, quoted, refusal

EVENTS_SUFFIX = "_events.tsv"
SIDECAR_SUFFIXES = ("_eeg.json", "_ieeg.json")
EDF_SUFFIXES = (".edf", ".bdf")
# In order of preference: annotations of all channels before those of single channels.
_PLAIN = (".csv_bi", EVENTS_SUFFIX, ".tse_bi", ".csv", ".tse", ".tsv", ".lbl_bi", ".lbl")
SUFFIXES = (*_PLAIN, *SIDECAR_SUFFIXES, *EDF_SUFFIXES)
OFTEN_OTHER = frozenset({".csv", ".tsv"})  # suffixes that other tables have too
BIDS_TABLES = ("participants.tsv", "samples.tsv", "_channels.tsv", "_electrodes.tsv", "_scans.tsv", "_sessions.tsv")
BIDS_ASIDE = frozenset({"derivatives", "sourcedata", "code", "phenotype", "stimuli"})
FOREIGN = frozenset({"thumbs.db", "desktop.ini"})
SIDES = {
    "reference": frozenset({"ref", "refs", "reference", "references"}),
    "hypothesis": frozenset({"hyp", "hyps", "hypothesis", "hypotheses"}),
}
MISSING = ("refuse", "empty")


class NamePair(NamedTuple):
    """The names of a reference and its hypothesis; None is scored as a hypothesis without events."""

    reference: str
    hypothesis: str | None


@dataclass(frozen=True, slots=True)
class Layout:
    """The pairs in scoring order, with warnings and notes."""

    pairs: tuple[NamePair, ...]
    warnings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


class _File(NamedTuple):
    """A name on one side; ``key``, the name without suffix, is what pairs."""

    name: str
    key: str
    suffix: str


def pair_names(
    references: Iterable[str],
    hypotheses: Iterable[str],
    *,
    pattern: str | None = None,
    missing: str = "refuse",
    reference_folder: str = "",
    hypothesis_folder: str = "",
) -> Layout:
    """Pair the names of two trees.

    Args:
        references, hypotheses: all names below the two folders, relative to them.
        pattern: a hypothesis's base name, from its reference's, such as ``{id}_pred``; without suffix.
        missing: ``refuse`` a reference without hypothesis, or score it against an ``empty`` one, with a warning.
        reference_folder, hypothesis_folder: prefixes of the names in findings.

    Raises:
        InputError: there are no pairs, or files have no counterpart (up to `MAX_FINDINGS_PER_FILE` per side are named).

    >>> pair_names(["p1/s1/a.csv_bi", "p1/s1/a.edf", ".DS_Store"], ["a.tsv"]).pairs
    (NamePair(reference='p1/s1/a.csv_bi', hypothesis='a.tsv'),)
    """
    if missing not in MISSING:
        raise refusal("missing", f"missing must be one of {', '.join(MISSING)}, not {quoted(str(missing))}")
    notes: list[str] = []
    ours, theirs = _select(references, "reference"), _select(hypotheses, "hypothesis")
    if pattern is not None:
        theirs = _unpatterned(theirs, pattern, notes)
    folders = {"reference": reference_folder, "hypothesis": hypothesis_folder}
    for side, files in (("reference", ours), ("hypothesis", theirs)):
        if not files and (side == "reference" or missing == "refuse"):
            message = f"holds no annotation file ({', '.join(SUFFIXES[:6])} ...)"
            raise refusal("empty", message, side=side, file=folders[side])
    key = _pairing_key(ours, theirs, notes)
    counterparts = {key(file): file for file in theirs}
    known = {key(file) for file in ours}
    lone_ours = _without_tables([file for file in ours if key(file) not in counterparts], ours, notes)
    lone_theirs = _without_tables([file for file in theirs if key(file) not in known], theirs, notes)
    warnings: list[Finding] = []
    if lone_theirs or (lone_ours and missing == "refuse"):
        raise InputError(_lone_findings(ours, theirs, lone_ours, lone_theirs, folders))
    empty = {file.name for file in lone_ours}
    pairs = []
    for file in ours:
        if key(file) in counterparts:
            pairs.append(NamePair(file.name, counterparts[key(file)].name))
        elif file.name in empty:
            message = "has no hypothesis and is scored against an empty one (missing=empty)"
            warnings.append(Finding("reference", os.path.join(reference_folder, file.name), None, "missing", message))
            pairs.append(NamePair(file.name, None))
    return Layout(tuple(pairs), tuple(warnings), tuple(notes))


def names_that_count(names: Iterable[str]) -> list[str]:
    """The annotations among the names of one tree, sorted; one per recording, the preferred one."""
    return [file.name for file in _select(names, "reference")]


def split_sides(names: Iterable[str], archive: str = "") -> dict[str, dict[str, str]]:
    """The names of an archive by side: ``{"reference": {name below the side's folder: name in the archive}, ...}``.

    The side is the first folder called ``ref``, ``references``, ``hyp``, ``hypotheses`` or the like, ignoring case;
    folders above it are dropped. Names outside both, and those that `is_ignored` recognises, are left out.

    Raises:
        InputError: a name leads out of the archive, or occurs twice.
    """
    sides: dict[str, dict[str, str]] = {side: {} for side in SIDES}
    for name in names:
        plain = name.replace("\\", "/")
        parts = [part for part in plain.split("/") if part not in {"", "."}]
        if plain.startswith("/") or ".." in parts or "\0" in name or plain[1:2] == ":":
            raise refusal("archive", f"{quoted(name)} leads out of the archive", file=archive)
        if is_ignored(plain):
            continue
        found = next(
            ((side, k) for k, part in enumerate(parts[:-1]) for side in SIDES if part.casefold() in SIDES[side]), None
        )
        if found is None:
            continue
        side, depth = found
        below = "/".join(parts[depth + 1 :])
        if below in sides[side]:
            raise refusal("twice", f"holds {quoted(name)} twice", file=archive)
        sides[side][below] = name
    return sides


def is_ignored(name: str) -> bool:
    """Whether a name is never an annotation: hidden, an operating system's file, or with another suffix."""
    parts = name.split("/")
    if any(part.startswith(".") and part not in {".", ".."} for part in parts) or "__MACOSX" in parts:
        return True
    return parts[-1].casefold() in FOREIGN or split_suffix(name) is None


def split_suffix(name: str) -> tuple[str, str] | None:
    """A name as key and suffix, or None if it has no annotation's suffix.

    >>> split_suffix("s1/sub-01_run-1_events.tsv.gz"), split_suffix("A.CSV_BI"), split_suffix("participants.tsv")
    (('s1/sub-01_run-1', '_events.tsv'), ('A', '.csv_bi'), None)
    """
    lower = name.casefold()
    if lower.endswith(BIDS_TABLES):
        return None
    whole = lower.removesuffix(".gz")
    for suffix in SUFFIXES:
        if whole.endswith(suffix) and len(whole) > len(suffix) and whole[-len(suffix) - 1] != "/":
            return name[: len(whole) - len(suffix)], suffix
    return None


def _select(names: Iterable[str], side: str) -> list[_File]:
    """The files of a side that count, one per key, sorted by name."""
    listed = sorted(name for name in names if not is_ignored(name))
    if any(name.startswith("sub-") for name in listed):  # a BIDS data set: these folders hold derivatives and the like
        listed = [name for name in listed if name.partition("/")[0] not in BIDS_ASIDE]
    files: dict[str, _File] = {}
    for name in listed:
        parts = split_suffix(name)
        assert parts is not None
        file = _File(name, *parts)
        if file.suffix in SIDECAR_SUFFIXES and side == "hypothesis":
            continue
        other = files.get(file.key)
        if other is None or SUFFIXES.index(file.suffix) < SUFFIXES.index(other.suffix):
            files[file.key] = file
    if any(file.suffix not in EDF_SUFFIXES for file in files.values()):  # then an EDF file is a signal
        files = {key: file for key, file in files.items() if file.suffix not in EDF_SUFFIXES}
    return sorted(files.values())


def _unpatterned(files: Sequence[_File], pattern: str, notes: list[str]) -> list[_File]:
    """The hypotheses under the keys of their references."""
    before, mark, after = pattern.partition("{id}")
    if not mark or "{id}" in after:
        raise refusal("pattern", f"pattern must hold {{id}} once, as in '{{id}}_pred', not {quoted(pattern)}")
    made = re.compile(re.escape(before) + "(.+)" + re.escape(after))
    matched = []
    for file in files:
        folder, slash, base = ("", "", file.key) if "/" in pattern else file.key.rpartition("/")
        found = made.fullmatch(base)
        if found:
            matched.append(file._replace(key=folder + slash + found[1]))
    if files and not matched:
        first = files[0]
        message = f"no hypothesis fits the pattern {quoted(pattern)}; the first is {quoted(first.name)}, "
        message += f"{quoted(first.key.rpartition('/')[2])} without its suffix {first.suffix}"
        raise refusal("pattern", message, side="hypothesis")
    if len(matched) < len(files):
        notes.append(f"{_count(len(files) - len(matched), 'file')} ignored: not matching the pattern {pattern!r}")
    return matched


def _pairing_key(ours: Sequence[_File], theirs: Sequence[_File], notes: list[str]) -> Callable[[_File], str]:
    """The way to compare names: the first one that pairs most, among those that keep names of a side distinct."""

    def paired(key: Callable[[_File], str]) -> int:
        return len({key(file) for file in ours} & {key(file) for file in theirs})

    best, how = _relative, ""
    for key, words in ((_base, "by base name, without folders"), (_any_case, "by base name, ignoring case")):
        unique = all(len({key(file) for file in files}) == len(files) for files in (ours, theirs))
        if unique and paired(key) > paired(best):
            best, how = key, words
    if how:
        notes.append(f"files are paired {how}")
    return best


def _relative(file: _File) -> str:
    return file.key


def _base(file: _File) -> str:
    return file.key.rpartition("/")[2]


def _any_case(file: _File) -> str:
    return _base(file).casefold()


def _without_tables(lone: list[_File], files: Sequence[_File], notes: list[str]) -> list[_File]:
    """Files without counterpart, except other tables beside annotations with an unambiguous suffix."""
    if all(file.suffix in OFTEN_OTHER for file in files):
        return lone
    tables = [file.name for file in lone if file.suffix in OFTEN_OTHER]
    if tables:
        count = _count(len(tables), "file")
        notes.append(f"{count} ignored, such as {tables[0]}: no annotation of that name elsewhere")
    return [file for file in lone if file.suffix not in OFTEN_OTHER]


def _lone_findings(
    ours: Collection[_File],
    theirs: Collection[_File],
    lone_ours: Sequence[_File],
    lone_theirs: Sequence[_File],
    folders: dict[str, str],
) -> list[Finding]:
    """How many files have no counterpart, the remedy, and their names."""
    message = f"{len(lone_ours)} of {_count(len(ours), 'reference')} and "
    message += f"{len(lone_theirs)} of {_count(len(theirs), 'hypothesis', 'hypotheses')} have no counterpart"
    pattern = _guess_pattern(lone_ours, lone_theirs)
    if pattern:
        message += f"; if names differ by design, give the pattern {pattern!r} (--pattern)"
    elif not lone_theirs:
        message += "; to score a missing hypothesis as one without events, set missing to empty (--missing empty)"
    findings = [Finding("", "", None, "pairing", message)]
    for side, other, lone in (("reference", "hypothesis", lone_ours), ("hypothesis", "reference", lone_theirs)):
        findings += [
            Finding(side, os.path.join(folders[side], file.name), None, "pairing", f"has no {other} of the same name")
            for file in lone[:MAX_FINDINGS_PER_FILE]
        ]
    return findings


def _guess_pattern(ours: Sequence[_File], theirs: Sequence[_File]) -> str:
    """The pattern that fits most hypotheses, or an empty text."""
    if not ours or not theirs:
        return ""
    bases = {_base(file) for file in ours}
    for file in theirs:
        base = _base(file)
        for k in range(len(base) - 1, 0, -1):
            if base[:k] in bases:
                return "{id}" + base[k:]
            if base[-k:] in bases:
                return base[:-k] + "{id}"
    return ""


def _count(count: int, noun: str, plural: str = "") -> str:
    return f"1 {noun}" if count == 1 else f"{count} {plural or noun + 's'}"
