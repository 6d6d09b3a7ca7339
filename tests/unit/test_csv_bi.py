"""Reading valid csv_bi files: specification sections 1 and 3."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from helpers import COLUMNS, annotation
from nedc_bench import Recording, read_recording

SEIZURE = annotation((2.0, 3.0, "seiz"))
SEIZURE_EVENTS = [(0.0, 2.0, "bckg", 1.0), (2.0, 3.0, "seiz", 1.0), (3.0, 10.0, "bckg", 1.0)]


def read(text: str) -> Recording:
    return read_recording(io.BytesIO(text.encode()))


def events(text: str) -> list[tuple[object, ...]]:
    return [tuple(event) for event in read(text).events]


def codes(recording: Recording) -> list[str]:
    return [warning.code for warning in recording.warnings]


@pytest.mark.parametrize("kind", [Path, str])
def test_a_path_gives_the_events_filled_with_background(tmp_path: Path, kind: Callable[[Path], Path | str]) -> None:
    path = tmp_path / "a.csv_bi"
    path.write_text(SEIZURE)
    recording = read_recording(kind(path))
    assert [tuple(event) for event in recording.events] == SEIZURE_EVENTS
    assert recording.duration == 10.0
    assert recording.name == str(path)
    assert recording.sha256 == hashlib.sha256(SEIZURE.encode()).hexdigest()
    assert recording.warnings == ()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(SEIZURE.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(SEIZURE.replace("\n", "\r"), id="CR"),
        pytest.param("\ufeff" + SEIZURE, id="byte order mark"),
        pytest.param(SEIZURE.rstrip("\n"), id="no newline at the end"),
        pytest.param(SEIZURE + "\n\n  \n\t\n", id="blank lines at the end, a line of tabs among them"),
        pytest.param(
            SEIZURE.replace("TERM,2.0,3.0", " T ERM , 2.0 ,\t3. 0\t "), id="blanks anywhere, tabs about numbers"
        ),
        pytest.param(SEIZURE.replace("TERM", "# a comment, with, four, com,mas\nTERM"), id="comment in the body"),
        pytest.param(SEIZURE.replace("TERM", "   # an indented comment\nTERM"), id="indented comment in the body"),
        pytest.param(SEIZURE.replace("TERM", "# a\fb\x85c\u2028d\nTERM"), id="what ends no line, in a comment"),
        pytest.param("# a licence\n\n" + SEIZURE, id="version after other lines"),
        pytest.param("\n".join(reversed(SEIZURE.splitlines())), id="upside down, the version last"),
        pytest.param(
            SEIZURE.replace("# version = csv_v1.0.0", "# VERSION CSV_V1.0.0 (by hand)"), id="version in capitals"
        ),
        pytest.param(SEIZURE.replace("# version = csv_v1.0.0", '# version="csv_v1.0.0"'), id="version in quotes"),
        pytest.param(SEIZURE.replace("# version", "#\tversion"), id="tab before version"),
        pytest.param(SEIZURE.replace("# version", "\t#version"), id="tab before the version line"),
        pytest.param(
            "#version = 7\n" + SEIZURE, id="a version line that the original does not see, before one it sees"
        ),
        pytest.param(
            SEIZURE.replace("channel", "x, channel").replace("start_time", "start _time"), id="more column names"
        ),
        pytest.param(SEIZURE.replace("# duration = 10.0 secs", "# duration=1e1"), id="duration without spaces"),
        pytest.param(SEIZURE.replace("# duration", "  #\tduration"), id="blanks and tabs before duration"),
        pytest.param(SEIZURE.replace("# duration", "\t# duration"), id="tab before the duration line"),
        pytest.param(SEIZURE + "# duration =\n# Duration = 3\n## duration = 4\n# duration: 5\n", id="no durations"),
        pytest.param(SEIZURE + " # duration = 7\n", id="a duration that the original does not see, after one it sees"),
        pytest.param(SEIZURE.replace("secs", "Seconds."), id="another word for seconds"),
        pytest.param(SEIZURE.replace("# duration", "# patient = x = y\n#\n# duration"), id="other header lines"),
        pytest.param(SEIZURE.replace("2.0,3.0", "2,+3.0e0"), id="other ways to write numbers"),
        pytest.param(SEIZURE.replace("2.0,3.0", "0_2,\uff13.0\xa0"), id="whatever Python reads as a number"),
        pytest.param(SEIZURE.replace("# duration", "# duration = 10 secs\n# duration"), id="duration repeated"),
    ],
)
def test_every_way_to_write_a_file_gives_the_same_events(text: str) -> None:
    assert events(text) == SEIZURE_EVENTS


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        pytest.param("# duration = 9 s\n" + SEIZURE, "duration", 3, id="several durations"),
        pytest.param(SEIZURE + "# version = 7\n", "version", 5, id="another version after the first"),
        pytest.param(SEIZURE.replace("secs", "ms"), "unit", 2, id="another unit"),
        pytest.param(SEIZURE.replace(COLUMNS + "\n", ""), "columns", None, id="no column names"),
        pytest.param(SEIZURE + COLUMNS + "\n", "columns", 5, id="column names again after a row"),
    ],
)
def test_odd_headers_are_read_with_a_warning(text: str, code: str, line: int | None) -> None:
    recording = read(text)
    assert [tuple(event) for event in recording.events] == SEIZURE_EVENTS
    assert [(warning.code, warning.line) for warning in recording.warnings] == [(code, line)]


def test_no_events_are_one_background_event_over_the_whole_recording() -> None:
    assert events(annotation()) == [(0.0, 10.0, "bckg", 1.0)]


def test_events_are_sorted_by_start_and_stop_and_equal_ones_keep_file_order() -> None:
    text = annotation((5, 7, "b"), (1, 3, "a"), (5, 6, "c"), (5, 6, "d"))
    assert [event[:3] for event in events(text) if event[2] != "bckg"] == [
        (1.0, 3.0, "a"),
        (5.0, 6.0, "c"),
        (5.0, 6.0, "d"),
        (5.0, 7.0, "b"),
    ]


def test_times_are_the_doubles_of_their_text_unrounded() -> None:
    assert events(annotation((0, 1.23456789, "seiz"), (1.23456789, 10, "x"))) == [
        (0.0, 1.23456789, "seiz", 1.0),
        (1.23456789, 10.0, "x", 1.0),
    ]


def test_confidence_is_kept() -> None:
    assert events(SEIZURE.replace(",1.0\n", ",0.25\n"))[1] == (2.0, 3.0, "seiz", 0.25)


def test_duplicate_and_overlapping_events_are_scored_with_a_warning() -> None:
    recording = read(annotation((1, 4, "seiz"), (1, 4, "seiz"), (3, 5, "seiz")))
    (warning,) = recording.warnings
    assert (warning.code, warning.line) == ("overlap", 5)
    assert "2 events overlap" in warning.message
    assert (4.0, 1.0, "bckg", 1.0) in recording.events


def test_touching_events_are_no_overlap() -> None:
    assert codes(read(annotation((1, 4, "seiz"), (4, 5, "seiz")))) == []


def test_per_channel_events_beside_those_for_all_channels_are_left_out_with_a_warning() -> None:
    recording = read(SEIZURE.replace("TERM", "FP1-F7,4.0,5.0,seiz,1.0\nO1,4.0,5.0,seiz,1.0\nTERM"))
    (warning,) = recording.warnings
    assert (warning.code, warning.line) == ("channel", 4)
    assert "2 per-channel events are not scored" in warning.message
    assert [tuple(event) for event in recording.events] == SEIZURE_EVENTS


def test_rows_in_quotes_beside_others_are_left_out_with_a_warning_that_names_them() -> None:
    recording = read(SEIZURE + '"TERM",4.0,5.0,seiz,1.0\n')
    assert [(warning.line, warning.message) for warning in recording.warnings if "quotes" in warning.message] == [
        (5, "TERM is in quotes, so the row is not one for all channels; write the fields without quotes")
    ]
    assert [tuple(event) for event in recording.events] == SEIZURE_EVENTS


def test_rows_of_other_channels_need_nothing_but_numbers() -> None:
    recording = read(SEIZURE + "O1,nan,-inf,SEIZ,inf\nO1,5,4,,0\n")
    assert codes(recording) == ["channel"]
    assert [tuple(event) for event in recording.events] == SEIZURE_EVENTS


def test_the_base_name_is_known() -> None:
    assert read("# bname = aaa_s001_t000\n" + SEIZURE).base_name == "aaa_s001_t000"


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        pytest.param("TERM,4,5,x,1\nTERM,6,7,x,1\n", (4, 5, None), id="rows alone"),
        pytest.param("# comment\nTERM,4,5,x,1\nTERM,6,7,bckg,1\n", (4, 6, 7), id="a comment between"),
    ],
)
def test_the_first_line_of_each_label_is_known(rows: str, lines: tuple[int, int, int | None]) -> None:
    recording = read(SEIZURE + rows)
    assert tuple(map(recording.first_line, ("seiz", "x", "bckg"))) == lines


# -- open files


@pytest.mark.parametrize("mode", ["r", "rb"])
def test_an_open_file_is_read(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.csv_bi"
    path.write_text(SEIZURE)
    with open(path, mode, encoding=None if "b" in mode else "utf-8") as file:
        recording = read_recording(file)
    assert [tuple(event) for event in recording.events] == SEIZURE_EVENTS
    assert (recording.name, recording.sha256) == (str(path), hashlib.sha256(SEIZURE.encode()).hexdigest())


def test_text_in_memory_is_read_under_the_name_it_is_given() -> None:
    assert read_recording(io.StringIO(SEIZURE), name="upload 1").name == "upload 1"


def test_an_open_file_without_a_name_has_a_stand_in() -> None:
    assert read_recording(io.StringIO(SEIZURE)).name == "<file>"


@pytest.mark.parametrize("mode", ["buffered", "unbuffered", "text"])
def test_a_pipe_that_delivers_in_pieces_is_read_to_its_end(mode: str) -> None:
    many = annotation(*((k, k + 0.5, "seiz") for k in range(10_000)), duration=10_000)  # more than a pipe holds
    reading, writing = os.pipe()

    def write_in_pieces() -> None:
        with open(writing, "wb", buffering=0) as pipe:
            pipe.writelines(many[k : k + 1000].encode() for k in range(0, len(many), 1000))

    writer = Thread(target=write_in_pieces)
    writer.start()
    with (
        open(reading, encoding="utf-8")
        if mode == "text"
        else open(reading, "rb", buffering=0 if mode == "unbuffered" else -1)
    ) as pipe:
        recording = read_recording(pipe)
    writer.join()
    assert recording.sha256 == hashlib.sha256(many.encode()).hexdigest()
    assert sum(event.label == "seiz" for event in recording.events) == 10_000
    assert recording.name == "<file>"


def test_a_recording_comes_back_as_it_is() -> None:
    recording = Recording.from_events(1.0, [])
    assert read_recording(recording) is recording
