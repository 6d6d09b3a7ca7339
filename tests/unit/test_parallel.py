"""A corpus spread over workers: every executor gives the same figures, even when workers die."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pytest

from corpora import DATA, Corpus, reports
from helpers import DeadlyFile, annotation, die_half_way, run_program, until
from nedc_bench import (
    EvaluationError,
    InputError,
    Pair,
    ParallelEvaluator,
    Recording,
    score_corpus,
)
from nedc_bench.evaluation.cpus import available_cpus
from nedc_bench.evaluation.spreading import CHUNK, IN_FLIGHT

P = ParamSpec("P")
T = TypeVar("T")

OVERLAPPING = Corpus(DATA / "golden/overlapping")
REFERENCE = annotation((1.0, 4.0, "seiz"))
HYPOTHESIS = annotation((1.5, 4.5, "seiz"))


def pair(reference: Any = None) -> Pair:
    return Pair(io.StringIO(REFERENCE) if reference is None else reference, io.StringIO(HYPOTHESIS))


def recordings(name: str) -> Pair:
    return Pair(Recording.from_events(1.0, [], f"r{name}"), Recording.from_events(1.0, [], f"h{name}"))


@pytest.fixture
def evaluator() -> Iterator[ParallelEvaluator]:
    """Two workers, where there are two CPUs."""
    with ParallelEvaluator(2) as evaluator:
        yield evaluator


# -- the same figures


EXECUTORS: dict[str, Callable[[], Executor]] = {
    "1 worker": lambda: ParallelEvaluator(1),
    "2 workers": lambda: ParallelEvaluator(2),
    "as many workers as CPUs": ParallelEvaluator,
    "5 processes of another pool": lambda: ProcessPoolExecutor(5, multiprocessing.get_context("forkserver")),
    "3 threads": lambda: ThreadPoolExecutor(3),
}


@pytest.mark.parametrize("name", EXECUTORS)
def test_every_executor_gives_the_same_figures_and_reports(name: str) -> None:
    with EXECUTORS[name]() as executor:
        result = score_corpus(OVERLAPPING.pairing, executor=executor)
    assert result.to_dict(per_pair=True) == OVERLAPPING.result.to_dict(per_pair=True)
    assert reports(result) == reports(OVERLAPPING.result)


@pytest.mark.slow
@pytest.mark.skipif(available_cpus() < 2, reason="on one CPU no worker is started")
def test_a_longer_corpus_goes_on_in_workers_by_itself() -> None:
    pairs = OVERLAPPING.pairing.pairs * 20
    workers: set[int | None] = set()
    result = score_corpus(
        pairs, jobs=2, progress=lambda _: workers.update(child.pid for child in multiprocessing.active_children())
    )
    assert len(workers) == 2
    assert result.to_dict() == score_corpus(pairs, jobs=1).to_dict()


def test_findings_are_the_same_from_a_worker(evaluator: ParallelEvaluator) -> None:
    pairs = [pair(io.StringIO(text)) for text in (REFERENCE, annotation((4, 3, "seiz")), annotation(duration="nan"))]
    findings = []
    for executor in (None, evaluator):
        with pytest.raises(InputError) as caught:
            score_corpus(pairs, executor=executor, jobs=1)
        findings.append(caught.value.findings)
        for each in pairs:
            for file in (each.reference, each.hypothesis):
                assert isinstance(file, io.StringIO)
                file.seek(0)
    assert findings[0] == findings[1]
    assert [finding.code for finding in findings[0]] == ["order", "duration"]


def test_progress_is_told_after_every_pair_in_this_thread(evaluator: ParallelEvaluator) -> None:
    told = []
    pairs = [recordings(str(k)) for k in range(20)]
    score_corpus(pairs, executor=evaluator, progress=lambda done: told.append((done, threading.get_ident())))
    assert told == [(done, threading.get_ident()) for done in range(1, 21)]


def test_open_files_are_read_here_when_the_workers_are_elsewhere(evaluator: ParallelEvaluator, tmp_path: Path) -> None:
    path = tmp_path / "hyp.csv_bi"
    path.write_text(HYPOTHESIS)
    with open(path, encoding="utf-8") as text, open(path, "rb") as binary:
        result = score_corpus(
            [Pair(io.StringIO(REFERENCE), text), pair(), Pair(io.BytesIO(REFERENCE.encode()), binary)],
            executor=evaluator,
        )
    assert [score.hypothesis.name for score in result.scores] == [str(path), "<file>", str(path)]
    assert result.overlap.labels["seiz"].tp == 3


# -- a bounded number of pairs in flight


class _AtOnce(Executor):
    """Runs each call when it is submitted."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def test_a_corpus_is_drawn_from_its_generator_as_it_is_scored() -> None:
    drawn = 0
    ahead = []

    def pairs() -> Iterator[Pair]:
        nonlocal drawn
        for drawn in range(1, 2 * IN_FLIGHT * CHUNK):
            yield recordings(str(drawn))

    score_corpus(pairs(), algorithms=["overlap"], executor=_AtOnce(), progress=lambda done: ahead.append(drawn - done))
    assert max(ahead) == IN_FLIGHT * CHUNK - 1
    assert ahead[-1] == 0


def test_a_corpus_in_this_process_is_drawn_pair_by_pair() -> None:
    drawn = 0

    def pairs() -> Iterator[Pair]:
        nonlocal drawn
        for drawn in range(1, 5):
            yield recordings(str(drawn))

    score_corpus(pairs(), jobs=1, progress=lambda done: drawn == done or pytest.fail(f"{drawn} drawn, {done} done"))
    assert drawn == 4


# -- workers that die


def test_a_worker_that_dies_once_costs_nothing_but_time(tmp_path: Path) -> None:
    def pairs() -> list[Pair]:
        return [pair(DeadlyFile("r", REFERENCE, tmp_path / str(k)) if k in {0, 9} else None) for k in range(20)]

    with ParallelEvaluator(1) as evaluator:
        result = score_corpus(pairs(), executor=evaluator)
    assert (tmp_path / "0").exists()
    assert (tmp_path / "9").exists()
    assert [score.reference.name for score in result.scores] == ["r" if k in {0, 9} else "<file>" for k in range(20)]
    assert result.to_dict()["algorithms"] == score_corpus([pair() for _ in range(20)]).to_dict()["algorithms"]


def test_a_pair_over_which_every_worker_dies_is_named(evaluator: ParallelEvaluator) -> None:
    pairs = [pair(DeadlyFile("the deadly one") if k == 13 else None) for k in range(40)]
    with pytest.raises(EvaluationError) as caught:
        score_corpus(pairs, executor=evaluator)
    assert str(caught.value) == (
        "the worker process died twice over the pair the deadly one / <file> "
        "(killed, or out of memory); score it by itself to see why"
    )
    assert evaluator.submit(divmod, 7, 2).result() == (3, 1)


def test_a_pair_beside_a_deadly_one_is_not_blamed(tmp_path: Path) -> None:
    """The first worker dies once with everything in flight; a later pair kills the workers that replace it."""
    with ParallelEvaluator(1) as evaluator:
        last = IN_FLIGHT * CHUNK + 1
        deadly = {0: DeadlyFile("dies once", REFERENCE, tmp_path / "died"), last: DeadlyFile("dies always")}
        pairs = (
            Pair(deadly[k], io.StringIO(HYPOTHESIS)) if k in deadly else recordings(str(k)) for k in range(last + 9)
        )
        with pytest.raises(EvaluationError, match="died twice over the pair dies always / <file>"):
            score_corpus(pairs, algorithms=["overlap"], executor=evaluator)


def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from nedc_bench import ParallelEvaluator, Recording, score_corpus\n"
        "recording = Recording.from_events(1.0, [])\n"
        "score_corpus([(recording, recording)], executor=ParallelEvaluator(1))\n"
    )
    last_line = run_program(sys.executable, script).stderr.splitlines()[-1]
    assert last_line == (
        "nedc_bench.errors.EvaluationError: worker processes cannot be started; a script that scores a corpus needs "
        'an `if __name__ == "__main__":` guard, or jobs=1'
    )


# -- the evaluator by itself


def test_a_call_fails_with_its_worker_and_the_next_one_has_another() -> None:
    with ParallelEvaluator(1) as evaluator:
        first = evaluator.submit(os.getpid).result()
        deadly, beside = evaluator.submit(os.kill, first, signal.SIGKILL), evaluator.submit(os.getpid)
        with pytest.raises(BrokenExecutor):
            deadly.result()
        assert beside.result() not in {first, os.getpid()}


def test_a_worker_may_die_while_it_sends_its_answer(evaluator: ParallelEvaluator) -> None:
    with pytest.raises(BrokenExecutor):
        evaluator.submit(die_half_way).result()
    assert evaluator.submit(divmod, 7, 2).result() == (3, 1)


def test_what_a_call_raises_comes_back(evaluator: ParallelEvaluator) -> None:
    with pytest.raises(ZeroDivisionError):
        evaluator.submit(divmod, 1, 0).result()


def test_ctrl_c_is_nothing_to_a_worker(evaluator: ParallelEvaluator) -> None:
    """It reaches the whole process group; the parent decides what happens to the workers."""
    assert evaluator.submit(signal.raise_signal, signal.SIGINT).exception() is None
    assert evaluator.submit(signal.getsignal, signal.SIGINT).result() == signal.SIG_IGN


def test_after_the_shutdown_no_call_is_taken() -> None:
    evaluator = ParallelEvaluator(1)
    evaluator.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        evaluator.submit(os.getpid)


def test_workers_leave_after_the_accepted_calls_though_nobody_waits() -> None:
    evaluator = ParallelEvaluator(1)
    worker = evaluator.submit(os.getpid)
    last = evaluator.submit(divmod, 7, 2)
    evaluator.shutdown(wait=False)
    assert last.result() == (3, 1)
    until(lambda: not Path(f"/proc/{worker.result()}").exists())


def test_an_evaluator_left_by_an_exception_ends_its_workers_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    workers = []

    def leave() -> None:
        with ParallelEvaluator(1) as evaluator:
            workers.append(evaluator.submit(os.getpid).result())
            evaluator.submit(os.open, pipe, os.O_WRONLY)  # nobody reads, so it waits for ever
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave()
    assert not Path(f"/proc/{workers[0]}").exists()
