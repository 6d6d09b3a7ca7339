"""The cache of scores: one interface, in this process' memory or in a Redis shared by replicas.

An entry holds a pair or a whole request; `nedc_bench.execution.request` makes the keys. A faulty cache never causes
an error: any fault counts as a miss, within bounded time and without an exception. Results are counted per key: `HIT`,
`MISS`, `ERROR` (the cache did not answer or accept an entry) and `CORRUPT` (it returned something other than was
stored).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from cachetools import TTLCache

from nedc_bench.redis import RedisClient, RedisUnavailableError

if TYPE_CHECKING:
    from nedc_bench.redis.client import AnyPipeline

Record = Callable[[str], object]

_log = logging.getLogger(__name__)

HIT, MISS, ERROR, CORRUPT = RESULTS = ("hit", "miss", "error", "corrupt")

CHECKSUM_BYTES = 16
ENTRY_OVERHEAD = 600  # bytes of memory per entry besides key and value, measured


class Cache(Protocol):
    """Stores entries by key. No method raises, except on cancellation."""

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The entries of the keys, in order and in one round trip; None for a miss."""

    async def set_many(self, entries: Mapping[str, bytes]) -> None:
        """Store the entries for the cache's time to live, in one round trip."""


class MemoryCache:
    """A cache in memory; evicts the least recently used entries when it exceeds its size.

    Args:
        max_bytes: the limit for keys, values and Python's overhead.
        ttl_seconds: how long an entry is kept.
        record: called with the result of every look-up.
    """

    def __init__(self, *, max_bytes: int, ttl_seconds: float, record: Record) -> None:
        overhead = ENTRY_OVERHEAD + 2 * sha256().digest_size
        self._entries: TTLCache[str, bytes] = TTLCache(
            max_bytes, ttl_seconds, getsizeof=lambda value: len(value) + overhead
        )
        self._record = record

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """See `Cache`."""
        found = [self._entries.get(key) for key in keys]
        for value in found:
            self._record(MISS if value is None else HIT)
        return found

    async def set_many(self, entries: Mapping[str, bytes]) -> None:
        """See `Cache`; an entry larger than the cache is not stored."""
        for key, value in entries.items():
            if self._entries.getsizeof(value) <= self._entries.maxsize:
                self._entries[key] = value


class RedisCache:
    """A cache in Redis. Each entry has a checksum over key and value, so that damage is detected.

    Args:
        redis: the process' client.
        ttl_seconds: how long an entry is kept.
        record: called with the result of every look-up, and with `ERROR` for every entry that could not be stored.
    """

    def __init__(self, redis: RedisClient, *, ttl_seconds: float, record: Record) -> None:
        self._redis = redis
        self._ttl_milliseconds = max(1, round(1000 * ttl_seconds))
        self._record = record

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """See `Cache`."""
        try:
            answer = await self._redis.get_many([self._place(key) for key in keys])
        except RedisUnavailableError:
            self._record_all(ERROR, keys)
            return [None] * len(keys)
        return [self.opened(key, sealed) for key, sealed in zip(keys, answer, strict=True)]

    async def set_many(self, entries: Mapping[str, bytes]) -> None:
        """See `Cache`."""
        try:
            if entries:
                size = sum(map(len, entries.values()))
                await self._redis.pipeline(lambda pipeline: self.put(pipeline, entries), size=size)
        except RedisUnavailableError:
            self._record_all(ERROR, tuple(entries))

    def put(self, pipeline: AnyPipeline, entries: Mapping[str, bytes]) -> None:
        """Add the entries to a pipeline."""
        for key, value in entries.items():
            pipeline.set(self._place(key), _checksum(key, value) + value, px=self._ttl_milliseconds)

    def opened(self, key: str, sealed: object) -> bytes | None:
        """Check and count the entry that Redis returned for a key."""
        if sealed is None:
            self._record(MISS)
            return None
        if isinstance(sealed, bytes):
            value = sealed[CHECKSUM_BYTES:]
            if sealed[:CHECKSUM_BYTES] == _checksum(key, value):
                self._record(HIT)
                return value
        self._record(CORRUPT)
        _log.warning("damaged cache entry", extra={"key": self._place(key)})
        return None

    def _place(self, key: str) -> str:
        return self._redis.key(key)

    def _record_all(self, result: str, keys: Sequence[str]) -> None:
        for _ in keys:
            self._record(result)


def _checksum(key: str, value: bytes) -> bytes:
    checksum = sha256(key.encode())
    checksum.update(value)
    return checksum.digest()[:CHECKSUM_BYTES]
