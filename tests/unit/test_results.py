"""Results as people use them: rows for CSV and data frames, means over subjects, units, single algorithms."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import Any

import pytest

from corpora import EXAMPLE
from helpers import run, run_program
from nedc_bench import InputError, Recording, Result, score, score_corpus
from nedc_bench.reports import build_rows, write_csv
from nedc_bench.reports.long import COLUMNS, FIGURES

REFERENCE = Recording.from_events(10.0, [(2.0, 6.0, "seiz")], "ref")
HYPOTHESIS = Recording.from_events(10.0, [(4.0, 6.0, "seiz")], "hyp")
# A recording's name, and the start of its detection: subject 01 has two recordings, subject 02 one.
FOUND = {"sub-01_run-0": 4.0, "sub-01_run-1": 2.0, "sub-02_run-0": 5.0}


def corpus(found: dict[str, float]) -> Result:
    return score_corpus(
        (
            Recording.from_events(10.0, [(2.0, 6.0, "seiz")], f"{name}_events.tsv"),
            Recording.from_events(10.0, [(start, 6.0, "seiz")], f"{name}_found.tsv"),
        )
        for name, start in found.items()
    )


def rows(result: Result, **wanted: str) -> list[dict[str, Any]]:
    return [row for row in build_rows(result) if all(row[name] == value for name, value in wanted.items())]


# -- rows


def test_every_recording_has_a_row_an_algorithm_and_label() -> None:
    result = corpus(FOUND)
    own = rows(result, recording="sub-01_run-1_events.tsv")
    assert [(row["algorithm"], row["label"]) for row in own] == [
        (algorithm, label) for algorithm in result.algorithms for label in ("seiz", "bckg", "SUMMARY")
    ]
    assert {(row["hypothesis"], row["subject"], row["duration_seconds"]) for row in own} == {
        ("sub-01_run-1_found.tsv", "sub-01", 10.0)
    }
    (taes,) = rows(result, recording="sub-01_run-0_events.tsv", algorithm="taes", label="seiz")
    assert (taes["tp"], taes["fp"], taes["kappa"]) == (0.5, 0.0, None)


def test_total_rows_are_the_figures_of_the_corpus() -> None:
    result = corpus(FOUND)
    for name in ("dp", "epoch", "overlap", "taes"):
        figures = result.counted(name)
        for label, expected in {**figures.labels, "SUMMARY": figures.summary}.items():
            (row,) = rows(result, recording="TOTAL", algorithm=name, label=label)
            assert {key: row[key] for key in expected.to_dict()} == expected.to_dict()
    kappas = {row["label"]: row["kappa"] for row in rows(result, recording="TOTAL", algorithm="ira")}
    assert kappas == result.ira.kappa | {"SUMMARY": result.ira.multi_class_kappa}


def test_the_mean_over_subjects_weighs_each_subject_the_same() -> None:
    """Subject 01 finds 0.5 and 1 of its two seizures, 0.75 together; subject 02 finds 0.25 of its one."""
    (row,) = rows(corpus(FOUND), recording="SUBJECT MEAN", algorithm="taes", label="seiz")
    assert (row["sensitivity"], row["targets"], row["duration_seconds"]) == ((0.75 + 0.25) / 2, 1.5, 15.0)


def test_without_subjects_in_all_names_there_is_no_mean() -> None:
    assert rows(corpus(FOUND | {"night": 3.0}), recording="SUBJECT MEAN") == []


def test_a_figure_that_no_algorithm_gives_is_empty_in_csv_and_floats_survive() -> None:
    file = io.StringIO()
    result = corpus(FOUND)
    write_csv(result, file)
    file.seek(0)
    read = list(csv.DictReader(file))
    assert list(read[0]) == list(COLUMNS)
    for ours, row in zip(build_rows(result), read, strict=True):
        assert {name: None if text == "" else float(text) for name, text in row.items() if name in FIGURES} == {
            name: ours[name] for name in FIGURES
        }


def test_the_command_prints_csv() -> None:
    ran = run("score", *EXAMPLE.lists, "--format", "csv", "--algorithm", "overlap")
    assert ran.status == 0
    read = list(csv.DictReader(io.StringIO(ran.stdout)))
    assert len(read) == (59 + 2) * 3
    assert {row["subject"] for row in read} == {"chb05", "chb08", ""}
    (total,) = (row for row in read if row["recording"] == "TOTAL" and row["label"] == "seiz")
    assert (total["tp"], total["fp"], total["fn"]) == ("6", "28", "4")


def test_a_data_frame_has_the_same_rows() -> None:
    pytest.importorskip("pandas")
    result = corpus(FOUND)
    frame = result.to_dataframe()
    assert list(frame.columns) == list(COLUMNS)
    total = frame[(frame.recording == "TOTAL") & (frame.label == "seiz")].set_index("algorithm")
    assert total.tp["taes"] == result.taes.labels["seiz"].tp
    assert total.kappa["ira"] == result.ira.kappa["seiz"]


def test_without_pandas_the_error_says_how_to_get_it(tmp_path: Path) -> None:
    program = (
        "import sys\nsys.modules['pandas'] = None\n"
        "from nedc_bench import Recording, score\n"
        "recording = Recording.from_events(1.0, [])\n"
        "score(recording, recording).to_dataframe()\n"
    )
    last_line = run_program(sys.executable, "-c", program, cwd=tmp_path).stderr.splitlines()[-1]
    assert last_line.startswith("nedc_bench.errors.EvaluationError: to_dataframe needs pandas")
    assert last_line.endswith("pip install 'nedc-bench[pandas]'")


# -- one algorithm


def test_one_algorithm_may_be_asked_for_by_its_name() -> None:
    assert list(score(REFERENCE, HYPOTHESIS, algorithms="taes").algorithms) == ["taes"]
    assert list(score_corpus([(REFERENCE, HYPOTHESIS)], algorithms="overlap").algorithms) == ["overlap"]
    with pytest.raises(InputError, match="'t' is not an algorithm; known: dp, "):
        score(REFERENCE, HYPOTHESIS, algorithms="t")


@pytest.mark.parametrize("name", ["dp", "epoch", "overlap", "ira"])
def test_an_algorithm_that_was_not_scored_is_named(name: str) -> None:
    result = score(REFERENCE, HYPOTHESIS, algorithms="taes")
    with pytest.raises(InputError, match=f"{name} was not scored; the algorithms were taes. Add it with algorithms="):
        getattr(result, name)
