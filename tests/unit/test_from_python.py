"""Recordings from Python values: events, masks, probabilities, data frames; anything else is refused."""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from helpers import refusal
from nedc_bench import Event, Recording, ScoreTrack
from reading import rows

SEIZURES = [(1.0, 2.0), (3.0, 4.5)]


def seizures(recording: Recording) -> list[tuple[float, float]]:
    return [(event.start, event.stop) for event in recording.events if event.label == "seiz"]


# -- events

Row = namedtuple("Row", "start stop")  # noqa: PYI024  # as itertuples() makes it

EVENTS: dict[str, Any] = {
    "pairs": SEIZURES,
    "lists": [list(pair) for pair in SEIZURES],
    "triples": [(*pair, "seiz") for pair in SEIZURES],
    "with confidence": [(*pair, "seiz", 0.5) for pair in SEIZURES],
    "Event": [Event(*pair, "seiz") for pair in SEIZURES],
    "a generator": (pair for pair in SEIZURES),
    "an array": np.array(SEIZURES),
    "NumPy numbers": [(np.float32(1.0), np.int64(2)), (np.float64(3.0), np.float32(4.5), np.str_("seiz"))],
    "a record array": np.array([(1.0, 2.0), (3.0, 4.5)], dtype=[("start", float), ("stop", float)]),
    "named tuples": [Row(*pair) for pair in SEIZURES],
    "rows of a data frame": pd.DataFrame(SEIZURES, columns=["start", "stop"]).itertuples(index=False),
    "the values of a data frame": pd.DataFrame(SEIZURES, columns=["start", "stop"]).to_numpy(),
    "another order": SEIZURES[::-1],
}


@pytest.mark.parametrize("name", EVENTS)
def test_events_come_in_many_shapes(name: str) -> None:
    recording = Recording.from_events(10.0, EVENTS[name])
    assert seizures(recording) == SEIZURES
    assert recording.duration == 10.0


def test_no_events_are_fine() -> None:
    assert seizures(Recording.from_events(10, [])) == seizures(Recording.from_events(10, np.zeros((0, 2)))) == []


def test_the_label_of_events_without_one_may_be_given() -> None:
    recording = Recording.from_events(10.0, [(1, 2), (3, 4, "gnsz")], label="fnsz")
    assert [event.label for event in recording.events] == ["bckg", "fnsz", "bckg", "gnsz", "bckg"]


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([(1, 2, None)], "events[0] is tuple (1, 2, None): its label must be text, such as 'seiz'"),
        ([(1, 2), (1, 2, 1)], "events[1] is tuple (1, 2, 1): its label must be text, such as 'seiz'"),
        ([("1", "2", "seiz")], "events[0] is tuple ('1', '2', 'seiz'): start and stop must be numbers of seconds"),
        ([(1, 2, "seiz", None)], "its confidence must be a number"),
        ([{"start": 1, "stop": 2}], "give it as a tuple, or a table of them to from_dataframe"),
        (
            [7],
            "events[0] is int 7: an event is (start, stop), (start, stop, label) or (start, stop, label, confidence)",
        ),
        ([(1,)], "events[0] is tuple (1,): an event is (start, stop)"),
        (["seiz"], "events[0] is 'seiz': an event is (start, stop)"),
        (
            "1-2",
            "events must be (start, stop), (start, stop, label) or (start, stop, label, confidence) each, not '1-2'",
        ),
        (7, "events must be (start, stop)"),
        (None, "events must be (start, stop)"),
        ([(float("nan"), 2)], "(nan, 2.0, 'seiz', 1.0) must have start <= stop, in seconds, both finite"),
        ([(2, 1)], "(2.0, 1.0, 'seiz', 1.0) must have start <= stop"),
        (np.array([0, 0, 1]), "a mask of samples goes to Recording.from_mask(mask, sampling_rate=...)"),
        (pd.DataFrame(SEIZURES, columns=["start", "stop"]), "use Recording.from_dataframe(duration, frame)"),
    ],
)
def test_what_is_no_event_is_refused_by_its_index(events: Any, message: str) -> None:
    assert message in str(refusal(lambda: Recording.from_events(10.0, events)))


@pytest.mark.parametrize("duration", ["10", None, -1, 0, float("nan"), float("inf"), True, [10]])
def test_a_duration_that_is_none_is_refused(duration: Any) -> None:
    assert "duration must be" in str(refusal(lambda: Recording.from_events(duration, [])))


def test_a_label_that_is_no_text_is_refused() -> None:
    assert str(refusal(lambda: Recording.from_events(10, [], label=1))) == (  # type: ignore[arg-type]
        "label must be text, such as 'seiz', not int 1"
    )


# -- masks


@pytest.mark.parametrize(
    "kind", [list, np.array, lambda mask: np.array(mask, dtype=bool), lambda m: np.array(m, float)]
)
def test_a_run_of_true_samples_is_an_event(kind: Callable[[list[int]], Any]) -> None:
    recording = Recording.from_mask(kind([1, 1, 0, 0, 1, 0, 1, 1]), sampling_rate=2.0)
    assert seizures(recording) == [(0.0, 1.0), (2.0, 2.5), (3.0, 4.0)]
    assert recording.duration == 4.0


def test_windows_are_samples_too_and_the_label_may_be_given() -> None:
    recording = Recording.from_mask([0, 1], sampling_rate=1 / 30, label="fnsz")
    assert rows(recording) == [(0.0, 30.0, "bckg"), (30.0, 60.0, "fnsz")]


def test_a_mask_scores_as_the_same_events_do() -> None:
    mask = np.random.default_rng(3).random(5000) < 0.5
    recording = Recording.from_mask(mask, sampling_rate=256)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask, [0]])))
    events = [(begin / 256, end / 256) for begin, end in edges.reshape(-1, 2).tolist()]
    assert recording.events == Recording.from_events(5000 / 256, events).events


@pytest.mark.parametrize(
    ("mask", "rate", "message"),
    [
        ([0.0, 0.7], 1, "mask must hold 0 and 1, or truth values, not 0.7; probabilities go to from_probabilities"),
        ([[0, 1], [1, 0]], 1, "mask must be numbers in one dimension, one a sample, not an array of shape (2, 2)"),
        ([], 1, "mask must be numbers in one dimension"),
        (["a"], 1, "mask must be numbers in one dimension"),
        ([[0], [1, 0]], 1, "mask must be numbers in one dimension"),
        (None, 1, "mask must be numbers in one dimension"),
        ([0, 1], 0, "sampling_rate must be samples per second, above 0, not int 0"),
        ([0, 1], "256", "sampling_rate must be samples per second, above 0, not '256'"),
    ],
)
def test_what_is_no_mask_is_refused(mask: Any, rate: Any, message: str) -> None:
    assert message in str(refusal(lambda: Recording.from_mask(mask, sampling_rate=rate)))


# -- probabilities


def test_samples_at_the_threshold_or_above_are_events() -> None:
    recording = Recording.from_probabilities([0.2, 0.5, 0.9, 0.4, 0.6], sampling_rate=1, threshold=0.5)
    assert [tuple(event) for event in recording.events if event.label == "seiz"] == [
        (1.0, 3.0, "seiz", 0.9),
        (4.0, 5.0, "seiz", 0.6),
    ]


@pytest.mark.parametrize(
    ("min_duration", "min_gap", "expected"),
    [
        pytest.param(0, 0, [(0, 1), (2, 4), (6, 9)], id="neither"),
        pytest.param(2, 0, [(2, 4), (6, 9)], id="short events are dropped"),
        pytest.param(0, 2, [(0, 4), (6, 9)], id="short gaps are closed, one of just the length is not"),
        pytest.param(4, 2, [(0, 4)], id="gaps are closed first"),
        pytest.param(10, 2, [], id="nothing is long enough"),
    ],
)
def test_short_gaps_are_closed_and_then_short_events_dropped(
    min_duration: float, min_gap: float, expected: list[tuple[float, float]]
) -> None:
    samples = [0.9, 0.1, 0.9, 0.9, 0.1, 0.1, 0.9, 0.9, 0.9, 0.1]
    recording = Recording.from_probabilities(
        samples, sampling_rate=1, threshold=0.5, min_duration=min_duration, min_gap=min_gap
    )
    assert seizures(recording) == expected


@pytest.mark.parametrize(
    ("probabilities", "options", "message"),
    [
        ([0.1, 1.2], {}, "probabilities[1] is 1.2; they must be from 0 to 1"),
        ([0.1, float("nan")], {}, "probabilities[1] is nan; they must be from 0 to 1"),
        ([0.1], {"threshold": 50}, "threshold must be from 0 to 1, not int 50"),
        ([0.1], {"min_gap": -1}, "min_gap must be a number of seconds from 0, not int -1"),
        ([0.1], {"min_duration": math.nan}, "min_duration must be a number of seconds from 0, not float nan"),
        ([0.1], {"threshold": None}, "threshold must be from 0 to 1, not None"),
        ([0.1], {"min_duration": "2 s"}, "min_duration must be a number of seconds, not '2 s'"),
        ([[0.1, 0.2]], {}, "probabilities must be numbers in one dimension"),
    ],
)
def test_what_are_no_probabilities_is_refused(probabilities: Any, options: dict[str, Any], message: str) -> None:
    assert message in str(
        refusal(
            lambda: Recording.from_probabilities(probabilities, **({"sampling_rate": 1, "threshold": 0.5} | options))
        )
    )


@pytest.mark.parametrize("precision", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.7, np.float32(0.7)])
def test_a_threshold_is_compared_in_the_precision_of_the_array(precision: type[np.floating], threshold: float) -> None:
    at = precision(threshold)
    samples = np.array([np.nextafter(at, precision(0)), at, np.nextafter(at, precision(1))])
    assert (samples >= float(threshold)).tolist() == [False, True, True]  # as NumPy compares
    for recording in (
        Recording.from_probabilities(samples, sampling_rate=1, threshold=threshold),
        ScoreTrack(samples, sampling_rate=1).at(threshold),
    ):
        assert seizures(recording) == [(1.0, 3.0)]


# -- data frames

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
        "name the times start and stop, in seconds (stop = onset + duration), and the label label"
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


def test_masked_samples_are_refused() -> None:
    masked = np.ma.array(np.ones(4), mask=[False, False, False, True])
    for make in (
        lambda: Recording.from_mask(masked, sampling_rate=1),
        lambda: Recording.from_probabilities(masked, sampling_rate=1, threshold=0.5),
    ):
        assert "has masked samples" in str(refusal(make))
