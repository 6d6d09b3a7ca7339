"""`Gate`: how many small requests are worked on at once; the others wait in line.

Past saturation more work at once only makes all of it slower: a bounded number keeps the throughput. How long a
newcomer would wait is known, so that it can be refused before its body is read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

WEIGHT = 0.05  # of the newest request in the mean time that one takes


class Gate:
    """Lets requests in, in the order in which they come.

    Args:
        width: how many are in at once.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._places = asyncio.Semaphore(width)
        self._waiting = 0
        self._mean_seconds = 0.0

    @property
    def expected_seconds(self) -> float:
        """About how long a request that came now would wait."""
        return self._waiting * self._mean_seconds / self.width

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """Wait for a place, and keep it within."""
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
