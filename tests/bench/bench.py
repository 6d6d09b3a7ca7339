"""The benchmark: `make bench`. One run, alternatives side by side, ratios; JSON to ``build/bench.json``.

Beside the scorer stands `timescoring`, whose event scoring is the common fast way to score seizure annotations
(with other rules, so only the time is compared). Times are medians; what is compared is measured in turns, since
machines drift. Ratios are to be read, absolute times depend on the machine.
"""

from __future__ import annotations

import io
import json
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from timescoring.annotations import Annotation
from timescoring.scoring import EventScoring

from bench.corpora_bench import bench_szcore, bench_weighted_dp, corpora
from nedc_bench import ALGORITHMS, LabelMap, Parameters, Recording, read_recording, score
from nedc_bench.cli import main as main_command
from nedc_bench.evaluation.cpus import available_cpus
from nedc_bench.scoring import ALGORITHM, score_pair

EXAMPLE = Path(__file__).parents[1] / "data/chb-mit"
DAY = 86_400.0
PAIRS = 10_000
HEADER = "# version = csv_v1.0.0\n# duration = {:.4f} secs\nchannel,start_time,stop_time,label,confidence\n"

MIXED = ("seiz", "artf", "eyem")  # merged sequences of two classes alternate; those of more are dp's hard case
MIXED_MAP = LabelMap.from_mapping({label: [label] for label in (*MIXED, "bckg")})

Seconds = dict[str, float]
Intervals = list[tuple[float, float]]


def main() -> None:
    """Run everything, print a line a figure, and write the JSON."""
    report: dict[str, Any] = {"python": platform.python_version(), "numpy": np.__version__, "cpus": available_cpus()}
    report["day"] = bench_day()
    report["growth"] = bench_growth()
    report["peak_mib_32000_events"] = watched_child("dense")["peak_mib"]
    print(f"one recording of 32,000 events a side: peak memory {report['peak_mib_32000_events']:.0f} MiB")
    report["szcore"] = bench_szcore()
    report["weighted_dp"] = bench_weighted_dp()
    report["corpora"] = bench_both_corpora()
    report["start"] = bench_start()
    report["corpus"] = bench_corpus()
    target = Path("build/bench.json")
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(report, indent=1) + "\n")
    print(f"written: {target}")


def bench_day() -> dict[str, Any]:
    """A day with 2,000 events a side: parsing, and all five algorithms, beside `timescoring`."""
    sides = [intervals(seed, 2_000, DAY) for seed in (1, 2)]
    texts = [csv_bi(side, DAY).encode() for side in sides]
    reference, hypothesis = (read_recording(io.BytesIO(text)) for text in texts)
    annotations = [Annotation(side, 10, int(DAY * 10)) for side in sides]
    medians = in_turns(
        {
            "timescoring": lambda: EventScoring(*annotations),
            "parse": lambda: [read_recording(io.BytesIO(text)) for text in texts],
            "score": lambda: score_pair(reference, hypothesis, Parameters()),
            **{name: partial(score_pair, reference, hypothesis, Parameters(), (name,)) for name in ALGORITHM},
        },
        rounds=25,
    )
    ratios = {name: medians[name] / medians["timescoring"] for name in ("parse", "score", "szcore-event")}
    print("24 h, 2,000 events a side (ms): " + ", ".join(f"{name} {1e3 * t:.1f}" for name, t in medians.items()))
    print(f"  score / timescoring {ratios['score']:.2f} (at most 2, aim 1); parse {ratios['parse']:.2f} (at most 1)")
    print(f"  szcore-event / timescoring {ratios['szcore-event']:.2f} (at most 1)")
    return {"seconds": medians, "to_timescoring": ratios}


def bench_growth() -> dict[str, Seconds]:
    """How the time of each algorithm grows with the number of events."""
    table: dict[str, Seconds] = {}
    for events in (500, 2_000, 8_000, 32_000):
        duration = DAY * events / 2_000
        plain = [Recording.from_events(duration, seizures(seed, events, duration)) for seed in (1, 2)]
        mixed = [Recording.from_events(duration, seizures(seed, events, duration, MIXED)) for seed in (1, 2)]
        runs: dict[str, Callable[[], object]] = {
            name: partial(score_pair, plain[0], plain[1], Parameters(), (name,)) for name in ALGORITHMS
        }
        runs["dp of 4 classes"] = partial(score_pair, mixed[0], mixed[1], Parameters(label_map=MIXED_MAP), ("dp",))
        table[str(events)] = in_turns(runs, rounds=9 if events < 8_000 else 3)
        print(f"{events:6} events (ms): " + ", ".join(f"{k} {1e3 * t:.1f}" for k, t in table[str(events)].items()))
    return table


def bench_start() -> dict[str, float]:
    """The command on the example corpus, from start to end, beside a Python that imports numpy."""
    python = sys.executable
    command = [python, "-m", "nedc_bench", "score", str(EXAMPLE / "ref.list"), str(EXAMPLE / "hyp.list")]
    medians = in_turns(
        {
            "import numpy": lambda: subprocess.run([python, "-c", "import numpy"], check=True),
            "command": lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL),
        },
        rounds=11,
    )
    ratio = medians["command"] / medians["import numpy"]
    print(f"command, example corpus: {1e3 * medians['command']:.0f} ms, {ratio:.2f} of `import numpy` (at most 3)")
    return medians | {"ratio": ratio}


def bench_corpus() -> dict[str, Any]:
    """A corpus of realistic pairs with one and with two workers; its memory, and the time to the first progress."""
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(Path(folder), PAIRS)
        runs: dict[str, list[dict[str, float]]] = {"1": [], "2": []}
        for _ in range(3):
            for jobs, found in runs.items():
                found.append(watched_child("corpus", folder, jobs))
    seconds = {jobs: statistics.median(run["seconds"] for run in found) for jobs, found in runs.items()}
    result = {
        "pairs": PAIRS,
        "seconds": seconds,
        "speedup": seconds["1"] / seconds["2"],
        "first_progress_seconds": max(run["first"] for run in runs["2"]),
        "peak_mib": {jobs: max(run["peak_mib"] for run in found) for jobs, found in runs.items()},
    }
    print(
        f"{PAIRS} pairs: {seconds['1']:.1f} s with 1 worker, {seconds['2']:.1f} s with 2: {result['speedup']:.2f} x "
        f"(at least 1.7); first progress {result['first_progress_seconds']:.2f} s; peak {result['peak_mib']} MiB"
    )
    return result


def bench_both_corpora() -> dict[str, float]:
    """Both BIDS corpora, seven algorithms, every verdict written: seconds and memory."""
    found = watched_child("corpora")
    seconds = found["scored"] + found["verdicts"]
    print(
        f"3,536 recordings, seven algorithms, all verdicts: {seconds:.1f} s (at most 20 on two cores), "
        f"{found['peak_mib']:.0f} MiB (at most 300)"
    )
    return found


def in_turns(runs: dict[str, Callable[[], object]], rounds: int) -> Seconds:
    """The median time of each run, a round of all of them at a time, after one that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, run in runs.items():
            begin = time.perf_counter()
            run()
            if turn:
                times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(found) for name, found in times.items()}


def intervals(seed: int, events: int, duration: float) -> Intervals:
    """Events at random, apart from each other, to 0.1 ms."""
    points = sorted(random.Random(seed).sample(range(int(duration * 1e4)), 2 * events))
    return [(points[2 * k] / 1e4, points[2 * k + 1] / 1e4) for k in range(events)]


def seizures(
    seed: int, events: int, duration: float, labels: tuple[str, ...] = ("seiz",)
) -> list[tuple[float, float, str]]:
    draw = random.Random(seed)
    return [(start, stop, draw.choice(labels)) for start, stop in intervals(seed, events, duration)]


def csv_bi(events: Intervals, duration: float) -> str:
    rows = "".join(f"TERM,{start:.4f},{stop:.4f},seiz,1.0000\n" for start, stop in events)
    return HEADER.format(duration) + rows


def write_corpus(folder: Path, pairs: int) -> None:
    """Pairs as detectors make them: up to 30 seizures an hour, shifted, missed and invented ones."""
    draw = random.Random(7)
    for side in ("ref", "hyp"):
        (folder / side).mkdir()
    for number in range(pairs):
        duration = draw.choice([600.0, 1800.0, 3600.0])
        reference = intervals(number, draw.randint(0, 30), duration)
        shifted = ((max(0.0, a + draw.gauss(0, 2)), b + draw.gauss(0, 2)) for a, b in reference if draw.random() < 0.8)
        kept: Intervals = []
        for start, stop in sorted([*shifted, *intervals(-number - 1, draw.randint(0, 6), duration)]):
            if stop - start > 0.1 and (not kept or start > kept[-1][1]) and stop < duration:
                kept.append((start, stop))
        for side, events in (("ref", reference), ("hyp", kept)):
            (folder / side / f"{number:05}.csv_bi").write_text(csv_bi(events, duration))


def watched_child(task: str, *arguments: str) -> dict[str, float]:
    """What a task in a process of its own printed, and the peak memory of it and its workers (the sum of their RSS)."""
    with subprocess.Popen([sys.executable, "-m", "bench.bench", task, *arguments], stdout=subprocess.PIPE) as child:
        family = psutil.Process(child.pid)
        peak = 0
        while child.poll() is None:
            with suppress(psutil.NoSuchProcess):
                peak = max(
                    peak, sum(process.memory_info().rss for process in [family, *family.children(recursive=True)])
                )
            time.sleep(0.5)  # looking costs time that the workers would have
        assert child.stdout is not None
        printed: dict[str, float] = json.loads(child.stdout.read())
    return printed | {"peak_mib": peak / 2**20}


def dense() -> None:
    """Score one pair of 32,000 events a side in 4 classes."""
    duration = 16 * DAY
    reference, hypothesis = (
        Recording.from_events(duration, seizures(seed, 32_000, duration, MIXED)) for seed in (1, 2)
    )
    score(reference, hypothesis, parameters=Parameters(label_map=MIXED_MAP))
    print("{}")


def corpus(folder: str, jobs: str) -> None:
    """Run the command on a corpus; print its time and the time to the first progress."""
    terminal = Terminal()
    begin = time.perf_counter()
    with redirect_stderr(terminal), redirect_stdout(io.StringIO()):
        main_command(["score", f"{folder}/ref", f"{folder}/hyp", "--jobs", jobs])
    seconds = time.perf_counter() - begin
    print(json.dumps({"seconds": seconds, "first": terminal.first - begin}))


class Terminal(io.StringIO):
    """A standard error that says it is a terminal, and knows when the first pair was shown as done."""

    first = 0.0

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not self.first and "pair/s" in text and " 0/" not in text:
            self.first = time.perf_counter()
        return len(text)


TASKS: dict[str, Callable[..., None]] = {"dense": dense, "corpus": corpus, "corpora": corpora}

if __name__ == "__main__":
    if sys.argv[1:]:
        TASKS[sys.argv[1]](*sys.argv[2:])
    else:
        main()
