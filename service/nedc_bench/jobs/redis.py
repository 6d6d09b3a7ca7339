"""Jobs in a Redis shared by replicas: any replica accepts, runs and shows any job.

The replica with the request evaluates it if the client waits, and stores the job once, finished. Other jobs are cut
into chunks (`nedc_bench.jobs.chunks`), which wait while Redis is unavailable.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from nedc_bench.execution import Evaluated, RedisCache
from nedc_bench.jobs.changes import Changes
from nedc_bench.jobs.chunks import LANES, ChunkRunner, File, cut, for_ever, packed
from nedc_bench.jobs.lists import Record
from nedc_bench.jobs.model import (
    Failure,
    Job,
    JobPage,
    JobStatus,
    JobsUnavailableError,
    QueueFullError,
    Request,
    Stored,
    cancelled,
    ended,
    new_job,
    with_result,
)
from nedc_bench.jobs.runner import Runner
from nedc_bench.jobs.store import Store
from nedc_bench.redis import RedisClient

LOOK_SECONDS = 5.0  # after which a watched job is read even without notification
CLAIMED_SECONDS = 0.25

log = structlog.get_logger(__name__)


class RedisJobs:
    """Jobs shared by replicas.

    Args:
        runner: evaluates requests.
        redis: the process' client.
        max_queued: how many jobs may wait, over all replicas.
        ttl_seconds: how long a finished job is kept.
    """

    outlive_process = True

    def __init__(
        self, runner: Runner, redis: RedisClient, cache: RedisCache, *, max_queued: int, ttl_seconds: float
    ) -> None:
        self.runner = runner
        self.max_queued = max_queued
        self._cache = cache
        self._store = Store(redis, ttl_seconds=ttl_seconds)
        self._chunks = ChunkRunner(runner, redis, self._store)
        self._changes = Changes(redis)
        self._hearing: asyncio.Task[None] | None = None
        self._drained = asyncio.Event()
        self._left: set[asyncio.Task[None]] = set()  # evaluations whose clients no longer wait

    async def start(self) -> None:
        """Start running jobs; Redis need not be reachable yet."""
        self._chunks.start()
        self._hearing = asyncio.create_task(for_ever(self._changes.hear))

    async def drain(self, seconds: float) -> None:
        """Take no more chunks, let the running ones finish, and hand back those that do not finish in time."""
        await self._chunks.drain(seconds)
        self._drained.set()
        self._changes.wake_all()

    async def close(self) -> None:
        """Stop everything and abandon running chunks; another replica takes them."""
        await self._chunks.close()
        tasks = [*self._left, *([] if self._hearing is None else [self._hearing])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- requests of clients

    async def submit(self, request: Request) -> tuple[Job, bool]:
        """See `nedc_bench.jobs.Jobs`."""
        job = new_job(len(request.pairs))
        earlier = await self._claim_key(request, job.job_id)
        if earlier is not None:
            record = await self._store.record(earlier.job_id) if earlier.status is JobStatus.PENDING else None
            if record is not None:  # Redis may have failed between the job and its place in the queue
                await self._store.queue(record, LANES)
            return earlier, False
        waiting, _ = await self._store.waiting()
        if waiting >= self.max_queued:
            raise QueueFullError(f"{self.max_queued} jobs are already waiting (MAX_QUEUED_JOBS)")
        chunks = list(cut(request))
        pairs = [len(chunk) for chunk in chunks]
        record = Record(job, request.owner, request.caller, request.asked.to_dict(), pairs, request.key)
        files = [File(pair.names, (pair.reference_sha256, pair.hypothesis_sha256)) for pair in request.pairs]
        inputs = await asyncio.to_thread(lambda: [packed(chunk) for chunk in chunks])
        await self._store.accept(record, packed(files), inputs, LANES)
        self.runner.metrics.jobs.labels(JobStatus.PENDING).inc()
        return job, True

    async def evaluate(self, request: Request, seconds: float) -> tuple[Job, bool]:
        """See `nedc_bench.jobs.Jobs`; while Redis is unavailable the client gets its figures, but nothing is stored."""
        job = new_job(len(request.pairs))
        earlier = await self._known(request)
        if earlier is not None:
            return earlier, True
        stop = asyncio.Event()
        evaluation = asyncio.create_task(self.runner.run(job.job_id, request, stop=stop))
        try:
            await asyncio.wait([evaluation], timeout=seconds)
        finally:
            if not evaluation.done():  # the client no longer waits, or has left
                stop.set()
                self._leave(evaluation)
        if not evaluation.done():
            return (await self.submit(request))[0], True
        earlier = await self._claim_key(request, job.job_id)
        if earlier is not None:
            return earlier, True
        job, stored, new = _end(job, request, evaluation.result())
        record = Record(job, request.owner, request.caller, {}, [], request.key)
        for status in (JobStatus.PENDING, JobStatus.RUNNING, job.status):
            self.runner.metrics.jobs.labels(status).inc()
        kept = True
        try:
            await self._store.keep_ended(record, stored, self._cache, new)
        except JobsUnavailableError as error:
            if request.key is not None:
                raise
            kept = False
            log.warning("job answered but not stored", job_id=job.job_id, cause=str(error))
        return (job if stored is None else with_result(job, await stored.result())), kept

    async def get(self, job_id: str, owner: str) -> Job | None:
        """See `nedc_bench.jobs.Jobs`."""
        return await self._store.load(job_id, owner)

    async def report(self, job_id: str, owner: str, name: str) -> bytes | None:
        """See `nedc_bench.jobs.Jobs`."""
        stored = await self._store.stored(job_id, owner)
        return None if stored is None else await self.runner.report(stored, name)

    async def list(self, owner: str, limit: int, offset: int, status: JobStatus | None) -> JobPage:
        """See `nedc_bench.jobs.Jobs`."""
        return await self._store.page(owner, limit, offset, status)

    async def remove(self, job_id: str, owner: str) -> bool:
        """See `nedc_bench.jobs.Jobs`; the results of running chunks are discarded."""
        status = await self._store.remove(job_id, owner)
        if status is not None and not status.ended:
            self.runner.metrics.jobs.labels("cancelled").inc()
        return status is not None

    async def watch(self, job_id: str, owner: str) -> AsyncIterator[Job]:
        """See `nedc_bench.jobs.Jobs`; there are no updates while Redis is unavailable, or after draining."""
        last: Job | None = None
        with self._changes.of(job_id) as changed:
            while not self._drained.is_set():
                changed.clear()
                with contextlib.suppress(JobsUnavailableError):
                    job = await self._store.load(job_id, owner, result=False)
                    if job is None:
                        if last is not None:
                            yield cancelled(last)
                        return
                    if job != last:
                        yield job
                    if job.status.ended:
                        return
                    last = job
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await changed.wait()

    async def waiting(self) -> tuple[int, float]:
        """See `nedc_bench.jobs.Jobs`; over all replicas."""
        return await self._store.waiting()

    async def _known(self, request: Request) -> Job | None:
        """The job created earlier with the request's idempotency key, if it still exists."""
        if request.key is None:
            return None
        job_id = await self._store.keys.known(request.key, request.digest())
        return None if job_id is None else await self._store.load(job_id, request.owner)

    async def _claim_key(self, request: Request, job_id: str) -> Job | None:
        """Bind the request's idempotency key to the job, or return the job that it is bound to."""
        if request.key is None or await self._store.keys.claim(request.key, request.digest(), job_id):
            return None
        earlier = await self._known(request)
        if earlier is None:
            await asyncio.sleep(CLAIMED_SECONDS)  # another request has bound it and will store its job soon
            earlier = await self._known(request)
        if earlier is None:
            await self._store.keys.claim(request.key, request.digest(), job_id, replace=True)
        return earlier

    def _leave(self, evaluation: asyncio.Task[Evaluated | Failure]) -> None:
        """End an evaluation whose client no longer waits; its scores go to the cache, and so to its job."""

        async def keep() -> None:
            with contextlib.suppress(asyncio.CancelledError):
                found = await evaluation
                if isinstance(found, Evaluated):
                    await self._cache.set_many(found.entries)

        task = asyncio.create_task(keep())
        self._left.add(task)
        task.add_done_callback(self._left.discard)


def _end(job: Job, request: Request, outcome: Evaluated | Failure) -> tuple[Job, Stored | None, dict[str, bytes]]:
    """The final state of a job that was evaluated here, its stored figures, and its new cache entries."""
    if isinstance(outcome, Failure):
        return ended(job, outcome), None, {}
    stored = Stored([pair.names for pair in request.pairs], outcome.folded)
    return ended(job, None, cached=outcome.cached), stored, outcome.entries
