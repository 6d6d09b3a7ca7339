"""What is said of the files of two trees that have no counterpart, or that do not count."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import NamedTuple

from nedc_bench.errors import MAX_FINDINGS_PER_FILE, Finding, quoted

MAX_GUESSED = 255  # characters of a file system's names


class TreeFile(NamedTuple):
    """A name on one side; ``key``, the name without suffix, is what pairs."""

    name: str
    key: str
    suffix: str


def base_of(file: TreeFile) -> str:
    """The key without folders."""
    return file.key.rpartition("/")[2]


def lone_findings(
    ours: Collection[TreeFile],
    theirs: Collection[TreeFile],
    lone_ours: Sequence[TreeFile],
    lone_theirs: Sequence[TreeFile],
    folders: dict[str, str],
) -> list[Finding]:
    """How many files have no counterpart, the remedy, and their names."""
    references = f"{len(lone_ours)} of {count_of(len(ours), 'reference')}"
    hypotheses = f"{len(lone_theirs)} of {count_of(len(theirs), 'hypothesis', 'hypotheses')}"
    if lone_ours and lone_theirs:
        message, remedy = f"{references} and {hypotheses} have no counterpart", ""
    elif lone_theirs:
        one = len(lone_theirs) == 1
        message = f"{hypotheses} {'has' if one else 'have'} no reference"
        remedy = "; remove it, or add the reference" if one else "; remove them, or add the references"
    else:
        message = f"{references} {'has' if len(lone_ours) == 1 else 'have'} no hypothesis"
        remedy = "; to score a missing hypothesis as one without events, set missing to empty (--missing empty)"
    pattern = _guess_pattern(lone_ours, lone_theirs)
    repeated = _repeated(ours, lone_theirs) or _repeated(theirs, lone_ours)
    if repeated:
        first, second = (quoted(file.name) for file in repeated[:2])
        message += f"; one folder holds {first} and {second}: name the folder that holds the files of one side alone"
    elif pattern:
        message += f"; if names differ by design, give the pattern {pattern!r} (--pattern)"
    else:
        message += remedy
    findings = [Finding("", "", None, "pairing", message)]
    for side, other, lone in (("reference", "hypothesis", lone_ours), ("hypothesis", "reference", lone_theirs)):
        findings += [
            Finding(side, os.path.join(folders[side], file.name), None, "pairing", f"has no {other} of the same name")
            for file in lone[:MAX_FINDINGS_PER_FILE]
        ]
    return findings


def passed_over(side: str, folder: str, beside: Sequence[tuple[str, str]]) -> Finding:
    """The warning about files with per-channel events that do not count."""
    name, other = beside[0]
    message = f"counts, and {quoted(other)} beside it does not ({count_of(len(beside), 'such recording')}); "
    message += "for the union of channels, give channels='union' to find_pairs too"
    return Finding(side, os.path.join(folder, name), None, "channel", message)


def _repeated(files: Collection[TreeFile], lone: Sequence[TreeFile]) -> list[TreeFile]:
    """Files of one side with the same base name, which would be that of a lone file on the other side."""
    wanted = {base_of(file) for file in lone}
    by_base: dict[str, list[TreeFile]] = {}
    for file in files:
        if base_of(file) in wanted:
            by_base.setdefault(base_of(file), []).append(file)
    return next((found for found in by_base.values() if len(found) > 1), [])


def _guess_pattern(ours: Sequence[TreeFile], theirs: Sequence[TreeFile]) -> str:
    """The pattern that fits most hypotheses, or an empty text."""
    if not ours or not theirs:
        return ""
    bases = {base_of(file) for file in ours}
    for base in filter(lambda base: len(base) <= MAX_GUESSED, map(base_of, theirs)):
        for k in range(len(base) - 1, 0, -1):
            if base[:k] in bases:
                return "{id}" + base[k:]
            if base[-k:] in bases:
                return base[:-k] + "{id}"
    return ""


def count_of(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun."""
    return f"1 {noun}" if count == 1 else f"{count} {plural or noun + 's'}"
