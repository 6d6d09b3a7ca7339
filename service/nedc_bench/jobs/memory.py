"""Jobs in the memory of one process, without Redis."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator

import msgspec

from nedc_bench.jobs.model import (
    Failure,
    Job,
    JobPage,
    JobStatus,
    Progress,
    QueueFullError,
    Request,
    Stored,
    cancelled,
    ended,
    new_job,
    with_result,
)
from nedc_bench.jobs.runner import Runner

JOB_OVERHEAD, PAIR_OVERHEAD = 3500, 300  # bytes of memory besides contents and result, measured
LEAST_KEPT_SECONDS = 60.0  # a finished job is kept this long for its client, even if memory is needed
SHOWN_KEPT_SECONDS = 5.0  # the same once its client has the result, for the reports


class _Entry:
    """A job with its watchers, and with its input until it has finished, then with its figures."""

    def __init__(self, job: Job, request: Request) -> None:
        self.job = job
        self.owner = request.owner
        self.key = request.key
        self.digest = request.digest() if request.key is not None else ""
        self.request: Request | None = request
        self.stored: Stored | None = None
        self.size = sum(pair.size + PAIR_OVERHEAD for pair in request.pairs) + JOB_OVERHEAD
        self.accepted = time.monotonic()
        self.ended: float | None = None
        self.is_shown = False
        self.changed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    async def shown(self) -> Job:
        """The job for its owner."""
        self.is_shown = self.ended is not None
        return self.job if self.stored is None else with_result(self.job, await self.stored.result())

    def may_go(self, now: float) -> bool:
        """Whether it makes room for a new job."""
        kept = SHOWN_KEPT_SECONDS if self.is_shown else LEAST_KEPT_SECONDS
        return self.ended is not None and self.ended <= now - kept


class MemoryJobs:
    """Jobs in memory, run a few at a time in the order of acceptance.

    Args:
        runner: runs a job.
        concurrency: how many jobs run at once; the worker processes limit the CPU.
        max_queued: how many may wait.
        max_bytes: the memory limit of all jobs; the oldest finished ones make room for a new one.
        ttl_seconds: how long a finished job is kept.
    """

    outlive_process = False

    def __init__(
        self, runner: Runner, *, concurrency: int, max_queued: int, max_bytes: int, ttl_seconds: float
    ) -> None:
        self.runner = runner
        self.concurrency = concurrency
        self.max_queued = max_queued
        self.max_bytes = max_bytes
        self.ttl_seconds = ttl_seconds
        self._entries: dict[str, _Entry] = {}
        self._held = 0  # bytes
        self._keys: dict[str, str] = {}
        self._queue: deque[str] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._draining = False

    async def start(self) -> None:
        """Do nothing: jobs start on demand."""

    async def drain(self, seconds: float) -> None:
        """Let the accepted jobs finish within a time limit; the rest is lost with this process."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._running:
                    await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        self._draining = True
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""

    async def submit(self, request: Request) -> tuple[Job, bool]:
        """See `Jobs`."""
        self._forget()
        known = self._entries.get(self._keys.get(request.key or "", ""))
        if known is not None:
            if known.digest != request.digest():
                raise KeyError(request.key)
            return await known.shown(), False
        job = new_job(len(request.pairs))
        entry = _Entry(job, request)
        if len(self._queue) >= self.max_queued:
            raise QueueFullError(f"{self.max_queued} jobs are already waiting (MAX_QUEUED_JOBS)")
        if not self._make_room(entry.size):
            raise QueueFullError("jobs have reached their memory limit (JOBS_MAX_BYTES)")
        self._entries[job.job_id] = entry
        self._held += entry.size
        if request.key is not None:
            self._keys[request.key] = job.job_id
        self._queue.append(job.job_id)
        self.runner.metrics.jobs.labels(job.status).inc()
        self._start_next()
        return job, True

    async def evaluate(self, request: Request, seconds: float) -> tuple[Job, bool]:
        """See `Jobs`."""
        job, _ = await self.submit(request)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for _ in self.watch(job.job_id, request.owner):
                    pass
        found = await self.get(job.job_id, request.owner)
        return found or cancelled(job), found is not None

    async def get(self, job_id: str, owner: str) -> Job | None:
        """See `Jobs`."""
        entry = self._entry(job_id, owner)
        return None if entry is None else await entry.shown()

    async def report(self, job_id: str, owner: str, name: str) -> bytes | None:
        """See `Jobs`."""
        entry = self._entry(job_id, owner)
        if entry is None or entry.stored is None:
            return None
        return await self.runner.report(entry.stored, name)

    async def list(self, owner: str, limit: int, offset: int, status: JobStatus | None) -> JobPage:
        """See `Jobs`."""
        self._forget()
        own = (entry.job for entry in reversed(self._entries.values()) if entry.owner == owner)
        found = [job for job in own if status in {None, job.status}]
        return JobPage(found[offset : offset + limit], len(found), limit, offset)

    async def remove(self, job_id: str, owner: str) -> bool:
        """See `Jobs`."""
        entry = self._entry(job_id, owner)
        if entry is None:
            return False
        self._drop(job_id)
        if job_id in self._queue:
            self._queue.remove(job_id)
        if entry.task is not None:
            entry.task.cancel()
        if not entry.job.status.ended:
            self.runner.metrics.jobs.labels("cancelled").inc()
            self._set(entry, cancelled(entry.job))
        return True

    async def watch(self, job_id: str, owner: str) -> AsyncIterator[Job]:
        """See `Jobs`."""
        entry = self._entry(job_id, owner)
        while entry is not None:
            job, changed = entry.job, entry.changed
            yield job
            if job.status.ended:
                return
            if job is entry.job:
                await changed.wait()

    async def waiting(self) -> tuple[int, float]:
        """See `Jobs`."""
        oldest = self._entries[self._queue[0]].accepted if self._queue else time.monotonic()
        return len(self._queue), time.monotonic() - oldest

    def _entry(self, job_id: str, owner: str) -> _Entry | None:
        self._forget()
        entry = self._entries.get(job_id)
        return entry if entry is not None and entry.owner == owner else None

    def _start_next(self) -> None:
        while self._queue and len(self._running) < self.concurrency and not self._draining:
            entry = self._entries[self._queue.popleft()]
            entry.task = asyncio.create_task(self._run(entry))
            self._running.add(entry.task)
            entry.task.add_done_callback(self._ran)

    def _ran(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start_next()

    async def _run(self, entry: _Entry) -> None:
        request = entry.request
        assert request is not None

        def progress(done: int) -> None:
            self._set(entry, msgspec.structs.replace(entry.job, progress=Progress(done, entry.job.progress.total)))

        self._set(entry, msgspec.structs.replace(entry.job, status=JobStatus.RUNNING))
        outcome = await self.runner.run(entry.job.job_id, request, progress)
        entry.request = None
        if isinstance(outcome, Failure):
            self._resize(entry, JOB_OVERHEAD)
            self._set(entry, ended(entry.job, outcome))
            return
        entry.stored = Stored([pair.names for pair in request.pairs], outcome.folded)
        size = len(outcome.folded.document) + len(outcome.folded.reports) + PAIR_OVERHEAD * len(request.pairs)
        self._resize(entry, size + JOB_OVERHEAD)
        await self.runner.evaluator.cache.set_many(outcome.entries)
        self._set(entry, ended(entry.job, None, cached=outcome.cached))

    def _resize(self, entry: _Entry, size: int) -> None:
        if entry.job.job_id in self._entries:
            self._held += size - entry.size
        entry.size = size

    def _set(self, entry: _Entry, job: Job) -> None:
        if job.status is not entry.job.status and job.job_id in self._entries:
            self.runner.metrics.jobs.labels(job.status).inc()
        entry.job = job
        if job.status.ended:
            entry.ended = time.monotonic()
        changed, entry.changed = entry.changed, asyncio.Event()
        changed.set()

    def _forget(self) -> None:
        """Drop expired jobs; they finished in about the order of acceptance."""
        limit = time.monotonic() - self.ttl_seconds
        while self._entries:
            job_id, entry = next(iter(self._entries.items()))
            if entry.ended is None or entry.ended > limit:
                break
            self._drop(job_id)

    def _make_room(self, size: int) -> bool:
        """Drop finished jobs, oldest first, until the bytes fit. Returns whether they fit; a job alone always fits."""
        now = time.monotonic()
        while self._entries and self._held + size > self.max_bytes:
            oldest = next((job_id for job_id, entry in self._entries.items() if entry.may_go(now)), None)
            if oldest is None:
                return False
            self._drop(oldest)
        return True

    def _drop(self, job_id: str) -> None:
        entry = self._entries.pop(job_id)
        self._held -= entry.size
        if entry.key is not None:
            del self._keys[entry.key]
