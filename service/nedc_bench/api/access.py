"""Who may call: bearer tokens, and how often: rate limits.

Tokens: ``API_TOKENS_FILE`` holds one sha256 of a token a line (hexadecimal; ``#`` begins a comment), so that the file
gives no token away. It is read again when it changes. Rates: the `limits` package, in Redis or in memory; when the
store does not answer, requests pass and are counted.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import re
from collections.abc import Coroutine
from dataclasses import dataclass
from ipaddress import ip_address
from time import time
from typing import TypeVar

import structlog
from limits import RateLimitItem
from limits.aio.storage import MemoryStorage, RedisClusterStorage, RedisStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.util import WindowStats
from quart.wrappers.base import BaseRequestWebsocket

from nedc_bench.api.errors import ProblemError
from nedc_bench.errors import SettingsError
from nedc_bench.monitoring import Metrics
from nedc_bench.redis import CircuitBreaker, RedisClient
from nedc_bench.settings import Network

log = structlog.stdlib.get_logger(__name__)

WAIT_SECONDS, WAITS = 0.1, 5  # for an answer of Redis
CONNECTIONS = 16
FAILURES_TO_OPEN = 3  # in a row; then the store is left alone
PAUSE_SECONDS = 2.0
EXPIRY_SECONDS = 1.0  # between looks for requests in memory that count no more

T = TypeVar("T")

_HASH = re.compile(r"[0-9a-f]{64}")


class Tokens:
    """The tokens of a file; without a file everybody is let in."""

    def __init__(self, path: str | None) -> None:
        self.path = path
        self._state: tuple[int, int, int] | None = None
        self._hashes: tuple[str, ...] = ()
        if path is not None:
            self._load()

    def check(self, request: BaseRequestWebsocket) -> str | None:
        """The name that the request's token is counted under, or None where no token is needed.

        Raises:
            ProblemError: 401, the token is missing or unknown.
        """
        if self.path is None:
            return None
        self._reload()
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        digest = hashlib.sha256(token.strip().encode()).hexdigest()
        known = [hmac.compare_digest(digest, known) for known in self._hashes]  # all of them, whichever it is
        if scheme.lower() != "bearer" or not any(known):
            detail = "send a known token: Authorization: Bearer TOKEN"
            raise ProblemError(401, detail, headers={"WWW-Authenticate": 'Bearer realm="nedc-bench"'})
        return f"token:{digest[:16]}"

    def _reload(self) -> None:
        """Read the file again when it has changed; a file that is gone or bad leaves the tokens as they are."""
        try:
            if self._state != self._stat():
                self._load()
        except (OSError, SettingsError) as error:
            log.warning("the tokens were not reloaded", error=str(error))

    def _stat(self) -> tuple[int, int, int]:
        assert self.path is not None
        stat = os.stat(self.path)
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    def _load(self) -> None:
        assert self.path is not None
        state = self._stat()
        with open(self.path, encoding="utf-8") as file:
            lines = [line.partition("#")[0].strip().lower() for line in file]
        hashes = tuple(line for line in lines if line)
        bad = next((number for number, line in enumerate(lines, 1) if line and not _HASH.fullmatch(line)), None)
        if bad is not None or not hashes:
            where = f"line {bad}" if bad is not None else "the file"
            raise SettingsError([f"API_TOKENS_FILE {self.path}: {where} is not a sha256 in hexadecimal"])
        self._hashes, self._state = hashes, state


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a caller's rate: the ``RateLimit-*`` headers."""

    limit: RateLimitItem
    remaining: int
    reset_seconds: int

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a response that was counted."""
        return {
            "RateLimit-Limit": str(self.limit.amount),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_seconds),
        }


class RateLimits:
    """Counts the requests of each caller by a moving window.

    Only Redis can fail to answer, and only its time is measured: neither waiting for a free connection counts, nor a
    lag of the event loop, since a burst of requests makes both, and must not be what lets it pass.
    """

    def __init__(self, redis: RedisClient | None, metrics: Metrics) -> None:
        self.metrics = metrics
        self._remote = redis is not None
        storage: Storage = _MemoryStorage() if redis is None else _redis_storage(redis)
        self._limiter = MovingWindowRateLimiter(storage)
        self._breaker = CircuitBreaker(FAILURES_TO_OPEN, PAUSE_SECONDS)
        self._connections = asyncio.Semaphore(CONNECTIONS)

    async def take(self, name: str, limit: RateLimitItem, caller: str) -> Allowance | None:
        """Count one request of ``caller``; None when the store does not answer.

        Raises:
            ProblemError: 429, the rate is used up.
        """
        counted = await self._count(name, limit, caller)
        if counted is None:
            self.metrics.rate_limiter_errors.inc()
            return None
        passed, window = counted
        allowance = Allowance(limit, max(0, window.remaining), max(1, round(window.reset_time - time() + 0.5)))
        if not passed:
            self.metrics.rate_limited_requests.labels(name).inc()
            headers = allowance.headers | {"Retry-After": str(allowance.reset_seconds)}
            raise ProblemError(429, f"at most {limit} are allowed; try again later", headers=headers)
        return allowance

    async def _count(self, name: str, limit: RateLimitItem, caller: str) -> tuple[bool, WindowStats] | None:
        """Whether the request passes, and what is left; None when the store does not answer, or is left alone."""
        async with self._connections:
            if not self._breaker.allows():
                return None
            try:
                counted = await self._answer(self._ask(name, limit, caller))
            except Exception as error:  # noqa: BLE001  # whatever the store raises: fail open
                if self._breaker.failed():
                    log.warning("requests are not counted for now", error=type(error).__name__)
                return None
        if self._breaker.succeeded():
            log.warning("requests are counted again")
        return counted

    async def _ask(self, name: str, limit: RateLimitItem, caller: str) -> tuple[bool, WindowStats]:
        passed = await self._limiter.hit(limit, name, caller)
        return passed, await self._limiter.get_window_stats(limit, name, caller)

    async def _answer(self, question: Coroutine[None, None, T]) -> T:
        """The answer of the store, within several short times, of which a lag takes one and not all.

        Raises:
            TimeoutError: there is none.
        """
        if not self._remote:
            return await question
        asked = asyncio.create_task(question)
        try:
            for _ in range(WAITS):
                if (await asyncio.wait([asked], timeout=WAIT_SECONDS))[0]:
                    return asked.result()
            raise TimeoutError
        finally:
            asked.cancel()


class _MemoryStorage(MemoryStorage):
    """Looks for what has expired once in a while; its base does so at every request, by a thread."""

    _rest: asyncio.Task[None] | None = None

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        acquired = await super().acquire_entry(key, limit, expiry, amount)
        if self.timer is not None and self.timer is not self._rest:
            self.timer = self._rest = asyncio.create_task(_rest_after(self.timer))
        return acquired


async def _rest_after(looking: asyncio.Task[None]) -> None:
    await looking
    await asyncio.sleep(EXPIRY_SECONDS)


def _redis_storage(redis: RedisClient) -> Storage:
    """The storage over the process' own connections; of its own address only the kind counts."""
    prefix = redis.key("rate")
    if redis.address.kind == "cluster":
        storage = RedisClusterStorage("async+redis+cluster://127.0.0.1:1", implementation="redispy", key_prefix=prefix)
        storage.bridge.storage = redis.client  # type: ignore[attr-defined]  # it takes no client of ours otherwise
        storage.bridge.register_scripts()
        return storage
    pool = redis.client.connection_pool
    return RedisStorage("async+redis://", implementation="redispy", key_prefix=prefix, connection_pool=pool)


def client_address(request: BaseRequestWebsocket, trusted: tuple[Network, ...]) -> str:
    """The client's address; a forwarded one only where every hop behind it is a trusted proxy."""
    address = request.remote_addr or "unknown"
    for hop in reversed(",".join(request.headers.getlist("X-Forwarded-For")).split(",")):
        if not _is_in(address, trusted) or not hop.strip():
            break
        address = hop.strip()
    return address


def _is_in(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
