"""The keys of the service in Redis, as the service makes them: what the tests look at and damage behind its back."""

from __future__ import annotations

from nedc_bench.jobs.lists import Lists
from nedc_bench.jobs.model import JobStatus
from nedc_bench.jobs.store import Store
from nedc_bench.redis import RedisAddress, RedisClient

_client = RedisClient(RedisAddress.parse("redis://nobody-is-asked"))
key = _client.key
of_job = Store(_client, ttl_seconds=60).place
CHUNKS, CHANGES, PENDING, PROBE = map(key, ("chunks", "changes", "pending", "probe"))


def of_nobody(status: JobStatus | None = None) -> str:
    """The list of the jobs that were made without a token: of all, or of those with a status."""
    return Lists(_client, 1).place("", status)
