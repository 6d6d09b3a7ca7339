"""``nedc-bench parity``: run against a stand-in that prints what the original printed."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from corpora import DATA
from helpers import Ran, run
from nedc_bench.evaluation.alpha import Difference, compare_reports

CORPUS = DATA / "golden/variants-parameters"
EXPECTED = CORPUS / "expected"
WARNING = (
    "warning [parameter] params.toml: 'NEDC_OTHER' is not a table of the parameter file and is not used "
    "(and 1 more of this kind)\n"
)
REPORTS = sorted(path.name for path in EXPECTED.glob("summary*.txt"))

STAND_IN = """\
#!{python}
import os, shutil, sys

here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
assert os.environ["NEDC_NFC"] == here, os.environ["NEDC_NFC"]
assert os.environ["PYTHONPATH"].split(os.pathsep)[0] == os.path.join(here, "lib"), os.environ["PYTHONPATH"]
odir, output, parameters, value, *lists = sys.argv[1:]
assert (odir, parameters) == ("--odir", "--parameters")
assert os.path.isabs(value) and os.path.isfile(value)
for path in lists:
    names = open(path).read().splitlines()
    assert len(names) == 8
    assert all(os.path.isabs(name) and os.path.isfile(name) for name in names)
assert len(lists) == 2
assert sys.stdin.read() == ""
shutil.copytree(os.path.join(here, "expected"), output)
"""


@pytest.fixture
def alpha(tmp_path: Path) -> Path:
    """The folder of an installed original: its entry point, and the reports that it will write."""
    root = tmp_path / "alpha"
    (root / "bin").mkdir(parents=True)
    install(root, STAND_IN.format(python=sys.executable))
    (root / "expected").mkdir()
    for name in REPORTS:
        (root / "expected" / name).write_bytes((EXPECTED / name).read_bytes())
    return root


def install(root: Path, program: str, mode: int = 0o755) -> None:
    entry = root / "bin/nedc_eeg_eval"
    entry.write_text(program)
    entry.chmod(mode)


def parity(alpha: Path) -> Ran:
    """Run ``nedc-bench parity`` on the corpus, from its own folder. It prints the warning first, in any case."""
    arguments = ("--alpha", os.path.relpath(alpha, CORPUS), "ref.list", "hyp.list", "--params", "params.toml")
    ran = run("parity", *arguments, cwd=CORPUS)
    assert ran.stderr.startswith(WARNING)
    return ran._replace(stderr=ran.stderr.removeprefix(WARNING))


def alter(report: Path, line: int, old: str, new: str) -> None:
    lines = report.read_text().split("\n")
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new)
    report.write_text("\n".join(lines))


def test_an_original_that_prints_the_same_has_no_difference(alpha: Path) -> None:
    assert parity(alpha) == Ran(0, "8 pairs, 5 algorithms: no figure differs\n", "")


def test_an_original_that_is_no_executable_is_run_by_python(alpha: Path) -> None:
    install(alpha, STAND_IN.format(python="/nowhere/python"), mode=0o644)
    assert parity(alpha).status == 0


def test_a_figure_that_differs_is_reported_with_its_section_and_label(alpha: Path) -> None:
    lines = (EXPECTED / "summary.txt").read_text().split("\n")
    epoch = next(k for k, line in enumerate(lines) if line.startswith("NEDC EPOCH"))
    number = next(k for k in range(epoch, len(lines)) if lines[k] == " LABEL: COW") + 15
    name, figure = lines[number - 1].split(":")
    altered = f"{name}:{'1.2345%':>{len(figure)}}"
    alter(alpha / "expected/summary.txt", number, lines[number - 1], altered)
    assert parity(alpha) == Ran(
        1,
        f"summary.txt, line {number} (NEDC EPOCH SCORING, COW):\n"
        f"    original:   {altered}\n"
        f"    nedc-bench: {lines[number - 1]}\n"
        "8 pairs, 5 algorithms: 1 line differs\n",
        "",
    )


def test_reports_that_the_original_did_not_write_are_reported(alpha: Path) -> None:
    (alpha / "expected/summary_taes.txt").unlink()
    ran = parity(alpha)
    assert ran.status == 1
    assert ran.stdout.startswith("summary_taes.txt, line 1:\n    original:   (no line)\n")


def test_an_original_that_fails_is_status_3_with_its_last_words(alpha: Path) -> None:
    install(alpha, f"#!{sys.executable}\nimport sys\nsys.exit('\\n'.join(f'word {{k}}' for k in range(7)))\n")
    words = "".join(f"\n    word {k}" for k in range(2, 7))
    assert parity(alpha) == Ran(3, "", f"error: the original failed (exit 1):{words}\n")


NEEDS = "the original needs numpy scipy lxml toml, and the Python that runs it has no lxml: "


def test_an_original_whose_python_lacks_a_module_is_status_3_with_the_way_to_install_it(alpha: Path) -> None:
    """After `pip install nedc-bench`, with the original as unpacked: its script is not executable."""
    install(alpha, "import lxml\n", mode=0o644)
    (alpha / "lib").mkdir()
    (alpha / "lib/lxml.py").write_text("raise ModuleNotFoundError(\"No module named 'lxml'\")\n")
    install_it = f"{sys.executable} -m pip install numpy scipy lxml toml, or name another Python with --python"
    assert parity(alpha) == Ran(3, "", f"error: {NEEDS}{install_it}\n")


@pytest.mark.parametrize("mode", [0o755, 0o644])
def test_another_python_can_be_named(alpha: Path, tmp_path: Path, mode: int) -> None:
    install(alpha, STAND_IN.format(python="/nowhere/python"), mode)
    python, called = tmp_path / "python", tmp_path / "called"
    python.write_text(f'#!/bin/sh\ntouch {called}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    arguments = ("--alpha", alpha, "ref.list", "hyp.list", "--params", "params.toml", "--python", python)
    assert run("parity", *arguments, cwd=CORPUS).status == 0
    assert called.exists()


def test_an_original_that_writes_nothing_is_status_3(alpha: Path) -> None:
    install(alpha, f"#!{sys.executable}\nimport sys\nsys.stdout.buffer.write(b'caf\\xe9')\n")
    assert parity(alpha) == Ran(3, "", "error: the original failed (exit 0):\n    caf\N{REPLACEMENT CHARACTER}\n")


def test_an_original_that_cannot_be_started_is_status_3(alpha: Path) -> None:
    install(alpha, "#!/nowhere/python\n")
    ran = parity(alpha)
    assert (ran.status, ran.stdout) == (3, "")
    assert ran.stderr.startswith("error: the original cannot be started: [Errno 2] No such file or directory")


def test_a_folder_without_an_original_is_status_3(tmp_path: Path) -> None:
    ran = run("parity", "--alpha", tmp_path, DATA / "chb-mit/ref", DATA / "chb-mit/hyp")
    message = f"there is no bin/nedc_eeg_eval under {tmp_path}; --alpha takes the folder of NEDC EEG Eval v6.0.0"
    assert ran == Ran(3, "", f"error: {message}\n")


# -- which lines are compared

LONG = DATA / "golden/multiclass/expected"


def figures(name: str) -> Iterator[tuple[int, str]]:
    """Every line of a golden report that holds figures or labels of events."""
    header_lines = 12 if name == "summary.txt" else 0
    for k, line in enumerate((LONG / name).read_text().split("\n")):
        is_path = "<corpus>" in line
        if k >= header_lines and line.strip(" =") and not is_path and "Successfully" not in line:
            yield k, line


@pytest.mark.parametrize("name", REPORTS)
def test_every_line_but_dates_programs_and_paths_is_compared(name: str) -> None:
    golden = (LONG / name).read_text().split("\n")
    compared = 0
    for k, line in figures(name):
        altered = line[:-1] + ("x" if line[-1] != "x" else "y")
        differences = list(compare_reports(name, [*golden[:k], altered, *golden[k + 1 :]], golden))
        assert [(d.line, d.original, d.ours) for d in differences] == [(k + 1, altered, line)]
        compared += 1
    assert compared >= 150


def test_dates_programs_and_paths_are_not_compared() -> None:
    for name in REPORTS:
        golden = (LONG / name).read_text()
        moved = re.sub(r"<\w+>", "/elsewhere", golden).replace(" Nov 23 ", " Dec 24 ")
        assert moved != golden
        assert list(compare_reports(name, moved.split("\n"), golden.split("\n"))) == []


def test_a_line_that_is_missing_is_a_difference() -> None:
    assert list(compare_reports("summary_taes.txt", ["a"], ["a", "b"])) == [
        Difference("summary_taes.txt", 2, "", "(no line)", "b")
    ]
