"""`Worker`: a process that handles one call at a time, and our end of its socket.

The process exits when its stream ends, for example because its parent has died. A busy process is killed.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from typing import cast

from nedc_bench.evaluation.parallel import answer, start_process, start_worker, worker_context
from nedc_bench.execution.allocator import return_freed_memory
from nedc_bench.execution.work import warm_up

LEAVE_SECONDS = 5.0  # for an idle worker to exit when told to
HEADER_BYTES = 8
COPIED_BYTES = 64 * 1024  # smaller frames are sent together with their header
NICENESS = 10  # if scoring occupies all CPUs, the event loop comes first

DIED, TIMEOUT, CANCELLED = REASONS = ("died", "timeout", "cancelled")  # after which a worker is replaced


class WorkerDiedError(Exception):
    """The worker process has ended."""


class Worker(asyncio.Protocol):
    """One process and our end of its socket; a frame is a length and a pickle."""

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
        """The process id, or 0 before the start."""
        return self._pid

    @property
    def busy(self) -> bool:
        """Whether a call is waiting for its answer."""
        return self._answer is not None

    async def start(self) -> None:
        """Start the process and wait until it is ready."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with theirs:
            await loop.create_unix_connection(lambda: self, sock=ours)
            up = self._expect_answer()
            self._process = _context().Process(target=_work, args=(theirs,), daemon=True, name="nedc-worker")
            starting = asyncio.create_task(asyncio.to_thread(start_process, self._process))
            try:
                await asyncio.shield(starting)
            finally:
                await asyncio.wait([starting])  # even when cancelled: the socket is being handed over
                self._pid = self._process.pid or 0
        await up

    async def call(self, request: bytes) -> bytes:
        """Send a request. Returns the answer."""
        assert self._transport is not None
        answer = self._expect_answer()
        self._transport.write(len(request).to_bytes(HEADER_BYTES, "big"))
        self._transport.write(request)
        del request  # it may be large
        return await answer

    def kill(self, reason: str) -> None:
        """Kill the process."""
        if not self.ended.is_set() and self._process is not None and self._process.pid is not None:
            self.reason = reason
            self._process.kill()

    async def end(self) -> None:
        """End the process: an idle one exits when its stream ends, a busy one is killed."""
        if self.busy:
            self.kill(CANCELLED)
        self.ended.set()  # do not kill it from here on: its id may be reused
        if self._transport is not None:
            self._transport.abort()
        if self._process is not None and self._process.pid is not None:
            await asyncio.to_thread(_see_off, self._process)

    def _expect_answer(self) -> asyncio.Future[bytes]:
        self._answer = asyncio.get_running_loop().create_future()
        if self.ended.is_set():
            self._answer.set_exception(WorkerDiedError())
        return self._answer

    # -- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is made."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has another base class

    def data_received(self, data: bytes) -> None:
        """A part of an answer has arrived."""
        self._received += data
        end = HEADER_BYTES + int.from_bytes(self._received[:HEADER_BYTES], "big")
        if len(self._received) < end:
            return
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_result(bytes(self._received[HEADER_BYTES:end]))
        del self._received[:end]

    def connection_lost(self, _error: Exception | None) -> None:
        """The process has ended."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(WorkerDiedError())
            self._answer.exception()  # a waiting caller sees the error; otherwise nobody needs it
        self.ended.set()


def load_ahead() -> None:
    """Start preloading the workers' modules in the fork server, without waiting."""
    if isinstance(_context(), ForkServerContext):
        forkserver.ensure_running()


def _context() -> ForkServerContext | SpawnContext:
    """The start method, as for the library's workers, with their modules preloaded."""
    context = worker_context()
    context.set_forkserver_preload([__name__])
    return context


def _see_off(process: BaseProcess) -> None:
    process.join(LEAVE_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
    process.close()


def _work(channel: socket.socket) -> None:
    """The main loop of a worker: answer calls until its stream ends."""
    start_worker()
    return_freed_memory()
    os.nice(NICENESS)
    warm_up()
    with suppress(ConnectionError), channel, channel.makefile("rb") as requests:  # the pool may close at any time
        _send(channel, b"")
        while header := requests.read(HEADER_BYTES):
            _send(channel, answer(requests.read(int.from_bytes(header, "big"))))


def _send(channel: socket.socket, frame: bytes) -> None:
    header = len(frame).to_bytes(HEADER_BYTES, "big")
    for part in (header + frame,) if len(frame) < COPIED_BYTES else (header, frame):
        channel.sendall(part)
