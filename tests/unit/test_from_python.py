"""Recordings from Python values: events, masks, probabilities; anything else is refused."""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers import refusal
from nedc_bench import Event, Parameters, Recording, ScoreTrack, Settings, read_recording
from reading import rows, seizures

SEIZURES = [(1.0, 2.0), (3.0, 4.5)]


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
    "rows of iterrows()": [row for _, row in pd.DataFrame(SEIZURES, columns=["start", "stop"]).iterrows()],
    "rows of iterrows() in another order": [
        row for _, row in pd.DataFrame(SEIZURES, columns=["start", "stop"])[["stop", "start"]].assign(x=7).iterrows()
    ],
    "rows without names": [row for _, row in pd.DataFrame(SEIZURES).iterrows()],
    "named tuples without names": pd.DataFrame(SEIZURES).itertuples(index=False),
    "named tuples with an index": pd.DataFrame(SEIZURES, columns=["start", "stop"], index=[5, 6]).itertuples(),
    "a record array in another order": np.array(
        [("seiz", 2.0, 1.0), ("seiz", 4.5, 3.0)], dtype=[("label", "U4"), ("stop", float), ("start", float)]
    ),
}


@pytest.mark.parametrize("name", EVENTS)
def test_events_come_in_many_shapes(name: str) -> None:
    recording = Recording.from_events(10.0, EVENTS[name])
    assert seizures(recording) == SEIZURES
    assert recording.duration == 10.0


def test_named_fields_give_label_and_confidence_too() -> None:
    frame = pd.DataFrame({"confidence": [0.5], "label": ["fnsz"], "stop": [2.0], "start": [1.0]})
    for events in ([row for _, row in frame.iterrows()], frame.itertuples(), frame.to_records()):
        recording = Recording.from_events(10.0, events)
        assert tuple(recording.events[1]) == (1.0, 2.0, "fnsz", 0.5)


@pytest.mark.parametrize(
    "events",
    [
        np.array([(5.0, 30.0)], dtype=[("onset", float), ("duration", float)]),
        [pd.Series([5.0, 30.0], index=["onset", "duration"])],
        pd.DataFrame({"onset": [5.0], "duration": [30.0]}).itertuples(index=False),
    ],
)
def test_other_field_names_are_refused_and_never_read_by_position(events: Any) -> None:
    assert str(refusal(lambda: Recording.from_events(100.0, events))).endswith(
        "its fields are 'onset, duration'; rename them to start, stop (= onset + duration) and label"
    )


@pytest.mark.parametrize("kind", [complex, np.complex64, np.complex128, np.array])
def test_complex_numbers_are_refused_wherever_a_number_is_expected(kind: Callable[[complex], Any]) -> None:
    value = kind(1 + 2j)
    calls: list[Callable[[], object]] = [
        lambda: Recording.from_events(10.0, [(value, 2.0)]),
        lambda: Recording.from_events(10.0, [(0.0, 1.0, "seiz", value)]),
        lambda: Recording.from_events(10.0, np.array([[1, 2]], dtype=complex)),
        lambda: Recording.from_events(value, []),
        lambda: Recording.from_events(10.0, []).with_duration(value),
        lambda: Recording.from_mask([0, 1], sampling_rate=value),
        lambda: Recording.from_mask(np.array([0, 1], dtype=complex), sampling_rate=1),
        lambda: Recording.from_probabilities([0.0, 1.0], sampling_rate=1, threshold=value),
        lambda: Recording.from_dataframe(10.0, {"start": [value], "stop": [2.0]}),
        lambda: ScoreTrack([0.0, 1.0], sampling_rate=1, min_gap=value),
        lambda: Parameters(epoch_duration=value),
        lambda: Settings(level=value),
        lambda: read_recording("none", duration=value),
    ]
    for call in calls:
        assert "must be" in str(refusal(call))


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
        ([{1.0, 2.0}], "events[0] is set {1.0, 2.0}: an event is (start, stop)"),
        ([np.array(7)], "an event is (start, stop)"),
        ({(1.0, 2.0)}, "events are a set, which has no order; give a list"),
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
        ([[0, 1], [1, 0]], 1, "mask must be numbers in one dimension, one per sample, not an array of shape (2, 2)"),
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


def test_masked_samples_are_refused() -> None:
    masked = np.ma.array(np.ones(4), mask=[False, False, False, True])
    for make in (
        lambda: Recording.from_mask(masked, sampling_rate=1),
        lambda: Recording.from_probabilities(masked, sampling_rate=1, threshold=0.5),
    ):
        assert "has masked samples" in str(refusal(make))
