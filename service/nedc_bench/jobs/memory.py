"""Jobs in the memory of one process: what there is without Redis."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator

import msgspec

from nedc_bench.jobs.model import Job, JobPage, JobRequest, JobStatus, Progress, QueueFullError, cancelled, new_job
from nedc_bench.jobs.runner import Runner

JOB_OVERHEAD, PAIR_OVERHEAD = 3500, 300  # bytes of memory beside contents and result, measured
LEAST_KEPT_SECONDS = 60.0  # an ended job's client has so long to fetch it, whoever needs room


class _Entry:
    """A job with its input, the key that made it, and those who watch it."""

    def __init__(self, job: Job, request: JobRequest, key: str | None) -> None:
        self.job = job
        self.request = request
        self.key = key
        contents = sum(len(pair.reference) + len(pair.hypothesis) + PAIR_OVERHEAD for pair in request.pairs)
        self.size = contents + JOB_OVERHEAD
        self.accepted = time.monotonic()
        self.ended: float | None = None
        self.changed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


class MemoryJobs:
    """Accepted work, run a few jobs at a time, in the order of acceptance.

    Args:
        runner: what runs a job.
        concurrency: how many jobs run at once; the worker processes bound the CPU.
        max_queued: how many may wait.
        max_bytes: what all jobs may hold when another is accepted; the oldest ended ones make room for it.
        ttl_seconds: how long an ended job is kept.
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
        self._keys: dict[str, tuple[str, bytes]] = {}
        self._queue: deque[str] = deque()
        self._wake = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to run jobs."""
        self._workers = [asyncio.create_task(self._work()) for _ in range(self.concurrency)]

    async def drain(self, seconds: float) -> None:
        """Let the accepted jobs end, at most so long; what has not ended then is lost with this process."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for entry in list(self._entries.values()):
                    while not entry.job.status.ended:
                        await entry.changed.wait()
        running = [entry.task for entry in self._entries.values() if entry.task is not None]
        for task in (*self._workers, *running):
            task.cancel()
        await asyncio.gather(*self._workers, *running, return_exceptions=True)

    async def close(self) -> None:
        """Nothing is held that would have to be let go."""

    async def submit(self, request: JobRequest, key: str | None = None, digest: bytes = b"") -> tuple[Job, bool]:
        """Accept a job, as `Jobs.submit` says."""
        self._forget()
        if key is not None and key in self._keys:
            job_id, known = self._keys[key]
            if known != digest:
                raise KeyError(key)
            return self._entries[job_id].job, False
        job = new_job(len(request.pairs))
        entry = _Entry(job, request, key)
        if len(self._queue) >= self.max_queued or not self._make_room(entry.size):
            raise QueueFullError
        self._entries[job.job_id] = entry
        self._held += entry.size
        if key is not None:
            self._keys[key] = (job.job_id, digest)
        self._queue.append(job.job_id)
        self.runner.metrics.jobs.labels(job.status).inc()
        self._wake.set()
        return job, True

    async def get(self, job_id: str) -> Job | None:
        """The job, or None."""
        self._forget()
        entry = self._entries.get(job_id)
        return None if entry is None else entry.job

    async def request(self, job_id: str) -> JobRequest | None:
        """What the job was accepted with, or None."""
        entry = self._entries.get(job_id)
        return None if entry is None else entry.request

    async def list(self, limit: int, offset: int, status: JobStatus | None) -> JobPage:
        """Some of the jobs, newest first, without their results."""
        self._forget()
        found = [entry.job for entry in reversed(self._entries.values()) if status in {None, entry.job.status}]
        page = [msgspec.structs.replace(job, result=None) for job in found[offset : offset + limit]]
        return JobPage(page, len(found), limit, offset)

    async def remove(self, job_id: str) -> bool:
        """Cancel the job if it has not ended, and forget it; False when there is none."""
        if job_id not in self._entries:
            return False
        entry = self._drop(job_id)
        if job_id in self._queue:
            self._queue.remove(job_id)
        if entry.task is not None:
            entry.task.cancel()
        if not entry.job.status.ended:
            self.runner.metrics.jobs.labels("cancelled").inc()
            self._set(entry, cancelled(entry.job))
        return True

    async def watch(self, job_id: str) -> AsyncIterator[Job]:
        """The job as it is now, and after each change until it has ended; changes in between may be left out."""
        entry = self._entries.get(job_id)
        while entry is not None:
            job, changed = entry.job, entry.changed
            yield job
            if job.status.ended:
                return
            if job is entry.job:
                await changed.wait()

    async def waiting(self) -> tuple[int, float]:
        """How many jobs wait, and how many seconds the oldest of them has."""
        oldest = self._entries[self._queue[0]].accepted if self._queue else time.monotonic()
        return len(self._queue), time.monotonic() - oldest

    async def _work(self) -> None:
        while True:
            while not self._queue:
                self._wake.clear()
                await self._wake.wait()
            entry = self._entries[self._queue.popleft()]
            entry.task = asyncio.create_task(self._run(entry))
            await asyncio.wait([entry.task])

    async def _run(self, entry: _Entry) -> None:
        def progress(done: int) -> None:
            job = entry.job
            self._set(entry, msgspec.structs.replace(job, progress=Progress(done, job.progress.total)))

        self._set(entry, msgspec.structs.replace(entry.job, status=JobStatus.RUNNING))
        outcome = await self.runner.run(entry.job.job_id, entry.request, progress)
        self._set(entry, outcome.applied(entry.job))

    def _set(self, entry: _Entry, job: Job) -> None:
        if job.status is not entry.job.status and job.job_id in self._entries:
            self.runner.metrics.jobs.labels(job.status).inc()
        entry.job = job
        if job.status.ended:
            entry.ended = time.monotonic()
        if job.result is not None and job.job_id in self._entries:
            size = len(bytes(job.result))
            entry.size += size
            self._held += size
        changed, entry.changed = entry.changed, asyncio.Event()
        changed.set()

    def _forget(self) -> None:
        """Drop the ended jobs whose time to live is over; they ended in about the order they were accepted in."""
        limit = time.monotonic() - self.ttl_seconds
        while self._entries:
            job_id, entry = next(iter(self._entries.items()))
            if entry.ended is None or entry.ended > limit:
                break
            self._drop(job_id)

    def _make_room(self, size: int) -> bool:
        """Drop ended jobs, the oldest first, until so many bytes more fit, and say whether they do; alone they do."""
        limit = time.monotonic() - LEAST_KEPT_SECONDS
        while self._entries and self._held + size > self.max_bytes:
            ended = ((job_id, entry.ended) for job_id, entry in self._entries.items() if entry.ended is not None)
            oldest = next((job_id for job_id, at in ended if at <= limit), None)
            if oldest is None:
                return False
            self._drop(oldest)
        return True

    def _drop(self, job_id: str) -> _Entry:
        entry = self._entries.pop(job_id)
        self._held -= entry.size
        if entry.key is not None:
            del self._keys[entry.key]
        return entry
