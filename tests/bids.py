"""The two BIDS data sets of ``tests/data/bids`` on a disk, and hypotheses for them from a seed.

    PYTHONPATH=tests python -m bids build

writes SeizeIT2 to ``build/seizeit2``, and what two simulated detectors found to ``build/first`` and ``build/second``.
"""

from __future__ import annotations

import csv
import json
import random
import sys
import tarfile
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).parent / "data/bids"
SETS = {"seizeit2": "seizeit2-events.tar.xz", "chb-mit-bids": "chb-mit-bids.tar.xz"}


class Recorded(NamedTuple):
    """A recording as BIDS has it, read here with the standard library alone."""

    name: str  # of events.tsv or of the sidecar, without suffix
    duration: float
    seizures: list[tuple[float, float]]


def unpack(name: str, folder: Path) -> Path:
    """Unpack a data set below ``folder``; its root."""
    with tarfile.open(DATA / SETS[name]) as archive:
        archive.extractall(folder, filter="data")
    return folder / name


def recordings(root: Path) -> list[Recorded]:
    """Every recording of a data set, by name: read in the plainest way, to compare with."""
    found: dict[str, Recorded] = {}
    for path in root.rglob("*_eeg.json"):
        name = path.relative_to(root).as_posix().removesuffix("_eeg.json")
        found[name] = Recorded(name, float(json.loads(path.read_text())["RecordingDuration"]), [])
    for path in root.rglob("*_events.tsv"):
        name = path.relative_to(root).as_posix().removesuffix("_events.tsv")
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        label = "eventType" if "eventType" in rows[0] else "trial_type"
        duration = float(rows[0]["recordingDuration"]) if "recordingDuration" in rows[0] else found[name].duration
        seizures = [
            (float(row["onset"]), float(row["onset"]) + float(row["duration"]))
            for row in rows
            if row[label].startswith("s")  # sz_foc_ia ..., seizure
        ]
        found[name] = Recorded(name, duration, seizures)
    return [found[name] for name in sorted(found)]


def write_hypotheses(root: Path, folder: Path, seed: int) -> dict[str, list[tuple[float, float]]]:
    """Write what a detector might have found, flat, as SzCORE's tables; by name, what it found.

    It finds four of five seizures, some seconds off, and has a false alarm about every fifth hour.
    """
    generator = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for name, duration, seizures in recordings(root):
        found = []
        for start, stop in seizures:
            if generator.random() < 0.8:
                begin = max(0.0, start + generator.uniform(-5.0, 5.0))
                found.append((begin, min(duration, max(begin + 1.0, stop + generator.uniform(-5.0, 5.0)))))
        for _ in range(int(duration / 3600 / 5 + generator.random())):
            begin = generator.uniform(0.0, max(0.0, duration - 60.0))
            found.append((begin, min(duration, begin + generator.uniform(5.0, 60.0))))
        events = _apart(found)
        made[name] = events
        rows = "".join(f"{start:.4f}\t{stop - start:.4f}\tsz\n" for start, stop in events)
        (folder / f"{name.rpartition('/')[2]}.tsv").write_text("onset\tduration\teventType\n" + rows)
    return made


def _apart(events: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Events in order, to four digits, without those that touch an earlier one."""
    kept: list[tuple[float, float]] = []
    for start, stop in sorted((round(start, 4), round(stop, 4)) for start, stop in events):
        if stop > start and (not kept or start > kept[-1][1]):
            kept.append((start, stop))
    return kept


def main(folder: Path) -> None:
    """Write SeizeIT2 and two simulated detectors' hypotheses."""
    root = unpack("seizeit2", folder)
    for seed, name in enumerate(("first", "second"), 1):
        write_hypotheses(root, folder / name, seed)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
