"""The two BIDS corpora with all seven algorithms, beside `timescoring`; and weighted dp. Part of `make bench`."""

from __future__ import annotations

import io
import json
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from timescoring.annotations import Annotation
from timescoring.scoring import EventScoring

from nedc_bench import Parameters, score_corpus
from nedc_bench.reports import write_events
from nedc_bench.scoring import ALGORITHM, alignment, score_pair
from seizures import as_recording, detect, read_nights

ROUNDS = 5
DETECTOR = 2  # seed
EVENTS = 1_000  # a side, of weighted dp


def bench_szcore() -> dict[str, Any]:
    """``szcore-event`` on every tenth recording of both corpora, beside the tool that defines it."""
    nights = read_nights()[::10]
    ours = [(as_recording(night, night.seizures), as_recording(night, detect(night, DETECTOR))) for night in nights]
    tool = [
        [Annotation(list(side), 10, round(night.duration * 10)) for side in (night.seizures, detect(night, DETECTOR))]
        for night in nights
    ]
    parameters = Parameters()
    runs: dict[str, Callable[[], object]] = {
        "timescoring": lambda: [EventScoring(*pair) for pair in tool],
        "szcore-event": lambda: [score_pair(*pair, parameters, ("szcore-event",)) for pair in ours],
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            begin = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - begin)
    medians = {name: statistics.median(found) for name, found in times.items()}
    ratio = medians["szcore-event"] / medians["timescoring"]
    print(f"szcore-event, {len(nights)} recordings: {ratio:.2f} of timescoring (at most 1)")
    return medians | {"ratio": ratio}


def bench_weighted_dp() -> dict[str, float]:
    """A pair of long sequences in three classes, with penalties of 1 and with others."""
    draw = random.Random(1)
    sides = [bytes(draw.choices(range(3), k=EVENTS)) for _ in range(2)]
    seconds = {}
    for name, parameters in (("plain", Parameters()), ("weighted", Parameters(penalty_del=1.5))):
        begin = time.perf_counter()
        alignment.align(sides[0], sides[1], parameters)
        seconds[name] = time.perf_counter() - begin
    print(f"dp, {EVENTS} events a side (ms): " + ", ".join(f"{name} {1e3 * t:.1f}" for name, t in seconds.items()))
    return seconds


def corpora() -> None:
    """Score both corpora with all seven algorithms, and write every verdict; print the seconds of the two."""
    nights = read_nights()
    pairs = [(as_recording(night, night.seizures), as_recording(night, detect(night, DETECTOR))) for night in nights]
    begin = time.perf_counter()
    result = score_corpus(pairs, algorithms=tuple(ALGORITHM), jobs=2)
    scored = time.perf_counter()
    write_events(result, io.StringIO())
    print(json.dumps({"scored": scored - begin, "verdicts": time.perf_counter() - scored}))
