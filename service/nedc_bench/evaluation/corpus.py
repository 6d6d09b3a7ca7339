"""Scoring pairs and corpora: the entry points of the library, and how a corpus is spread over an executor.

Pairs are evaluated anywhere and in any order, a bounded number at a time; their scores are folded in list order
in one place, so that every figure has the same last bit for any number of workers.
"""

from __future__ import annotations

import os
import pickle
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from itertools import islice
from pathlib import Path
from typing import Any

from nedc_bench.annotations import Pair, Pairing, Parameters, Recording, Source, read_recording
from nedc_bench.annotations.source import source_name
from nedc_bench.errors import EvaluationError, Finding, InputError, refusal
from nedc_bench.evaluation.parallel import ParallelEvaluator
from nedc_bench.reports import build_document, write_reports
from nedc_bench.scoring import ALGORITHMS, CorpusScore, PairScore, check_algorithms, score_pair

CHUNK = 16  # pairs in one call to an executor that is handed in
MAX_CHUNK = 64  # pairs in one call to our own workers, which is to take about CHUNK_SECONDS
CHUNK_SECONDS = 0.1
IN_FLIGHT = 32  # calls that are submitted and not collected
ALONE_SECONDS = 0.15  # what a corpus may take before worker processes are started for the rest
MAX_REFUSED_FILES = 50  # after so many refused pairs a corpus is given up

Outcome = PairScore | tuple[Finding, ...]  # a score, or why the pair is refused
Work = Callable[[Sequence[Pair]], list[Outcome]]


class Result(CorpusScore):
    """The figures of a pair or corpus, as they are reported.

    >>> reference = Recording.from_events(10.0, [(2.0, 6.0, "seiz")])
    >>> hypothesis = Recording.from_events(10.0, [(4.0, 6.0, "seiz")])
    >>> result = score(reference, hypothesis)
    >>> result.taes.labels["seiz"].tp, result.overlap.labels["seiz"].tp, result.warnings
    (0.5, 1, ())
    """

    def to_dict(self, *, per_pair: bool = False, events: bool = False) -> dict[str, Any]:
        """The result document (docs/result.md); ``events`` adds the verdicts on every event (docs/verdicts.md)."""
        return build_document(self, per_pair=per_pair, events=events)

    def write_reports(
        self, folder: str | os.PathLike[str], *, reference: str = "", hypothesis: str = "", per_pair: bool = False
    ) -> list[Path]:
        """Write the NEDC summary files and ``result.json``, all or none.

        Args:
            folder: made if need be.
            reference, hypothesis: what ``summary.txt`` says was scored.
            per_pair: add the figures of every pair to ``result.json``.

        Raises:
            EvaluationError: the folder cannot be written.
        """
        return write_reports(self, folder, reference=reference, hypothesis=hypothesis, per_pair=per_pair)


def score(
    reference: Source | Recording,
    hypothesis: Source | Recording,
    *,
    algorithms: Sequence[str] = ALGORITHMS,
    parameters: Parameters | None = None,
    strict: bool = False,
) -> Result:
    """Score one hypothesis against its reference.

    Args:
        reference, hypothesis: paths or open files in ``csv_bi`` format, or `Recording` objects.
        algorithms: which of ``dp epoch overlap taes ira szcore-event szcore-sample`` to run; ``all`` is NEDC's five.
        parameters: the original's defaults, when None.
        strict: refuse what would be a warning (overlapping events, events past the end).

    Raises:
        InputError: the input is refused; its findings say where and why.
    """
    pairs = [Pair(reference, hypothesis)]
    return score_corpus(pairs, algorithms=algorithms, parameters=parameters, strict=strict)


def score_corpus(
    pairs: Pairing | Iterable[Pair | tuple[Source | Recording, Source | Recording]],
    *,
    algorithms: Sequence[str] = ALGORITHMS,
    parameters: Parameters | None = None,
    strict: bool = False,
    executor: Executor | None = None,
    jobs: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> Result:
    """Score a corpus of pairs.

    Files are read and scored a bounded number at a time. What is kept of a pair is what its reports print: a few kB,
    or 0.3 MB for a day with 2,000 events a side.

    Args:
        pairs: (reference, hypothesis) pairs in list order, or what `find_pairs` returns.
        algorithms, parameters, strict: as for `score`.
        executor: runs the pairs; any `concurrent.futures.Executor`. By default short corpora run in this process
            and longer ones go on in a `ParallelEvaluator`; then scripts need an ``if __name__ == "__main__"`` guard.
        jobs: at most so many worker processes, and no more than CPUs; 1 stays in this process.
        progress: called with the number of pairs done, in this thread.

    Raises:
        InputError: some pair is refused; all refused pairs are named (up to `MAX_REFUSED_FILES`).
        EvaluationError: a worker process died twice over the same pair.
    """
    asked = check_algorithms(algorithms)
    parameters = Parameters() if parameters is None else parameters
    noticed = pairs.warnings if isinstance(pairs, Pairing) else ()
    listed = pairs.pairs if isinstance(pairs, Pairing) else pairs
    if strict and noticed:
        raise InputError(noticed)
    work = _Work(parameters, asked, strict=strict)
    outcomes = _outcomes((pair if isinstance(pair, Pair) else Pair(*pair) for pair in listed), work, executor, jobs)
    return Result.fold(accepted_scores(outcomes, progress), parameters, asked, noticed)


def evaluate_pair(
    pair: Pair, parameters: Parameters, algorithms: Sequence[str] = ALGORITHMS, *, strict: bool = False
) -> PairScore:
    """Read and score one pair.

    Raises:
        InputError: with the findings of both files, when either is refused.
    """
    faults: list[Finding] = []
    reference = _read(pair.reference, "reference", pair.reference_name, parameters, faults)
    hypothesis = _read(pair.hypothesis, "hypothesis", pair.hypothesis_name, parameters, faults)
    if reference is None or hypothesis is None:
        raise InputError(faults)
    return score_pair(reference, hypothesis, parameters, algorithms, strict=strict)


def _read(
    source: Source | Recording, side: str, name: str | None, parameters: Parameters, faults: list[Finding]
) -> Recording | None:
    try:
        return read_recording(source, side=side, name=name, label_map=parameters.label_map)
    except InputError as error:
        faults.extend(error.findings)
        return None


class _Work:
    """What a worker is asked to do with a chunk of pairs; it can be sent to another process."""

    def __init__(self, parameters: Parameters, algorithms: Sequence[str], *, strict: bool) -> None:
        self.parameters = parameters
        self.algorithms = algorithms
        self.strict = strict

    def __call__(self, pairs: Sequence[Pair]) -> list[Outcome]:
        return [self._evaluate(pair) for pair in pairs]

    def _evaluate(self, pair: Pair) -> Outcome:
        try:
            return evaluate_pair(pair, self.parameters, self.algorithms, strict=self.strict)
        except InputError as error:
            return error.findings


def accepted_scores(outcomes: Iterator[Outcome], progress: Callable[[int], object] | None) -> Iterator[PairScore]:
    """The scores of the pairs; once a pair is refused the rest is only looked through for further refusals."""
    refused: list[Finding] = []
    pairs_refused = done = 0
    try:
        for done, outcome in enumerate(outcomes, 1):
            if isinstance(outcome, PairScore):
                if not refused:
                    yield outcome
            else:
                refused.extend(outcome)
                pairs_refused += 1
                if pairs_refused == MAX_REFUSED_FILES:
                    message = f"{MAX_REFUSED_FILES} pairs are refused; the rest of the corpus was not looked at"
                    refused.append(Finding("", "", None, "size", message))
                    break
            if progress is not None:
                progress(done)
    finally:
        outcomes.close()  # type: ignore[attr-defined]  # a generator: ends the workers
    if refused:
        raise InputError(refused)
    if not done:
        raise refusal("empty", "the corpus has no pair")


def _outcomes(pairs: Iterator[Pair], work: Work, executor: Executor | None, jobs: int | None) -> Iterator[Outcome]:
    """The outcomes of the pairs, in their order."""
    if executor is not None:
        yield from _spread(pairs, work, executor)
        return
    if jobs is not None and jobs < 1:
        raise refusal("jobs", f"jobs must be at least 1, not {jobs}")
    pool = ParallelEvaluator(jobs)
    begun = time.monotonic()
    started: Future[int] | None = None
    with pool:
        for done, pair in enumerate(pairs, 1):
            yield from work([pair])
            seconds = time.monotonic() - begun
            if started is not None and started.done():
                yield from _spread(pairs, work, pool, max(1, min(MAX_CHUNK, int(CHUNK_SECONDS * done / seconds))))
            elif started is None and pool.workers > 1 and seconds > ALONE_SECONDS:
                started = pool.submit(os.getpid)  # work goes on here while the workers start


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
    """A call to a worker; a chunk with an open file, which cannot be sent to another process, is done at once here."""
    sources = (source for pair in chunk for source in (pair.reference, pair.hypothesis))
    future: Future[list[Outcome]] = Future()
    try:
        if all(map(_can_be_sent, sources)):
            return executor.submit(work, chunk)
        future.set_result(work(chunk))
    except BrokenExecutor as error:
        future.set_exception(error)
    return future


def _can_be_sent(source: Source | Recording) -> bool:
    if not isinstance(source, (str, os.PathLike, Recording)):
        try:
            pickle.dumps(source)
        except (TypeError, AttributeError, pickle.PicklingError):
            return False
    return True


def _collect(
    waiting: deque[tuple[list[Pair], Future[list[Outcome]]]], work: Work, executor: Executor
) -> Iterator[Outcome]:
    """The outcomes of the first chunk. When a worker died over it, or beside it, its pairs are done one by one."""
    chunk, future = waiting.popleft()
    try:
        yield from future.result()
        return
    except BrokenExecutor:
        pass
    for pair in chunk:
        yield from _collect_alone(pair, work, executor)


def _collect_alone(pair: Pair, work: Work, executor: Executor) -> list[Outcome]:
    """The outcome of a single pair. When a worker dies meanwhile, all else has died too, and the pair is by itself."""
    try:
        return executor.submit(work, [pair]).result()
    except BrokenExecutor:
        pass
    try:
        return executor.submit(work, [pair]).result()
    except BrokenExecutor as error:
        raise EvaluationError(_death(pair, executor)) from error


def _death(pair: Pair, executor: Executor) -> str:
    """What to say of workers that died over a single pair: whether the pair or the workers are at fault."""
    try:
        executor.submit(os.getpid).result()
    except BrokenExecutor:
        if not isinstance(executor, ParallelEvaluator):
            return "the executor is broken: one of its workers died, and it does not replace them"
        message = "worker processes cannot be started; a script that scores a corpus needs "
        return message + 'an `if __name__ == "__main__":` guard, or jobs=1'
    reference, hypothesis = (
        name or (source.name if isinstance(source, Recording) else source_name(source))
        for source, name in ((pair.reference, pair.reference_name), (pair.hypothesis, pair.hypothesis_name))
    )
    message = f"the worker process died twice over the pair {reference} / {hypothesis} "
    return message + "(killed, or out of memory); score it by itself to see why"
