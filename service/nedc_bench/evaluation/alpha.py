"""Parity with an installed original (NEDC EEG Eval v6.0.0, "Alpha"): runs it and compares every line of its reports.

The original prints figures rounded to 4 digits, so only these can be compared. The golden corpora of the test suite
compare its doubles.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from nedc_bench.annotations import Pairing
from nedc_bench.errors import EvaluationError, refusal
from nedc_bench.evaluation.corpus import Result
from nedc_bench.reports import PAGE_NAME, SUMMARY_NAME, report_names
from nedc_bench.scoring import ALGORITHMS

ENTRY_POINT = "bin/nedc_eeg_eval"

REQUIREMENTS = ("numpy", "scipy", "lxml", "toml")

_NO_MODULE = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")

# Lines with dates, programs and paths, which differ between any two runs.
_OWN_LINES = re.compile(r" *(Date|File|Version|Mod Time|Ref|Hyp): |NEDC EEG Eval Successfully")
_OWN_PAIR_LINES = re.compile(r" *\d+: | {7}[^( ]")


@dataclass(frozen=True, slots=True)
class Difference:
    """A line in which the original and nedc-bench differ."""

    report: str
    line: int
    section: str
    original: str
    ours: str

    def __str__(self) -> str:
        place = f"{self.report}, line {self.line}" + (f" ({self.section})" if self.section else "")
        return f"{place}:\n    original:   {self.original}\n    nedc-bench: {self.ours}"


def compare_with_original(
    alpha: str, pairing: Pairing, result: Result, parameters_file: str | None, python: str | None = None
) -> list[Difference]:
    """Run the original under ``alpha`` on the same pairs and compare its reports with those of ``result``.

    Args:
        python: the interpreter for the original; by default the one its script names, or this one if the script is not
            executable.

    Raises:
        InputError: the original cannot read a path from a list.
        EvaluationError: the original is missing, or it fails.
    """
    for pair in pairing.pairs:
        for source in (pair.reference, pair.hypothesis):
            if not isinstance(source, (str, os.PathLike)) or any(
                c.isspace() or c == "$" for c in os.path.abspath(source)
            ):
                raise refusal(
                    "path", "the original takes files whose paths have no white space and no $", file=str(source)
                )
    with tempfile.TemporaryDirectory(prefix="nedc-bench-parity-") as folder:
        theirs, ours = Path(folder) / "original", Path(folder) / "nedc-bench"
        lists = (Path(folder) / "ref.list", Path(folder) / "hyp.list")
        for path, sources in zip(
            lists, zip(*((p.reference, p.hypothesis) for p in pairing.pairs), strict=True), strict=True
        ):
            path.write_text("".join(f"{os.path.abspath(str(source))}\n" for source in sources))
        _run_original(alpha, theirs, lists, parameters_file, python)
        result.write_reports(ours)
        return [
            difference
            for name in report_names(ALGORITHMS)
            if name != PAGE_NAME  # the original has none
            for difference in compare_reports(name, _lines(theirs / name), _lines(ours / name))
        ]


def compare_reports(name: str, theirs: Sequence[str], ours: Sequence[str]) -> Iterator[Difference]:
    """The differing lines, except for dates, programs and paths, with their section and label."""
    own_lines = _OWN_LINES if name == SUMMARY_NAME else _OWN_PAIR_LINES
    section = label = ""
    for number, (original, own) in enumerate(zip_longest(theirs, ours, fillvalue="(no line)"), 1):
        if original.startswith("NEDC ") and original.endswith(":"):
            section, label = original.partition(" SUMMARY")[0], ""
        elif original.startswith(" LABEL: "):
            label = original.removeprefix(" LABEL: ")
        elif original == "SUMMARY:":
            label = "summary"
        if original != own and not (own_lines.match(original) and own_lines.match(own)):
            yield Difference(name, number, ", ".join(filter(None, (section, label))), original, own)


def _run_original(
    alpha: str, output: Path, lists: tuple[Path, Path], parameters_file: str | None, python: str | None
) -> None:
    root = os.path.abspath(alpha)
    entry = Path(root) / ENTRY_POINT
    if not entry.is_file():
        raise EvaluationError(
            f"there is no {ENTRY_POINT} under {alpha}; --alpha takes the folder of NEDC EEG Eval v6.0.0"
        )
    if python is None and not os.access(entry, os.X_OK):
        python = sys.executable
    command = [str(entry)] if python is None else [python, str(entry)]
    command += ["--odir", str(output)]
    if parameters_file is not None:
        command += ["--parameters", os.path.abspath(parameters_file)]
    library = os.pathsep.join(filter(None, (os.path.join(root, "lib"), os.environ.get("PYTHONPATH"))))
    environment = os.environ | {"NEDC_NFC": root, "PYTHONPATH": library}
    try:
        run = subprocess.run(  # noqa: S603  # the program that --alpha names
            [*command, *map(str, lists)],
            env=environment,
            cwd=output.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise EvaluationError(f"the original cannot be started: {error}") from error
    if (missing := _NO_MODULE.search(run.stderr)) is not None:
        raise EvaluationError(_what_it_needs(missing[1], python))
    if run.returncode or not (output / SUMMARY_NAME).is_file():
        words = (run.stderr or run.stdout).strip().splitlines()[-5:]
        raise EvaluationError(f"the original failed (exit {run.returncode}):\n    " + "\n    ".join(words))


def _what_it_needs(missing: str, python: str | None) -> str:
    message = f"the original needs {' '.join(REQUIREMENTS)}, and the Python that runs it has no {missing}: "
    install = f"{python or 'python'} -m pip install {' '.join(REQUIREMENTS)}"
    return f"{message}{install}, or name another Python with --python"


def _lines(report: Path) -> list[str]:
    try:
        return report.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return []
