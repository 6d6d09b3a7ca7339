r"""Pairing the file names of two trees: one rule for folders, lists of names and archives, without I/O.

Names are relative, with ``/`` (an archive made by Windows may hold ``\``). The annotations of a side:

- A name must end in an annotation's suffix (`SUFFIXES`, in any case, optionally with ``.gz``). Other files are ignored:
  hidden files, ``__MACOSX/``, ``._*``, ``Thumbs.db``, signals, BIDS tables of channels and participants.
- If a recording has several files (TUSZ has ``.csv`` beside ``.csv_bi``), the first of `SUFFIXES` counts; if the union
  of channels is asked for, a ``.csv`` counts before its ``.csv_bi``.
- A BIDS sidecar (``_eeg.json``) without an ``_events.tsv`` is a reference without events, never a hypothesis.

Two files pair if their names without suffix are equal: with their folders; else by base name, if base names are unique
on both sides (a tree against a flat folder); else ignoring case. Pairs have the order of the references.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nedc_bench.annotations.unpaired import TreeFile, base_of, count_of, lone_findings, passed_over
from nedc_bench.errors import Finding, InputError, quoted, refusal

EVENTS_SUFFIX = "_events.tsv"
SIDECAR_SUFFIXES = ("_eeg.json", "_ieeg.json")
EDF_SUFFIXES = (".edf", ".bdf")
ALL_CHANNELS_SUFFIX, CHANNELS_SUFFIX = ".csv_bi", ".csv"
# The formats of suffixes, in order of preference: annotations of all channels before those of single channels.
FORMATS = {
    ALL_CHANNELS_SUFFIX: "csv_bi",
    EVENTS_SUFFIX: "BIDS events.tsv",
    ".tse_bi": "tse",
    CHANNELS_SUFFIX: "csv",
    ".tse": "tse",
    ".tsv": "SzCORE's TSV",
    ".lbl_bi": "lbl",
    ".lbl": "lbl",
    **dict.fromkeys(SIDECAR_SUFFIXES, "BIDS events.tsv"),
    **dict.fromkeys(EDF_SUFFIXES, "EDF+"),
}
SUFFIXES = tuple(FORMATS)
FORMAT_NAMES = ", ".join(dict.fromkeys(FORMATS.values()))
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
    """The pairs in scoring order, with warnings and notes.

    Attributes:
        passed_over: a warning about per-channel files that do not count; due if their union is then asked for.
    """

    pairs: tuple[NamePair, ...]
    warnings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    passed_over: tuple[Finding, ...] = ()


def pair_names(
    references: Iterable[str],
    hypotheses: Iterable[str],
    *,
    pattern: str | None = None,
    missing: str = "refuse",
    channels: str = "refuse",
    reference_folder: str = "",
    hypothesis_folder: str = "",
) -> Layout:
    """Pair the names of two trees.

    Args:
        references, hypotheses: all names below the two folders, relative to them.
        pattern: a hypothesis's base name, from its reference's, such as ``{id}_pred``; without suffix.
        missing: ``refuse`` a reference without hypothesis, or score it against an ``empty`` one, with a warning.
        channels: as in `Parameters`; with ``union`` a ``.csv`` counts before its ``.csv_bi``.
        reference_folder, hypothesis_folder: prefixes of the names in findings.

    Raises:
        InputError: there are no pairs, or files have no counterpart (up to `MAX_FINDINGS_PER_FILE` per side are named).

    >>> pair_names(["p1/s1/a.csv_bi", "p1/s1/a.edf", ".DS_Store"], ["a.tsv"]).pairs
    (NamePair(reference='p1/s1/a.csv_bi', hypothesis='a.tsv'),)
    """
    if missing not in MISSING:
        raise refusal("missing", f"missing must be one of {', '.join(MISSING)}, not {quoted(str(missing))}")
    notes: list[str] = []
    beside: dict[str, list[tuple[str, str]]] = {side: [] for side in SIDES}
    ours = _select(references, "reference", channels, beside["reference"])
    theirs = _select(hypotheses, "hypothesis", channels, beside["hypothesis"])
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
        raise InputError(lone_findings(ours, theirs, lone_ours, lone_theirs, folders))
    empty = {file.name for file in lone_ours}
    pairs = []
    for file in ours:
        if key(file) in counterparts:
            pairs.append(NamePair(file.name, counterparts[key(file)].name))
        elif file.name in empty:
            message = "has no hypothesis and is scored against an empty one (missing=empty)"
            warnings.append(Finding("reference", os.path.join(reference_folder, file.name), None, "missing", message))
            pairs.append(NamePair(file.name, None))
    aside = tuple(passed_over(side, folders[side], names) for side, names in beside.items() if names)
    return Layout(tuple(pairs), tuple(warnings), tuple(notes), aside)


def names_that_count(names: Iterable[str], channels: str = "refuse") -> list[str]:
    """The annotations among the names of one tree, sorted; one per recording, the preferred one."""
    return [file.name for file in _select(names, "reference", channels, [])]


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
    base = whole.rpartition("/")[2]
    fitting = (suffix for suffix in SUFFIXES if base.endswith(suffix) and base != suffix)
    suffix = max(fitting, key=len, default="")
    return (name[: len(whole) - len(suffix)], suffix) if suffix else None


def sidecars_of(name: str) -> tuple[str, ...]:
    """The names of the BIDS sidecars that an annotation file may have beside it, in order of preference."""
    parts = split_suffix(name)
    return () if parts is None else tuple(parts[0] + suffix for suffix in SIDECAR_SUFFIXES)


def _select(names: Iterable[str], side: str, channels: str, beside: list[tuple[str, str]]) -> list[TreeFile]:
    """The files of a side that count, one per key, sorted by name.

    ``beside`` gets each ``.csv_bi`` that counts, with the ``.csv`` beside it.
    """
    listed = sorted(name for name in names if not is_ignored(name))
    if any(name.startswith("sub-") for name in listed):  # a BIDS data set: these folders hold derivatives and the like
        listed = [name for name in listed if name.partition("/")[0] not in BIDS_ASIDE]
    files: dict[str, TreeFile] = {}
    of_channels: dict[str, TreeFile] = {}
    for name in listed:
        parts = split_suffix(name)
        assert parts is not None
        file = TreeFile(name, *parts)
        if file.suffix in SIDECAR_SUFFIXES and side == "hypothesis":
            continue
        other = files.get(file.key)
        if other is None or SUFFIXES.index(file.suffix) < SUFFIXES.index(other.suffix):
            files[file.key] = file
        if file.suffix == CHANNELS_SUFFIX:
            of_channels[file.key] = file
    for key, file in of_channels.items():
        if files[key].suffix != ALL_CHANNELS_SUFFIX:
            continue
        if channels == "union":
            files[key] = file
        else:
            beside.append((files[key].name, file.name))
    if any(file.suffix not in EDF_SUFFIXES for file in files.values()):  # then an EDF file is a signal
        files = {key: file for key, file in files.items() if file.suffix not in EDF_SUFFIXES}
    return sorted(files.values())


def _unpatterned(files: Sequence[TreeFile], pattern: str, notes: list[str]) -> list[TreeFile]:
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
        notes.append(f"{count_of(len(files) - len(matched), 'file')} ignored: not matching the pattern {pattern!r}")
    return matched


def _pairing_key(ours: Sequence[TreeFile], theirs: Sequence[TreeFile], notes: list[str]) -> Callable[[TreeFile], str]:
    """The way to compare names: the first one that pairs most, among those that keep names of a side distinct."""

    def paired(key: Callable[[TreeFile], str]) -> int:
        return len({key(file) for file in ours} & {key(file) for file in theirs})

    best, how = _relative, ""
    for key, words in ((base_of, "by base name, without folders"), (_any_case, "by base name, ignoring case")):
        unique = all(len({key(file) for file in files}) == len(files) for files in (ours, theirs))
        if unique and paired(key) > paired(best):
            best, how = key, words
    if how:
        notes.append(f"files are paired {how}")
    return best


def _relative(file: TreeFile) -> str:
    return file.key


def _any_case(file: TreeFile) -> str:
    return unicodedata.normalize("NFC", base_of(file)).casefold()


def _without_tables(lone: list[TreeFile], files: Sequence[TreeFile], notes: list[str]) -> list[TreeFile]:
    """Files without counterpart, except other tables beside annotations with an unambiguous suffix."""
    if all(file.suffix in OFTEN_OTHER for file in files):
        return lone
    tables = [file.name for file in lone if file.suffix in OFTEN_OTHER]
    if tables:
        count = count_of(len(tables), "file")
        notes.append(f"{count} ignored, such as {tables[0]}: no annotation of that name elsewhere")
    return [file for file in lone if file.suffix not in OFTEN_OTHER]
