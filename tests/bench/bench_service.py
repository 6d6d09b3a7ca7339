"""The benchmark of the service: `make bench-service`. One run, alternatives side by side; JSON to ``build/``.

Real server processes on this machine, with a Redis of their own and without, spoken to over sockets. Ratios are to be
read; absolute times depend on the machine.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import statistics
import tempfile
import time
import timeit
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from bench.bench import write_corpus
from bench.serving import EMPTY, Client, Pair, Server, body, p99, running, serve, small_pair
from nedc_bench import ALGORITHMS, Parameters, Result, score
from nedc_bench.execution.codec import decode_score
from redis_server import RedisServer

STARTS = 5
ROUNDS = 300
BATCH = 1_000
JOBS = 10_000
CONNECTIONS = 8
SECONDS = 5.0
Report = dict[str, Any]


def main() -> None:
    """Run everything, print a line a figure, and write the JSON."""
    report: Report = {"start_to_ready_seconds": start(), "layers_us": layers(small_pair(0))}
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as redis:
        for store, settings in {"memory": {}, "redis": {"REDIS_URL": redis.url}}.items():
            with running(EMPTY) as empty, running(serve(MAX_WORKERS="1", **settings)) as server:
                report[f"latency, {store}"] = asyncio.run(latency(empty, server))
            for workers in ("1", "2"):
                redis.empty()
                with running(serve(MAX_WORKERS=workers, **settings)) as server:
                    report[f"load, {store}, {workers} workers"] = asyncio.run(load(server))
    with running(serve(JOB_TTL_SECONDS="1")) as server:
        report[f"memory over {JOBS} jobs"] = asyncio.run(many_jobs(server))
    for name, found in report.items():
        print(f"{name}: {json.dumps(found)}")
    Path("build").mkdir(exist_ok=True)
    Path("build/bench-service.json").write_text(json.dumps(report, indent=1) + "\n")


def start() -> Report:
    """From the command to the first request that is answered."""
    times = []
    for _ in range(STARTS):
        with running(serve()) as server:
            times.append(server.ready_seconds)
    return {"least": min(times), "median": statistics.median(times)}


def layers(pair: Pair) -> Report:
    """What a pair costs in each layer, in this process: the least of several repetitions, in microseconds."""
    reference, hypothesis = pair
    parameters = Parameters()
    contents = [Contents(reference, "a", hypothesis, "b")]
    (entry,) = evaluate_chunk(contents, parameters, ALGORITHMS, strict=False)
    assert isinstance(entry, bytes)
    decoded = decode_score(entry, ALGORITHMS, 2)
    result = Result.fold([decoded], parameters)
    calls: dict[str, Callable[[], object]] = {
        "read, score and encode (worker)": lambda: evaluate_chunk(contents, parameters, ALGORITHMS, strict=False),
        "hash": lambda: (
            sha256(reference).hexdigest(),
            sha256(hypothesis).hexdigest(),
            cache_key(reference, hypothesis, ALGORITHMS, parameters, "version"),
        ),
        "decode": lambda: decode_score(entry, ALGORITHMS, 2),
        "fold": lambda: Result.fold([decoded], parameters),
        "document": lambda: msgspec.json.encode(result.to_dict()),
    }
    return {name: 1e6 * min(timeit.repeat(call, number=100, repeat=7)) / 100 for name, call in calls.items()}


async def latency(to_empty: Server, to_server: Server) -> Report:
    """An empty handler, a warm hit, a cold pair, and scoring in this process, in turns; then CPU time a request."""
    pair = small_pair(0)
    times: dict[str, list[float]] = {name: [] for name in ("empty", "warm", "cold", "in process")}
    async with Client(to_empty.port) as empty, Client(to_server.port) as server:
        await server.post(*pair)
        for turn in range(ROUNDS):
            fresh = small_pair(turn + 1)
            times["empty"].append(await timed(empty, pair))
            times["warm"].append(await timed(server, pair))
            times["cold"].append(await timed(server, fresh))
            begin = time.perf_counter()
            score(io.BytesIO(fresh[0]), io.BytesIO(fresh[1]))
            times["in process"].append(time.perf_counter() - begin)
        cpu = {
            "empty": await cpu_a_request(to_empty, empty, pair),
            "warm": await cpu_a_request(to_server, server, pair),
        }
    medians = {name: statistics.median(found) for name, found in times.items()}
    return {
        "ms": {name: summary(found) for name, found in times.items()},
        "warm / empty (at most 2)": medians["warm"] / medians["empty"],
        "warm / empty, CPU time": cpu["warm"] / cpu["empty"],
        "cold / (empty + in process) (at most 1.5)": medians["cold"] / (medians["empty"] + medians["in process"]),
    }


async def cpu_a_request(server: Server, client: Client, pair: Pair) -> float:
    begin = server.cpu_seconds()
    for _ in range(ROUNDS):
        await client.post(*pair)
    return (server.cpu_seconds() - begin) / ROUNDS


async def load(server: Server) -> Report:
    """Requests a second on several connections, cold and warm, and a corpus in one request; lag while workers score."""
    content = body(corpus())
    before = server.lags()
    numbers = itertools.count(1_000_000)
    cold = await throughput(server, (small_pair(number) for number in numbers))
    async with Client(server.port) as client:
        batches = [await timed_batch(client, content) for _ in range(2)]
    lag = p99(before, server.lags())
    warm = await throughput(server, itertools.repeat(small_pair(1_000_000)))
    return {
        "cold requests/s": cold,
        "warm requests/s": warm,
        f"batch of {BATCH}, cold, seconds": batches[0],
        f"batch of {BATCH}, warm, seconds": batches[1],
        "lag while workers score, p99 below, seconds (at most 0.02)": lag,
    }


async def throughput(server: Server, pairs: Iterator[Pair]) -> float:
    """Requests a second, each connection sending the next once the last is answered."""
    done = 0
    end = time.perf_counter() + SECONDS

    async def send(client: Client) -> None:
        nonlocal done
        while time.perf_counter() < end:
            await client.post(*next(pairs))
            done += 1

    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(server.port)) for _ in range(CONNECTIONS)]
        await asyncio.gather(*map(send, clients))
    return done / SECONDS


async def many_jobs(server: Server) -> Report:
    """Memory at rest, after a tenth of the jobs and after all of them, in MiB."""
    held = {"at rest": server.memory()}
    async with Client(server.port) as client:
        for number in range(1, JOBS + 1):
            await client.post(*small_pair(number % 50))
            if number in {JOBS // 10, JOBS}:
                held[f"after {number}"] = server.memory()
    return {name: memory._asdict() for name, memory in held.items()}


def corpus() -> list[tuple[str, str, bytes]]:
    """The files of a corpus of realistic pairs."""
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(Path(folder), BATCH)
        return [
            (side, path.name, path.read_bytes())
            for side, name in (("reference", "ref"), ("hypothesis", "hyp"))
            for path in sorted((Path(folder) / name).iterdir())
        ]


async def timed(client: Client, pair: Pair) -> float:
    begin = time.perf_counter()
    await client.post(*pair)
    return time.perf_counter() - begin


async def timed_batch(client: Client, content: bytes) -> float:
    begin = time.perf_counter()
    await client.send(content)
    return time.perf_counter() - begin


def summary(times: list[float]) -> dict[str, float]:
    """Median and 99th percentile, in ms."""
    ordered = sorted(times)
    return {"p50": 1e3 * statistics.median(ordered), "p99": 1e3 * ordered[int(0.99 * len(ordered))]}


if __name__ == "__main__":
    main()
