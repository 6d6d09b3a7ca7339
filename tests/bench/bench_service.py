"""The benchmark of the service: `make bench-service`. One run, alternatives side by side; JSON to ``build/``.

Real server processes on this machine, with a Redis of their own and without, spoken to over sockets. Ratios are to be
read; absolute times depend on the machine.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import httpx

from bench.bench import csv_bi, intervals, write_corpus
from bench.serving import EMPTY, Client, File, Server, body, p99, pair_files, running, serve, small_pair
from corpora import DATA, Corpus
from nedc_bench import Pair as Sources
from nedc_bench import score_corpus
from redis_server import RedisServer

STARTS = 5
ROUNDS = 200
DAY_EVENTS = 2_000
CORPUS = 5_000
REQUESTS = 20_000
FRESH = 4_000  # requests that no cache knows; more than are sent in `SECONDS`
SECONDS = 4.0
CONNECTIONS = (16, 64, 256)
LOAD_ROUNDS = 5
Report = dict[str, Any]


def main() -> None:
    """Run everything, print a line a figure, and write the JSON."""
    report: Report = {"start to ready, seconds": start()}
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as redis:
        for store, settings in {"memory": {}, "redis": {"REDIS_URL": redis.url}}.items():
            with running(EMPTY) as empty, running(serve(MAX_WORKERS="1", **settings)) as server:
                for name, fresh in requests().items():
                    report[f"{name}, {store}"] = asyncio.run(latency(empty, server, fresh))
            with running(serve(MAX_WORKERS="2", **settings)) as server:
                report[f"load, {store}"] = asyncio.run(load(server))
        with running(serve(MAX_WORKERS="1", REDIS_URL=redis.url)) as server:
            report["round trips of a warm request"] = asyncio.run(round_trips(server, redis))
        report[f"corpus of {CORPUS} over replicas"] = replicas(redis)
    with running(serve(JOB_TTL_SECONDS="1")) as server:
        report[f"memory over {REQUESTS} requests, MiB"] = asyncio.run(many_requests(server))
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


def requests() -> dict[str, Iterator[list[File]]]:
    """Requests of three sizes, each new to the cache."""
    example = Corpus(DATA / "chb-mit").pairing.pairs
    files = [
        (side, Path(str(source)).name, Path(str(source)).read_bytes())
        for pair in example
        for side, source in (("reference", pair.reference), ("hypothesis", pair.hypothesis))
    ]

    def fresh(files: list[File]) -> Iterator[list[File]]:
        for number in itertools.count():
            yield [(side, name, content + f"# {number}\n".encode()) for side, name, content in files]

    day = 86_400.0
    dense = pair_files((csv_bi(intervals(1, DAY_EVENTS, day), day), csv_bi(intervals(2, DAY_EVENTS, day), day)))
    return {"small pair": fresh(pair_files(small_pair(0))), "59 pairs": fresh(files), "dense day": fresh(dense)}


async def latency(to_empty: Server, to_server: Server, fresh: Iterator[list[File]]) -> Report:
    """An empty multipart handler, a warm hit, a cold request, and scoring in this process, in turns."""
    times: dict[str, list[float]] = {name: [] for name in ("empty", "warm", "cold", "in process")}
    known = next(fresh)
    content = body(known)
    rounds = ROUNDS if len(known) == 2 else ROUNDS // 4
    async with Client(to_empty.port) as empty, Client(to_server.port) as server:
        for _ in range(10):
            await server.send(content)
        for _ in range(rounds):
            new = next(fresh)
            times["empty"].append(await timed(empty, content))
            times["warm"].append(await timed(server, content))
            times["cold"].append(await timed(server, body(new)))
            begin = time.perf_counter()
            score_corpus(sources(new))
            times["in process"].append(time.perf_counter() - begin)
    medians = {name: statistics.median(found) for name, found in times.items()}
    return {
        "ms": {name: summary(found) for name, found in times.items()},
        "warm / empty (at most 2)": medians["warm"] / medians["empty"],
        "cold / (empty + in process) (at most 2)": medians["cold"] / (medians["empty"] + medians["in process"]),
        "cold / warm": medians["cold"] / medians["warm"],
    }


def sources(files: list[File]) -> list[Sources]:
    """The files of a request as the library takes them."""
    sides = [[file for file in files if file[0] == side] for side in ("reference", "hypothesis")]
    return [Sources(io.BytesIO(ref[2]), io.BytesIO(hyp[2]), ref[1], hyp[1]) for ref, hyp in zip(*sides, strict=True)]


async def load(server: Server) -> Report:
    """Requests a second on more and more connections, cold and warm, and how late ``/health`` is meanwhile.

    The numbers of connections take turns; ratios are medians of those within a round, which a change of the machine's
    speed leaves alone.
    """
    numbers = itertools.count(1_000_000)
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(1) as other:
        idle = p99_of(await loop.run_in_executor(other, health, server.port, SECONDS))
        found: Report = {"health idle, p99 ms": 1e3 * idle}
        before = server.lags()
        for kind, fresh in {"cold": FRESH, "warm": 1}.items():
            rates: dict[int, list[float]] = {connections: [] for connections in CONNECTIONS}
            late: dict[int, list[float]] = {connections: [] for connections in CONNECTIONS}
            for connections in CONNECTIONS * LOAD_ROUNDS:
                bodies = [body(pair_files(small_pair(next(numbers)))) for _ in range(fresh)]
                asked = loop.run_in_executor(other, health, server.port, SECONDS)
                rates[connections].append(await throughput(server, itertools.cycle(bodies), connections))
                late[connections] += await asked
            for connections in CONNECTIONS:
                ratios = [rate / least for rate, least in zip(rates[connections], rates[CONNECTIONS[0]], strict=True)]
                found[f"{kind}, {connections} connections"] = {
                    "requests/s": statistics.median(rates[connections]),
                    "throughput / that at 16 connections (at least 0.9)": statistics.median(ratios),
                    "health p99 ms": 1e3 * p99_of(late[connections]),
                    "health p99 / idle (at most 10)": p99_of(late[connections]) / idle,
                }
    found["event loop's lag, p99 below, seconds"] = p99(before, server.lags())
    return found


def p99_of(times: list[float]) -> float:
    """The 99th percentile."""
    return sorted(times)[int(0.99 * len(times))]


def health(port: int, seconds: float) -> list[float]:
    """The seconds that each ``/health`` takes for a while, asked from a process of its own."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        client.get("/api/v1/health")
        while time.perf_counter() < end:
            begin = time.perf_counter()
            client.get("/api/v1/health")
            times.append(time.perf_counter() - begin)
            time.sleep(0.01)
    return times


async def throughput(server: Server, bodies: Iterator[bytes], connections: int) -> float:
    """Requests a second, each connection sending the next once the last is answered."""
    done = 0
    end = time.perf_counter() + SECONDS

    async def send(client: Client) -> None:
        nonlocal done
        while time.perf_counter() < end:
            await client.send(next(bodies))
            done += 1

    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(server.port)) for _ in range(connections)]
        begin = time.perf_counter()
        await asyncio.gather(*map(send, clients))
        return done / (time.perf_counter() - begin)


async def round_trips(server: Server, redis: RedisServer) -> float:
    """How often Redis reads something from the service for a warm request; what it reads at rest is taken off."""

    def reads() -> int:
        return int(redis.ask(lambda client: client.info("stats"))["total_reads_processed"])

    async with Client(server.port) as client:
        for _ in range(10):
            await client.post(*small_pair(0))
        before, begin = reads(), time.perf_counter()
        for _ in range(ROUNDS):
            await client.post(*small_pair(0))
        during, took = reads(), time.perf_counter() - begin
        await asyncio.sleep(took)
        at_rest = reads() - during
    return (during - before - at_rest) / ROUNDS


def replicas(redis: RedisServer) -> Report:
    """A corpus in one request, by one replica and by two that share a Redis, each held to a CPU of its own."""
    content = body(corpus())
    cpus = sorted(os.sched_getaffinity(0))
    seconds = []
    for count in (1, 2):
        redis.empty()
        with ExitStack() as stack:
            servers = [
                stack.enter_context(running(["taskset", "--cpu-list", str(cpu), *serve(REDIS_URL=redis.url)]))
                for cpu in cpus[:count]
            ]
            begin = time.perf_counter()
            asyncio.run(wait_for_job(servers[0], content))
            seconds.append(time.perf_counter() - begin)
    return {"one, seconds": seconds[0], "two, seconds": seconds[1], "speed-up (at least 1.6)": seconds[0] / seconds[1]}


async def wait_for_job(server: Server, content: bytes) -> None:
    async with Client(server.port) as client:
        job = json.loads(await client.send(content, wait=False))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=60) as reader:
            while (await reader.get(f"/api/v1/evaluate/{job['job_id']}")).json()["status"] != "completed":  # noqa: ASYNC110  # of another process no event tells
                await asyncio.sleep(0.05)


async def many_requests(server: Server) -> Report:
    """Memory at rest, after a tenth of the requests and after all of them."""
    held = {"at rest": server.memory()}
    tenth = REQUESTS // 10
    for done in range(tenth, REQUESTS + 1, tenth):
        async with Client(server.port) as client:  # a new one, since a connection is closed after some requests
            for number in range(tenth):
                await client.post(*small_pair(number % 50))
        if done in {tenth, 5 * tenth, REQUESTS}:
            held[f"after {done}"] = server.memory()
    return {name: memory._asdict() for name, memory in held.items()}


def corpus() -> list[File]:
    """The files of a corpus of realistic pairs."""
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(Path(folder), CORPUS)
        return [
            (side, path.name, path.read_bytes())
            for side, name in (("reference", "ref"), ("hypothesis", "hyp"))
            for path in sorted((Path(folder) / name).iterdir())
        ]


async def timed(client: Client, content: bytes) -> float:
    begin = time.perf_counter()
    await client.send(content)
    return time.perf_counter() - begin


def summary(times: list[float]) -> dict[str, float]:
    """Median and 99th percentile, in ms."""
    ordered = sorted(times)
    return {"p50": 1e3 * statistics.median(ordered), "p99": 1e3 * ordered[int(0.99 * len(ordered))]}


if __name__ == "__main__":
    main()
