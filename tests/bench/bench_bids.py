"""SeizeIT2 and CHB-MIT in BIDS against seeded hypotheses, all five algorithms, from disk: how long the command takes.

    PYTHONPATH=tests python -m bench.bench_bids

Measured is `nedc-bench score` as a process, its start included, on both corpora one after the other.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bids

COMMAND = Path(sys.executable).parent / "nedc-bench"
AIM_SECONDS = 10.0
ROUNDS = 3


def main() -> None:
    """Print the seconds of each corpus and of both."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for corpus in bids.SETS:
            bids.write_hypotheses(bids.unpack(corpus, folder), folder / "hyp" / corpus, seed=12)
        for _ in range(ROUNDS):
            taken = {corpus: scored(folder / corpus, folder / "hyp" / corpus) for corpus in bids.SETS}
            each = ", ".join(f"{corpus} {seconds:.1f} s" for corpus, seconds in taken.items())
            print(f"{each}: {sum(taken.values()):.1f} s (at most {AIM_SECONDS:.0f} on two idle cores)")


def scored(reference: Path, hypothesis: Path) -> float:
    begin = time.perf_counter()
    subprocess.run([COMMAND, "score", reference, hypothesis], check=True, capture_output=True)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
