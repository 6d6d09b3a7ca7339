"""``nedc-bench score``: what it prints where, and its exit status."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from helpers import (
    COMMAND,
    Lists,
    Ran,
    annotation,
    on_terminal,
    run,
    run_program,
    write_corpus,
    write_small_corpus,
    write_tree,
)
from nedc_bench import find_pairs, score_corpus

TABLE = """\
1 pair, 0.00 hours of recording

algorithm  label    TP    FP    FN  sensitivity  precision      F1   FA/24h
dp         seiz      1     0     0       1.0000     1.0000  1.0000     0.00
dp         bckg      2     0     0       1.0000     1.0000  1.0000     0.00
epoch      seiz     10     2     2       0.8333     0.8333  0.8333  4320.00
epoch      bckg     26     2     2       0.9286     0.9286  0.9286  4320.00
overlap    seiz      1     0     0       1.0000     1.0000  1.0000     0.00
overlap    bckg      2     0     0       1.0000     1.0000  1.0000     0.00
taes       seiz   0.83  0.17  0.17       0.8333     0.8333  0.8333  1440.00
taes       bckg   1.92  0.50  0.08       0.9583     0.7931  0.8679  4320.00

kappa      seiz 0.7619  bckg 0.7619  multi-class 0.7619

epoch: TP, FP, FN are samples, one per 0.25 s; FA/24h is seconds of false alarm in 24 h
taes: TP, FP, FN are events, or parts of them; FA/24h is their number in 24 h
"""
OVERLAPPING = annotation((1, 4, "seiz"), (2, 5, "seiz"))
BAD = annotation((4, 3, "seiz"))


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    """Two files: a seizure, and its detection half a second late."""
    write_small_corpus(tmp_path, 1)
    return str(tmp_path / "ref/0000.csv_bi"), str(tmp_path / "hyp/0000.csv_bi")


@pytest.fixture
def corpus(tmp_path: Path) -> Lists:
    return write_small_corpus(tmp_path, 5)


def document(ran: Ran) -> dict[str, object]:
    parsed: dict[str, object] = json.loads(ran.stdout)
    return parsed


# -- score


def test_two_files_are_scored_to_a_table(pair: tuple[str, str]) -> None:
    assert run("score", *pair) == Ran(0, TABLE, "")


def test_lists_folders_and_the_library_give_the_same_figures(corpus: Lists, tmp_path: Path) -> None:
    expected = score_corpus(find_pairs(*map(str, corpus)), jobs=1).to_dict()["algorithms"]
    assert document(run("score", *corpus, "--format", "json"))["algorithms"] == expected
    assert document(run("score", tmp_path / "ref", tmp_path / "hyp", "--format", "json"))["algorithms"] == expected


def test_algorithms_are_picked_one_by_one_and_stand_in_their_own_order(pair: tuple[str, str]) -> None:
    ran = run("score", *pair, "--algorithm", "taes", "--algorithm", "dp", "--format", "json")
    algorithms = document(ran)["algorithms"]
    assert isinstance(algorithms, dict)
    assert list(algorithms) == ["dp", "taes"]


def test_all_is_every_algorithm(pair: tuple[str, str]) -> None:
    assert run("score", *pair, "--algorithm", "all").stdout == TABLE


def test_reports_are_written_where_asked_and_the_place_is_said(corpus: Lists, tmp_path: Path) -> None:
    ran = run("score", *corpus, "-o", tmp_path / "out")
    assert (ran.status, ran.stderr) == (0, "")
    assert ran.stdout.endswith(f"\n\nreports: {tmp_path / 'out'}\n")
    assert json.loads((tmp_path / "out/result.json").read_text())["pairs"] == 5
    assert f"\n Ref: {corpus.reference}\n Hyp: {corpus.hypothesis}\n" in (tmp_path / "out/summary.txt").read_text()


def test_parameters_are_those_of_the_file(pair: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text("[NEDC_EPOCH]\nepoch_duration = '1.0'\n")
    parameters = document(run("score", *pair, "--params", tmp_path / "p.toml", "--format", "json"))["parameters"]
    assert isinstance(parameters, dict)
    assert (parameters["epoch_duration"], parameters["ira_epoch_duration"]) == (1.0, 0.25)


def test_any_number_of_jobs_prints_the_same(corpus: Lists) -> None:
    one, many = (run("score", *corpus, "--jobs", jobs, "--format", "json", "--per-pair") for jobs in ("1", "99"))
    assert one == many


# -- JSON


def test_json_on_standard_output_is_one_document_and_nothing_else(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path, [OVERLAPPING] * 3, [OVERLAPPING] * 3)
    ran = run("score", *corpus, "--format", "json", "-o", tmp_path / "out")
    assert ran.stdout.count("\n") == 1
    assert document(ran) == json.loads((tmp_path / "out/result.json").read_text())
    assert "per_pair" not in document(ran)
    assert ran.stderr.startswith("warning [overlap] ")


def test_per_pair_figures_are_there_when_asked_for(corpus: Lists) -> None:
    per_pair = document(run("score", *corpus, "--format", "json", "--per-pair"))["per_pair"]
    assert isinstance(per_pair, list)
    assert len(per_pair) == 5


# -- warnings


def test_warnings_of_two_hundred_files_are_one_line_a_kind_and_progress_is_for_terminals(tmp_path: Path) -> None:
    late = annotation((1, 4, "seiz"), (9, 12, "seiz"))
    corpus = write_corpus(tmp_path, [OVERLAPPING, late] * 50, [OVERLAPPING, late] * 50)
    ran = run("score", *corpus, "--algorithm", "overlap")
    overlap, past_end = ran.stderr.splitlines()
    assert ran.status == 0
    assert overlap.startswith(
        f"warning [overlap] reference {tmp_path}/ref/0000.csv_bi, line 5: 1 event overlapping an earlier one"
    )
    assert past_end.startswith(
        f"warning [past-end] reference {tmp_path}/ref/0001.csv_bi, line 5: 1 event running past the end (10.0 s)"
    )
    assert overlap.endswith("(and 99 more of this kind)")
    assert past_end.endswith("(and 99 more of this kind)")


def test_strict_refuses_what_would_be_a_warning(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path, [OVERLAPPING], [OVERLAPPING])
    ran = run("score", *corpus, "--strict")
    assert (ran.status, ran.stdout) == (1, "")
    assert [line.partition(": 1 event overlapping")[0] for line in ran.stderr.splitlines()] == [
        f"error: reference {tmp_path}/ref/0000.csv_bi, line 5",
        f"error: hypothesis {tmp_path}/hyp/0000.csv_bi, line 5",
    ]


# -- exit status


def test_refused_input_is_status_1_with_a_line_a_fault(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path, [BAD], [annotation(duration="nan")])
    ran = run("score", *corpus)
    assert (ran.status, ran.stdout) == (1, "")
    assert ran.stderr == (
        f"error: reference {tmp_path}/ref/0000.csv_bi, line 4: stop_time 3.0 is before start_time 4.0\n"
        f"error: hypothesis {tmp_path}/hyp/0000.csv_bi, line 2: "
        "duration must be a number of seconds above 0 and at most 1000000000, not 'nan secs'\n"
    )


def test_reports_that_cannot_be_written_are_status_3(pair: tuple[str, str]) -> None:
    ran = run("score", *pair, "-o", pair[0])
    assert ran == Ran(3, "", f"error: cannot write reports to {pair[0]}: File exists\n")


@pytest.mark.parametrize("options", [(), ("--format", "json")])
def test_a_full_disk_behind_standard_output_is_status_3(pair: tuple[str, str], options: tuple[str, ...]) -> None:
    with open("/dev/full", "wb") as full:
        ran = subprocess.run([COMMAND, "score", *pair, *options], stdout=full, stderr=subprocess.PIPE, check=False)
    assert (ran.returncode, ran.stderr) == (3, b"error: cannot write standard output: No space left on device\n")


@pytest.mark.parametrize("options", [(), ("--format", "json", "--per-pair")])
def test_a_reader_that_leaves_is_no_error(corpus: Lists, options: tuple[str, ...]) -> None:
    assert ran_without_reader("score", *map(str, corpus), *options) == (0, b"")


@pytest.mark.parametrize("command", ["score", "explain", "curve", "burden", "compare", "evidence"])
def test_a_reader_that_leaves_misses_no_warning(tmp_path: Path, command: str) -> None:
    write_corpus(tmp_path, [OVERLAPPING], [annotation((1, 4, "seiz"))])
    sides = [str(tmp_path / side) for side in ("ref", "hyp")]
    options = {
        "compare": [sides[1], "--replicates", "100", "--jobs", "1"],
        "evidence": ["-o", str(tmp_path / "out"), "--replicates", "100", "--jobs", "1"],
    }
    status, errors = ran_without_reader(command, *sides, *options.get(command, []))
    warning = f"warning [overlap] reference {sides[0]}/0000.csv_bi, line 5: 1 event overlapping an earlier one"
    assert (status, warning in errors.decode().splitlines()) == (0, True)


def ran_without_reader(*arguments: str) -> tuple[int, bytes]:
    """The status and standard error of a command whose standard output is a pipe without a reader."""
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run([COMMAND, *arguments], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    return ran.returncode, ran.stderr


# -- a terminal


def test_a_terminal_shows_pairs_done_rate_and_time_left(tmp_path: Path) -> None:
    many = annotation(*((10 * k, 10 * k + 5, "seiz") for k in range(300)), duration=3_000)
    corpus = write_corpus(tmp_path, [many] * 100, [many] * 100)
    shown = on_terminal(COMMAND, "score", *corpus, "--jobs", "1")
    lines = re.findall(r"(\d+)/100 \[\d\d:\d\d<\d\d:\d\d, +[\d.]+ ?(?:pair/s|s/pair)\]", shown)
    assert lines
    assert list(map(int, lines)) == sorted(map(int, lines))
    assert shown.endswith("\r")  # the bar is cleared at the end


def test_labels_that_a_terminal_cannot_write_are_escaped(tmp_path: Path) -> None:
    label = "ictal\N{LATIN SMALL LETTER E WITH ACUTE}"
    (tmp_path / "p.toml").write_text(f"[MAP]\n'{label}' = '{label}'\nBCKG = 'bckg'\n", encoding="utf-8")
    for name in ("a.csv_bi", "b.csv_bi"):
        (tmp_path / name).write_text(annotation((1, 2, label)), encoding="utf-8")
    ran = run_program(
        COMMAND, "score", "a.csv_bi", "b.csv_bi", "--params", "p.toml", cwd=tmp_path, PYTHONIOENCODING="ascii"
    )
    assert (ran.status, ran.stderr) == (0, "")
    assert r"ictal\xe9" in ran.stdout


# -- outputs


@pytest.mark.parametrize("output", ["--output", "--events"])
def test_an_output_without_a_name_is_refused(tmp_path: Path, output: str) -> None:
    write_tree(tmp_path, dict.fromkeys(("a.csv_bi", "b.csv_bi"), annotation((1, 2, "seiz"))))
    ran = run("score", "a.csv_bi", "b.csv_bi", output, "", cwd=tmp_path)
    assert ran == Ran(1, "", f"error: {output} is empty; give it a name, or leave it out\n")


def test_a_file_is_not_written_where_a_folder_is_named(tmp_path: Path) -> None:
    write_tree(tmp_path, dict.fromkeys(("a.csv_bi", "b.csv_bi"), annotation((1, 2, "seiz"))))
    ran = run("score", "a.csv_bi", "b.csv_bi", "--events", "new/", cwd=tmp_path)
    assert (ran.status, ran.stderr) == (3, "error: cannot write new/: Is a directory\n")


@pytest.mark.parametrize(
    ("command", "output", "written"),
    [
        (("score", "out/result.json", "b.csv_bi"), ("-o", "out"), "out/result.json"),
        (("score", "ref.list", "out/summary.txt"), ("-o", "out"), "out/summary.txt"),
        (("score", "ref.list", "hyp.list"), ("-o", "./out", "--algorithm", "taes"), "./out/summary_epoch.txt"),
        (("score", "a.csv_bi", "b.csv_bi"), ("-o", "out", "--params", "out/report.html"), "out/report.html"),
        (("score", "a.csv_bi", "b.csv_bi"), ("--events", "./b.csv_bi"), "./b.csv_bi"),
        (("score", "a.csv_bi", "b.csv_bi"), ("--events", "link"), "link"),
        (("score", "ref.list", "hyp.list"), ("--events", "hyp.list"), "hyp.list"),
        (("evidence", "a.csv_bi", "b.csv_bi"), ("-o", "o", "--participants", "o/evidence.json"), "o/evidence.json"),
        (("curve", "drawn.svg", "b.csv_bi"), ("--figure", "drawn.svg"), "drawn.svg"),
    ],
)
def test_an_input_is_never_replaced(
    tmp_path: Path, command: tuple[str, ...], output: tuple[str, ...], written: str
) -> None:
    events = annotation((1, 2, "seiz"))
    lists = {"ref.list": "a.csv_bi", "hyp.list": "out/summary_epoch.txt", "out/summary.txt": "b.csv_bi"}
    files = dict.fromkeys(("a.csv_bi", "b.csv_bi", "out/result.json", "out/summary_epoch.txt", "drawn.svg"), events)
    files |= {"out/report.html": "[NEDC_TAES]\n", "o/evidence.json": "participant_id\nsub-1\n", **lists}
    write_tree(tmp_path, files)
    (tmp_path / "link").symlink_to("b.csv_bi")
    ran = run(*command, *output, cwd=tmp_path)
    assert ran == Ran(1, "", f"error: {written}: is an input of this command; write to another place\n")
    assert {name: (tmp_path / name).read_text() for name in files} == files


def test_two_outputs_to_one_file_are_refused(pair: tuple[str, str], tmp_path: Path) -> None:
    ran = run("score", *pair, "-o", "out", "--events", "./out/result.json", cwd=tmp_path)
    message = "would be written twice; give each output a file of its own"
    assert ran == Ran(1, "", f"error: {tmp_path}/out/result.json: {message}\n")


def test_reports_replace_those_of_an_earlier_run_beside_the_inputs(corpus: Lists, tmp_path: Path) -> None:
    for _ in range(2):
        assert run("score", *corpus, "-o", tmp_path / "ref").status == 0
