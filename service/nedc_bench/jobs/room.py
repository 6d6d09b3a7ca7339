"""Making room in a Redis that is full: what ended jobs and the cache hold goes before a new job is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from typing import TYPE_CHECKING

import structlog

from nedc_bench.jobs.model import JobsUnavailableError

if TYPE_CHECKING:
    from nedc_bench.jobs.store import Store

FULL = "it is full"  # as `nedc_bench.redis.client.describe` says it
JOBS, ENTRIES = 100, 1000  # that go at once
LEAST_KEPT_MILLISECONDS = 60_000  # an ended job's client has so long to fetch it, whoever needs room

log = structlog.stdlib.get_logger(__name__)


async def make_room(store: Store) -> bool:
    """Let some ended jobs go that their clients had time to fetch, and some of the cache; whether any did."""
    jobs = entries = 0
    try:
        async for key in _found(store, store.place("*", ":result"), JOBS):
            left = await store.ask(lambda client, key=key: client.pttl(key))
            if left < store.ended_milliseconds - LEAST_KEPT_MILLISECONDS:
                record = await store.record(key.decode().rpartition("{")[2].partition("}")[0])
                await (store.clean(record) if record else store.ask(lambda client, key=key: client.unlink(key)))
                jobs += 1
        async for key in _found(store, store.redis.key("[0-9a-f]" * sha256().digest_size * 2), ENTRIES):
            await store.ask(lambda client, key=key: client.unlink(key))
            entries += 1
    except JobsUnavailableError:
        return False
    log.warning("redis is full: ended jobs and cached scores were removed", jobs=jobs, entries=entries)
    return bool(jobs or entries)


async def _found(store: Store, pattern: str, most: int) -> AsyncIterator[bytes]:
    number = 0
    async for key in store.redis.client.scan_iter(match=pattern, count=1000):
        yield key
        number += 1
        if number == most:
            return
