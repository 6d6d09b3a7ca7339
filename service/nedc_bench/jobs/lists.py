"""Which jobs an owner has: sorted sets of ids by acceptance, one of all and one a status.

They only help to find jobs. A list may name a job that is no more, or has another status by now: whoever reads it
looks.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec
from cachetools import TTLCache

from nedc_bench.jobs.model import Job, JobStatus
from nedc_bench.redis import RedisClient

if TYPE_CHECKING:
    from nedc_bench.redis.client import AnyPipeline


class Record(msgspec.Struct, frozen=True):
    """A job as it was accepted: whose it is, what it asks for, how many pairs each chunk has, its idempotency key."""

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
        life_milliseconds: how long a job may live.
    """

    def __init__(self, redis: RedisClient, life_milliseconds: int) -> None:
        self._redis = redis
        self._life = life_milliseconds
        self._extend_at: TTLCache[str, float] = TTLCache(10_000, life_milliseconds / 1000)

    def place(self, owner: str, status: JobStatus | None) -> str:
        """The key of a list; all of an owner's lie on one node of a cluster."""
        tag = sha256(owner.encode()).hexdigest()[:16] if owner else "nobody"
        return self._redis.key(f"jobs:{{{tag}}}" + ("" if status is None else f":{status}"))

    def enter(self, pipeline: AnyPipeline, record: Record, status: JobStatus) -> None:
        """Have the job in the lists of its owner, under one status."""
        job_id, score = record.job.job_id, record.job.created_at.timestamp()
        others: Iterable[JobStatus] = () if record.job.status.ended else JobStatus
        for other in others:
            if other is not status:
                pipeline.zrem(self.place(record.owner, other), job_id)
        now = time.monotonic()
        for place in (self.place(record.owner, None), self.place(record.owner, status)):
            pipeline.zadd(place, {job_id: score})
            if now > self._extend_at.get(place, 0.0):  # a list lives at least twice as long as what is in it
                pipeline.pexpire(place, 3 * self._life)
                self._extend_at[place] = now + self._life / 1000

    def leave(self, pipeline: AnyPipeline, record: Record) -> None:
        """Take the job from the lists of its owner."""
        for status in (None, *JobStatus):
            pipeline.zrem(self.place(record.owner, status), record.job.job_id)
