"""`Gate`: limits how many small requests run at once; the others wait in line.

Beyond saturation, more concurrency only makes every request slower; a limit keeps the throughput. The expected wait of
a new request is known, so that it can be refused before its body is read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

WEIGHT = 0.05  # of the newest request in the moving average of durations


class Gate:
    """Admits requests in order of arrival.

    Args:
        width: the maximum number of concurrent requests.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._places = asyncio.Semaphore(width)
        self._waiting = 0
        self._mean_seconds = 0.0

    @property
    def expected_seconds(self) -> float:
        """The approximate wait of a request that arrives now."""
        return self._waiting * self._mean_seconds / self.width

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it during the block."""
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
        begun = time.monotonic()
        try:
            yield
        finally:
            self._places.release()
            self._mean_seconds += WEIGHT * (time.monotonic() - begun - self._mean_seconds)
