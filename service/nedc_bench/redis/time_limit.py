"""`TimeLimit`: a time-out for the answers of Redis that does not count delays of our own event loop."""

from __future__ import annotations

import asyncio
from types import TracebackType

TICK_SECONDS = 0.05


class TimeLimit:
    """Like `asyncio.timeout`, but counted in ticks, between which the event loop looks for answers.

    On a busy machine, or while the loop handles other requests, an answer can wait in its socket for longer than the
    limit. A plain time-out would blame Redis for that.
    """

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._loop = asyncio.get_running_loop()
        self._timeout = asyncio.timeout(None)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()
        self._wait()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()
        await self._timeout.__aexit__(kind, error, traceback)

    def _wait(self) -> None:
        self._timer = self._loop.call_later(min(TICK_SECONDS, self._left), self._tick)

    def _tick(self) -> None:
        self._left -= TICK_SECONDS
        if self._left > 0:
            self._wait()
        else:
            self._timeout.reschedule(self._loop.time())
