"""Files, lists and folders on a disk, and how they are paired."""

from __future__ import annotations

from pathlib import Path

from helpers import annotation, refusal
from nedc_bench import Pairing, find_pairs


def write_files(folder: Path, *names: str) -> None:
    """Write files of these names, each with a seizure from 2 to 3 s."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(annotation((2.0, 3.0, "seiz")))


def paths(pairing: Pairing) -> list[tuple[object, object]]:
    """The paths of each pair."""
    return [(pair.reference, pair.hypothesis) for pair in pairing.pairs]


def refused(reference: Path, hypothesis: Path) -> list[tuple[str, str, int | None, str]]:
    """Side, file, line and message of what refuses to pair them."""
    findings = refusal(lambda: find_pairs(str(reference), str(hypothesis))).findings
    return [(finding.side, finding.file, finding.line, finding.message) for finding in findings]
