"""`Turns`: fair scheduling between callers, so that nobody waits behind a corpus."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import Generic, TypeVar

from nedc_bench.errors import EvaluationError

T = TypeVar("T")


class Turns(Generic[T]):
    """Hands out a few equal resources, such as worker processes, to waiting callers in turn.

    Args:
        most_heavy: how many may serve heavy calls at once; the rest is reserved for other calls.
    """

    def __init__(self, most_heavy: int) -> None:
        self._most_heavy = most_heavy
        self._free: deque[T] = deque()
        self._heavy = 0
        self._waiting: OrderedDict[str, deque[_Waiter[T]]] = OrderedDict()
        self._closed = False

    async def take(self, turn: str, *, heavy: bool) -> T:
        """Wait for this caller's turn and take a resource; call `done` afterwards.

        Raises:
            EvaluationError: the resources are being removed.
        """
        if self._closed:
            raise EvaluationError("the worker processes are being stopped")
        waiter = _Waiter[T](heavy=heavy)
        self._waiting.setdefault(turn, deque()).append(waiter)
        self._assign()
        try:
            return await waiter.given
        except asyncio.CancelledError:
            if waiter.given.done() and not waiter.given.cancelled() and waiter.given.exception() is None:
                self.done(waiter.given.result(), heavy=heavy)
            raise

    def done(self, thing: T | None, *, heavy: bool) -> None:
        """Return a resource from `take`; None if it no longer exists."""
        self._heavy -= heavy
        if thing is not None:
            self._free.append(thing)
        self._assign()

    def add(self, thing: T) -> None:
        """Add a free resource."""
        self._free.append(thing)
        self._assign()

    def discard(self, thing: T) -> None:
        """Remove a resource if it is free."""
        if thing in self._free:
            self._free.remove(thing)

    def close(self) -> None:
        """Fail all waiting callers."""
        self._closed = True
        for waiters in self._waiting.values():
            for waiter in waiters:
                if not waiter.given.done():
                    waiter.given.set_exception(EvaluationError("the worker processes are being stopped"))
        self._waiting.clear()

    def _assign(self) -> None:
        while self._free and (waiter := self._next()) is not None:
            self._heavy += waiter.heavy
            waiter.given.set_result(self._free.popleft())

    def _next(self) -> _Waiter[T] | None:
        """The next call: the first that may run now, of the caller whose last turn is longest ago."""
        for turn, waiters in self._waiting.items():
            for waiter in tuple(waiters):
                if waiter.given.cancelled():
                    waiters.remove(waiter)
                elif not waiter.heavy or self._heavy < self._most_heavy:
                    waiters.remove(waiter)
                    self._waiting.move_to_end(turn)
                    if not waiters:
                        del self._waiting[turn]
                    return waiter
        return None


class _Waiter(Generic[T]):
    def __init__(self, *, heavy: bool) -> None:
        self.heavy = heavy
        self.given: asyncio.Future[T] = asyncio.get_running_loop().create_future()
