"""What the service's benchmark is made with: server processes, and a client that only sends prepared requests."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from asyncio import open_connection
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

import psutil

from bench.bench import csv_bi, intervals

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
config.bind, config.errorlog, config.keep_alive_max_requests = ["127.0.0.1:0"], "-", 1_000_000
uvloop.run(serve(app, config))
"""
EMPTY = [sys.executable, "-c", EMPTY_APP]

Pair = tuple[bytes, bytes]
File = tuple[str, str, bytes]  # the part's name, the file's, and its content


class Memory(NamedTuple):
    """Resident MiB of the process that serves, and of all its processes (pages that they share counted once)."""

    server: float
    all: float


class Client:
    """One connection that sends requests and reads responses."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        await self.writer.wait_closed()

    async def post(self, reference: bytes, hypothesis: bytes) -> bytes:
        """Evaluate a pair and wait for the end."""
        return await self.send(body(pair_files((reference, hypothesis))))

    async def send(self, content: bytes, *, wait: bool = True) -> bytes:
        """Send a form; the body of the response, which must be 200, or 202 where no end is waited for."""
        head = f"POST /api/v1/evaluate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(content)}\r\n"
        head += "Prefer: wait=60\r\n" if wait else ""
        head += f"Content-Type: multipart/form-data; boundary={BOUNDARY.decode()}\r\n\r\n"
        self.writer.write(head.encode() + content)
        response = await self.reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"content-length: (\d+)", response, re.IGNORECASE)
        assert found is not None
        answer = await self.reader.readexactly(int(found[1]))
        assert (b" 200 " if wait else b" 202 ") in response.split(b"\r\n", 1)[0], answer
        return answer


class Server:
    """A running server: its port, its process, and how long it took to be ready."""

    def __init__(self, port: int, pid: int, ready_seconds: float) -> None:
        self.port = port
        self.process = psutil.Process(pid)
        self.ready_seconds = ready_seconds

    def cpu_seconds(self) -> float:
        """The CPU time of the process that serves; the workers' is not in it."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> Memory:
        """What it holds now."""
        processes = [self.process, *self.process.children(recursive=True)]
        together = sum(process.memory_full_info().pss for process in processes)
        return Memory(self.process.memory_info().rss / 2**20, together / 2**20)

    def lags(self) -> list[tuple[float, float]]:
        """The histogram of the event loop's lags: bounds, and how many were below each."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            text = answer.read().decode()
        buckets = re.findall(r'nedc_event_loop_lag_seconds_bucket{le="([^"]+)"} (\S+)', text)
        return [(float(bound), float(count)) for bound, count in buckets]


def p99(before: list[tuple[float, float]], after: list[tuple[float, float]]) -> float:
    """The bound below which 99 % of the lags between two histograms were."""
    counts = [(bound, count - earlier) for (bound, count), (_, earlier) in zip(after, before, strict=True)]
    return next(bound for bound, count in counts if count >= 0.99 * counts[-1][1])


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


def pair_files(pair: tuple[bytes | str, bytes | str]) -> list[File]:
    """The files of a request with one pair."""
    reference, hypothesis = (side.encode() if isinstance(side, str) else side for side in pair)
    return [("reference", "a.csv_bi", reference), ("hypothesis", "b.csv_bi", hypothesis)]


def body(files: list[File]) -> bytes:
    """A multipart body."""
    parts = (
        b'--%s\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n\r\n%s\r\n'
        % (BOUNDARY, name.encode(), file.encode(), content)
        for name, file, content in files
    )
    return b"".join(parts) + b"--%s--\r\n" % BOUNDARY


def small_pair(seed: int) -> Pair:
    """An hour with ten events a side."""
    reference, hypothesis = (csv_bi(intervals(2 * seed + side, 10, 3600.0), 3600.0).encode() for side in (0, 1))
    return reference, hypothesis
