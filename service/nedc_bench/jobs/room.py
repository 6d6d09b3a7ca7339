"""Making room in a Redis that is full: what ended jobs and the cache hold goes before a new job is refused."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import structlog

from nedc_bench.jobs.model import JobsUnavailableError
from nedc_bench.redis import RedisUnavailableError, unlink

if TYPE_CHECKING:
    from nedc_bench.jobs.store import Store

FULL = "it is full"  # as `nedc_bench.redis.client.describe` says it
JOBS, ENTRIES = 100, 5000  # that go at once
MOST_FULL = 0.8  # of its memory: what is left is for the ends of the jobs that it holds
SCANNED_BYTES = 50_000_000  # for as many a scan may take its time
LEAST_KEPT_MILLISECONDS = 60_000  # an ended job's client has so long to fetch it, whoever needs room

log = structlog.get_logger(__name__)


async def make_room(store: Store) -> bool:
    """Let some ended jobs go that their clients had time to fetch, and some of the cache; whether any did."""
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
    log.warning("redis is full: ended jobs and cached scores were removed", jobs=jobs, entries=len(entries))
    return bool(jobs or entries)


async def has_room(store: Store) -> bool:
    """Whether Redis keeps enough room for the jobs that it holds to end; made where that is possible."""
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
