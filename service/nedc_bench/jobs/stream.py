"""The stream of accepted jobs: taskiq-redis' broker, as a service of equal replicas needs it.

`RedisStreamBroker` 1.2 looks for the messages of the dead only after a new message has come, reads up to 100 messages
ahead, guards that with a lock that may stay locked, never deletes a message, and its receiver spins while Redis is
away. Here a replica reads one message when it has room for a job, first of all one that nobody holds any more; says
every `HOLD_SECONDS` which ones it holds, so that a long job stays with the living; and deletes what it acknowledges.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from taskiq import AckableMessage
from taskiq.message import TaskiqMessage
from taskiq_redis import RedisStreamBroker

from nedc_bench.jobs import scripts

TASK = "evaluate"

HOLD_SECONDS = 2.0
IDLE_SECONDS = 10.0  # after which a message is no longer held by whoever read it
BLOCK_SECONDS = 1.0  # how long a read waits for a message
READ_SECONDS = BLOCK_SECONDS + 2
LONGEST_PAUSE_SECONDS = 2.0
STALE_SECONDS = 3600  # after which the name of a consumer that holds nothing is dropped
FOR_EVER = 10**12  # milliseconds

Message = tuple[bytes, dict[bytes, bytes]]
FAILURES = (RedisError, OSError, TimeoutError)

log = structlog.stdlib.get_logger(__name__)


class StreamBroker(RedisStreamBroker):
    """The stream, as one replica reads it.

    Args:
        url: where Redis is.
        on_lost: told the id of a job whose message this replica held and another one holds now, or nobody.
    """

    def __init__(self, url: str, on_lost: Callable[[str], object]) -> None:
        super().__init__(
            url,
            queue_name=scripts.STREAM,
            consumer_group_name=scripts.GROUP,
            consumer_name=uuid.uuid4().hex,
            consumer_id="0",  # what was accepted before there was a group counts, too
            max_connection_pool_size=8,
            timeout=READ_SECONDS,
            socket_connect_timeout=1.0,
            socket_timeout=READ_SECONDS,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        self.keeping = False  # once set, nothing is acknowledged any more
        self._redis = Redis(connection_pool=self.connection_pool)
        self._on_lost = on_lost
        self._held: dict[bytes, str] = {}
        self._cursor: Any = "0-0"
        self._claim_from = 0.0

    def message(self, job_id: str) -> bytes:
        """The message that has a job run."""
        message = TaskiqMessage(task_id=job_id, task_name=TASK, labels={}, args=[job_id], kwargs={})
        return self.formatter.dumps(message).message

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """Messages, one whenever asked, for ever; while Redis is away it is tried now and then."""
        pause = 0.0
        while True:
            try:
                message = await self._abandoned() or await self._next()
            except Exception as error:  # noqa: BLE001  # a server that answers nonsense makes the client raise anything
                await self._declare_again(error)
                # after an outage the living come first: they say what they hold before anything is claimed
                self._claim_from = time.monotonic() + 2 * HOLD_SECONDS
                pause = min(2 * pause + 0.1, LONGEST_PAUSE_SECONDS)
                await asyncio.sleep(pause)
                continue
            pause = 0.0
            if message is not None and message[0] not in self._held:
                delivery = await self._delivery(*message)
                if delivery is not None:
                    yield delivery

    async def hold(self) -> None:
        """Say that the messages read and not acknowledged are still held here; what is not any more is lost."""
        if not self._held:
            return
        messages = list(self._held)
        try:
            lost = await self._evaluate(scripts.HOLD, self.consumer_name, *messages)
        except ResponseError as error:
            if not _group_is_missing(error):
                raise
            lost = messages
        for message in lost:
            job_id = self._held.pop(message, None)
            if job_id is not None:
                self._on_lost(job_id)

    async def hand_back(self) -> None:
        """Let other replicas have at once what this one has read and not acknowledged."""
        self.keeping = True
        await self._evaluate(scripts.HAND_BACK, self.consumer_name, FOR_EVER)
        self._held.clear()

    async def shutdown(self) -> None:
        """Close the connections."""
        await super().shutdown()
        await self._redis.aclose()

    async def _declare_consumer_group(self) -> None:
        try:
            await self._redis.xgroup_create(self.queue_name, self.consumer_group_name, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
        await self._evaluate(scripts.SWEEP, 1000 * STALE_SECONDS)

    async def _declare_again(self, error: Exception) -> None:
        """Make the group, where Redis is new or has lost what it held."""
        if _group_is_missing(error):
            with contextlib.suppress(*FAILURES):
                await self._declare_consumer_group()
        else:
            log.debug("the stream of jobs cannot be read", error=str(error)[:200])

    async def _abandoned(self) -> Message | None:
        """A message that nobody has held for a while."""
        if time.monotonic() < self._claim_from:
            return None
        idle = round(1000 * IDLE_SECONDS)
        while True:
            self._cursor, messages, *_ = await self._redis.xautoclaim(
                self.queue_name, self.consumer_group_name, self.consumer_name, idle, self._cursor, count=1
            )
            if messages:
                message: Message = messages[0]
                return message
            if self._cursor in {b"0-0", "0-0"}:
                return None

    async def _next(self) -> Message | None:
        """A message that nobody has read yet; None when none has come for a while."""
        found: Any = await self._redis.xreadgroup(
            self.consumer_group_name,
            self.consumer_name,
            {self.queue_name: ">"},
            count=1,
            block=round(1000 * BLOCK_SECONDS),
        )
        if not found:
            return None
        ((_, (message,)),) = found
        return (message[0], message[1])

    async def _delivery(self, message_id: bytes, fields: dict[bytes, bytes]) -> AckableMessage | None:
        async def acknowledge() -> None:
            await self._acknowledge(message_id)

        try:
            message = self.formatter.loads(fields[b"data"])
            self._held[message_id] = str(message.args[0])
        except Exception as error:  # noqa: BLE001  # whatever it is, it is none of ours
            log.error("a message that is none was dropped", error=type(error).__name__)  # noqa: TRY400
            await acknowledge()
            return None
        return AckableMessage(data=fields[b"data"], ack=acknowledge)

    async def _acknowledge(self, message_id: bytes) -> None:
        """Delete the message. Where that fails it comes again, for a job that has ended, and is deleted then."""
        if self.keeping:
            return
        self._held.pop(message_id, None)
        try:
            await self._evaluate(scripts.ACKNOWLEDGE, message_id)
        except FAILURES as error:
            log.debug("a message could not be deleted", error=type(error).__name__)

    async def _evaluate(self, script: str, *arguments: str | bytes | int) -> Any:
        async with asyncio.timeout(READ_SECONDS):
            return await self._redis.register_script(script)(args=arguments)


def _group_is_missing(error: Exception) -> bool:
    return isinstance(error, ResponseError) and "NOGROUP" in str(error)
