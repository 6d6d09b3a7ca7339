"""The two BIDS data sets of ``tests/data/bids`` on a disk, and hypotheses for them from a seed.

    PYTHONPATH=tests python -m bids build

writes SeizeIT2 to ``build/seizeit2``, and what two simulated detectors found to ``build/first`` and ``build/second``.
"""

from __future__ import annotations

import random
import sys
import tarfile
from pathlib import Path

import seizures
from seizures import BIDS, EVENTS, Night, read_nights

SETS = seizures.ARCHIVES


def unpack(name: str, folder: Path) -> Path:
    """Unpack a data set below ``folder``; its root."""
    with tarfile.open(BIDS / SETS[name]) as archive:
        archive.extractall(folder, filter="data")
    return folder / name


def recordings(root: Path) -> list[Night]:
    """Every recording of an unpacked data set, by name."""
    own = (night for night in read_nights() if night.name.startswith(f"{root.name}/"))
    return sorted(own, key=lambda night: night.name.removesuffix(EVENTS))


def write_hypotheses(root: Path, folder: Path, seed: int) -> dict[str, list[tuple[float, float]]]:
    """Write what a detector might have found, flat, as SzCORE's tables; by name, what it found.

    It finds four of five seizures, some seconds off, and has a false alarm about every fifth hour.
    """
    generator = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for name, duration, events in recordings(root):
        found = []
        for start, stop in events:
            if generator.random() < 0.8:
                begin = max(0.0, start + generator.uniform(-5.0, 5.0))
                found.append((begin, min(duration, max(begin + 1.0, stop + generator.uniform(-5.0, 5.0)))))
        for _ in range(int(duration / 3600 / 5 + generator.random())):
            begin = generator.uniform(0.0, max(0.0, duration - 60.0))
            found.append((begin, min(duration, begin + generator.uniform(5.0, 60.0))))
        made[name] = _apart(found)
        rows = "".join(f"{start:.4f}\t{stop - start:.4f}\tsz\n" for start, stop in made[name])
        (folder / f"{Path(name).name.removesuffix(EVENTS)}.tsv").write_text("onset\tduration\teventType\n" + rows)
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
