"""``nedc-bench check``: what it prints of each file, and its exit status."""

from __future__ import annotations

import os
from pathlib import Path

from helpers import COMMAND, Ran, annotation, run, run_program, write_small_corpus


def test_good_files_are_status_0(tmp_path: Path) -> None:
    write_small_corpus(tmp_path, 1)
    files = tmp_path / "ref/0000.csv_bi", tmp_path / "hyp/0000.csv_bi"
    assert run("check", *files) == Ran(0, "2 files checked, 0 refused\n", "")


def test_it_says_what_is_wrong_with_each_file(tmp_path: Path) -> None:
    for name, text in (
        ("bad", annotation((4, 3, "seiz"))),
        ("good", annotation()),
        ("odd", annotation((1, 4, "seiz"), (2, 5, "seiz"))),
    ):
        (tmp_path / f"{name}.csv_bi").write_text(text)
    ran = run("check", "bad.csv_bi", "good.csv_bi", "none.csv_bi", "odd.csv_bi", cwd=tmp_path)
    assert (ran.status, ran.stderr) == (1, "")
    assert ran.stdout.splitlines() == [
        "error: bad.csv_bi, line 4: stop_time 3.0 is before start_time 4.0",
        "error: none.csv_bi: there is no such file",
        "warning: odd.csv_bi, line 5: 1 event overlapping an earlier one",
        "4 files checked, 2 refused",
    ]


def test_it_takes_lists_and_folders(tmp_path: Path) -> None:
    corpus = write_small_corpus(tmp_path, 5)
    assert run("check", corpus.reference, tmp_path / "hyp") == Ran(0, "10 files checked, 0 refused\n", "")


def test_it_knows_the_labels_of_the_parameter_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv_bi").write_text(annotation((1, 2, "cat")))
    (tmp_path / "p.toml").write_text("[MAP]\nPET = 'cat'\nBCKG = 'bckg'\n")
    assert run("check", "a.csv_bi", cwd=tmp_path).status == 1
    assert run("check", "a.csv_bi", "--params", "p.toml", cwd=tmp_path).status == 0


def test_a_folder_without_annotations_is_refused(tmp_path: Path) -> None:
    ran = run("check", tmp_path)
    assert (ran.status, ran.stderr) == (1, "")
    assert ran.stdout.startswith(f"error: {tmp_path}: holds no annotation file (.csv_bi, ")
    assert ran.stdout.endswith("\n1 file checked, 1 refused\n")


def test_files_whose_names_are_no_text_are_checked(tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.csv_bi")
    ran = run_program(COMMAND, "check", name, PYTHONUTF8="0", PYTHONIOENCODING="utf-8")
    assert (ran.status, ran.stderr) == (1, "")
    assert ran.stdout.startswith("error: ")


def test_it_says_what_of_the_parameter_file_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "a.csv_bi").write_text(annotation())
    (tmp_path / "p.toml").write_text("[NEDC_EPOCH]\nepoch = 1\n")
    assert run("check", "a.csv_bi", "--params", "p.toml", cwd=tmp_path).stdout == (
        "warning: p.toml: 'epoch' is not a key of [NEDC_EPOCH] and is not used\n1 file checked, 0 refused\n"
    )
