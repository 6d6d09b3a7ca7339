"""The storage of jobs in Redis: plain keys with a time to live, all of a job's on one node of a cluster.

Keys under the prefix, per job (``ID`` in braces is the hash tag): ``job:{ID}``, its record, without which the job does
not exist; ``:end``, the finished job, set by the first replica to finish it; ``:result``, figures and names; until
then also ``:files`` (names and hashes), ``:input:N``, the hash ``:scores`` with one field per chunk, and ``:begun``.
Per owner: ``jobs:{OWNER}`` and ``jobs:{OWNER}:STATUS``, sorted by acceptance. Global: ``pending`` (ids sorted by time),
``key:DIGEST`` (idempotency keys), ``chunks`` (the queue) and ``changes`` (streams).

Nothing is atomic across keys: each step is idempotent, and leftovers of a crash expire.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from nedc_bench.execution import RedisCache
from nedc_bench.jobs.idempotency import IdempotencyKeys
from nedc_bench.jobs.lists import PARTS, Lists, Record, decoded
from nedc_bench.jobs.model import (
    Job,
    JobPage,
    JobStatus,
    JobsUnavailableError,
    Progress,
    QueueFullError,
    Stored,
    with_result,
)
from nedc_bench.jobs.room import FULL, has_room, make_room
from nedc_bench.redis import RedisClient, RedisUnavailableError, unlink

if TYPE_CHECKING:
    from nedc_bench.redis.client import AnyPipeline

WAITING_SECONDS = 86_400  # least lifetime of an unfinished job
CHANGES_KEPT = 1000

log = structlog.get_logger(__name__)


class Store:
    """The jobs in Redis. Every method raises `JobsUnavailableError` if Redis fails.

    Args:
        redis: the process' client.
        ttl_seconds: how long a finished job is kept.
    """

    def __init__(self, redis: RedisClient, *, ttl_seconds: float) -> None:
        self.redis = redis
        self.ended_milliseconds = max(1, round(1000 * ttl_seconds))
        self.open_milliseconds = max(self.ended_milliseconds, 1000 * WAITING_SECONDS)
        self._lists = Lists(redis, self.open_milliseconds)
        self.keys = IdempotencyKeys(self)

    def place(self, job_id: str, part: str = "") -> str:
        """The key of a part of a job."""
        return self.redis.key(f"job:{{{job_id}}}{part}")

    def inputs(self, record: Record) -> list[str]:
        """The keys of a job's chunks."""
        return [self.place(record.job.job_id, f":input:{number}") for number in range(len(record.chunks))]

    async def accept(self, record: Record, files: bytes, inputs: Sequence[bytes], lanes: int) -> None:
        """Store a waiting job, and queue its first chunks.

        Raises:
            QueueFullError: Redis is full.
        """
        job_id = record.job.job_id

        def store(pipeline: AnyPipeline) -> None:
            pipeline.set(self.place(job_id), msgspec.json.encode(record), px=self.open_milliseconds)
            pipeline.set(self.place(job_id, ":files"), files, px=self.open_milliseconds)
            for place, content in zip(self.inputs(record), inputs, strict=True):
                pipeline.set(place, content, px=self.open_milliseconds)

        try:
            await self.pipeline(store, sum(map(len, inputs)))
            if not await has_room(self):
                raise JobsUnavailableError(FULL)  # noqa: TRY301  # as if it had refused it
            await self.queue(record, lanes)
        except JobsUnavailableError as error:
            await self.clean(record)
            if FULL in str(error):
                raise QueueFullError("Redis is full of unfinished jobs; try again later") from error
            raise

    async def queue(self, record: Record, lanes: int) -> None:
        """Queue the first chunks of a job; a second call changes nothing."""
        job_id = record.job.job_id

        def announce(pipeline: AnyPipeline) -> None:
            pipeline.zadd(self.redis.key("pending"), {job_id: time.time()}, nx=True)
            self._lists.enter(pipeline, record, JobStatus.PENDING)
            for number in range(min(lanes, len(record.chunks))):
                self.put_chunk(pipeline, job_id, number)

        await self.pipeline(announce)

    def put_chunk(self, pipeline: AnyPipeline, job_id: str, number: int) -> None:
        """Queue a chunk."""
        pipeline.xadd(self.redis.key("chunks"), {"job": job_id, "chunk": str(number)})

    async def keep_ended(self, record: Record, stored: Stored | None, cache: RedisCache, new: dict[str, bytes]) -> None:
        """Store a job evaluated for a waiting client, with its cache entries, in one round trip."""
        job_id, result = record.job.job_id, None if stored is None else msgspec.msgpack.encode(stored)

        def store(pipeline: AnyPipeline) -> None:
            pipeline.set(self.place(job_id), msgspec.json.encode(record), px=self.ended_milliseconds)
            if result is not None:
                pipeline.set(self.place(job_id, ":result"), result, px=self.ended_milliseconds)
            self._lists.enter(pipeline, record, record.job.status)
            self.keys.expire_with_job(pipeline, record.key)
            cache.put(pipeline, new)

        await self.pipeline(store, len(result or b"") + sum(map(len, new.values())))

    async def record(self, job_id: str) -> Record | None:
        """The record of a job, or None."""
        found: Record | None = decoded(await self.ask(lambda client: client.get(self.place(job_id))), Record)
        return found

    async def load(self, job_id: str, owner: str, *, result: bool = True) -> Job | None:
        """The job for its owner, or None."""

        def read(pipeline: AnyPipeline) -> None:
            self.read(pipeline, job_id)
            if result:
                pipeline.get(self.place(job_id, ":result"))

        answers = await self._pipeline(read)
        job = self.job(answers[:PARTS], owner)
        if job is None or not result or job.status is not JobStatus.COMPLETED:
            return job
        stored = decoded(answers[PARTS], Stored, msgspec.msgpack.decode)
        if stored is None:
            log.error("job result missing or damaged in redis", job_id=job_id)
            raise JobsUnavailableError
        return with_result(job, await stored.result())

    def read(self, pipeline: AnyPipeline, job_id: str) -> None:
        """Queue the commands whose answers `job` needs, one for each of `PARTS`."""
        for part in ("", ":end", ":begun"):
            pipeline.get(self.place(job_id, part))
        pipeline.hkeys(self.place(job_id, ":scores"))

    def job(self, answers: Sequence[Any], owner: str) -> Job | None:
        """The job for its owner, without its result, from the answers of `read`."""
        content, end, begun, scored = answers
        record = decoded(content, Record)
        if record is None or record.owner != owner:
            return None
        job: Job = record.job if end is None else decoded(end, Job) or record.job
        if job.status.ended:
            return job
        done = sum(record.chunks[int(number)] for number in scored if int(number) < len(record.chunks))
        status = JobStatus.PENDING if begun is None else JobStatus.RUNNING
        return msgspec.structs.replace(job, status=status, progress=Progress(done, job.progress.total))

    async def stored(self, job_id: str, owner: str) -> Stored | None:
        """A completed job's figures, or None."""
        content, found = await self._pipeline(
            lambda pipeline: [pipeline.get(self.place(job_id, part)) for part in ("", ":result")]
        )
        record = decoded(content, Record)
        return None if record is None or record.owner != owner else decoded(found, Stored, msgspec.msgpack.decode)

    async def page(self, owner: str, limit: int, offset: int, status: JobStatus | None) -> JobPage:
        """A page of jobs, newest first, without their results."""
        return await self._lists.page(self, owner, limit, offset, status)

    async def finish(self, record: Record, job: Job, stored: Stored | None) -> bool:
        """Store the final state of a queued job. Returns False if it is removed or already finished."""
        job_id = job.job_id
        if stored is not None:
            result = msgspec.msgpack.encode(stored)
            place, life = self.place(job_id, ":result"), self.ended_milliseconds
            await self.pipeline(lambda pipeline: pipeline.set(place, result, px=life), len(result))

        def end(pipeline: AnyPipeline) -> None:
            place, life = self.place(job_id), self.ended_milliseconds
            pipeline.pexpire(place, life)
            pipeline.set(f"{place}:end", msgspec.json.encode(job), px=life, nx=True)

        exists, first = await self.pipeline(end)
        if exists:
            await self.tidy(record, job.status)
        else:
            await self.clean_removed(record)
        return bool(exists and first)

    async def tidy(self, record: Record, status: JobStatus) -> None:
        """Remove what a finished job no longer needs, and list it by its final status; may be repeated."""
        job_id = record.job.job_id

        def tidy(pipeline: AnyPipeline) -> None:
            unlink(
                pipeline, *(self.place(job_id, part) for part in (":files", ":scores", ":begun")), *self.inputs(record)
            )
            pipeline.zrem(self.redis.key("pending"), job_id)
            self._lists.enter(pipeline, record, status)
            self.keys.expire_with_job(pipeline, record.key)
            self.announce(pipeline, job_id)

        await self.pipeline(tidy)

    async def remove(self, job_id: str, owner: str) -> JobStatus | None:
        """Remove a job. Returns its status, or None."""
        job = await self.load(job_id, owner, result=False)
        record = await self.record(job_id)
        if job is None or record is None:
            return None
        await self.clean(record)
        return job.status

    async def waiting(self) -> tuple[int, float]:
        """The number of waiting jobs, and the age of the oldest in seconds."""
        place = self.redis.key("pending")
        count, oldest = await self._pipeline(
            lambda pipeline: (pipeline.zcard(place), pipeline.zrange(place, 0, 0, withscores=True))
        )
        return count, max(0.0, time.time() - oldest[0][1]) if oldest else 0.0

    async def not_waiting(self, job_id: str) -> None:
        """Stop counting a job as waiting; it was queued again after its end."""
        await self.ask(lambda client: client.zrem(self.redis.key("pending"), job_id))

    def announce(self, pipeline: AnyPipeline, job_id: str) -> None:
        """Notify the watchers of the job."""
        pipeline.xadd(self.redis.key("changes"), {"job": job_id}, maxlen=CHANGES_KEPT, approximate=True)

    def begin(self, pipeline: AnyPipeline, record: Record) -> None:
        """Record that a job is running."""
        job_id = record.job.job_id
        pipeline.set(self.place(job_id, ":begun"), b"1", px=self.open_milliseconds)
        pipeline.zrem(self.redis.key("pending"), job_id)
        self._lists.enter(pipeline, record, JobStatus.RUNNING)
        self.announce(pipeline, job_id)

    async def pipeline(self, fill: Any, size: int = 0) -> list[Any]:
        """Run a caller's pipeline; makes room if Redis is full."""
        try:
            return await self._pipeline(fill, size)
        except JobsUnavailableError as error:
            if FULL not in str(error) or not await make_room(self):
                raise
        return await self._pipeline(fill, size)

    async def clean(self, record: Record) -> None:
        """Remove a job's keys; those that Redis does not remove now expire."""
        job_id = record.job.job_id
        parts = ["", ":end", ":result", ":files", ":scores", ":begun"]

        def clean(pipeline: AnyPipeline) -> None:
            unlink(pipeline, *(self.place(job_id, part) for part in parts), *self.inputs(record))
            pipeline.zrem(self.redis.key("pending"), job_id)
            self._lists.leave(pipeline, record)
            self.keys.forget(pipeline, record.key)
            self.announce(pipeline, job_id)

        try:
            await self.redis.pipeline(clean)
        except RedisUnavailableError as error:
            log.warning("job not removed completely", job_id=job_id, cause=str(error))

    async def clean_removed(self, record: Record) -> None:
        """Remove what was stored of a job after its removal; its idempotency key may be another job's by now."""
        await self.clean(msgspec.structs.replace(record, key=None))

    async def ask(self, question: Any, size: int = 0) -> Any:
        """The answer of Redis to a caller's question."""
        try:
            return await self.redis.ask(question, size=size)
        except RedisUnavailableError as error:
            raise JobsUnavailableError(str(error)) from error

    async def _pipeline(self, fill: Any, size: int = 0) -> list[Any]:
        try:
            return await self.redis.pipeline(fill, size=size)
        except RedisUnavailableError as error:
            raise JobsUnavailableError(str(error)) from error
