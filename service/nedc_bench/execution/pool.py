"""`WorkerPool`: evaluations in worker processes, awaited from an event loop, and killed when they take too long.

Every worker has its own socket and handles one call at a time, so it can be killed at any moment: no other worker
shares a lock or a pipe with it, and its death is noticed at once, as the end of its stream. A slot keeps each place in
the pool filled: it starts a worker, waits until it ends, and starts the next.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from nedc_bench.errors import EvaluationError
from nedc_bench.evaluation.cpus import available_cpus
from nedc_bench.evaluation.parallel import read_answer
from nedc_bench.execution.turns import Turns
from nedc_bench.execution.worker import CANCELLED, TIMEOUT, Worker, WorkerDiedError

T = TypeVar("T")

ATTEMPTS = 2  # for a call whose worker died
START_SECONDS = 30.0  # for the first workers to start
LONGEST_PAUSE_SECONDS = 5.0  # between attempts to start a worker

_log = logging.getLogger(__name__)


class WorkerPool:
    """Worker processes for calls that would block the event loop for too long.

    Args:
        workers: the number of workers; by default, one per CPU that this process may use.
        timeout_seconds: a call that takes longer is killed.
        on_restart: called for every worker that is replaced, with one of `REASONS`.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        timeout_seconds: float | None = None,
        on_restart: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.workers = available_cpus() if workers is None else workers
        self.timeout_seconds = timeout_seconds
        self._on_restart = on_restart
        self._living: set[Worker] = set()
        self._turns: Turns[Worker] = Turns(most_heavy=max(1, self.workers - 1))
        self._slots: list[asyncio.Task[None]] = []
        self._calls = 0
        self._no_calls = asyncio.Event()
        self._no_calls.set()
        self._closing = False

    @property
    def alive(self) -> bool:
        """Whether calls can be made: the pool is open and a worker is up."""
        return not self._closing and bool(self._living)

    @property
    def busy(self) -> int:
        """The number of workers with a call."""
        return sum(worker.busy for worker in self._living)

    @property
    def idle(self) -> int:
        """The number of workers that are up and have no call."""
        return len(self._living) - self.busy

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the workers that are up."""
        return tuple(worker.pid for worker in self._living)

    async def start(self) -> None:
        """Start the workers; they are up when this returns.

        Raises:
            EvaluationError: they do not start.
        """
        up = [asyncio.Event() for _ in range(self.workers)]
        self._slots = [asyncio.create_task(self._keep_filled(event)) for event in up]
        try:
            async with asyncio.timeout(START_SECONDS):
                for event in up:
                    await event.wait()
        except TimeoutError:
            await self.close(kill=True)
            raise EvaluationError(f"the worker processes were not up after {START_SECONDS:g} s") from None

    async def run(
        self, function: Callable[..., T], /, *args: Any, turn: str = "", heavy: bool = False, patience: int = 1
    ) -> T:
        """Call ``function`` in a worker. If the call is cancelled or times out, its worker is killed.

        Args:
            function: a function of this package, called with ``args``.
            turn: the caller; callers are served in turn.
            heavy: whether the call takes long, so that a worker must stay free for others.
            patience: the number of pairs in the call; the time-out applies per pair.

        Raises:
            EvaluationError: two workers died during the call, it took too long, or the pool is closed.
            Exception: any exception that ``function`` raises.
        """
        if self._closing:
            raise EvaluationError("the worker processes are being stopped")
        self._calls += 1
        self._no_calls.clear()
        try:
            for _ in range(ATTEMPTS):
                with suppress(WorkerDiedError):
                    result: T = await self._call((function, args, {}), turn, heavy=heavy, patience=patience)
                    return result
        finally:
            self._calls -= 1
            if not self._calls:
                self._no_calls.set()
        raise EvaluationError("the worker process died over it twice (killed, or out of memory)")

    async def close(self, *, kill: bool = False) -> None:
        """Accept no more calls, and end the workers after the running calls; with ``kill``, at once."""
        self._closing = True
        try:
            if not kill:
                await self._no_calls.wait()
        finally:
            self._turns.close()
            for slot in self._slots:
                slot.cancel()
            await asyncio.gather(*self._slots, return_exceptions=True)

    async def _call(
        self, call: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]], turn: str, *, heavy: bool, patience: int
    ) -> Any:
        while (worker := await self._turns.take(turn, heavy=heavy)).ended.is_set():
            self._turns.done(None, heavy=heavy)
        reason = CANCELLED
        try:
            seconds = None if self.timeout_seconds is None else self.timeout_seconds * patience
            async with asyncio.timeout(seconds) as limit:
                answer = await worker.call(pickle.dumps(call, pickle.HIGHEST_PROTOCOL))  # copies the arguments now
        except TimeoutError:
            if limit.expired():
                reason = TIMEOUT
                raise EvaluationError(f"it took longer than {seconds:g} s") from None
            raise
        finally:
            if worker.busy:
                worker.kill(reason)
            self._turns.done(None if worker.busy or worker.ended.is_set() else worker, heavy=heavy)
        return read_answer(answer)

    async def _keep_filled(self, up: asyncio.Event) -> None:
        """Keep one place of the pool filled until cancelled."""
        pause = 0.0
        while True:
            worker = Worker()
            try:
                await worker.start()
                self._living.add(worker)
                self._turns.add(worker)
                up.set()
                pause = 0.0
                await worker.ended.wait()
                self._turns.discard(worker)
            except Exception as error:  # noqa: BLE001  # whatever the cause, another worker is tried
                pause = min(2 * pause + 0.1, LONGEST_PAUSE_SECONDS)
                _log.warning("a worker process does not start (%s: %s); trying again", type(error).__name__, error)
            finally:
                self._living.discard(worker)
                await worker.end()
            _log.warning("worker process replaced", extra={"pid": worker.pid, "reason": worker.reason})
            self._on_restart(worker.reason)
            await asyncio.sleep(pause)
