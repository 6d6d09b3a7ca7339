"""What `score` and `score_corpus` take, and what they say of anything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from helpers import refusal
from nedc_bench import Pair, Recording, operating_curve, score, score_corpus, seizure_burden
from pairing import write_files

SEIZURES = [(1.0, 2.0), (3.0, 4.5)]


@pytest.mark.parametrize(
    ("given", "way"),
    [
        (pd.DataFrame(SEIZURES, columns=["start", "stop"]), "Recording.from_dataframe(duration, frame)"),
        (pl.DataFrame({"start": [1.0]}), "Recording.from_dataframe(duration, frame)"),
        (np.array([0, 1]), "Recording.from_mask(mask, sampling_rate=...)"),
        (SEIZURES, "Recording.from_events(duration, events)"),
        (None, "Recording.from_events(duration, events)"),
        (b"# version = csv_v1.0.0\n", "io.BytesIO(data)"),
    ],
)
def test_what_is_no_source_is_refused_with_what_makes_it_one(given: Any, way: str) -> None:
    message = str(refusal(lambda: score(given, Recording.from_events(10, []))))
    assert message.startswith(
        f"reference: is of type {type(given).__name__}, expected a path, an open file or a Recording"
    )
    assert way in message


def test_the_text_of_a_file_in_place_of_its_path_is_told() -> None:
    assert "wrap it, as in io.StringIO(text)" in str(refusal(lambda: score("# version = csv_v1.0.0\n", "x")))


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ({("a", "b")}, "pairs are a set, which has no order; give a list"),
        (("refs", "hyps"), "pairs[0]: is 'refs', expected a (reference, hypothesis) pair"),
        ([("a", "b"), "c"], "pairs[1]: is 'c', expected a (reference, hypothesis) pair"),
        ([("a", "b", "c")], "pairs[0]: is of type tuple, expected a (reference, hypothesis) pair"),
        ([(7, "b")], "reference pairs[0]: is of type int, expected a path, an open file or a Recording"),
        ([], "the corpus has no pair"),
    ],
)
def test_what_are_no_pairs_is_refused_by_its_index(pairs: Any, message: str) -> None:
    assert message in str(refusal(lambda: score_corpus(pairs)))


def test_recordings_of_a_corpus_go_by_their_index() -> None:
    good, short = Recording.from_events(10, []), Recording.from_events(9, [])
    assert str(refusal(lambda: score_corpus([(good, good), (good, short)]))) == (
        "hypothesis pairs[1]: lasts 9.0 s, its reference pairs[1] 10.0 s; "
        "both must have the duration of the recording; "
        "duration_tolerance (--duration-tolerance) accepts a difference of up to so many seconds"
    )


def test_a_hypothesis_may_be_none() -> None:
    reference = Recording.from_events(10, SEIZURES)
    assert score(reference, None).overlap.labels["seiz"].fn == 2
    assert score_corpus([Pair(reference, None), (reference, None)]).overlap.labels["seiz"].fn == 4


def test_pairs_may_be_any_iterable_of_paths(tmp_path: Path) -> None:
    write_files(tmp_path, "r/a.csv_bi", "h/a.csv_bi")
    pairs = zip((tmp_path / "r").iterdir(), (tmp_path / "h").iterdir(), strict=True)
    assert score_corpus(pairs).overlap.labels["seiz"].tp == 1


@pytest.mark.parametrize("of", [score_corpus, operating_curve, seizure_burden])
def test_pairs_in_different_orders_and_files_given_twice_are_told(tmp_path: Path, of: Any) -> None:
    write_files(tmp_path, "r/a.csv_bi", "r/b.csv_bi", "h/a.csv_bi", "h/b.csv_bi")
    r, h = tmp_path / "r", tmp_path / "h"
    swapped = of(iter([(r / "a.csv_bi", h / "b.csv_bi"), (r / "b.csv_bi", h / "a.csv_bi")]))
    assert codes(swapped) == [("list-order", "reference", f"{r}/a.csv_bi")]
    repeated = of(iter([(r / "a.csv_bi", h / "a.csv_bi"), Pair(f"{r}/./a.csv_bi", h / "b.csv_bi")]))
    assert codes(repeated) == [("list-order", "reference", f"{r}/./a.csv_bi"), ("twice", "reference", f"{r}/a.csv_bi")]
    for name in ("a", ""):  # recordings of one name can differ
        recording = Recording.from_events(10, [], name=name)
        assert codes(of([(recording, recording), (recording, recording)])) == []


def codes(result: Any) -> list[tuple[str, str, str]]:
    """The warnings about pairs; a curve has others."""
    return [(found.code, found.side, found.file) for found in result.warnings if found.code in {"list-order", "twice"}]


def test_pairs_given_twice_are_refused_where_warnings_are(tmp_path: Path) -> None:
    write_files(tmp_path, "r/a.csv_bi", "h/a.csv_bi")
    pair = (tmp_path / "r/a.csv_bi", tmp_path / "h/a.csv_bi")
    findings = refusal(lambda: score_corpus([pair, pair], strict=True)).findings
    assert [found.message for found in findings] == [
        "is in more than one pair, and is counted in each; strict refuses it"
    ] * 2


@pytest.mark.parametrize("of", [score_corpus, operating_curve, seizure_burden])
def test_the_order_of_pairs_is_told_before_what_it_causes(of: Any) -> None:
    a, b = (Recording.from_events(duration, [], name=name) for duration, name in ((10, "a"), (9, "b")))
    assert [found.code for found in refusal(lambda: of([(a, b), (b, a)])).findings] == ["list-order", *["duration"] * 2]
