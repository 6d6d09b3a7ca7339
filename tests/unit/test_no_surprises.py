"""Scoring starts processes only when asked to, and works without them where none can start."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from corpora import DATA, Corpus
from helpers import annotation, run_program
from nedc_bench import ParallelEvaluator, score_corpus
from nedc_bench.evaluation import spreading as module
from nedc_bench.evaluation.cpus import available_cpus

OVERLAPPING = Corpus(DATA / "golden/overlapping")


# Scores a corpus slow enough to start workers, and prints a figure.
CORPUS = """
from nedc_bench import Recording, score_corpus
def pairs():
    for _ in range(30):
        starts = range(0, 80_000, 40)
        yield (
            Recording.from_events(86400, [(x, x + 5.0, "seiz") for x in starts]),
            Recording.from_events(86400, [(x + 1.0, x + 7.0, "seiz") for x in starts]),
        )
"""
PRINT = "print(score_corpus(pairs(), algorithms='taes', jobs=2).taes.labels['seiz'].tp)\n"


@pytest.fixture(scope="module")
def figure() -> str:
    """What the programs must print."""
    names: dict[str, Any] = {}
    exec(CORPUS, names)
    return f"{score_corpus(names['pairs'](), algorithms='taes').taes.labels['seiz'].tp}\n"


def a_day_of_seconds(path: Path, run: int) -> None:
    """86,400 rows, one per second; every fiftieth run of this length is a seizure."""
    labels = ["seiz" if k // run % 50 == 3 else "bckg" for k in range(86_400)]
    path.write_text(annotation(*((k, k + 1, label) for k, label in enumerate(labels)), duration=86_400))


def test_scoring_one_pair_does_not_run_the_script_again(tmp_path: Path) -> None:
    """A script without a guard that trains a model, then scores it: it must not train twice."""
    a_day_of_seconds(tmp_path / "ref.csv_bi", 20)
    a_day_of_seconds(tmp_path / "hyp.csv_bi", 21)
    script = tmp_path / "train.py"
    script.write_text(
        "import os\n"
        "print('training', os.getpid(), flush=True)\n"
        "from nedc_bench import score\n"
        "result = score('ref.csv_bi', 'hyp.csv_bi', algorithms=('overlap',))\n"
        "print('scored', os.getpid(), result.overlap.labels['seiz'].targets, flush=True)\n"
    )
    ran = run_program(sys.executable, script, cwd=tmp_path)
    assert (ran.status, ran.stderr) == (0, "")
    training, scored = ran.stdout.splitlines()
    assert scored.split() == ["scored", training.split()[1], "87"]


def test_a_corpus_starts_no_process_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long scoring takes: here the time before workers start is zero."""
    monkeypatch.setattr(module, "ALONE_SECONDS", 0.0)
    children: list[multiprocessing.process.BaseProcess] = []
    score_corpus(OVERLAPPING.pairing, progress=lambda _: children.extend(multiprocessing.active_children()))
    assert children == []


@pytest.mark.skipif(available_cpus() < 2, reason="on one CPU no worker is started")
def test_the_last_pair_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ALONE_SECONDS", 0.0)
    started: list[int] = []
    monkeypatch.setattr(ParallelEvaluator, "submit", lambda *_: pytest.fail("a process was started"))
    score_corpus(OVERLAPPING.pairing.pairs[:1], jobs=2, progress=started.append)
    assert started == [1]


def test_a_script_from_standard_input_scores_its_corpus_by_itself(figure: str) -> None:
    """Workers would have to import the script, and there is no file to import."""
    done = subprocess.run(
        [sys.executable, "-"], input=CORPUS + PRINT, capture_output=True, text=True, check=False, timeout=50
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", figure)


def test_a_worker_of_another_pool_scores_its_corpus_by_itself(tmp_path: Path, figure: str) -> None:
    """Such a worker is a daemon, and may have no children."""
    script = tmp_path / "pool.py"
    script.write_text(
        f"{CORPUS}import multiprocessing\ndef task(_):\n    {PRINT}"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        pool.map(task, [0])\n"
    )
    ran = run_program(sys.executable, script)
    assert (ran.status, ran.stderr, ran.stdout) == (0, "", figure)


def test_a_frozen_program_scores_its_corpus_by_itself(figure: str) -> None:
    ran = run_program(sys.executable, "-c", f"import sys\nsys.frozen = True\n{CORPUS}{PRINT}")
    assert (ran.status, ran.stderr, ran.stdout) == (0, "", figure)


@pytest.mark.parametrize(
    ("function", "error"),
    [
        ("multiprocessing.Pipe", OSError(24, "Too many open files")),
        ("multiprocessing.process.BaseProcess.start", OSError(38, "Function not implemented")),
        ("threading.Thread.start", RuntimeError("can't start new thread")),
    ],
)
def test_where_the_system_starts_no_process_the_corpus_is_scored_here(
    monkeypatch: pytest.MonkeyPatch, function: str, error: Exception
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(module, "ALONE_SECONDS", 0.0)
    monkeypatch.setattr(function, refuse)
    result = score_corpus(OVERLAPPING.pairing, jobs=2)
    assert result.to_dict(per_pair=True) == OVERLAPPING.result.to_dict(per_pair=True)
