"""The benchmark of the service: `make bench-service`. One run, alternatives side by side; JSON to ``build/``.

Real server processes on this machine, spoken to over sockets by a client that does nothing but send prepared
requests. Ratios are to be read; absolute times depend on the machine.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import psutil

from bench.bench import csv_bi, intervals, write_corpus
from nedc_bench import score

ROUNDS = 300
BATCH = 1_000
JOBS = 10_000
BOUNDARY = b"nedc-bench-boundary"
EMPTY_APP = """
import asyncio, uvloop
from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart, request
app = Quart("empty")
@app.post("/api/v1/evaluate")
async def submit():
    await request.files
    return b"", 200
config = Config()
config.bind, config.errorlog = ["127.0.0.1:0"], "-"
config.keep_alive_max_requests = 1_000_000
uvloop.run(serve(app, config))
"""
Times = dict[str, float]


def main() -> None:
    """Run everything, print a line a figure, and write the JSON."""
    pair = small_pair(0)
    report: dict[str, Any] = {}
    with running([sys.executable, "-c", EMPTY_APP]) as empty, running(serve(MAX_WORKERS="1")) as server:
        report["start_to_ready_seconds"] = server.ready_seconds
        asyncio.run(report_latency(report, pair, empty.port, server.port))
    for workers in ("1", "2"):
        with running(serve(MAX_WORKERS=workers)) as server:
            report[f"batch of {BATCH}, {workers} workers"] = asyncio.run(batch(server))
    with running(serve(JOB_TTL_SECONDS="1")) as server:
        report[f"rss over {JOBS} jobs"] = asyncio.run(many_jobs(server))
    for name, found in report.items():
        print(f"{name}: {found}")
    Path("build").mkdir(exist_ok=True)
    Path("build/bench-service.json").write_text(json.dumps(report, indent=1) + "\n")


async def report_latency(report: dict[str, Any], pair: tuple[bytes, bytes], empty: int, server: int) -> None:
    """An empty handler, a warm hit, a cold pair, and scoring in this process, in turns."""
    names = ("empty", "warm", "cold", "in process")
    times: dict[str, list[float]] = {name: [] for name in names}
    async with Client(empty) as to_empty, Client(server) as to_server:
        await to_server.post(*pair)
        for turn in range(ROUNDS):
            fresh = small_pair(turn + 1)
            times["empty"].append(await timed(to_empty, pair))
            times["warm"].append(await timed(to_server, pair))
            times["cold"].append(await timed(to_server, fresh))
            begin = time.perf_counter()
            score_bytes(*fresh)
            times["in process"].append(time.perf_counter() - begin)
    medians = {name: statistics.median(found) for name, found in times.items()}
    report["latency_ms"] = {name: summary(found) for name, found in times.items()}
    report["warm / empty (at most 2)"] = medians["warm"] / medians["empty"]
    report["cold / (empty + in process) (at most 1.5)"] = medians["cold"] / (medians["empty"] + medians["in process"])


async def batch(server: Server) -> dict[str, float]:
    """A corpus of realistic pairs in one request; the event loop's lag while it is scored."""
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(Path(folder), BATCH)
        files = [
            (side, path.name, path.read_bytes())
            for side, name in (("reference", "ref"), ("hypothesis", "hyp"))
            for path in sorted((Path(folder) / name).iterdir())
        ]
    async with Client(server.port) as client:
        begin = time.perf_counter()
        await client.send(body(files))
        cold = time.perf_counter() - begin
        begin = time.perf_counter()
        await client.send(body(files))
        warm = time.perf_counter() - begin
    return {"cold_seconds": cold, "warm_seconds": warm, "lag_p99_seconds": server.lag_p99()}


async def many_jobs(server: Server) -> dict[str, float]:
    """Memory after a tenth of the jobs and after all of them."""
    rss = []
    async with Client(server.port) as client:
        for number in range(JOBS):
            await client.post(*small_pair(number % 50))
            if number + 1 in {JOBS // 10, JOBS}:
                rss.append(psutil.Process(server.pid).memory_info().rss / 2**20)
    return {"mib_after_a_tenth": rss[0], "mib_at_the_end": rss[1]}


class Client:
    """One connection that sends requests and reads responses."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        await self.writer.wait_closed()

    async def post(self, reference: bytes, hypothesis: bytes) -> bytes:
        """Evaluate a pair and wait for the end."""
        return await self.send(body([("reference", "a.csv_bi", reference), ("hypothesis", "b.csv_bi", hypothesis)]))

    async def send(self, content: bytes) -> bytes:
        """Send a form; the body of the response, which must be 200."""
        head = f"POST /api/v1/evaluate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(content)}\r\n"
        head += f"Prefer: wait=60\r\nContent-Type: multipart/form-data; boundary={BOUNDARY.decode()}\r\n\r\n"
        self.writer.write(head.encode() + content)
        response = await self.reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"content-length: (\d+)", response, re.IGNORECASE)
        assert found is not None
        answer = await self.reader.readexactly(int(found[1]))
        assert b" 200 " in response.split(b"\r\n", 1)[0], answer
        return answer


class Server:
    """A running server: its port, its process, and how long it took to be ready."""

    def __init__(self, port: int, pid: int, ready_seconds: float) -> None:
        self.port = port
        self.pid = pid
        self.ready_seconds = ready_seconds

    def lag_p99(self) -> float:
        """The bound below which 99 % of the event loop's lags were."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            text = answer.read().decode()
        buckets = re.findall(r'nedc_event_loop_lag_seconds_bucket{le="([^"]+)"} (\S+)', text)
        total = float(buckets[-1][1])
        return next(float(bound) for bound, count in buckets if float(count) >= 0.99 * total)


@contextmanager
def running(command: list[str]) -> Iterator[Server]:
    """A server for the time of a with block."""
    begin = time.perf_counter()
    with tempfile.NamedTemporaryFile() as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)", Path(log.name).read_text())):
            assert process.poll() is None, Path(log.name).read_text()
            time.sleep(0.005)
        try:
            yield Server(int(found[1]), process.pid, time.perf_counter() - begin)
        finally:
            process.terminate()


def serve(**settings: str) -> list[str]:
    """The command of a service with these settings, without a rate limit to speak of."""
    values = {"HOST": "127.0.0.1", "PORT": "0", "RATE_LIMIT": "1000000/second", "LOG_LEVEL": "info", **settings}
    return ["env", *(f"{name}={value}" for name, value in values.items()), sys.executable, "-m", "nedc_bench", "serve"]


def body(files: list[tuple[str, str, bytes]]) -> bytes:
    """A multipart body."""
    parts = (
        b'--%s\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n\r\n%s\r\n'
        % (BOUNDARY, name.encode(), file.encode(), content)
        for name, file, content in files
    )
    return b"".join(parts) + b"--%s--\r\n" % BOUNDARY


def small_pair(seed: int) -> tuple[bytes, bytes]:
    """An hour with ten events a side."""
    sides = (csv_bi(intervals(2 * seed + side, 10, 3600.0), 3600.0).encode() for side in (0, 1))
    reference, hypothesis = sides
    return reference, hypothesis


def score_bytes(reference: bytes, hypothesis: bytes) -> None:
    score(io.BytesIO(reference), io.BytesIO(hypothesis))


async def timed(client: Client, pair: tuple[bytes, bytes]) -> float:
    begin = time.perf_counter()
    await client.post(*pair)
    return time.perf_counter() - begin


def summary(times: list[float]) -> Times:
    """Median and 99th percentile, in ms."""
    ordered = sorted(times)
    return {"p50": 1e3 * statistics.median(ordered), "p99": 1e3 * ordered[int(0.99 * len(ordered))]}


if __name__ == "__main__":
    main()
