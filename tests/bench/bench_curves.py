"""Operating curves of a million scored windows, and beside scoring again at each threshold on a small size.

    PYTHONPATH=tests python -m bench.bench_curves

Every score is another, so there are a million thresholds. Measured are seconds of CPU and on the clock, the lowest of
`ROUNDS`; JSON goes to ``build/bench_curves.json``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nedc_bench import Recording, ScoreTrack, operating_curve, score_corpus
from nedc_bench.scoring.operating import ALGORITHMS

WINDOWS = 1_000_000
RECORDINGS = (1, 280)
SMALL = 1_000
ROUNDS = 3
AIM_SECONDS = 2.0

Night = tuple[Recording, ScoreTrack]


def main() -> None:
    """Print the seconds and ratios, and write the JSON."""
    report: dict[str, Any] = {"windows": WINDOWS}
    for count in RECORDINGS:
        nights = [make(WINDOWS // count, seed) for seed in range(count)]
        for algorithm in ALGORITHMS:
            cpu, clock = lowest(partial(operating_curve, nights, algorithm=algorithm))
            report[f"{algorithm} of {count} recordings"] = {"cpu_seconds": cpu, "seconds": clock}
            print(f"{algorithm}, {count} recordings: {cpu:.2f} s of CPU, {clock:.2f} s (aim: {AIM_SECONDS:.0f})")
    night = make(SMALL, 7)
    for algorithm in ALGORITHMS:
        swept, _ = lowest(partial(operating_curve, [night], algorithm=algorithm))
        scored, _ = lowest(partial(brute_force, night, algorithm), rounds=1)
        report[f"{algorithm} ratio"] = scored / swept
        print(f"{algorithm}, {SMALL} windows: {scored / swept:.0f} times as fast as scoring at each threshold")
    target = Path("build/bench_curves.json")
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(report, indent=1) + "\n")
    print(f"written: {target}")


def make(windows: int, seed: int) -> Night:
    """A track of windows of a second, smooth as a network's output, with a seizure each three hours that it sees."""
    draw = np.random.default_rng(seed)
    level = np.convolve(draw.normal(size=windows), np.ones(20) / 20**0.5, "same")
    starts = draw.integers(0, windows - 61, max(1, windows // 10_000))
    for start in starts:
        level[start : start + 60] += 1.0
    reference = Recording.from_events(float(windows), [(start, start + 60.0) for start in np.sort(starts).tolist()])
    return reference, ScoreTrack(1 / (1 + np.exp(3 - 2 * level)), 1.0)


def brute_force(night: Night, algorithm: str) -> None:
    reference, track = night
    for threshold in np.unique(track.scores).tolist():
        score_corpus([(reference, track.at(threshold))], algorithms=algorithm)


def lowest(work: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, float]:
    """The least seconds of CPU, and on the clock."""
    taken = []
    for _ in range(rounds):
        cpu, clock = time.process_time(), time.perf_counter()
        work()
        taken.append((time.process_time() - cpu, time.perf_counter() - clock))
    return min(cpu for cpu, _ in taken), min(clock for _, clock in taken)


if __name__ == "__main__":
    main()
