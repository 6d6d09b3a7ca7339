"""The queue of chunks: a Redis stream with a consumer group, through redis-py's own commands.

A replica reads as many messages as it has room for, and renews its hold on each every `HOLD_SECONDS`. After
`IDLE_SECONDS` without renewal another replica claims the message. So a message may be processed twice. It is deleted
once its result is stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import Any, NamedTuple

from redis.exceptions import ResponseError

from nedc_bench.redis import RedisClient, RedisUnavailableError

GROUP = "replicas"
RETURNED = "returned"  # the consumer that holds messages handed back
HOLD_SECONDS = 2.0
IDLE_SECONDS = 10.0
BLOCK_SECONDS = 1.0
READ_SECONDS = BLOCK_SECONDS + 2  # after which a connection counts as dead
STALE_MILLISECONDS = 3_600_000  # after which a consumer without messages is removed
FOR_EVER = 10**12  # milliseconds
MOST = 10_000  # more than any replica holds


class Chunk(NamedTuple):
    """A message: the job, the chunk, and the number of deliveries."""

    message: bytes
    job_id: str
    number: int
    deliveries: int


class Queue:
    """The stream, from the view of one replica.

    Args:
        redis: the process' client.
    """

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self._client = redis.client
        self._stream = redis.key("chunks")
        self._name = uuid.uuid4().hex

    async def read(self, most: int) -> list[Chunk]:
        """Unread chunks, or none after a time-out. Occupies a connection; redis-py's exceptions pass through."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                found = await self._client.xreadgroup(
                    GROUP, self._name, {self._stream: ">"}, count=most, block=round(1000 * BLOCK_SECONDS)
                )
        except ResponseError as error:
            await self._begin(error)
            return []
        return [chunk for _, messages in found or () for chunk in _chunks(messages, 1)]

    async def claim(self, most: int) -> list[Chunk]:
        """Claim chunks whose hold has expired."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                _, messages, *_ = await self._client.xautoclaim(
                    self._stream, GROUP, self._name, round(1000 * IDLE_SECONDS), count=most
                )
        except ResponseError as error:
            await self._begin(error)
            return []
        claimed = []
        for message in messages:
            pending = await self._client.xpending_range(self._stream, GROUP, message[0], message[0], 1)
            claimed += _chunks([message], pending[0]["times_delivered"] if pending else 1)
        return claimed

    async def hold(self, messages: list[bytes]) -> None:
        """Renew the hold on these chunks."""
        if messages:
            async with asyncio.timeout(READ_SECONDS):
                await self._client.xclaim(self._stream, GROUP, self._name, 0, messages, justid=True)

    async def done(self, message: bytes) -> None:
        """Delete a message. If that fails, it is delivered again, its result is found, and it is deleted then."""
        with contextlib.suppress(RedisUnavailableError):
            await self._redis.pipeline(
                lambda pipeline: (pipeline.xack(self._stream, GROUP, message), pipeline.xdel(self._stream, message))
            )

    async def hand_back(self) -> None:
        """Hand this replica's messages to the others at once, and remove its consumer."""
        pending = await self._client.xpending_range(self._stream, GROUP, "-", "+", MOST, consumername=self._name)
        if pending:
            messages = [found["message_id"] for found in pending]
            await self._client.xclaim(self._stream, GROUP, RETURNED, 0, messages, idle=FOR_EVER, justid=True)
        await self._client.xgroup_delconsumer(self._stream, GROUP, self._name)

    async def _begin(self, error: ResponseError) -> None:
        """Create the consumer group if it is missing, and remove the consumers of dead replicas."""
        if "NOGROUP" not in str(error):
            raise error
        try:
            await self._client.xgroup_create(self._stream, GROUP, id="0", mkstream=True)
        except ResponseError as failed:
            if not str(failed).startswith("BUSYGROUP"):
                raise
        for consumer in await self._client.xinfo_consumers(self._stream, GROUP):
            if not consumer["pending"] and consumer["idle"] > STALE_MILLISECONDS:
                await self._client.xgroup_delconsumer(self._stream, GROUP, consumer["name"])


def _chunks(messages: Any, deliveries: int) -> list[Chunk]:
    """The chunks that messages name; a malformed one has no job."""
    found = []
    for message, fields in messages:
        number = (fields or {}).get(b"chunk", b"")
        job_id = (fields or {}).get(b"job", b"").decode("utf-8", "replace")
        found.append(Chunk(message, job_id, int(number) if number.isdigit() else -1, deliveries))
    return found
