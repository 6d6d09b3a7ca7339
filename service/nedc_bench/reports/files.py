"""Writing the reports of a corpus to a folder: all of them, or none."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from errno import EISDIR
from pathlib import Path
from typing import IO, Any

from nedc_bench.errors import EvaluationError
from nedc_bench.reports import pairs, summary
from nedc_bench.reports.document import RESULT_NAME, build_document, write_json
from nedc_bench.reports.evidence import EVIDENCE_NAME, evidence_text
from nedc_bench.reports.page import PAGE_NAME, page_lines
from nedc_bench.scoring import CorpusScore
from nedc_bench.scoring.operating import OperatingCurve

SUMMARY_NAME = "summary.txt"
OPEN_FILES = ("/dev/", "/proc/")  # such as /dev/stdout, which may be a file that must not be replaced
PAIR_REPORTS = {
    "dp": "summary_dpalign.txt",
    "epoch": "summary_epoch.txt",
    "overlap": "summary_ovlp.txt",
    "taes": "summary_taes.txt",
}
WRITTEN = (SUMMARY_NAME, *PAIR_REPORTS.values(), PAGE_NAME, RESULT_NAME, EVIDENCE_NAME)  # or removed


def report_names(algorithms: Iterable[str]) -> tuple[str, ...]:
    """The reports of a corpus scored with ``algorithms``, by name: the text reports, and the page."""
    return (SUMMARY_NAME, *(PAIR_REPORTS[name] for name in algorithms if name in PAIR_REPORTS), PAGE_NAME)


def report_lines(
    score: CorpusScore,
    name: str,
    *,
    folder: str = "",
    reference: str = "",
    hypothesis: str = "",
    curves: Sequence[OperatingCurve] = (),
) -> Iterable[str]:
    """The lines of one report.

    Raises:
        KeyError: the corpus has no report with that name.
    """
    if name not in report_names(score.algorithms):
        raise KeyError(name)
    if name == SUMMARY_NAME:
        return summary.lines(score, os.path.join(folder, name), reference, hypothesis, datetime.now())  # noqa: DTZ005  # local, as in the original
    if name == PAGE_NAME:
        return page_lines(score, curves)
    (algorithm,) = (algorithm for algorithm, report in PAIR_REPORTS.items() if report == name)
    return pairs.lines(score, algorithm)


@contextmanager
def whole_file(path: str, mode: str = "w", **options: Any) -> Iterator[IO[Any]]:
    """A new file that replaces ``path`` once it is complete; a device or a pipe is written to directly.

    Raises:
        EvaluationError: it cannot be written; the old file at ``path`` is kept.
    """
    try:
        if path.startswith(OPEN_FILES) or (os.path.exists(path) and not os.path.isfile(path)):
            with open(path, mode, **options) as file:
                yield file
            return
        if path.endswith(os.sep):
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        target = Path(os.path.realpath(path))  # keeps a symbolic link
        with tempfile.TemporaryDirectory(prefix=".nedc-bench-", dir=target.parent) as staging:
            staged = Path(staging, target.name)
            with open(staged, mode, **options) as file:
                yield file
            if target.exists():
                shutil.copymode(target, staged)
            os.replace(staged, target)
    except OSError as error:
        raise EvaluationError(f"cannot write {path}: {error.strerror}") from error


def write_reports(
    score: CorpusScore,
    folder: str | os.PathLike[str],
    *,
    reference: str = "",
    hypothesis: str = "",
    per_pair: bool = False,
    events: bool = False,
    evidence: dict[str, Any] | None = None,
    curves: Sequence[OperatingCurve] = (),
) -> list[Path]:
    """Write the text reports, the page and ``result.json`` to ``folder``, created if needed. Returns their paths.

    With an ``evidence`` document (`build_evidence`) there is also ``evidence.json``, and the page has its section.

    Files are written beside their destination and then moved, so that a full disk or a signal leaves the reports of an
    earlier run intact. Reports of an earlier run that this one does not have are removed.

    Raises:
        EvaluationError: the folder cannot be written.
    """
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".nedc-bench-", dir=target))
    except OSError as error:
        raise EvaluationError(f"cannot write reports to {target}: {error.strerror}") from error
    names = (*report_names(score.algorithms), RESULT_NAME, *([EVIDENCE_NAME] if evidence else []))
    stale = set(WRITTEN) - set(names)
    try:
        for name in names:
            with open(staging / name, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
                if name == RESULT_NAME:
                    write_json(build_document(score, per_pair=per_pair, events=events), file)
                elif name == EVIDENCE_NAME:
                    file.write(evidence_text(evidence or {}))
                elif name == PAGE_NAME:
                    file.writelines(f"{line}\n" for line in page_lines(score, curves, evidence=evidence))
                else:
                    sides = {"reference": reference, "hypothesis": hypothesis}
                    lines = report_lines(score, name, folder=str(target), **sides, curves=curves)
                    file.writelines(f"{line}\n" for line in lines)
        for name in (*names, *stale):
            if (target / name).is_dir():
                raise IsADirectoryError(EISDIR, f"{name} is a folder")
        for name in names:
            os.replace(staging / name, target / name)
        for name in stale:
            (target / name).unlink(missing_ok=True)
    except OSError as error:
        raise EvaluationError(f"cannot write reports to {target}: {error.strerror}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return [target / name for name in names]
