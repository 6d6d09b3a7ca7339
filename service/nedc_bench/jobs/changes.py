"""Notification of changes: a stream with the ids of changed jobs, and their watchers in this process."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nedc_bench.jobs.queue import BLOCK_SECONDS, READ_SECONDS
from nedc_bench.redis import RedisClient


class Changes:
    """Wakes the watchers of jobs.

    Args:
        redis: the process' client.
    """

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self._watchers: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    @contextmanager
    def of(self, job_id: str) -> Iterator[asyncio.Event]:
        """An event that is set when the job has changed, or may have changed."""
        changed = asyncio.Event()
        self._watchers[job_id].add(changed)
        try:
            yield changed
        finally:
            self._watchers[job_id].discard(changed)
            if not self._watchers[job_id]:
                del self._watchers[job_id]

    async def hear(self) -> None:
        """Wake the watchers of changed jobs until Redis fails; wakes all at the start, which may follow an outage."""
        place = self._redis.key("changes")
        last: Any = "$"
        self.wake_all()
        while True:
            async with asyncio.timeout(READ_SECONDS):
                found = await self._redis.client.xread({place: last}, block=round(1000 * BLOCK_SECONDS))
            for _, messages in found or ():
                for last, fields in messages:  # noqa: B007  # the position to go on from
                    for changed in self._watchers.get(fields[b"job"].decode(), ()):
                        changed.set()

    def wake_all(self) -> None:
        """Wake all watchers."""
        for events in self._watchers.values():
            for changed in events:
                changed.set()
