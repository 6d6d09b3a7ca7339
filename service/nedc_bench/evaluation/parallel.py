"""`ParallelEvaluator`: worker processes that are replaced when they die, and exit with their parent."""

from __future__ import annotations

import concurrent.futures  # the process pool is imported on demand: short corpora need none
import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from types import TracebackType
from typing import ParamSpec, TypeVar

from nedc_bench.checks import check_whole
from nedc_bench.evaluation.cpus import available_cpus

P = ParamSpec("P")
T = TypeVar("T")


class ParallelEvaluator(Executor):
    """A pool of worker processes, at most one per CPU that this process may use.

    Unlike `ProcessPoolExecutor`, it stays usable after a worker has died: the calls in progress fail with
    `BrokenExecutor`, and the next `submit` starts new workers. If an exception (Ctrl-C) leaves its context, it kills
    its workers at once. They also exit when this process has died.

    >>> with ParallelEvaluator(workers=1) as evaluator:
    ...     evaluator.submit(divmod, 7, 2).result()
    (3, 1)
    """

    def __init__(self, workers: int | None = None) -> None:
        cpus = available_cpus()
        self.workers = cpus if workers is None else min(check_whole("workers", workers, 1), cpus)
        self._pool: concurrent.futures.ProcessPoolExecutor | None = None
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call ``fn`` in a worker; see `concurrent.futures.Executor.submit`."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the evaluator is shut down")
            if self._pool is not None:
                try:
                    return self._pool.submit(fn, *args, **kwargs)
                except BrokenExecutor:
                    self._pool.shutdown(wait=False)
            self._pool = concurrent.futures.ProcessPoolExecutor(
                self.workers, mp_context=worker_context(), initializer=start_worker
            )
            return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002  # as Executor
        """Accept no more calls; see `concurrent.futures.Executor.shutdown`."""
        with self._lock:
            self._closed = True
            pool = self._pool
        if pool is not None:
            pool.shutdown(wait, cancel_futures=cancel_futures)

    def kill(self) -> None:
        """Kill the workers; their current calls are lost."""
        with self._lock:
            self._closed = True
            pool = self._pool
        if pool is not None:
            for process in list((pool._processes or {}).values()):  # noqa: SLF001  # kill_workers() from 3.14 on
                process.kill()
            pool.shutdown(wait=True, cancel_futures=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.shutdown()
        else:
            self.kill()


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


def worker_context() -> multiprocessing.context.BaseContext:
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
