"""Filling gaps and merging: specification section 3."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from helpers import refusal
from nedc_bench import Event, InputError, Recording, score
from nedc_bench.annotations.timeline import round4

Rows = list[tuple[float, float, str]]


def filled(duration: float, *events: tuple[float, float, str]) -> Rows:
    return [(event.start, event.stop, event.label) for event in Recording.from_events(duration, events).events]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([], [(0, 10, "bckg")], id="no events"),
        pytest.param([(0, 10, "a")], [(0, 10, "a")], id="the whole recording"),
        pytest.param([(2, 3, "a")], [(0, 2, "bckg"), (2, 3, "a"), (3, 10, "bckg")], id="a gap before and after"),
        pytest.param([(0, 4, "a"), (6, 10, "a")], [(0, 4, "a"), (4, 6, "bckg"), (6, 10, "a")], id="a gap between"),
        pytest.param([(0, 4, "a"), (4, 10, "b")], [(0, 4, "a"), (4, 10, "b")], id="touching events"),
        pytest.param([(0, 4, "a"), (4, 10, "a")], [(0, 10, "a")], id="touching events of one label are one"),
        pytest.param([(2, 10, "bckg")], [(0, 10, "bckg")], id="filler and background are one"),
        pytest.param(
            [(0, 6, "a"), (4, 10, "b")], [(0, 6, "a"), (6, 4, "bckg"), (4, 10, "b")], id="an overlap: negative filler"
        ),
        pytest.param(
            [(0, 10, "a"), (2, 3, "b")],
            [(0, 10, "a"), (10, 2, "bckg"), (2, 3, "b"), (3, 10, "bckg")],
            id="an event within another",
        ),
        pytest.param(
            [(0, 4, "a"), (0, 4, "a")], [(0, 4, "a"), (4, 0, "bckg"), (0, 4, "a"), (4, 10, "bckg")], id="twice"
        ),
        pytest.param([(0, 12, "a")], [(0, 12, "a"), (12, 10, "bckg")], id="past the end: negative filler"),
        pytest.param(
            [(-2, 4, "a")], [(0, -2, "bckg"), (-2, 4, "a"), (4, 10, "bckg")], id="before the start: negative filler"
        ),
        pytest.param([(4, 4, "a")], [(0, 4, "bckg"), (4, 4, "a"), (4, 10, "bckg")], id="an event of no length"),
        pytest.param([(4, 4, "bckg")], [(0, 10, "bckg")], id="background of no length is background"),
        pytest.param(
            [(0, 12, "a"), (10, 12, "bckg")], [(0, 12, "a"), (12, 10, "bckg")], id="fillers merge with events"
        ),
    ],
)
def test_gaps_are_filled_and_neighbours_of_one_label_merged(events: Rows, expected: Rows) -> None:
    assert filled(10, *events) == expected


def test_gaps_are_judged_by_four_digits_and_times_kept_unrounded() -> None:
    assert filled(10, (0.00004, 4.00004, "a"), (4.00001, 9.99999, "b")) == [
        (0.00004, 4.00004, "a"),
        (4.00001, 9.99999, "b"),
    ]


def test_fillers_run_between_rounded_times() -> None:
    assert filled(10.00004, (1.23456, 2.34567, "a")) == [
        (0, 1.2346, "bckg"),
        (1.23456, 2.34567, "a"),
        (2.3457, 10, "bckg"),
    ]


def test_a_merged_event_has_the_confidence_of_its_first() -> None:
    recording = Recording.from_events(10, [(0, 4, "a", 0.25), (4, 10, "a", 0.75)])
    assert recording.events == [Event(0, 10, "a", 0.25)]


def test_fillers_have_confidence_one() -> None:
    assert Recording.from_events(10, [(5, 10, "a", 0.5)]).events[0] == Event(0, 5, "bckg", 1.0)


def test_a_recording_from_events_has_a_name_and_no_file() -> None:
    recording = Recording.from_events(10, [(0, 10, "a")], "mine")
    assert (recording.name, recording.sha256, recording.first_line("a")) == ("mine", "", None)


def test_four_digits_are_those_of_python() -> None:
    """NumPy's rounding differs in the last bit, for ties and large times."""
    draw = random.Random(4)
    times = [k / 20_000 for k in range(2_000)]  # every second one is a tie
    times += [draw.uniform(0, 10 ** draw.uniform(-5, 9)) for _ in range(20_000)]
    times += [np.nextafter(k / 10_000, side) for k in range(2_000) for side in (0, 1)]
    assert round4(np.array(times)).tolist() == [round(float(time), 4) for time in times]


@pytest.mark.parametrize(
    ("duration", "event"),
    [
        (1e10, (1.0, 2.0, "seiz")),
        (10.0, (1.0, math.inf, "seiz")),
        (10.0, (-1e10, 2.0, "seiz")),
    ],
)
def test_events_that_a_file_could_not_hold_are_refused(duration: float, event: tuple[float, float, str]) -> None:
    (finding,) = refusal(lambda: Recording.from_events(duration, [event], name="made here")).findings
    assert finding.file == "made here"


def test_odd_events_of_a_recording_made_here_are_warned_of_and_refused_under_strict() -> None:
    recording = Recording.from_events(
        10.0, [(-1.0, 5.0, "a"), (3.0, 6.0, "a"), (7.0, 7.0, "a"), (8.0, 11.0, "a", math.nan)]
    )
    codes = [warning.code for warning in recording.warnings]
    assert codes == ["overlap", "past-end", "before-start", "zero-length", "confidence"]
    with pytest.raises(InputError, match="overlapping"):
        score(recording, recording, strict=True)
