"""`RedisClient`: the process' only access to Redis, with bounded response times and connections.

`ask` either returns an answer or raises `RedisUnavailableError`, whatever the state of Redis: slow, frozen, full,
demoted, forbidding the command, restarted, or giving invalid answers. A request without an answer is retried once, so
requests must be idempotent. After consecutive failures the circuit breaker opens for a moment. A demoted primary
(READONLY) is recognised, and all connections are replaced, so that a failover behind one address needs no restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from nedc_bench.redis.address import RedisAddress
from nedc_bench.redis.breaker import CircuitBreaker
from nedc_bench.redis.causes import FULL, ClusterNodeError, describe
from nedc_bench.redis.connecting import CONNECT_SECONDS, CONNECTIONS, connect
from nedc_bench.redis.time_limit import TimeLimit

if TYPE_CHECKING:
    from redis.asyncio import Redis, RedisCluster
    from redis.asyncio.client import Pipeline
    from redis.asyncio.cluster import ClusterPipeline

    AnyClient = Redis | RedisCluster
    AnyPipeline = Pipeline | ClusterPipeline

T = TypeVar("T")

ATTEMPT_SECONDS = (0.4, 0.6)
BYTES_PER_SECOND = 20_000_000  # sent or read; the time limit of an attempt grows with them
FAILURES_TO_OPEN = 3
PAUSE_SECONDS = 1.0
PROBE_MILLISECONDS = 10_000
log = structlog.get_logger(__name__)


class RedisUnavailableError(Exception):
    """Redis did not confirm the request, and may still carry it out; the message says why."""


class _NotPermittedError(RedisUnavailableError):
    """An ACL forbids the command."""


class RedisClient:
    """One Redis of any kind.

    Args:
        address: its address.
        prefix: the prefix of every key, so that several installations can share a database.
        ca_file: the CA of its certificate, if the system does not trust it.

    Attributes:
        problem: why it cannot be used, as of the last request; None if it can.
        refuses: whether it answers but accepts no writes (a replica, a Sentinel, an ACL), so that waiting does not
            help.
        client: redis-py's client, for blocking readers.
    """

    def __init__(self, address: RedisAddress, *, prefix: str = "nedc", ca_file: str | None = None) -> None:
        self.address = address
        self.prefix = prefix
        self.client: Any = connect(address, ca_file)
        self.problem: str | None = "it has not been asked yet"
        self.refuses = False
        self._alone = False  # known not to be a node of a cluster
        self._breaker = CircuitBreaker(FAILURES_TO_OPEN, PAUSE_SECONDS)
        self._connections = asyncio.Semaphore(CONNECTIONS)

    def key(self, name: str) -> str:
        """The key of this installation for ``name``."""
        return f"{self.prefix}:v1:{name}"

    async def ask(self, question: Callable[[AnyClient], Awaitable[T]], *, size: int = 0, once: bool = False) -> T:
        """Send a request and return the answer of Redis.

        Args:
            question: the request; idempotent, since it may be sent twice, unless ``once``.
            size: bytes sent or read, which extend the time limit.

        Raises:
            RedisUnavailableError: it refuses, does not answer in time, or the circuit breaker is open.
        """
        for seconds in ATTEMPT_SECONDS[-1:] if once else ATTEMPT_SECONDS:
            async with self._connections:
                if self.refuses or not self._breaker.allows():  # while Redis refuses, only the probe asks
                    break
                try:
                    async with TimeLimit(seconds + size / BYTES_PER_SECOND):
                        answer = await question(self.client)
                except Exception as error:  # noqa: BLE001  # an invalid answer can make the client raise anything
                    if str(error).startswith("WRONGTYPE"):  # another program writes under our keys; Redis is fine
                        raise RedisUnavailableError(describe(error)) from None
                    if type(error).__name__ == "NoPermissionError":  # an ACL may permit some commands and forbid others
                        raise _NotPermittedError(describe(error)) from None
                    await self._failed(error)
                    if self.problem == FULL:
                        break
                    continue
                self._answered()
                return answer
        raise RedisUnavailableError(self.problem or "it failed a moment ago and is tried again soon")

    async def pipeline(self, fill: Callable[[AnyPipeline], object], *, size: int = 0) -> list[Any]:
        """The answers to the commands that ``fill`` adds to a pipeline: one round trip, no transaction.

        Raises:
            RedisUnavailableError: as for `ask`, or one of the commands was refused.
        """

        async def question(client: AnyClient) -> list[Any]:
            commands: Any = client.pipeline(transaction=False) if self.address.kind != "cluster" else client.pipeline()
            fill(commands)
            answers: list[Any] = await commands.execute(raise_on_error=False)
            for answer in answers:
                if isinstance(answer, Exception):
                    raise answer
            return answers

        return await self.ask(question, size=size)

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values of keys, possibly on several nodes, in one round trip.

        Raises:
            RedisUnavailableError: as for `ask`.
        """
        if self.address.kind == "cluster":
            return await self.pipeline(lambda pipeline: [pipeline.get(key) for key in keys])
        values: Any = await self.ask(lambda client: client.mget(keys))
        if not isinstance(values, list) or len(values) != len(keys):
            raise RedisUnavailableError("its answers are invalid")
        return values

    async def probe(self) -> bool:
        """Whether Redis accepts a write now; tried even while the circuit breaker is open, and closes it."""
        try:
            async with TimeLimit(CONNECT_SECONDS):
                await self.client.set(self.key("probe"), b"1", px=PROBE_MILLISECONDS)
                await self._refuse_node_of_cluster()
        except Exception as error:  # noqa: BLE001  # as in ask
            await self._failed(error)
            return False
        self._answered(wrote=True)
        return True

    async def memory(self) -> tuple[int, int]:
        """The bytes that Redis uses and its limit (0: none), over all primaries of a cluster."""
        nodes = await self._memory()
        return sum(used for used, _ in nodes), sum(allowed for _, allowed in nodes)

    async def fullness(self) -> float:
        """The used fraction of memory on the fullest primary; 0 without a limit."""
        return max(used / allowed if allowed else 0.0 for used, allowed in await self._memory())

    async def _memory(self) -> list[tuple[int, int]]:
        primaries = {"target_nodes": "primaries"} if self.address.kind == "cluster" else {}
        try:
            found = await self.ask(lambda client: client.execute_command("INFO", "memory", **primaries))
        except _NotPermittedError:
            return [(0, 0)]
        nodes = list(found.values()) if primaries and "used_memory" not in found else [found]
        return [(int(node["used_memory"]), int(node.get("maxmemory", 0))) for node in nodes]

    async def close(self) -> None:
        """Close the connections."""
        await self.client.aclose()
        if self.address.kind != "cluster":
            await self.client.connection_pool.disconnect()

    async def _refuse_node_of_cluster(self) -> None:
        """Refuse a single node of a cluster: it accepts only some keys, so a write does not prove that it is usable."""
        if self.address.kind in {"plain", "unix"} and not self._alone:
            try:
                found = await self.client.info("server")
            except Exception as error:
                if type(error).__name__ != "NoPermissionError":
                    raise
                return
            if found.get("redis_mode") == "cluster":
                raise ClusterNodeError
            self._alone = True

    async def _failed(self, error: Exception) -> None:
        cause = describe(error) + (self._hint() if isinstance(error, TimeoutError) else "")
        if cause != self.problem:
            log.warning("redis unavailable", redis=str(self.address), cause=cause)
        self.problem = cause
        if cause == FULL:  # it still reads and deletes
            return
        self.refuses = cause.startswith(("it is a", "it takes no", "its ACL", "it refuses"))
        self._breaker.failed()
        if type(error).__name__ == "ReadOnlyError" and self.address.kind != "cluster":
            await self.client.connection_pool.disconnect()  # the address may already lead to the new primary

    def _hint(self) -> str:
        """What a time-out may mean besides a slow Redis."""
        if self.address.kind == "cluster":
            return "; if it is not a cluster, REDIS_URL should be redis://"
        return "; if it does not use TLS, REDIS_URL should be redis://" if self.address.tls else ""

    def _answered(self, *, wrote: bool = False) -> None:
        if self.problem == FULL and not wrote:
            return
        if self._breaker.succeeded() or self.problem is not None:
            log.info("redis answers", redis=str(self.address))
        self.problem, self.refuses = None, False


def unlink(pipeline: AnyPipeline, *keys: str | bytes) -> None:
    """Delete keys in a pipeline; redis-py's own method bypasses the pipeline of a cluster."""
    for key in keys:
        pipeline.execute_command("UNLINK", key)
