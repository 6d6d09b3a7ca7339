"""NEDC's older formats, tse and lbl: which events they hold, and faults named with their line."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from helpers import annotation
from nedc_bench import read_recording, score
from nedc_bench.annotations import DurationUnknownError
from reading import EXPECTED, TSE, read, refused, rows

DATA = Path(__file__).parents[1] / "data"

LBL = """\
version = lbl_v1.0.0

montage = 0, FP1-F7: EEG FP1-REF -- EEG F7-REF
montage = 1, F7-T3: EEG F7-REF -- EEG T3-REF

number_of_levels = 1
level[0] = 1
symbols[0] = {0: '(null)', 1: 'bckg', 2: 'seiz'}
"""


def label(start: float, stop: float, channel: int | str, probabilities: str, level: int = 0) -> str:
    return f"label = {{{level}, 0, {start:.4f}, {stop:.4f}, {channel}, [{probabilities}]}}\n"


# -- tse


def test_tse_has_the_events_of_all_channels_and_lasts_as_long_as_its_rows() -> None:
    recording = read(TSE)
    assert rows(recording) == EXPECTED
    assert (recording.duration, recording.events[1].confidence, recording.warnings) == (300.0, 0.5, ())


@pytest.mark.parametrize(
    "text", [TSE.replace("\n", "\r\n"), "# a comment\n" + TSE, TSE.replace(" = ", "="), "\ufeff" + TSE]
)
def test_variants_of_tse_are_read(text: str) -> None:
    assert rows(read(text)) == EXPECTED


def test_a_tse_file_under_the_name_of_csv_bi_is_read_as_tse() -> None:
    folder = DATA / "refused/version-tse"
    assert rows(read_recording(folder / "ref.csv_bi")) == [(0.0, 10.0, "bckg"), (10.0, 321.0, "seiz")]


def test_tse_without_background_lasts_as_long_as_the_other_side() -> None:
    detected = "version = tse_v1.0.0\n10.0 20.0 seiz 0.9\n"
    with pytest.raises(DurationUnknownError, match="does not state the recording's duration"):
        read(detected)
    assert rows(read(detected, duration=300.0)) == EXPECTED
    result = score(io.StringIO(annotation((10, 20, "seiz"), duration=300)), io.StringIO(detected))
    assert (result.duration_seconds, result.taes.labels["seiz"].tp) == (300.0, 1.0)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1.0 2.0 seiz", "line 2: '1.0 2.0 seiz' is not 'start stop label confidence'"),
        ("1.0 x seiz 1.0", "line 2: stop 'x' is not a finite number"),
        ("2.0 1.0 seiz 1.0", "line 2: stop_time 1.0 is before start_time 2.0"),
        ("0.0 2.0 fnsz 1.0", "line 2: label 'fnsz' is not in the label map"),
    ],
)
def test_faults_of_tse_are_named_with_their_line(row: str, message: str) -> None:
    assert message in refused(f"version = tse_v1.0.0\n{row}\n")


@pytest.mark.parametrize("stated", ["version = tse_v9.9.9", "# version = tse_v9.9.9", 'Version "TSE_v9.9.9"'])
def test_other_versions_of_tse_are_refused(stated: str) -> None:
    text = TSE.replace("version = tse_v1.0.0", stated)
    assert "line 1: is of version 'tse_v9.9.9', not tse_v1.0.0; only tse_v1.0.0 is read" in refused(text).lower()
    assert "version" in refused(TSE + "version = lbl_v1.0.0\n")


# -- lbl


@pytest.mark.parametrize(
    "text",
    [
        LBL.replace("\n", "\r\n"),
        "# a comment\n" + LBL,
        LBL.replace(" = ", "="),
        LBL.replace("'", '"'),
        LBL.replace("'", ""),
        LBL.replace("1: 'bckg', 2:", "6: 'bckg', 7:"),
        LBL + LBL.splitlines()[-1] + "\n",
        LBL.replace("version", "# version"),
    ],
)
def test_variants_of_lbl_are_read(text: str) -> None:
    labels = [label(0, 10, -1, "0, 1, 0"), label(10, 20, -1, "0, 0, 1"), label(20, 300, -1, "0, 1, 0")]
    assert rows(read(text + "".join(labels))) == EXPECTED


@pytest.mark.parametrize("channel", [-1, "all"])
def test_lbl_events_of_all_channels(channel: int | str) -> None:
    text = LBL + label(0, 10, channel, "0.0, 1.0, 0.0") + label(10, 20, channel, "0.0, 0.2, 0.8")
    recording = read(text + label(20, 300, channel, "0, 1, 0"))
    assert rows(recording) == EXPECTED
    assert recording.events[1].confidence == 0.8


def test_lbl_events_that_are_the_same_in_all_channels_are_events_of_all() -> None:
    events = [(0, 10, "0, 1, 0"), (10, 20, "0, 0, 1"), (20, 300, "0, 1, 0")]
    assert rows(read(LBL + "".join(label(*event[:2], k, event[2]) for k in (0, 1) for event in events))) == EXPECTED


def test_lbl_channels_that_differ_are_refused_or_joined() -> None:
    one = [(0, 10, "0, 1, 0"), (10, 18, "0, 0, 1"), (18, 300, "0, 1, 0")]
    other = [(0, 15, "0, 1, 0"), (15, 20, "0, 0, 1"), (20, 300, "0, 1, 0")]
    text = LBL + "".join(label(*event[:2], k, event[2]) for k, events in enumerate((one, other)) for event in events)
    assert "has events of 2 channels that differ" in refused(text)
    assert "--channels union" in refused(text)
    assert rows(read(text, channels="union")) == EXPECTED


def test_lbl_labels_of_other_levels_are_not_scored_with_a_warning() -> None:
    text = LBL + label(0, 300, -1, "0, 1, 0") + label(5, 6, -1, "0, 0, 1", level=1)
    recording = read(text)
    assert rows(recording) == [(0.0, 300.0, "bckg")]
    assert [warning.code for warning in recording.warnings] == ["level"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (label(0, 300, 0, "0.0, 1.0"), "line 9: has 2 probabilities for the 3 symbols of level 0"),
        (label(0, 300, 0, "0, 0, 0"), "line 9: has no probability above 0, so no symbol"),
        (label(0, 300, 0, "0, x, 1"), "line 9: probability 'x' is not a finite number"),
        ("label = {0, 0, 1.0}\n", "line 9: 'label = {0, 0, 1.0}' is not 'label = {0, 0, start, stop, channel, [...]}'"),
        ("symbols[0] = seiz\n", "line 9: 'symbols[0] = seiz' is not 'symbols[0] = {0: 'bckg', 1: 'seiz'}'"),
        (
            "symbols[0] = {1: 'seiz', 0: 'bckg'}\n",
            "line 9: \"symbols[0] = {1: 'seiz', 0: 'bckg'}\" has indices that do not ascend; write the symbols",
        ),
        ("symbols[0] = {0: 'bckg', 0: 'seiz'}\n", "has indices that do not ascend"),
        ("symbols[0] = {0: 'bckg', 1: 'seiz'}\n", "differs from the symbols of level 0 above"),
        ("symbols[0] = {0: 'bckg\"}\n", "is not 'symbols[0] = {0: 'bckg', 1: 'seiz'}'"),
        ("Label = {0, 0, 10.0, 20.0, -1, [0, 0, 1]}\n", "line 9: 'Label = {0, 0, 10.0, 20.0, -1, [0, 0, 1]}' is not a"),
        ("xlabel = {0, 0, 10.0, 20.0, -1, [0, 0, 1]}\n", "is not a line of an lbl file"),
        ("garbage here\n", "line 9: 'garbage here' is not a line of an lbl file, which has version, montage, "),
        ("# version = lbl_v7.0.0\n", "line 9: is of version 'lbl_v7.0.0', not lbl_v1.0.0; only lbl_v1.0.0 is read"),
        (label(0, 300, -1, "1, 0, 0"), "line 9: label '(null)' is not in the label map"),
    ],
)
def test_faults_of_lbl_are_named_with_their_line(line: str, message: str) -> None:
    assert message in refused(LBL + line)
