"""`WorkerPool`: evaluations in worker processes, awaited from an event loop, and killed when they take too long.

Every worker has a socket of its own and does one call at a time, so it can be killed at any moment: no other worker
shares a lock or a pipe with it, and its death is seen at once, as the end of its stream. A slot keeps each place in
the pool filled: it starts a worker, waits for its end, and starts the next.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import socket
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar, cast

from nedc_bench.errors import EvaluationError
from nedc_bench.evaluation.cpus import available_cpus
from nedc_bench.evaluation.parallel import start_worker, worker_context
from nedc_bench.execution.turns import Turns
from nedc_bench.execution.work import warm_up

T = TypeVar("T")

ATTEMPTS = 2  # for a call over which a worker died
START_SECONDS = 30.0  # in which the first workers must be up
LEAVE_SECONDS = 5.0  # in which an idle worker must have left once it is told to
LONGEST_PAUSE_SECONDS = 5.0  # between workers that do not come up

HEADER_BYTES = 8
NICENESS = 10  # where all CPUs are busy with scoring, the event loop comes first

DIED, TIMEOUT, CANCELLED = REASONS = ("died", "timeout", "cancelled")  # for which a worker is replaced

_log = logging.getLogger(__name__)


class WorkerPool:
    """Worker processes for calls that need a CPU for longer than an event loop may be kept.

    Args:
        workers: how many; by default as many as this process may use CPUs.
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
        self._living: set[_Worker] = set()
        self._turns: Turns[_Worker] = Turns(most_heavy=max(1, self.workers - 1))
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
        """How many workers have a call."""
        return sum(worker.busy for worker in self._living)

    @property
    def idle(self) -> int:
        """How many workers are up and have none."""
        return len(self._living) - self.busy

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the workers that are up."""
        return tuple(worker.pid for worker in self._living)

    async def start(self) -> None:
        """Start the workers; they are up when this returns.

        Raises:
            EvaluationError: they do not come up.
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

    async def run(self, function: Callable[..., T], /, *args: Any, turn: str = "", heavy: bool = False) -> T:
        """Call ``function`` in a worker. Cancelled, or out of time, the call is killed with its worker.

        Args:
            function: of this package, called with ``args``.
            turn: who asks; workers take turns between them.
            heavy: it takes long, and so one worker is left to others.

        Raises:
            EvaluationError: two workers died over it, it took too long, or the pool is closed.
            Exception: what ``function`` raises.
        """
        if self._closing:
            raise EvaluationError("the worker processes are being stopped")
        request = pickle.dumps((function, args), pickle.HIGHEST_PROTOCOL)
        self._calls += 1
        self._no_calls.clear()
        try:
            for _ in range(ATTEMPTS):
                with suppress(_WorkerDiedError):
                    result: T = await self._call(request, turn, heavy=heavy)
                    return result
        finally:
            self._calls -= 1
            if not self._calls:
                self._no_calls.set()
        raise EvaluationError("the worker process died over it twice (killed, or out of memory)")

    async def close(self, *, kill: bool = False) -> None:
        """Take no more calls, and end the workers once the running calls have ended; with ``kill`` at once."""
        self._closing = True
        try:
            if not kill:
                await self._no_calls.wait()
        finally:
            self._turns.close()
            for slot in self._slots:
                slot.cancel()
            await asyncio.gather(*self._slots, return_exceptions=True)

    async def _call(self, request: bytes, turn: str, *, heavy: bool) -> Any:
        while (worker := await self._turns.take(turn, heavy=heavy)).ended.is_set():
            self._turns.done(None, heavy=heavy)
        reason = CANCELLED
        try:
            async with asyncio.timeout(self.timeout_seconds) as limit:
                succeeded, value = pickle.loads(await worker.call(request))  # noqa: S301  # from our own process
        except TimeoutError:
            if limit.expired():
                reason = TIMEOUT
                raise EvaluationError(f"it took longer than {self.timeout_seconds:g} s") from None
            raise
        finally:
            if worker.busy:
                worker.kill(reason)
            self._turns.done(None if worker.busy or worker.ended.is_set() else worker, heavy=heavy)
        if not succeeded:
            raise value
        return value

    async def _keep_filled(self, up: asyncio.Event) -> None:
        """Keep one place of the pool filled until cancelled."""
        pause = 0.0
        while True:
            worker = _Worker()
            try:
                await worker.start()
                self._living.add(worker)
                self._turns.add(worker)
                up.set()
                pause = 0.0
                await worker.ended.wait()
                self._turns.discard(worker)
            except Exception as error:  # noqa: BLE001  # whatever keeps a worker from starting, the next is tried
                pause = min(2 * pause + 0.1, LONGEST_PAUSE_SECONDS)
                _log.warning("a worker process does not start (%s: %s); trying again", type(error).__name__, error)
            finally:
                self._living.discard(worker)
                await worker.end()
            _log.warning("worker process replaced", extra={"pid": worker.pid, "reason": worker.reason})
            self._on_restart(worker.reason)
            await asyncio.sleep(pause)


class _WorkerDiedError(Exception):
    """The worker's process has ended."""


class _Worker(asyncio.Protocol):
    """One process and our end of its socket; frames are their length, then a pickle."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.reason = DIED
        self._answer: asyncio.Future[bytes] | None = None
        self._received = bytearray()
        self._process: BaseProcess | None = None
        self._pid = 0
        self._transport: asyncio.Transport | None = None

    @property
    def pid(self) -> int:
        """The process id, or 0 before it was started."""
        return self._pid

    @property
    def busy(self) -> bool:
        """Whether a call has been sent and not answered."""
        return self._answer is not None

    async def start(self) -> None:
        """Start the process, and wait until it says that it is up."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with theirs:
            await loop.create_unix_connection(lambda: self, sock=ours)
            up = self._expect_answer()
            self._process = _context().Process(target=_work, args=(theirs,), daemon=True, name="nedc-worker")
            starting = asyncio.create_task(asyncio.to_thread(self._process.start))
            try:
                await asyncio.shield(starting)
            finally:
                await asyncio.wait([starting])  # even when cancelled: the socket is being handed over
                self._pid = self._process.pid or 0
        await up

    async def call(self, request: bytes) -> bytes:
        """Send a request; its answer."""
        assert self._transport is not None
        answer = self._expect_answer()
        self._transport.write(len(request).to_bytes(HEADER_BYTES, "big") + request)
        return await answer

    def kill(self, reason: str) -> None:
        """End the process now."""
        if not self.ended.is_set() and self._process is not None and self._process.pid is not None:
            self.reason = reason
            self._process.kill()

    async def end(self) -> None:
        """See the process off: an idle one leaves when its stream ends, a busy one is killed."""
        if self.busy:
            self.kill(CANCELLED)
        self.ended.set()  # from here on it is not to be killed: its id may soon be another's
        if self._transport is not None:
            self._transport.abort()
        if self._process is not None and self._process.pid is not None:
            await asyncio.to_thread(_see_off, self._process)

    def _expect_answer(self) -> asyncio.Future[bytes]:
        self._answer = asyncio.get_running_loop().create_future()
        if self.ended.is_set():
            self._answer.set_exception(_WorkerDiedError())
        return self._answer

    # -- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by class

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = HEADER_BYTES + int.from_bytes(self._received[:HEADER_BYTES], "big")
        if len(self._received) < end:
            return
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_result(bytes(self._received[HEADER_BYTES:end]))
        del self._received[:end]

    def connection_lost(self, _error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(_WorkerDiedError())
            self._answer.exception()  # whoever waits sees it; where nobody does any more, it is no news
        self.ended.set()


def load_ahead() -> None:
    """Begin to load, in the process that workers are forked from, what they need; the caller may go on meanwhile."""
    if isinstance(_context(), ForkServerContext):
        forkserver.ensure_running()


def _context() -> ForkServerContext | SpawnContext:
    """As for the library's workers; they are forked with all loaded that they need."""
    context = cast(ForkServerContext | SpawnContext, worker_context())
    context.set_forkserver_preload([__name__])
    return context


def _see_off(process: BaseProcess) -> None:
    process.join(LEAVE_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
    process.close()


def _work(channel: socket.socket) -> None:
    """What a worker does: answer calls until its stream ends, which it does with the pool."""
    start_worker()
    os.nice(NICENESS)
    warm_up()
    with suppress(ConnectionError), channel, channel.makefile("rb") as requests:  # the pool may go at any time
        _send(channel, b"")
        while header := requests.read(HEADER_BYTES):
            _send(channel, _answer(requests.read(int.from_bytes(header, "big"))))


def _send(channel: socket.socket, frame: bytes) -> None:
    channel.sendall(len(frame).to_bytes(HEADER_BYTES, "big") + frame)


def _answer(request: bytes) -> bytes:
    try:
        function, args = pickle.loads(request)  # noqa: S301  # from our own parent
        return pickle.dumps((True, function(*args)), pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        return _failure(EvaluationError("the worker process has run out of memory"))
    except Exception as error:  # noqa: BLE001  # whatever the function raises is raised where it was called
        error.add_note(f"In a worker process:\n{traceback.format_exc()}")
        return _failure(error)


def _failure(error: Exception) -> bytes:
    """The error for the caller, or what it says where it cannot be sent."""
    try:
        failure = pickle.dumps((False, error), pickle.HIGHEST_PROTOCOL)
        pickle.loads(failure)  # noqa: S301  # some can be written and not read
    except Exception:  # noqa: BLE001
        return pickle.dumps((False, EvaluationError(f"{type(error).__name__}: {error}")), pickle.HIGHEST_PROTOCOL)
    return failure
