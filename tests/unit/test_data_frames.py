"""Recordings from data frames; anything else is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from helpers import refusal
from nedc_bench import Recording
from reading import seizures

SEIZURES = [(1.0, 2.0), (3.0, 4.5)]
FRAMES: dict[str, Callable[[dict[str, list[Any]]], Any]] = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "dict": dict,
}


@pytest.mark.parametrize("kind", FRAMES)
def test_a_row_of_a_data_frame_is_an_event(kind: str) -> None:
    frame = FRAMES[kind](
        {"stop": [2.0, 4.5], "start": [1, 3], "label": ["a", "b"], "confidence": [0.5, 1], "x": [0, 0]}
    )
    recording = Recording.from_dataframe(10.0, frame)
    assert [tuple(event) for event in recording.events if event.label != "bckg"] == [
        (1.0, 2.0, "a", 0.5),
        (3.0, 4.5, "b", 1.0),
    ]


@pytest.mark.parametrize("kind", FRAMES)
def test_label_and_confidence_may_be_missing(kind: str) -> None:
    frame = FRAMES[kind]({"start": [1.0, 3.0], "stop": [2.0, 4.5]})
    assert seizures(Recording.from_dataframe(10.0, frame)) == SEIZURES
    assert Recording.from_dataframe(10.0, frame, label="x").vocabulary == ("bckg", "x")


def test_a_data_frame_of_other_index_keeps_its_rows() -> None:
    frame = pd.DataFrame(SEIZURES, columns=["start", "stop"], index=[7, 7])
    assert seizures(Recording.from_dataframe(10.0, frame)) == SEIZURES


@pytest.mark.parametrize("kind", FRAMES)
def test_a_data_frame_without_the_columns_is_refused_with_those_it_has(kind: str) -> None:
    frame = FRAMES[kind]({"onset": [1.0], "duration": [2.0]})
    assert str(refusal(lambda: Recording.from_dataframe(10.0, frame))) == (
        "has no column start or stop but 'onset, duration'; "
        "rename the columns to start, stop (= onset + duration) and label"
    )


def test_a_data_frame_with_two_columns_of_one_name_is_refused() -> None:
    frame = pd.DataFrame([[1.0, 2.0, 3.0]], columns=["start", "stop", "start"])
    assert str(refusal(lambda: Recording.from_dataframe(10.0, frame))) == "has two columns start; rename or drop one"


def test_rows_of_a_data_frame_that_are_no_events_are_refused_by_their_index() -> None:
    frame = pd.DataFrame({"start": [1.0, 2.0], "stop": [2.0, 3.0], "label": ["seiz", None]})
    assert "events[1]" in str(refusal(lambda: Recording.from_dataframe(10.0, frame)))


@pytest.mark.parametrize("frame", [None, 7, 7.5, SEIZURES, np.array(SEIZURES), np.float64(7), pd.DataFrame])
def test_what_is_no_data_frame_is_refused(frame: Any) -> None:
    message = "frame must be a data frame with columns start, stop (and label, confidence), not "
    assert str(refusal(lambda: Recording.from_dataframe(10.0, frame))).startswith(message)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"start": 1.0},
            "frame['start'] must be a column with a value for each event, not float 1.0",
        ),
        ({"stop": None}, "frame['stop'] must be a column with a value for each event, not None"),
        (
            {"label": "seiz"},
            "frame['label'] must be a column with a value for each event, not 'seiz'",
        ),
        ({"start": {1.0}}, "frame['start'] must be a column with a value for each event, not set {1.0}"),
        ({"confidence": np.array(0.5)}, "frame['confidence'] must be a column with a value for each event"),
        ({"start": np.ones((1, 2))}, "frame['start'] must be a column with a value for each event"),
        ({"stop": [2.0, 3.0]}, "has columns of different lengths"),
    ],
)
def test_a_column_without_a_value_for_each_event_is_refused(columns: dict[str, Any], message: str) -> None:
    frame = {"start": [1.0], "stop": [2.0]} | columns
    assert message in str(refusal(lambda: Recording.from_dataframe(10.0, frame)))


@pytest.mark.filterwarnings("ignore::polars.exceptions.PerformanceWarning")  # about asking for the columns' names
def test_a_lazy_frame_is_refused_with_the_remedy() -> None:
    frame = pl.LazyFrame({"start": [1.0], "stop": [2.0]})
    assert "collect the LazyFrame first" in str(refusal(lambda: Recording.from_dataframe(10.0, frame)))
