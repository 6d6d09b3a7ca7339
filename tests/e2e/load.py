"""A client that posts pairs at a constant rate and follows every accepted job to its end.

    with Load(url, per_second=5) as load:
        kill_something()
        load.go_on(20)  # until 20 more jobs have completed
    assert load.failures == []

Every figure is compared (``==``) with the library's score in this process. Most pairs are unique, so that they miss the
cache; every fourth is from the example corpus. The rate does not depend on the answers. A run is bounded in requests
and in time, and the end of the block waits until every accepted job has ended.

Two ways to count, by ``patient``:

- strict (the default): anything but a success is a failure: a refused connection, a 503, a poll that fails.
- patient: retries as docs/api.md describes. 429 and 503 are retried after ``Retry-After``, a broken connection after a
  moment, each with the same ``Idempotency-Key``; a request without success after `GIVE_UP_SECONDS` is a failure.

Either way, an accepted job that is unknown later, that fails, or whose figures differ is a failure.
"""

from __future__ import annotations

import asyncio
import io
import json
import random
import ssl
import threading
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from types import TracebackType
from typing import Any, Self

import httpx

from corpora import DATA, Corpus
from helpers import annotation
from nedc_bench import score

GIVE_UP_SECONDS = 120.0  # for one request with its retries and pauses, and for one job
POLL_SECONDS = 0.25
KNOWN_EVERY = 4
HOUR = 3600.0


@dataclass(frozen=True)
class Sample:
    """A pair to send, and the expected ``algorithms`` of its result document."""

    reference: bytes
    hypothesis: bytes
    expected: dict[str, Any]

    @classmethod
    def of(cls, reference: bytes, hypothesis: bytes) -> Self:
        """The pair, scored by the library."""
        document = score(io.BytesIO(reference), io.BytesIO(hypothesis)).to_dict()
        return cls(reference, hypothesis, json.loads(json.dumps(document))["algorithms"])

    def check(self, job: dict[str, Any]) -> None:
        """Check that a job has completed with these figures."""
        if job["status"] != "completed":
            raise _FailedError(f"job {job['job_id']}: {job['error']}")
        if job["result"]["algorithms"] != self.expected:
            raise _FailedError(f"job {job['job_id']}: the figures differ")


def distinct(seed: str) -> Sample:
    """One hour with about ten events per side, unique for each seed."""
    draw = random.Random(seed)

    def side() -> bytes:
        bounds = sorted(draw.uniform(0, HOUR) for _ in range(2 * draw.randint(8, 12)))
        events = zip(bounds[::2], bounds[1::2], strict=True)
        return annotation(*((round(a, 4), round(b, 4), "seiz") for a, b in events), duration=HOUR).encode()

    return Sample.of(side(), side())


@cache
def known() -> tuple[Sample, ...]:
    """The pairs of the example corpus."""
    pairs = Corpus(DATA / "chb-mit").pairing.pairs
    return tuple(Sample.of(*(_content(file) for file in (pair.reference, pair.hypothesis))) for pair in pairs)


def _content(file: Any) -> bytes:
    with open(file, "rb") as opened:
        return opened.read()


@dataclass
class Load:
    """The load; see the module.

    Attributes:
        url: the URL of the service; may have a path.
        per_second: requests posted per second.
        at_most, seconds: the maximum number of requests, and the time after which none are sent.
        patient: whether to retry before counting a failure.
        headers, verify: as for an httpx client: tokens, and trusted certificates.
        posted: the number of posted pairs.
        accepted: the ids of the accepted jobs.
        completed: the number of jobs that completed with the right figures.
        retries: the number of retries.
        failures: descriptions, each with the second of the run.
    """

    url: str
    per_second: float = 5.0
    at_most: int = 3000
    seconds: float = 600.0
    patient: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    verify: ssl.SSLContext | bool = True
    posted: int = 0
    accepted: set[str] = field(default_factory=set)
    completed: int = 0
    retries: int = 0
    failures: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._seed = uuid.uuid4().hex
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="load")
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(RuntimeError):  # its event loop has ended
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error

    def go_on(self, jobs: int, seconds: float = GIVE_UP_SECONDS) -> None:
        """Return once ``jobs`` more jobs have completed."""
        wanted = self.completed + jobs
        with self._changed:
            met = self._changed.wait_for(lambda: self.completed >= wanted or not self._thread.is_alive(), seconds)
        assert met, f"{self} after {seconds:g} s"
        assert self.completed >= wanted, f"the load has ended: {self}"

    def __str__(self) -> str:
        counts = (
            f"{self.posted} posted, {len(self.accepted)} accepted, {self.completed} completed, {self.retries} retries"
        )
        return f"{counts}, {len(self.failures)} failures {self.failures[:5]}"

    def _work(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._run())
        except BaseException as error:  # noqa: BLE001  # raised at the end of the block
            self._error = error
        with self._changed:
            self._changed.notify_all()

    async def _run(self) -> None:
        # One connection per request spreads requests over replicas, and never meets one that is being closed.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        async with (
            httpx.AsyncClient(
                headers=dict(self.headers), verify=self.verify, limits=limits, timeout=30, trust_env=False
            ) as client,
            asyncio.TaskGroup() as tasks,
        ):
            async for number in self._beats():
                tasks.create_task(self._evaluate(client, number))

    async def _beats(self) -> AsyncIterator[int]:
        """The number of each request, yielded when it is due."""
        for number in range(self.at_most):
            early = self._began + number / self.per_second - time.monotonic()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), max(early, 0))
            if self._stop.is_set() or time.monotonic() - self._began > self.seconds:
                return
            yield number

    async def _evaluate(self, client: httpx.AsyncClient, number: int) -> None:
        """Post one pair and follow its job."""
        sample = (
            distinct(f"{self._seed}-{number}")
            if number % KNOWN_EVERY
            else known()[number // KNOWN_EVERY % len(known())]
        )
        files = [
            ("reference", ("reference.csv_bi", sample.reference)),
            ("hypothesis", ("hypothesis.csv_bi", sample.hypothesis)),
        ]
        headers = {"Idempotency-Key": f"{self._seed}-{number}"} if self.patient else {}
        self.posted += 1
        try:
            job = await self._answer(client, "POST", "", files=files, headers=headers)
            self.accepted.add(job["job_id"])
            job = await self._ended(client, job)
            sample.check(job)
        except _FailedError as failure:
            self.failures.append(f"{time.monotonic() - self._began:.1f} s: pair {number}: {failure}")
        else:
            self.completed += 1
        with self._changed:
            self._changed.notify_all()

    async def _ended(self, client: httpx.AsyncClient, job: dict[str, Any]) -> dict[str, Any]:
        begin = time.monotonic()
        while job["status"] in {"pending", "running"}:
            if time.monotonic() - begin > GIVE_UP_SECONDS:
                raise _FailedError(f"job {job['job_id']} is {job['status']} after {GIVE_UP_SECONDS:g} s")
            await asyncio.sleep(POLL_SECONDS)
            job = await self._answer(client, "GET", f"/{job['job_id']}")
        return job

    async def _answer(self, client: httpx.AsyncClient, method: str, path: str, **options: Any) -> dict[str, Any]:
        """The job in the response to a request.

        Raises:
            _FailedError: the request has failed; if ``patient``, only after retries.
        """
        begin = time.monotonic()
        while True:
            try:
                response = await client.request(method, f"{self.url}/api/v1/evaluate{path}", **options)
            except httpx.TransportError as error:
                problem, pause = f"{type(error).__name__}: {error}", 2 * POLL_SECONDS
            else:
                if response.status_code in {200, 202}:
                    job: dict[str, Any] = response.json()
                    return job
                problem = f"{response.status_code} {response.text[:300]}"
                if response.status_code not in {429, 503}:
                    raise _FailedError(f"{method} {path}: {problem}")
                pause = float(response.headers.get("Retry-After", 1))
            if not self.patient or time.monotonic() + pause - begin > GIVE_UP_SECONDS:
                raise _FailedError(f"{method} {path}: {problem}")
            self.retries += 1
            await asyncio.sleep(pause)


class _FailedError(Exception):
    """A request or a job has failed."""
