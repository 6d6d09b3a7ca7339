"""`ParallelEvaluator`: worker processes that are replaced when they die, and exit with their parent."""

from __future__ import annotations

import concurrent.futures  # its thread pool is imported on demand: short corpora need none
import gc
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import suppress
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from nedc_bench.checks import check_whole
from nedc_bench.errors import EvaluationError
from nedc_bench.evaluation.cpus import available_cpus

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerContext, SpawnContext

P = ParamSpec("P")
T = TypeVar("T")


class ParallelEvaluator(Executor):
    """Calls functions in worker processes, at most one per CPU that this process may use.

    Unlike `ProcessPoolExecutor`, it stays usable after a worker has died: only the call that the worker was busy with
    fails, with `BrokenExecutor`, and another worker takes its place. If an exception (Ctrl-C) leaves its context, it
    kills its workers at once. They also exit when this process has died.

    >>> with ParallelEvaluator(workers=1) as evaluator:
    ...     evaluator.submit(divmod, 7, 2).result()
    (3, 1)
    """

    def __init__(self, workers: int | None = None) -> None:
        cpus = available_cpus()
        self.workers = cpus if workers is None else min(check_whole("workers", workers, 1), cpus)
        self._threads = concurrent.futures.ThreadPoolExecutor(self.workers)  # each waits for the answers of its worker
        self._own = threading.local()  # of each thread: the process and the channel of its worker
        self._lock = threading.Lock()  # for the next two: no worker starts after `kill`
        self._workers: dict[BaseProcess, Connection] = {}
        self._killed = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call ``fn`` in a worker; see `concurrent.futures.Executor.submit`."""
        return self._threads.submit(self._call, fn, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002  # as Executor
        """Accept no more calls; see `concurrent.futures.Executor.shutdown`."""
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        if not wait:
            threading.Thread(target=self.shutdown).start()  # the workers leave after the calls that were accepted
            return
        with self._lock:
            for channel in self._workers.values():
                channel.close()
            for process in self._workers:
                process.join()
            self._workers.clear()

    def kill(self) -> None:
        """Kill the workers; their current calls are lost."""
        with self._lock:
            self._killed = True
            for process in self._workers:
                process.kill()
        self.shutdown(cancel_futures=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.shutdown()
        else:
            self.kill()

    def _call(self, fn: Callable[..., T], args: tuple[object, ...], kwargs: dict[str, object]) -> T:
        """Call ``fn`` in the worker of this thread, and wait for its answer."""
        request = pickle.dumps((fn, args, kwargs), pickle.HIGHEST_PROTOCOL)
        try:
            channel = self._channel()
            channel.send_bytes(request)
            reply = channel.recv_bytes()
        except (OSError, EOFError) as error:
            self._discard_worker()
            raise BrokenExecutor("a worker process has died, or could not be started") from error
        result: T = read_answer(reply)
        return result

    def _channel(self) -> Connection:
        """The channel to the worker of this thread, which is started if there is none."""
        if not hasattr(self._own, "channel"):
            ours, theirs = multiprocessing.Pipe()
            with theirs, self._lock:
                if self._killed:
                    raise EOFError
                process = worker_context().Process(target=_work, args=(theirs,), daemon=True)
                start_process(process)
                self._workers[process] = ours
            self._own.process, self._own.channel = process, ours
        channel: Connection = self._own.channel
        return channel

    def _discard_worker(self) -> None:
        """Make sure that the worker of this thread has ended; the next call starts another."""
        if hasattr(self._own, "channel"):
            del self._own.channel
            with self._lock:
                self._workers.pop(self._own.process, None)
            self._own.process.kill()
            self._own.process.join()


def can_start_processes() -> bool:
    """Whether this process can have worker processes.

    A pool's worker may have no children, the executable of a frozen program is not Python, and workers cannot import a
    script from standard input.
    """
    if multiprocessing.current_process().daemon or getattr(sys, "frozen", False):
        return False
    main = sys.modules["__main__"]
    script = getattr(main, "__file__", None)
    return script is None or getattr(main, "__spec__", None) is not None or os.path.isfile(script)


def worker_context() -> ForkServerContext | SpawnContext:
    """The start method: fork from a server with this package loaded and no threads; else spawn."""
    if "forkserver" not in multiprocessing.get_all_start_methods() or not _has_temporary_folder():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["nedc_bench.evaluation"])
    return context


def _has_temporary_folder() -> bool:
    """Whether there is a writable place for the fork server's socket."""
    import tempfile  # noqa: PLC0415  # short corpora need none

    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        return False
    return True


def start_process(process: BaseProcess) -> None:
    """Start a worker process, and the fork server if there is none. Ctrl-C cannot reach them before they ignore it."""
    from multiprocessing import resource_tracker  # noqa: PLC0415  # short corpora need none

    resource_tracker.ensure_running()  # its start would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start_worker() -> None:
    """Initialise a worker process."""
    gc.freeze()  # loaded modules are never garbage
    gc.set_threshold(50_000)  # scores are tuples, which reference counting frees; looking for cycles costs a tenth
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole process group; the parent decides
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(channel: Connection) -> None:
    """The main loop of a worker: answer calls until the channel is closed."""
    start_worker()
    with suppress(OSError, EOFError), channel:
        while True:
            channel.send_bytes(answer(channel.recv_bytes()))


def answer(request: bytes) -> bytes:
    """Make a pickled call, in a worker. Returns its result or its exception, pickled for `read_answer`."""
    try:
        fn, args, kwargs = pickle.loads(request)  # noqa: S301  # from our own parent
        return pickle.dumps((True, fn(*args, **kwargs)), pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        return _failure(EvaluationError("the worker process has run out of memory"))
    except Exception as error:  # noqa: BLE001  # whatever the function raises is raised where it was called
        error.add_note(f"In a worker process:\n{traceback.format_exc()}")
        return _failure(error)


def _failure(error: Exception) -> bytes:
    """The error for the caller, or its text if it cannot be pickled."""
    try:
        failure = pickle.dumps((False, error), pickle.HIGHEST_PROTOCOL)
        pickle.loads(failure)  # noqa: S301  # some errors can be pickled but not unpickled
    except Exception:  # noqa: BLE001
        return pickle.dumps((False, EvaluationError(f"{type(error).__name__}: {error}")), pickle.HIGHEST_PROTOCOL)
    return failure


def read_answer(answer: bytes) -> Any:
    """Return the result of a call in a worker, or raise its exception."""
    succeeded, value = pickle.loads(answer)  # noqa: S301  # from our own process
    if succeeded:
        return value
    raise value
