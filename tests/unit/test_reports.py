"""Reports: written whole or not at all, and a result document that loses no bit.

That the text reports are the original's bytes is shown in tests/parity.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from helpers import COMMAND, Lists, Ran, annotation, run, run_program, write_small_corpus
from nedc_bench import ALGORITHMS, EvaluationError, Finding, Recording, Result, find_pairs, score, score_corpus
from nedc_bench.reports import format_table, format_warnings, report_names, whole_file
from nedc_bench.reports.files import report_lines

TEXT_REPORTS = ("summary.txt", "summary_dpalign.txt", "summary_epoch.txt", "summary_ovlp.txt", "summary_taes.txt")


def small_result(*algorithms: str, hypothesis_start: float = 1.5) -> Result:
    reference = Recording.from_events(10.0, [(1.0, 4.0, "seiz")], "r")
    hypothesis = Recording.from_events(10.0, [(hypothesis_start, 4.5, "seiz")], "h")
    return score(reference, hypothesis, algorithms=algorithms or ALGORITHMS)


def contents(folder: Path) -> dict[str, bytes]:
    """The files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def corpus_result(lists: Lists) -> Result:
    return score_corpus(find_pairs(*lists), jobs=1)


# -- which reports


@pytest.mark.parametrize(
    ("algorithms", "names"),
    [
        (ALGORITHMS, TEXT_REPORTS),
        (("taes",), ("summary.txt", "summary_taes.txt")),
        (("ira",), ("summary.txt",)),
        (("dp", "ira"), ("summary.txt", "summary_dpalign.txt")),
    ],
)
def test_reports_are_written_by_algorithm_to_a_folder_that_is_made(
    tmp_path: Path, algorithms: tuple[str, ...], names: tuple[str, ...]
) -> None:
    assert report_names(algorithms) == (*names, "report.html")
    folder = tmp_path / "that is/made"
    written = small_result(*algorithms).write_reports(folder)
    assert [path.name for path in written] == [*names, "report.html", "result.json"]
    assert set(contents(folder)) == {path.name for path in written}


def test_a_report_that_there_is_not_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        report_lines(small_result("taes"), "summary_ovlp.txt")


def test_reports_of_other_algorithms_of_an_earlier_run_are_removed_and_other_files_kept(tmp_path: Path) -> None:
    small_result().write_reports(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    small_result("taes").write_reports(tmp_path)
    assert set(contents(tmp_path)) == {"summary.txt", "summary_taes.txt", "report.html", "result.json", "notes.txt"}


def test_the_summary_names_what_was_scored_and_where_it_lies(tmp_path: Path) -> None:
    small_result().write_reports(tmp_path, reference="refs/", hypothesis="hyps/")
    lines = (tmp_path / "summary.txt").read_text().splitlines()
    assert lines[8:12] == [f"File: {tmp_path}/summary.txt", "Data:", " Ref: refs/", " Hyp: hyps/"]


# -- all or none


# Runs a command that can write no file larger than 100 kB.
_SMALL_FILES = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
os.execv(sys.argv[1], sys.argv[1:])
"""


class LittleRoom(NamedTuple):
    """A folder where large files do not fit, how to start a command there, and the system's error."""

    folder: Path
    command: tuple[str, ...]
    reason: str


@pytest.fixture(params=["small disk", "small files"])
def little_room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LittleRoom]:
    folder = tmp_path / "room"
    folder.mkdir()
    if request.param == "small files":
        yield LittleRoom(folder, (sys.executable, "-c", _SMALL_FILES, COMMAND), "File too large")
        return
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a disk")
    try:
        yield LittleRoom(folder, (COMMAND,), "No space left on device")
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize(
    ("option", "name", "failed"), [("-o", "out", "write reports to"), ("--events", "events.csv", "write")]
)
def test_a_full_disk_leaves_what_was_written_before_whole_and_nothing_else(
    little_room: LittleRoom, tmp_path: Path, option: str, name: str, failed: str
) -> None:
    place = little_room.folder / name
    small, large = write_small_corpus(tmp_path / "small", 2), write_small_corpus(tmp_path / "large", 100)
    assert run("score", *small, option, place).status == 0
    before = contents(little_room.folder)
    ran = run_program(*little_room.command, "score", *large, "--jobs", "1", option, place)
    assert ran == Ran(3, "", f"error: cannot {failed} {place}: {little_room.reason}\n")
    assert contents(little_room.folder) == before


def test_a_file_that_is_replaced_keeps_its_link_and_its_mode(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.touch(0o640)
    link.symlink_to(target)
    with whole_file(str(link)) as file:
        file.write("new")
    assert (link.is_symlink(), target.read_text(), target.stat().st_mode & 0o777) == (True, "new", 0o640)


def test_a_device_is_written_to_and_stays_one() -> None:
    with whole_file("/dev/null") as file:
        file.write("gone")
    assert Path("/dev/null").is_char_device()


def test_a_folder_in_the_place_of_a_report_changes_none(tmp_path: Path) -> None:
    small_result("taes").write_reports(tmp_path)
    (tmp_path / "summary_epoch.txt").mkdir()
    before = (tmp_path / "summary.txt").read_bytes()
    for result in (small_result(hypothesis_start=2.0), small_result("taes", hypothesis_start=2.0)):
        with pytest.raises(EvaluationError, match=r"summary_epoch.txt is a folder"):
            result.write_reports(tmp_path)
    assert (tmp_path / "summary.txt").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {
        "summary.txt",
        "summary_taes.txt",
        "report.html",
        "result.json",
        "summary_epoch.txt",
    }


@pytest.mark.parametrize("place", ["file", "file/out"])
def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(EvaluationError, match=rf"cannot write reports to {tmp_path / place}: "):
        small_result().write_reports(tmp_path / place)
    assert (tmp_path / "file").read_text() == "mine"


def test_names_that_are_no_utf_8_are_reported_as_they_are(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.csv_bi"
    with open(name, "w", encoding="utf-8") as file:
        file.write(annotation())
    path = os.fsdecode(name)
    score(path, path).write_reports(tmp_path / "out", reference=path)
    assert name in (tmp_path / "out/summary_taes.txt").read_bytes()
    assert b" Ref: " + name in (tmp_path / "out/summary.txt").read_bytes()


@pytest.mark.parametrize(
    "locale", [{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONUTF8": "1"}]
)
def test_names_in_documents_are_unicode_in_any_locale(tmp_path: Path, locale: dict[str, str]) -> None:
    names = [b"caf\xe9.csv_bi", "th\xe9.csv_bi".encode()]
    for side in (b"ref", b"hyp"):
        (tmp_path / os.fsdecode(side)).mkdir()
        for name in names:
            with open(os.path.join(os.fsencode(tmp_path), side, name), "w", encoding="utf-8") as file:
                file.write(annotation((1, 4, "seiz"), (2, 5, "seiz")))
    options = ("-o", "out", "--events", "events.csv", "--per-pair", "--per-event", "--curves")
    ran = run_program(COMMAND, "score", "ref", "hyp", *options, cwd=tmp_path, **locale)
    assert ran.status == 0, ran.stderr
    for written in ("out/result.json", "out/report.html", "events.csv"):
        assert "\\udc" not in (tmp_path / written).read_bytes().decode()  # UTF-8
    document = json.loads((tmp_path / "out/result.json").read_bytes())
    assert [pair["reference"]["name"] for pair in document["inputs"]] == ["ref/caf\\xe9.csv_bi", "ref/th\xe9.csv_bi"]
    assert (tmp_path / "events.csv").read_text(encoding="utf-8").splitlines()[1].startswith("ref/caf\\xe9.csv_bi,")
    other = run_program(COMMAND, "verify", "out/result.json", "./ref", "hyp", cwd=tmp_path, PYTHONUTF8="1")
    assert other.status == 0, other.stdout


# -- the result document


def test_the_result_document_survives_json_to_the_last_bit(tmp_path: Path) -> None:
    result = corpus_result(write_small_corpus(tmp_path, 7))
    result.write_reports(tmp_path / "out", per_pair=True)
    document = json.loads((tmp_path / "out/result.json").read_text())
    assert document == result.to_dict(per_pair=True)
    assert document["algorithms"]["taes"]["labels"]["seiz"]["tp"] == result.taes.labels["seiz"].tp


def test_the_result_document_holds_the_sha256_of_every_input(tmp_path: Path) -> None:
    lists = write_small_corpus(tmp_path, 3)
    assert corpus_result(lists).to_dict()["inputs"] == [
        {
            side: {"name": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
            for side, path in (
                ("reference", tmp_path / f"ref/{k:04}.csv_bi"),
                ("hypothesis", tmp_path / f"hyp/{k:04}.csv_bi"),
            )
        }
        for k in range(3)
    ]


def test_the_result_document_has_the_parts_that_are_documented() -> None:
    document = small_result("taes", "ira").to_dict()
    assert (document["schema"], document["pairs"], document["duration_seconds"]) == ("nedc-bench/result/1", 1, 10.0)
    assert list(document["algorithms"]) == ["taes", "ira"]
    assert set(document["algorithms"]["taes"]) == {"labels", "summary"}
    assert set(document["algorithms"]["ira"]) == {"confusion", "kappa", "multi_class_kappa"}
    assert "per_pair" not in document


def test_per_pair_has_the_figures_of_each_pair_by_itself(tmp_path: Path) -> None:
    lists = write_small_corpus(tmp_path, 3)
    pairs = find_pairs(*lists).pairs
    per_pair = score_corpus(pairs).to_dict(per_pair=True)["per_pair"]
    assert [entry["algorithms"] for entry in per_pair] == [
        score_corpus([pair]).to_dict()["algorithms"] for pair in pairs
    ]
    assert [entry["reference"] for entry in per_pair] == [str(pair.reference) for pair in pairs]


def test_warnings_stand_in_the_result_document_one_by_one() -> None:
    overlapping = annotation((1, 4, "seiz"), (2, 5, "seiz"))
    result = score(io.StringIO(annotation()), io.StringIO(overlapping))
    assert result.to_dict()["warnings"] == [
        {
            "side": "hypothesis",
            "file": "<file>",
            "line": 5,
            "code": "overlap",
            "message": "1 event overlapping an earlier one",
        }
    ]


# -- what a terminal shows


def test_the_table_shows_what_was_asked_for() -> None:
    assert format_table(small_result("ira").to_dict()) == (
        "1 pair, 0.00 hours of recording\n\nkappa      seiz 0.7619  bckg 0.7619  multi-class 0.7619"
    )
    overlap = format_table(small_result("overlap").to_dict())
    assert "kappa" not in overlap
    assert "are samples" not in overlap


def test_a_warning_that_stands_alone_is_given_in_full() -> None:
    finding = Finding("hypothesis", "h", 7, "overlap", "words")
    assert list(format_warnings([finding])) == ["warning [overlap] hypothesis h, line 7: words"]
