"""The pages about uncertainty: their commands print what the pages show, and their figures were measured."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import bids
from bench import bench_coverage
from everything import of
from helpers import blocks, run
from nedc_bench.reports.evidence import FEW_SUBJECTS
from nedc_bench.statistics.limits import METHODS, OPERATORS, Limit

ROOT = Path(__file__).parents[2]
PAGES = {name: (ROOT / f"docs/{name}.md").read_text() for name in ("which-figure", "uncertainty")}
SHOWN = re.compile(r"```sh\n((?:[^`\n]+\n)+)```\n\n```text\n(.*?)```\n", re.DOTALL)
COVERAGE = (ROOT / "tests/bench/coverage.jsonl").read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    (folder / "tests").symlink_to(ROOT / "tests")
    return folder


COMMANDS = [match for text in PAGES.values() for match in SHOWN.findall(text)]
LARGE = [match for match in COMMANDS if "build/seizeit2" in match[0]]


@pytest.mark.parametrize(
    ("commands", "printed"),
    [
        *(match for match in COMMANDS if match not in LARGE),
        *(pytest.param(*match, marks=pytest.mark.slow) for match in of(LARGE, [])),
    ],
    ids=lambda text: text.splitlines()[-1][:40],
)
@pytest.mark.timeout(300)
def test_a_command_prints_what_the_page_says(folder: Path, commands: str, printed: str) -> None:
    assert printed
    if "build/seizeit2" in commands and not (folder / "build/seizeit2").exists():
        bids.main(folder / "build")
    program, *arguments = shlex.split(commands.splitlines()[-1])
    assert program == "nedc-bench"
    ran = run(*arguments, cwd=folder)
    assert ran.stdout == printed, ran.stderr
    assert ran.status == (4 if "NOT MET" in printed else 0)


def test_the_python_example_runs() -> None:
    (block,) = blocks(PAGES["uncertainty"], "python")
    checked = block + "assert [outcome.met for outcome in found.outcomes] == [True, False]\n"
    subprocess.run([sys.executable, "-W", "error", "-c", checked], cwd=ROOT, check=True)


def test_every_limit_of_the_pages_is_one() -> None:
    shown = [text for page in PAGES.values() for text in re.findall(r"'([^'\n]+ [<>]=? [^'\n]+)'", page)]
    shown += re.findall(
        r"^\| `([^`]+)` \| ", PAGES["uncertainty"].partition("| limit |")[2].partition("\n\n")[0], re.MULTILINE
    )
    assert len(shown) >= 8
    for text in shown:
        assert Limit.parse(text).text == text


def test_the_grammar_names_every_method_and_operator() -> None:
    (grammar,) = re.findall(r"```\n(limit .*?)```", PAGES["uncertainty"], re.DOTALL)
    assert all(name in grammar for name in METHODS)
    assert re.findall(r'"([<>]=?)"', grammar) == [">=", ">", "<=", "<"]
    assert set(OPERATORS) == {">=", ">", "<=", "<"}


def test_the_coverage_is_what_the_bench_measured() -> None:
    measured = [json.loads(line) for line in COVERAGE.splitlines()]
    assert [line["subjects"] for line in measured] == list(bench_coverage.SUBJECTS)
    assert {line["studies"] for line in measured} == {bench_coverage.STUDIES} == {1_000}
    assert coverage_table() in PAGES["uncertainty"]
    enough = [line["coverage"] for line in measured if line["subjects"] >= FEW_SUBJECTS]
    by_subject = [own[name] for figures in enough for own in figures.values() for name in ("bca", "percentile")]
    assert len(by_subject) >= 16
    assert all(93 <= percent <= 97 for percent in by_subject)


def coverage_table() -> str:
    """The measured coverage as printed on the page: BCa, percentile and Wilson."""
    lines = ["| subjects | sensitivity | precision | F1 | false alarms a day |", "| --- | --- | --- | --- | --- |"]
    for line in map(json.loads, COVERAGE.splitlines()):
        cells = (" / ".join(f"{percent:.1f}" for percent in own.values()) for own in line["coverage"].values())
        lines.append(f"| {line['subjects']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def test_a_simulated_study_has_the_truths_that_are_claimed() -> None:
    import numpy as np  # noqa: PLC0415  # of this test alone

    tally = bench_coverage.tally_of(200_000, np.random.default_rng(1))
    figures = dict(zip(tally.figures, tally.values(tally.whole())[0, 0].tolist(), strict=True))
    for name, truth in bench_coverage.truths().items():
        assert figures[name] == pytest.approx(truth, rel=0.01)
