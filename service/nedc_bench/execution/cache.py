"""The cache of scores, behind one small interface: in this process' memory, or in a Redis shared by replicas.

Entries are of a pair and of a whole request, by keys that `nedc_bench.execution.request` makes. A cache is a help and
never a hindrance: whatever is wrong with it is a miss and a counted result, no exception, and within bounded time.
Results are counted a key: `HIT`, `MISS`, `ERROR` (the cache could not be asked, or did not take an entry) and
`CORRUPT` (what it gave back is not what was stored).
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
ENTRY_OVERHEAD = 600  # bytes of memory that an entry costs beside key and value, measured


class Cache(Protocol):
    """What keeps entries by key. No method raises, but for cancellation."""

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The entries of the keys, in their order and in one round trip; None where there is none to be had."""

    async def set_many(self, entries: Mapping[str, bytes]) -> None:
        """Keep the entries for the cache's time to live, in one round trip."""


class MemoryCache:
    """A cache in this process: what was used least recently goes first when it holds too many bytes.

    Args:
        max_bytes: of keys, values and what Python needs to keep them.
        ttl_seconds: how long an entry is kept.
        record: told the result of every look-up.
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
        """See `Cache`; an entry that is larger than the cache is not kept."""
        for key, value in entries.items():
            if self._entries.getsizeof(value) <= self._entries.maxsize:
                self._entries[key] = value


class RedisCache:
    """A cache in Redis. Entries carry a checksum over key and value, so that a damaged entry is not taken for one.

    Args:
        redis: the process' client.
        ttl_seconds: how long an entry is kept.
        record: told the result of every look-up, and `ERROR` for every entry that could not be stored.
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
        """Have the entries stored with what else a pipeline holds."""
        for key, value in entries.items():
            pipeline.set(self._place(key), _checksum(key, value) + value, px=self._ttl_milliseconds)

    def opened(self, key: str, sealed: object) -> bytes | None:
        """The entry that Redis gave for a key, counted."""
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
