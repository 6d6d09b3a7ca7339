"""The cache of pair scores, behind one small interface: in this process' memory, or in a Redis shared by replicas.

A key is the hash of everything that a score depends on, so an entry is never out of date; it only grows old. A cache
is a help and never a hindrance: whatever is wrong with it is a miss and a counted result, no exception, and within
bounded time. Results are counted a key: `HIT`, `MISS`, `ERROR` (the cache could not be asked, or did not take an
entry) and `CORRUPT` (what it gave back is not what was stored).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Protocol, TypeVar

from cachetools import TTLCache

from nedc_bench.annotations import Parameters
from nedc_bench.evaluation.breaker import CircuitBreaker

T = TypeVar("T")
Record = Callable[[str], object]

HIT, MISS, ERROR, CORRUPT = RESULTS = ("hit", "miss", "error", "corrupt")

PREFIX = "nedc:v1:"
LENGTH_BYTES = 8

TIMEOUT_SECONDS = 0.25  # for one attempt, connecting included
ATTEMPTS = 2
READ_BYTES = 256 * 1024  # an entry may be large
CONNECTIONS = 16
FAILURES_TO_OPEN = 3  # attempts in a row
PAUSE_SECONDS = 2.0

CHECKSUM_BYTES = 16
ENTRY_OVERHEAD = 600  # bytes of memory that an entry costs beside key and value, measured

_log = logging.getLogger(__name__)


class Cache(Protocol):
    """What keeps entries by key. No method raises, but for cancellation."""

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The entries of the keys, in their order and in one round trip; None where there is none to be had."""

    async def set_many(self, entries: Mapping[str, bytes]) -> None:
        """Keep the entries for the cache's time to live, in one round trip."""

    async def ping(self) -> bool:
        """Whether the cache answers."""

    async def close(self) -> None:
        """Let go of what the cache holds."""


def cache_key(
    reference: bytes, hypothesis: bytes, algorithms: Sequence[str], parameters: Parameters, version: str
) -> str:
    """The key of a pair's score: a hash over the two files' contents and all else that the score depends on.

    Each part goes in with its length before it, so that no two different sets of parts hash the same bytes.
    """
    parts = sha256()
    for content in (reference, hypothesis):
        parts.update(len(content).to_bytes(LENGTH_BYTES, "big"))
        parts.update(content)
    parts.update(_asked(tuple(algorithms), parameters, version))
    return PREFIX + parts.hexdigest()


@lru_cache(maxsize=256)
def _asked(algorithms: tuple[str, ...], parameters: Parameters, version: str) -> bytes:
    """What is asked of the files, in canonical form; the label map's order counts, since classes are in its order."""
    values = parameters.to_dict()
    label_map = list(values.pop("label_map").items())
    numbers = {name: float(value) if isinstance(value, int) else value for name, value in values.items()}
    canonical = json.dumps([label_map, numbers], sort_keys=True, separators=(",", ":"))
    texts = [",".join(sorted(algorithms)), canonical, version]
    return b"".join(len(text).to_bytes(LENGTH_BYTES, "big") + text for text in map(str.encode, texts))


class MemoryCache:
    """A cache in this process: what was used least recently goes first when it holds too many bytes.

    Args:
        max_bytes: of keys, values and what Python needs to keep them.
        ttl_seconds: how long an entry is kept.
        record: told the result of every look-up.
    """

    def __init__(self, *, max_bytes: int, ttl_seconds: float, record: Record) -> None:
        overhead = ENTRY_OVERHEAD + len(PREFIX) + 2 * sha256().digest_size
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

    async def ping(self) -> bool:
        """True."""
        return True

    async def close(self) -> None:
        """Forget everything."""
        self._entries.clear()


class RedisCache:
    """A cache in Redis, which may be slow, frozen, full, dead, restarted, or answer nonsense.

    An attempt takes at most `TIMEOUT_SECONDS` and there are at most two; after a few failures in a row Redis is left
    alone for `PAUSE_SECONDS` at a time. Waiting for a free connection does not count as waiting for Redis: it is
    this process that is busy then. Entries carry a checksum over key and value, so that a damaged entry, or the
    answer to another question, is not taken for one.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        ttl_seconds: how long an entry is kept.
        record: told the result of every look-up, and `ERROR` for every entry that could not be stored.
    """

    def __init__(self, url: str, *, ttl_seconds: float, record: Record) -> None:
        from redis.asyncio import BlockingConnectionPool, Redis  # noqa: PLC0415  # a tenth of the service's start
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415

        self._client = Redis(
            connection_pool=BlockingConnectionPool.from_url(
                url,
                max_connections=CONNECTIONS,
                timeout=TIMEOUT_SECONDS,
                socket_connect_timeout=TIMEOUT_SECONDS,
                socket_timeout=TIMEOUT_SECONDS,
                retry=Retry(NoBackoff(), 0),  # attempts are counted here, where the breaker sees them
                socket_read_size=READ_BYTES,
                protocol=2,  # one round trip less when connecting
            )
        )
        self._ttl_milliseconds = max(1, round(1000 * ttl_seconds))
        self._record = record
        self._breaker = CircuitBreaker(FAILURES_TO_OPEN, PAUSE_SECONDS)
        self._connections = asyncio.Semaphore(CONNECTIONS)
        self._open = True

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """See `Cache`."""
        answer = await self._ask(lambda: self._client.mget(keys)) if keys else []
        if not isinstance(answer, list) or len(answer) != len(keys):
            self._record_all(ERROR, keys)
            return [None] * len(keys)
        return [self._opened(key, sealed) for key, sealed in zip(keys, answer, strict=True)]

    async def set_many(self, entries: Mapping[str, bytes]) -> None:
        """See `Cache`."""
        if not entries:
            return

        async def store() -> list[object]:
            pipeline = self._client.pipeline(transaction=False)
            for key, value in entries.items():
                pipeline.set(key, _checksum(key, value) + value, px=self._ttl_milliseconds)
            stored: list[object] = await pipeline.execute(raise_on_error=False)
            return stored

        answer = await self._ask(store)
        stored = answer.count(True) if answer is not None else 0  # a full Redis refuses one by one
        self._record_all(ERROR, range(len(entries) - stored))

    async def ping(self) -> bool:
        """Whether Redis answers now; it is asked even while it is left alone, and that ends when it does."""
        return await self._attempt(self._client.ping) is not None

    async def close(self) -> None:
        """Close the connections; from now on nothing is found and nothing kept."""
        self._open = False
        await self._client.aclose()
        await self._client.connection_pool.disconnect()

    async def _ask(self, question: Callable[[], Awaitable[T]]) -> T | None:
        """The answer of Redis, or None where it gives none in time or is left alone."""
        for _ in range(ATTEMPTS):
            async with self._connections:
                if not (self._open and self._breaker.allows()):
                    return None
                answer = await self._attempt(question)
            if answer is not None:
                return answer
        return None

    async def _attempt(self, question: Callable[[], Awaitable[T]]) -> T | None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                answer = await question()
        except Exception as error:  # noqa: BLE001  # a server that answers nonsense makes the client raise anything
            if self._breaker.failed():
                _log.warning("Redis fails (%s); the cache does without it for now", type(error).__name__)
            return None
        if self._breaker.succeeded():
            _log.warning("Redis answers again")
        return answer

    def _opened(self, key: str, sealed: object) -> bytes | None:
        if sealed is None:
            self._record(MISS)
            return None
        if isinstance(sealed, bytes):
            value = sealed[CHECKSUM_BYTES:]
            if sealed[:CHECKSUM_BYTES] == _checksum(key, value):
                self._record(HIT)
                return value
        self._record(CORRUPT)
        return None

    def _record_all(self, result: str, keys: Sequence[object]) -> None:
        for _ in keys:
            self._record(result)


def _checksum(key: str, value: bytes) -> bytes:
    checksum = sha256(key.encode())
    checksum.update(value)
    return checksum.digest()[:CHECKSUM_BYTES]
