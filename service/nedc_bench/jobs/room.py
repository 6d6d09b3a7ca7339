"""Making room in a full Redis: finished jobs and cached scores are dropped before new jobs are refused."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import structlog

from nedc_bench.jobs.model import JobsUnavailableError
from nedc_bench.redis import RedisUnavailableError, unlink

if TYPE_CHECKING:
    from nedc_bench.jobs.store import Store

FULL = "it is full"  # the text of `nedc_bench.redis.client.describe`
JOBS, ENTRIES = 100, 5000  # dropped at once
MOST_FULL = 0.8  # of its memory; the rest is reserved for finishing accepted jobs
SCANNED_BYTES = 50_000_000  # time limit of a scan
LEAST_KEPT_MILLISECONDS = 60_000  # a finished job is kept this long for its client, even if memory is needed

log = structlog.get_logger(__name__)


async def make_room(store: Store) -> bool:
    """Drop some finished jobs that clients had time to fetch, and cached scores. Returns whether any were dropped."""
    try:
        jobs = 0
        for key in await _found(store, store.place("*", ":result"), JOBS):
            left = await store.ask(lambda client, key=key: client.pttl(key))
            if left < store.ended_milliseconds - LEAST_KEPT_MILLISECONDS:
                record = await store.record(key.decode().rpartition("{")[2].partition("}")[0])
                await (store.clean(record) if record else store.ask(lambda client, key=key: client.unlink(key)))
                jobs += 1
        entries = await _found(store, store.redis.key("[0-9a-f]" * sha256().digest_size * 2), ENTRIES)
        if entries:
            await store.redis.pipeline(lambda pipeline: unlink(pipeline, *entries))
    except (JobsUnavailableError, RedisUnavailableError):
        return False
    log.warning("redis full: removed finished jobs and cached scores", jobs=jobs, entries=len(entries))
    return bool(jobs or entries)


async def has_room(store: Store) -> bool:
    """Whether Redis has room to finish the accepted jobs; makes room if possible."""
    try:
        while await store.redis.fullness() > MOST_FULL:
            if not await make_room(store):
                return False
    except RedisUnavailableError as error:
        raise JobsUnavailableError(str(error)) from error
    return True


async def _found(store: Store, pattern: str, most: int) -> list[bytes]:
    """Some keys."""

    async def scan(client: Any) -> list[bytes]:
        keys: list[bytes] = []
        async for key in client.scan_iter(match=pattern, count=1000):
            keys.append(key)
            if len(keys) == most:
                break
        return keys

    return await store.redis.ask(scan, size=SCANNED_BYTES)
