"""The lists of each owner's jobs: sorted sets of ids by acceptance, one of all jobs and one per status.

They only help to find jobs. A list may name a job that no longer exists or has changed its status, so readers check.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from cachetools import TTLCache

from nedc_bench.jobs.model import Job, JobPage, JobStatus
from nedc_bench.redis import RedisClient

if TYPE_CHECKING:
    from nedc_bench.jobs.store import Store
    from nedc_bench.redis.client import AnyPipeline

PARTS = 4  # the keys from which a job is read

log = structlog.get_logger(__name__)


class Record(msgspec.Struct, frozen=True):
    """An accepted job: owner, request, pairs per chunk, and idempotency key."""

    job: Job
    owner: str
    caller: str
    asked: dict[str, Any]
    chunks: list[int]
    key: str | None = None


class Lists:
    """The lists of all owners.

    Args:
        redis: the process' client.
        life_milliseconds: the longest life of a job.
    """

    def __init__(self, redis: RedisClient, life_milliseconds: int) -> None:
        self._redis = redis
        self._life = life_milliseconds
        self._extend_at: TTLCache[str, float] = TTLCache(10_000, life_milliseconds / 1000)

    def place(self, owner: str, status: JobStatus | None) -> str:
        """The key of a list; all lists of an owner are on one node of a cluster."""
        tag = sha256(owner.encode()).hexdigest()[:16] if owner else "nobody"
        return self._redis.key(f"jobs:{{{tag}}}" + ("" if status is None else f":{status}"))

    def enter(self, pipeline: AnyPipeline, record: Record, status: JobStatus) -> None:
        """Add the job to the lists of its owner, under one status."""
        job_id, score = record.job.job_id, record.job.created_at.timestamp()
        others: Iterable[JobStatus] = () if record.job.status.ended else JobStatus
        for other in others:
            if other is not status:
                pipeline.zrem(self.place(record.owner, other), job_id)
        now = time.monotonic()
        for place in (self.place(record.owner, None), self.place(record.owner, status)):
            pipeline.zadd(place, {job_id: score})
            if now > self._extend_at.get(place, 0.0):  # a list lives at least twice as long as its entries
                pipeline.pexpire(place, 3 * self._life)
                self._extend_at[place] = now + self._life / 1000

    async def page(self, store: Store, owner: str, limit: int, offset: int, status: JobStatus | None) -> JobPage:
        """A page of jobs, newest first, without their results; removes expired jobs from the lists."""
        place = self.place(owner, status)
        jobs: list[Job] = []
        total = 0
        while True:
            first = offset + len(jobs)

            def listed(pipeline: AnyPipeline, first: int = first) -> None:
                pipeline.zcard(place)
                pipeline.zrevrange(place, first, first + limit - len(jobs) - 1)

            total, ids = await store.pipeline(listed)
            if not ids:
                break

            def read(pipeline: AnyPipeline, ids: list[bytes] = ids) -> None:
                for job_id in ids:
                    store.read(pipeline, job_id.decode())

            found = await store.pipeline(read)
            lost: list[bytes] = []
            for position, job_id in enumerate(ids):
                job = store.job(found[PARTS * position : PARTS * (position + 1)], owner)
                if job is None or status not in {None, job.status}:
                    lost.append(job_id)
                else:
                    jobs.append(job)
            if not lost:
                break
            await store.ask(lambda client, lost=lost: client.zrem(place, *lost))
        return JobPage(jobs, total, limit, offset)

    def leave(self, pipeline: AnyPipeline, record: Record) -> None:
        """Remove the job from the lists of its owner."""
        for status in (None, *JobStatus):
            pipeline.zrem(self.place(record.owner, status), record.job.job_id)


def decoded(content: bytes | None, kind: type[Any], decode: Any = msgspec.json.decode) -> Any:
    """Decode data from Redis; None if it is missing or damaged."""
    try:
        return None if content is None else decode(content, type=kind)
    except msgspec.DecodeError:
        log.error("job data damaged in redis", kind=kind.__name__)  # noqa: TRY400  # would show contents
        return None
