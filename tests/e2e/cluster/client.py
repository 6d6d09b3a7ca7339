"""A load client: sends requests at a constant rate and counts failures. It runs in a pod and needs only Python.

    python client.py URL FOLDER --rate 10 --seconds 300

Four callers run independently: each waits for its evaluations (``Prefer: wait``) or polls them, over one persistent
connection or a new one for every request. Nothing is retried: a broken connection, an unexpected status, or a figure
that differs from the original's (``NAME.json`` beside ``NAME.ref`` and ``NAME.hyp`` in FOLDER) is a failure. A
documented 503 (with ``Retry-After``) is counted separately. Requests miss the cache unless --cached.

It prints ``begun`` once every caller has had an answer, stops on SIGTERM or when the time is up, and prints its counts
as one line of JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import json
import signal
import threading
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ANSWER_SECONDS = 60
POLL_SECONDS = 0.1
JOB_SECONDS = 120
MOST_FAILURES = 20  # reported in words


class RefusedError(Exception):
    """A 503 with ``Retry-After``."""


class Tally:
    """The counts of all callers."""

    def __init__(self, callers: int) -> None:
        self.lock = threading.Lock()
        self.statuses: Counter[str] = Counter()
        self.evaluated = self.refused = self.failed = 0
        self.failures: list[str] = []
        self.latencies: list[float] = []
        self.begun = threading.Barrier(callers, action=lambda: print("begun", flush=True))

    def failure(self, what: str, *, refused: bool = False) -> None:
        with self.lock:
            self.failed += not refused
            self.refused += refused
            if len(self.failures) < MOST_FAILURES:
                self.failures.append(what)

    def report(self, seconds: float) -> dict[str, Any]:
        ordered = sorted(self.latencies)
        at = {f"p{share}": ordered[len(ordered) * share // 100] for share in (50, 99)} if ordered else {}
        return {
            "seconds": seconds,
            "requests": sum(self.statuses.values()),
            "statuses": self.statuses,
            "evaluated": self.evaluated,
            "refused": self.refused,
            "failed": self.failed,
            "failures": self.failures,
            "latency_seconds": at,
        }


class Caller(threading.Thread):
    """Evaluates one pair after another, one every ``interval`` seconds, until told to stop."""

    def __init__(self, options: argparse.Namespace, tally: Tally, stop: threading.Event, number: int) -> None:
        super().__init__(name=f"caller {number}")
        self.options, self.tally, self.stop = options, tally, stop
        self.waits, self.keeps = options.waits or number % 2 == 0, number % 4 < 2
        self.place = urlsplit(options.url)
        self.interval = options.callers / options.rate if options.rate else 0.0
        self.pairs = itertools.cycle(sorted(path.stem for path in options.folder.glob("*.json")))
        self.connection = self._connect()

    def run(self) -> None:
        first = True
        due = time.monotonic()
        while not self.stop.wait(max(0.0, due - time.monotonic())):
            due = max(due + self.interval, time.monotonic() - 1)  # does not catch up after a slow answer
            began = time.monotonic()
            try:
                self._evaluate(next(self.pairs))
            except RefusedError as error:
                self.tally.failure(f"{self._now()}: {error}", refused=True)
            except Exception as error:  # noqa: BLE001  # any error is a failed evaluation
                self.connection = self._connect()
                self.tally.failure(f"{self._now()}: {type(error).__name__}: {error}")
            else:
                with self.tally.lock:
                    self.tally.evaluated += 1
                    self.tally.latencies.append(time.monotonic() - began)
            if first:
                first = False
                with contextlib.suppress(threading.BrokenBarrierError):  # told to stop meanwhile
                    self.tally.begun.wait()

    def _now(self) -> str:
        kind = f"{'waits' if self.waits else 'polls'}, {'kept' if self.keeps else 'new'} connection"
        return f"{time.strftime('%H:%M:%S')} {kind}"

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.place.hostname or "", self.place.port, timeout=ANSWER_SECONDS)

    def _evaluate(self, name: str) -> None:
        if self.options.health:
            self._ask("GET", "/api/v1/health")
            return
        body, content_type = form(self.options.folder, name, cached=self.options.cached)
        headers = {"Content-Type": content_type} | ({"Prefer": "wait=60"} if self.waits else {})
        job = self._ask("POST", "/api/v1/evaluate", body, headers)
        deadline = time.monotonic() + JOB_SECONDS
        while job["status"] in {"pending", "running"}:
            if time.monotonic() > deadline:
                raise TimeoutError(f"job {job['job_id']} is {job['status']} after {JOB_SECONDS} s")
            time.sleep(POLL_SECONDS)
            job = self._ask("GET", f"/api/v1/evaluate/{job['job_id']}")
        if job["status"] != "completed":
            raise ValueError(f"job {job['job_id']} is {job['status']}: {job['error']}")
        if job["result"]["algorithms"] != json.loads((self.options.folder / f"{name}.json").read_text()):
            raise ValueError(f"figures of {name} differ from the original's")

    def _ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
        if not self.keeps:
            self.connection.close()
        self.connection.request(method, path, body, headers or {})
        answer = self.connection.getresponse()
        text = answer.read()
        with self.tally.lock:
            self.tally.statuses[str(answer.status)] += 1
        if answer.status == 503 and answer.getheader("Retry-After"):
            raise RefusedError(f"{method} {path}: {text[:300]!r}")
        if answer.status not in {200, 202}:
            raise ValueError(f"{method} {path}: {answer.status} {text[:300]!r}")
        return json.loads(text)


def form(folder: Path, name: str, *, cached: bool = False) -> tuple[bytes, str]:
    """A pair as a multipart form, with a unique comment unless ``cached``, and its content type."""
    boundary = uuid.uuid4().hex
    mark = name if cached else boundary
    body = ""
    for side, suffix in (("reference", "ref"), ("hypothesis", "hyp")):
        version, rest = (folder / f"{name}.{suffix}").read_text(encoding="utf-8").split("\n", 1)
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{side}"; filename="{name}.csv_bi"\r\n\r\n'
        body += f"{version}\n# load = {mark}\n{rest}\r\n"
    return f"{body}--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def main() -> None:
    """Send requests until told to stop, and print the counts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rate", type=float, default=10, help="evaluations a second; 0: one after the other")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--callers", type=int, default=4)
    parser.add_argument("--cached", action="store_true", help="send the same pairs over again")
    parser.add_argument("--health", action="store_true", help="ask for the process' health in place of evaluations")
    parser.add_argument("--waits", action="store_true", help="have every caller wait")
    options = parser.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    tally = Tally(options.callers)
    callers = [Caller(options, tally, stop, number) for number in range(options.callers)]
    began = time.monotonic()
    for caller in callers:
        caller.start()
    stop.wait(options.seconds)
    stop.set()
    tally.begun.abort()
    for caller in callers:
        caller.join()
    print(json.dumps(tally.report(time.monotonic() - began)))


if __name__ == "__main__":
    main()
