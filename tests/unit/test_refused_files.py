"""Which annotation files are refused, and the messages: specification section 8.

tests/parity/test_refused.py has the faults over which the original fails.
"""

from __future__ import annotations

import io
from typing import NamedTuple

import pytest

from helpers import COLUMNS, annotation, refusal
from nedc_bench import LabelMap, read_recording
from nedc_bench.annotations.csv_bi import BLOCK_CHARACTERS
from nedc_bench.annotations.rows import MAX_EVENTS

GOOD = annotation((2.0, 3.0, "seiz"))
LABELS = LabelMap.from_mapping({"SEIZ": ["seiz"], "BCKG": ["bckg"]})


class Fault(NamedTuple):
    """A finding's line, code and message."""

    line: int | None
    code: str
    message: str


def refused(text: str) -> list[Fault]:
    """The findings that refuse a file with this content."""
    file = io.StringIO(text)
    findings = refusal(lambda: read_recording(file, side="hypothesis", name="a.csv_bi", label_map=LABELS)).findings
    assert {(finding.side, finding.file) for finding in findings} == {("hypothesis", "a.csv_bi")}
    return [Fault(finding.line, finding.code, finding.message) for finding in findings]


def refused_event(row: str) -> list[Fault]:
    """The findings that refuse a file whose line 5 is ``row``."""
    return refused(f"{GOOD}{row}\n")


# -- the header

NOT_A_DURATION = "duration must be a number of seconds above 0 and at most 1000000000, not "
VERSION_LINE = "a csv_bi file has the line '# version = csv_v1.0.0'"


@pytest.mark.parametrize("text", ["1e10 secs", "0x10 secs", "ten secs"])
def test_a_duration_that_is_no_number_of_seconds_is_refused(text: str) -> None:
    assert refused(GOOD.replace("10.0 secs", text)) == [Fault(2, "duration", f"{NOT_A_DURATION}{text!r}")]


def test_of_several_durations_the_last_must_be_a_number() -> None:
    assert refused(GOOD + "# duration = x\n") == [Fault(5, "duration", f"{NOT_A_DURATION}'x'")]
    assert read_recording(io.StringIO("# duration = x\n" + GOOD)).duration == 10.0


def test_the_first_version_decides_wherever_it_stands() -> None:
    message = f"is of version '7', not csv_v1.0.0; {VERSION_LINE}"
    assert refused("# montage = x\n# Version 7\n" + GOOD) == [Fault(2, "version", message)]


def test_a_file_of_another_format_is_refused_as_such_and_not_row_by_row() -> None:
    assert [fault[:2] for fault in refused("# version = 7\n# duration = nan\n1 2 seiz\n")] == [(1, "version")]


def test_faults_of_the_header_do_not_hide_those_of_events() -> None:
    faults = refused(GOOD.replace("10.0", "nan") + "TERM,5,4,seiz,1\n")
    assert [fault[:2] for fault in faults] == [(2, "duration"), (5, "order")]


@pytest.mark.parametrize("text", ["", "\n", " \t\r\n\n ", "\ufeff"])
def test_a_file_of_nothing_or_of_white_space_is_refused_as_empty(text: str) -> None:
    assert refused(text) == [Fault(None, "empty", f"is empty; {VERSION_LINE}")]


# -- events


@pytest.mark.parametrize("number", ["0x1p3", "", "4;5", "x", "1__0", "_1", "n/a", "1.0.0"])
@pytest.mark.parametrize("column", ["start_time", "stop_time", "confidence"])
@pytest.mark.parametrize("channel", ["TERM", "FP1-F7"])
def test_what_is_no_number_is_refused_with_its_column(channel: str, column: str, number: str) -> None:
    fields = {"channel": channel, "start_time": "4", "stop_time": "5", "label": "seiz", "confidence": "1"}
    row = ",".join((fields | {column: number}).values())
    assert refused_event(row) == [Fault(5, "number", f"{column} {number!r} is not a number")]


UNKNOWN = "is not in the label map; known labels: seiz, bckg"
QUOTED = "TERM is in quotes, so the row is not one for all channels; write the fields without quotes"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('"TERM",4,5,seiz,1', QUOTED),
        ("'TERM',4,5,seiz,1", QUOTED),
        ('"TERM","4","5","seiz","1"', """'"TERM","4","5","seiz","1"' has fields in quotes; write them without"""),
        ('TERM,4,5,"se,iz",1', """'TERM,4,5,"se,iz",1' has fields in quotes; write them without"""),
        ('TERM,4,5,"seiz",1', f"label '\"seiz\"' {UNKNOWN}; write labels in files without quotes"),
    ],
)
def test_quotes_are_named_as_what_is_wrong(row: str, message: str) -> None:
    assert [fault[::2] for fault in refused(f"{annotation()}{row}\n")] == [(4, message)]


@pytest.mark.parametrize("row", ['"FP1-F7",4,5,seiz,1', "'TERM',4,5,seiz,1", 'O1,"4","5",seiz,1'])
def test_quotes_are_refused_in_files_of_channels_too(row: str) -> None:
    file = io.StringIO(f"{annotation()}{row}\n")
    (found,) = refusal(lambda: read_recording(file, channels="union")).findings
    assert (found.line, found.message) == (4, f"{row!r} has fields in quotes; write them without")


def test_every_number_of_a_line_that_is_none_is_reported() -> None:
    assert [fault.message for fault in refused_event("TERM,a,b,seiz,c")] == [
        "start_time 'a' is not a number",
        "stop_time 'b' is not a number",
        "confidence 'c' is not a number",
    ]


@pytest.mark.parametrize(
    ("row", "times"),
    [("TERM,4,1e10,seiz,1", "4.0 to 10000000000.0"), ("TERM,-1e10,4,seiz,1", "-10000000000.0 to 4.0")],
)
def test_times_that_no_recording_has_are_refused(row: str, times: str) -> None:
    message = f"the event from {times} s must have times of at most 1000000000 s"
    assert refused_event(row) == [Fault(5, "time", message)]


@pytest.mark.parametrize("separator", ["\f", "\v", "\x85", "\u2028"])
def test_nothing_but_lf_and_cr_ends_a_line(separator: str) -> None:
    """The two rows run together into one of nine fields."""
    row = f"TERM,4,5,seiz,1{separator}TERM,6,7,seiz,1"
    assert refused_event(row) == [Fault(5, "columns", f"{row!r} has 9 fields; {COLUMNS!r} are 5")]


def test_a_line_of_two_missing_and_a_line_of_two_more_fields_do_not_make_two_lines() -> None:
    faults = refused(GOOD + "TERM,4,5\nTERM,6,7,seiz,1,seiz,1\n")
    assert [fault[:2] for fault in faults] == [(5, "columns"), (6, "columns")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_line_number_counts_comments_and_blank_lines(end: str) -> None:
    text = (GOOD + "\n# comment\n\nTERM,4,3,seiz,1\n").replace("\n", end)
    findings = refusal(lambda: read_recording(io.BytesIO(text.encode()))).findings
    assert [(fault.line, fault.code) for fault in findings] == [(8, "order")]


def test_the_line_number_is_right_in_a_file_of_several_blocks() -> None:
    rows = "TERM,1,2,seiz,1\n" * (2 * BLOCK_CHARACTERS // 16)
    count = rows.count("\n")
    faults = refused(GOOD + rows + "TERM,5,4,seiz,1\n" + rows + "# duration = x\n")
    assert [fault[:2] for fault in faults] == [(count + 5, "order"), (2 * count + 6, "duration")]


def test_a_label_that_the_map_does_not_know_is_refused_with_the_way_to_score_it() -> None:
    example = "set labels to tusz (--labels tusz), or give it a class in the parameter file (--params), "
    example += 'such as [MAP] SEIZ = "seiz,fnsz"'
    assert refused_event("TERM,4,5,fnsz,1") == [Fault(5, "label", f"label 'fnsz' {UNKNOWN}; {example}")]


def test_a_label_that_the_map_does_not_know_is_reported_once_with_its_first_line() -> None:
    faults = refused(GOOD + "TERM,4,5,fnsz,1\n" * 30 + "TERM,4,5,gnsz,1\n")
    assert [fault[:2] for fault in faults] == [(5, "label"), (35, "label")]


def test_the_faults_of_all_lines_are_reported() -> None:
    faults = refused(GOOD + "TERM,5,4,seiz,1\nTERM,x,5,seiz,1\nTERM,6,7,seiz,1\nTERM,8\nTERM,8,9,dog,1\n")
    assert [fault[:2] for fault in faults] == [(5, "order"), (6, "number"), (8, "columns"), (9, "label")]


def test_the_first_twenty_faults_of_a_file_are_reported() -> None:
    assert [fault.line for fault in refused(GOOD + "TERM,5,4,seiz,1\n" * 1000)] == list(range(5, 25))
    assert len(refused(GOOD + "TERM,a,b,seiz,c\n" * 1000)) == 20  # three per line
    assert len(refused(GOOD + "".join(f"TERM,1,2,l{k},1\n" for k in range(1000)))) == 20


def test_a_long_offending_text_is_cut() -> None:
    message = f"start_time '{'x' * 60}'... is not a number"
    assert refused_event(f"TERM,{'x' * 900},5,seiz,1") == [Fault(5, "number", message)]


def test_control_characters_of_an_offending_text_are_escaped() -> None:
    (fault,) = refused_event("TERM,4,5,\x1b[31mred,1")
    assert fault.message.startswith(r"label '\x1b[31mred' is not in the label map")


def test_events_are_counted_when_neighbours_of_one_label_are_merged() -> None:
    rows = "".join(f"TERM,{k},{k + 1},seiz,1\n" for k in range(2 * MAX_EVENTS))
    text = annotation(duration=2 * MAX_EVENTS) + rows
    assert read_recording(io.StringIO(text)).events == [(0.0, 2 * MAX_EVENTS, "seiz", 1.0)]


def test_more_than_the_most_events_are_refused() -> None:
    def alternating(count: int) -> str:
        return annotation(*((k, k + 1, "ab"[k % 2]) for k in range(count)), duration=count)

    assert len(read_recording(io.StringIO(alternating(MAX_EVENTS))).events) == MAX_EVENTS
    (finding,) = refusal(lambda: read_recording(io.StringIO(alternating(MAX_EVENTS + 1)))).findings
    counted = f"has {MAX_EVENTS + 1} events when neighbours of one label are merged"
    assert (finding.code, finding.message) == ("size", f"{counted}; at most {MAX_EVENTS} are scored in one file")
