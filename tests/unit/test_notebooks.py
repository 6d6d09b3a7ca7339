"""How results, curves and recordings appear in an interpreter or a notebook: one line, or a small table."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from corpora import EXAMPLE
from nedc_bench import OperatingCurve, Recording, operating_curve, score
from nedc_bench.reports import format_table
from nedc_bench.scoring.operating import COLUMNS


@pytest.fixture(scope="module")
def curve() -> OperatingCurve:
    return operating_curve(EXAMPLE.pairing)


def test_a_result_is_a_line() -> None:
    assert repr(EXAMPLE.result) == "<Result: 59 pairs, 59.01 hours, dp, epoch, overlap, taes, ira>"


def test_a_notebook_shows_the_table_of_a_result() -> None:
    result = EXAMPLE.result
    shown = ET.fromstring(result._repr_html_())
    assert (shown.tag, shown.text) == ("pre", format_table(result.to_dict()))


def test_a_curve_is_a_line(curve: OperatingCurve) -> None:
    assert repr(curve) == "<OperatingCurve: overlap, class seiz, 59 pairs, 34 thresholds>"


def test_a_notebook_shows_the_operating_points_of_a_curve(curve: OperatingCurve) -> None:
    caption, head, *rows = ET.fromstring(curve._repr_html_())
    assert caption.text == repr(curve)[1:-1]
    assert [cell.text for cell in head] == ["allowed per 24 h", *COLUMNS]
    points = [(rate, *curve.at_false_alarms(rate)) for rate in (10.0, 5.0, 2.5, 1.0)]
    assert [[cell.text for cell in row] for row in rows] == [[f"{value:.6g}" for value in point] for point in points]


def test_a_recording_is_a_line() -> None:
    recording = Recording.from_events(600.0, [(1.0, 2.0), (5.0, 6.0), (8.0, 9.0, "fnsz")], name="a.csv_bi")
    assert repr(recording) == "<Recording 'a.csv_bi': 600 s, 2 seiz, 1 fnsz>"
    assert repr(Recording.from_events(60.0, [])) == "<Recording: 60 s, no events>"


def test_a_pair_of_recordings_is_a_result_of_one_pair() -> None:
    recording = Recording.from_events(3600.0, [(1.0, 2.0)])
    assert repr(score(recording, recording, algorithms="taes")) == "<Result: 1 pair, 1.00 hours, taes>"
