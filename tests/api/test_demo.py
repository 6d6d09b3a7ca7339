"""`make demo` starts a service, scores the example corpus over HTTP, and stops the service."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from helpers import COMMAND, Ran, blocks, run_program
from nedc_bench.evaluation.alpha import compare_reports

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "tests/data/chb-mit"


DEMO = (sys.executable, "-W", "error", str(ROOT / "docs/demo.py"))


def demo(corpus: Path, output: Path, **settings: str) -> Ran:
    return run_program(*DEMO, corpus, output, cwd=ROOT, **settings)


def assert_stopped(stderr: str) -> None:
    """The demo printed the service's address, and nothing answers there any more."""
    (url,) = re.findall(r"^service at (http://127\.0\.0\.1:\d+)$", stderr, re.MULTILINE)
    assert "\nservice stopped\n" in stderr
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/api/v1/health")


def test_it_prints_the_table_of_the_readme_and_writes_the_reports_of_the_command(tmp_path: Path) -> None:
    (table,) = blocks((ROOT / "README.md").read_text(), "text")
    ran = demo(EXAMPLE, tmp_path / "demo", REDIS_URL="redis://127.0.0.1:1", MAX_WORKERS="1")
    assert (ran.status, ran.stdout) == (0, f"{table}\nreports: {tmp_path / 'demo'}\n")
    assert "completed: 59 of 59 pairs" in ran.stderr
    assert_stopped(ran.stderr)
    run_program(COMMAND, "score", EXAMPLE / "ref", EXAMPLE / "hyp", "-o", tmp_path / "command")
    names = sorted(path.name for path in (tmp_path / "command").iterdir())
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == names
    for name in set(names) - {"report.html"}:  # it has the names of the uploaded files
        ours, theirs = ((tmp_path / folder / name).read_text().splitlines() for folder in ("demo", "command"))
        assert list(compare_reports(name, theirs, ours)) == []


def test_a_refused_corpus_is_explained(tmp_path: Path) -> None:
    for side in ("ref", "hyp"):
        (tmp_path / side).mkdir()
        shutil.copy(EXAMPLE / side / "chb05_06.csv_bi", tmp_path / side)
    with (tmp_path / "hyp/chb05_06.csv_bi").open("a") as file:
        file.write("TERM,abc,4.0,seiz,1.0\n")
    ran = demo(tmp_path, tmp_path / "demo", MAX_WORKERS="1")
    assert (ran.status, ran.stdout) == (1, "")
    assert re.search(r"The input is refused: .*hyp/chb05_06\.csv_bi, line \d+: start_time 'abc'", ran.stderr)
    assert_stopped(ran.stderr)


def test_a_service_that_does_not_start_says_why(tmp_path: Path) -> None:
    ran = demo(EXAMPLE, tmp_path / "demo", MAX_WORKERS="many")
    assert ran.status == 1
    assert "MAX_WORKERS" in ran.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_the_service_too(tmp_path: Path, number: int) -> None:
    (tmp_path / "ref").mkdir()
    os.mkfifo(tmp_path / "ref/never-read.csv_bi")
    command = [*DEMO, str(tmp_path), str(tmp_path / "demo")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"MAX_WORKERS": "1"}) as process:
        assert process.stderr is not None
        said = process.stderr.readline()  # the service is up; the demo waits for its first file, a named pipe
        process.send_signal(number)
        assert_stopped(said + process.stderr.read())
        assert process.wait() == 128 + number
