"""Spreads the pairs of a corpus over an executor, or over our own worker processes.

Outcomes come in the order of the pairs. If a worker dies, no pair is lost: its pairs are scored again, one by one.
"""

from __future__ import annotations

import os
import pickle
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from itertools import chain, islice, pairwise

from nedc_bench.annotations import Pair, Recording, Source
from nedc_bench.annotations.source import source_name
from nedc_bench.errors import EvaluationError, Finding
from nedc_bench.evaluation.parallel import ParallelEvaluator, can_start_processes
from nedc_bench.scoring import PairScore

CHUNK = 16  # pairs per call to a caller's executor
MAX_CHUNK = 64  # most pairs per call to our own workers, which should take about CHUNK_SECONDS
CHUNK_SECONDS = 0.1
IN_FLIGHT = 32  # calls submitted but not yet collected
ALONE_SECONDS = 0.15  # time for a corpus before worker processes start for the rest

Outcome = PairScore | tuple[Finding, ...]  # a score, or the findings that refuse the pair
Work = Callable[[Sequence[Pair]], list[Outcome]]


def spread_over(pairs: Iterator[Pair], work: Work, executor: Executor | None, jobs: int) -> Iterator[Outcome]:
    """The outcomes of the pairs, in order."""
    if executor is not None:
        yield from _spread(pairs, work, executor)
        return
    if jobs == 1 or not can_start_processes():
        for pair in pairs:
            yield from work([pair])
        return
    begun = time.monotonic()
    started: Future[int] | None = None
    with ParallelEvaluator(jobs) as pool:
        for done, (this, following) in enumerate(pairwise(chain(pairs, [None]))):
            assert this is not None
            seconds = time.monotonic() - begun
            if started is not None and started.done() and not started.exception():
                size = max(1, min(MAX_CHUNK, int(CHUNK_SECONDS * done / seconds)))
                yield from _spread(chain(filter(None, (this, following)), pairs), work, pool, size)
                return
            if started is None and following is not None and pool.workers > 1 and seconds > ALONE_SECONDS:
                started = _start(pool)
            yield from work([this])  # while the workers start


def _start(pool: ParallelEvaluator) -> Future[int]:
    """A call that succeeds once a worker runs; never, if the system cannot start one (no threads, no memory)."""
    try:
        return pool.submit(os.getpid)
    except RuntimeError:
        return Future()


def _spread(pairs: Iterator[Pair], work: Work, executor: Executor, size: int = CHUNK) -> Iterator[Outcome]:
    """Send chunks of ``size`` pairs to the executor, at most `IN_FLIGHT` at a time, and collect them in order."""
    waiting: deque[tuple[list[Pair], Future[list[Outcome]]]] = deque()
    try:
        while chunk := list(islice(pairs, size)):
            waiting.append((chunk, _submit(chunk, work, executor)))
            if len(waiting) == IN_FLIGHT:
                yield from _collect(waiting, work, executor)
        while waiting:
            yield from _collect(waiting, work, executor)
    finally:
        for _, future in waiting:
            future.cancel()


def _submit(chunk: list[Pair], work: Work, executor: Executor) -> Future[list[Outcome]]:
    """Call a worker; a chunk with an open file, which cannot be pickled, is scored here at once."""
    sources = (source for pair in chunk for source in (pair.reference, pair.hypothesis))
    future: Future[list[Outcome]] = Future()
    try:
        if all(map(_can_be_sent, sources)):
            return executor.submit(work, chunk)
        future.set_result(work(chunk))
    except BrokenExecutor as error:
        future.set_exception(error)
    return future


def _can_be_sent(source: Source | Recording | None) -> bool:
    if not isinstance(source, (str, os.PathLike, Recording, type(None))):
        try:
            pickle.dumps(source)
        except (TypeError, AttributeError, pickle.PicklingError):
            return False
    return True


def _collect(
    waiting: deque[tuple[list[Pair], Future[list[Outcome]]]], work: Work, executor: Executor
) -> Iterator[Outcome]:
    """The outcomes of the first chunk. If a worker died meanwhile, its pairs are scored one by one."""
    chunk, future = waiting.popleft()
    try:
        yield from future.result()
        return
    except BrokenExecutor:
        pass
    for pair in chunk:
        yield from _collect_alone(pair, work, executor)


def _collect_alone(pair: Pair, work: Work, executor: Executor) -> list[Outcome]:
    """The outcome of a single pair. It is tried twice: the first death may have been another call's fault."""
    try:
        return executor.submit(work, [pair]).result()
    except BrokenExecutor:
        pass
    try:
        return executor.submit(work, [pair]).result()
    except BrokenExecutor as error:
        raise EvaluationError(_death(pair, executor)) from error


def _death(pair: Pair, executor: Executor) -> str:
    """The message for workers that died over a single pair: whether the pair or the workers are at fault."""
    try:
        executor.submit(os.getpid).result()
    except BrokenExecutor:
        if not isinstance(executor, ParallelEvaluator):
            return "the executor is broken: one of its workers died, and it does not replace them"
        message = "worker processes cannot be started; a script that scores a corpus needs "
        return message + 'an `if __name__ == "__main__":` guard, or jobs=1'
    reference, hypothesis = (
        name or (source.name if isinstance(source, Recording) else source_name(source) if source else "none")
        for source, name in ((pair.reference, pair.reference_name), (pair.hypothesis, pair.hypothesis_name))
    )
    message = f"the worker process died twice over the pair {reference} / {hypothesis} "
    return message + "(killed, or out of memory); score it by itself to see why"
