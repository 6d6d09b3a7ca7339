"""Events of BIDS and SzCORE as tables: their columns, labels and durations, and faults named with their line."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from helpers import annotation, refusal
from nedc_bench import read_label_map, read_recording, score
from nedc_bench.annotations import NO_EVENTS, DurationUnknownError
from reading import EXPECTED, MAP, read, refused, rows

TSV = "onset\tduration\teventType\tconfidence\tchannels\tdateTime\trecordingDuration\n"
NO_DURATION = "onset\tduration\teventType\n10.0\t10.0\tsz\n"


def test_events_tsv_with_hed_score_labels() -> None:
    text = TSV + "10.0\t10.0\tsz_foc_ia_nm\t0.5\tn/a\t2000-01-01 00:00:00\t300.0\n"
    recording = read(text)
    assert rows(recording) == EXPECTED
    assert (recording.duration, recording.events[1].confidence) == (300.0, 0.5)


@pytest.mark.parametrize("word", ["sz", "seiz", "seizure", "Seizure", "sz_gen_m_tonicClonic", "SZ"])
def test_words_for_a_seizure_are_seizures(word: str) -> None:
    assert rows(read(f"{TSV}10\t10\t{word}\tn/a\tn/a\tn/a\t300\n")) == EXPECTED


@pytest.mark.parametrize("word", ["bckg", "impd", "n/a", "background"])
def test_words_for_no_seizure_are_no_events_whatever_their_times(word: str) -> None:
    assert rows(read(f"{TSV}1\t0\t{word}\tn/a\tn/a\tn/a\t300\nn/a\tn/a\t{word}\tn/a\tn/a\tn/a\t300\n")) == [
        (0.0, 300.0, "bckg")
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "\ufeffonset\tsample\tduration\ttrial_type\trecordingDuration\r\n10.0\t2560\t10.0\tseizure\t300\r\n",
            id="byte order mark, CRLF, other columns in another order",
        ),
        pytest.param("onset,duration,eventType,recordingDuration\n10,10,sz,300\n", id="separated by commas"),
        pytest.param(
            "onset\tduration\teventType\trecordingDuration\t\t\n10\t10\tsz\t300\t\t\n", id="columns without a name"
        ),
    ],
)
def test_variants_of_the_table_are_read(text: str) -> None:
    assert rows(read_recording(io.BytesIO(text.encode()), label_map=MAP)) == EXPECTED


def test_every_line_end_is_read() -> None:
    text = "onset\tduration\trecordingDuration\ttrial_type\n10\t10\t300\tsz\n"
    for end in ("\n", "\r\n", "\r"):
        assert rows(read_recording(io.BytesIO(text.replace("\n", end).encode()), label_map=MAP)) == EXPECTED


@pytest.mark.parametrize(
    ("names", "texts"),
    [
        ("trial_type\teventType", "sz\tsz"),
        ("trial_type\teventType", "seizure\tsz_foc_ia"),
        ("eventType\ttrial_type\tevent_type", "sz\tSeizure\tseiz"),
    ],
)
def test_label_columns_may_say_the_same_class_in_other_words(names: str, texts: str) -> None:
    text = f"onset\tduration\trecordingDuration\t{names}\n10\t10\t300\t{texts}\n"
    assert rows(read(text)) == EXPECTED
    background = "\t".join(["n/a", "bckg", "impd"][: names.count("\t") + 1])
    assert rows(read(f"{text}30\t5\t300\t{background}\n")) == EXPECTED


@pytest.mark.parametrize("texts", ["sz\tn/a", "n/a\tsz", "sz\teyes open", "sz\tbckg"])
def test_label_columns_that_disagree_are_refused(texts: str) -> None:
    text = f"onset\tduration\ttrial_type\teventType\n10\t40\t{texts}\n"
    event, other = texts.split("\t")
    message = f"line 2: eventType '{other}' and trial_type '{event}' disagree; remove the column that does not hold"
    assert message in refused(text, duration=300.0)
    assert message in refused(text, duration=300.0, label_map=None)


@pytest.mark.parametrize("name", ["onset", "duration", "confidence"])
def test_numbers_of_background_are_checked_too(name: str) -> None:
    row = {"onset": "0", "duration": "10", "eventType": "bckg", "confidence": "n/a"} | {name: "foo"}
    text = "\t".join(row) + "\n" + "\t".join(row.values()) + "\n"
    assert f"line 2: {name} 'foo' is not a finite number" in refused(text, duration=300.0)


def test_labels_that_the_map_names_stand_as_they_are() -> None:
    types = read_label_map("hed-score")
    text = TSV + "10\t10\tsz_foc_ia_nm\tn/a\tn/a\tn/a\t300\n20\t5\timpd\tn/a\tn/a\tn/a\t300\n"
    assert rows(read(text, label_map=types)) == [
        (0.0, 10.0, "bckg"),
        (10.0, 20.0, "sz_foc_ia_nm"),
        (20.0, 300.0, "bckg"),
    ]


def test_the_duration_of_the_sidecar(tmp_path: Path) -> None:
    events = tmp_path / "sub-1_task-rest_events.tsv"
    events.write_text("onset\tduration\ttrial_type\n10.0\t10.0\tseizure\n")
    (tmp_path / "sub-1_task-rest_eeg.json").write_text('{"TaskName": "rest", "RecordingDuration": 300}')
    assert rows(read_recording(events)) == EXPECTED


@pytest.mark.parametrize(
    "sidecar", ['{"TaskName": "rest"}', '{"RecordingDuration": null}', '{"RecordingDuration": "n/a"}']
)
def test_a_sidecar_need_not_state_the_duration(tmp_path: Path, sidecar: str) -> None:
    events = beside_sidecar(tmp_path, sidecar.encode())
    assert rows(read_recording(events, duration=300.0)) == EXPECTED


@pytest.mark.parametrize(
    ("sidecar", "message"),
    [
        (b"", "is not a BIDS sidecar: it has no number RecordingDuration"),
        (b'{"RecordingDuration": 300', "is not a BIDS sidecar: it has no number RecordingDuration"),
        (b"[300]", "is not a BIDS sidecar: it has no number RecordingDuration"),
        (b'{"RecordingDuration": "300"}', "RecordingDuration must be a number of seconds, not '300'"),
        (b'{"RecordingDuration": true}', "RecordingDuration must be a number of seconds, not bool True"),
        (b'{"RecordingDuration": [300]}', "RecordingDuration must be a number of seconds, not list [300]"),
        (
            b'{"RecordingDuration": 1%s}' % (b"0" * 400),
            f"RecordingDuration must be a number of seconds, not int 1{39 * '0'}",
        ),
        (b'{"RecordingDuration": 300, "x": "\xe9"}', "save the file as UTF-8"),
    ],
)
def test_a_faulty_sidecar_is_named_and_never_passed_over(tmp_path: Path, sidecar: bytes, message: str) -> None:
    events = beside_sidecar(tmp_path, sidecar)
    (found,) = refusal(lambda: read_recording(events, duration=300.0)).findings
    assert (found.file, found.message.endswith(message)) == (f"{tmp_path}/sub-1_task-rest_eeg.json", True)


def beside_sidecar(folder: Path, sidecar: bytes) -> Path:
    events = folder / "sub-1_task-rest_events.tsv"
    events.write_text("onset\tduration\ttrial_type\n10.0\t10.0\tseizure\n")
    (folder / "sub-1_task-rest_eeg.json").write_bytes(sidecar)
    return events


def test_the_duration_of_the_other_side() -> None:
    reference = annotation((10, 20, "seiz"), duration=300)
    for one, other in ((NO_DURATION, reference), (reference, NO_DURATION)):
        result = score(io.StringIO(one), io.StringIO(other))
        assert (result.duration_seconds, result.taes.labels["seiz"].tp) == (300.0, 1.0)


def test_a_duration_that_neither_side_states_is_asked_for_on_both() -> None:
    refused_pair = refusal(lambda: score(io.StringIO(NO_DURATION), io.StringIO(NO_DURATION)))
    assert [(finding.side, finding.code) for finding in refused_pair.findings] == [
        ("reference", "duration"),
        ("hypothesis", "duration"),
    ]


def test_what_refuses_the_side_that_states_the_duration_is_all_that_is_said() -> None:
    no_duration, bad = io.StringIO(NO_DURATION), io.StringIO(annotation((20, 10, "seiz")))
    assert [finding.side for finding in refusal(lambda: score(no_duration, bad)).findings] == ["hypothesis"]


def test_a_sidecar_is_a_recording_without_events() -> None:
    assert rows(read('{\n "RecordingDuration": 3599.99609375\n}')) == [(0.0, 3599.99609375, "bckg")]


def test_a_file_without_rows_is_a_recording_without_events() -> None:
    reference = io.StringIO(annotation((10, 20, "seiz"), duration=300))
    result = score(reference, io.BytesIO(NO_EVENTS))
    assert (result.overlap.labels["seiz"].fn, result.overlap.labels["seiz"].fp) == (1, 0)


def test_a_header_alone_does_not_state_a_duration_and_needs_a_row() -> None:
    with pytest.raises(DurationUnknownError, match="it needs a row with a value in its column recordingDuration"):
        read(TSV)
    with pytest.raises(DurationUnknownError, match="it may have a column recordingDuration"):
        read("onset\tduration\teventType\n")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("10\tsz", "line 2: '10\\tsz' has 2 fields; the header has 7"),
        ("x\t1\tsz\tn/a\tn/a\tn/a\t300", "line 2: onset 'x' is not a finite number"),
        ("1\tn/a\tsz\tn/a\tn/a\tn/a\t300", "line 2: 'sz' at 1 s has no duration; give its seconds, or 0"),
        ("1\t-1\tsz\tn/a\tn/a\tn/a\t300", "line 2: stop_time 0.0 is before start_time 1.0"),
        ("1\t1\tspike\tn/a\tn/a\tn/a\t300", "line 2: label 'spike' is not in the label map"),
        ("1\t1\tsz\tn/a\tn/a\tn/a\t0", "duration must be above 0"),
        (
            "1\t1\tsz\tn/a\tn/a\tn/a\t9\n2\t1\tsz\tn/a\tn/a\tn/a\t8",
            "line 3: recordingDuration '8' contradicts an earlier",
        ),
    ],
)
def test_faults_of_events_tsv_are_named_with_their_line(row: str, message: str) -> None:
    assert message in refused(f"{TSV}{row}\n")


@pytest.mark.parametrize("separator", ["\t", ","])
@pytest.mark.parametrize("name", ["onset", "eventType", "note"])
def test_two_columns_of_one_name_are_refused(name: str, separator: str) -> None:
    columns = dict.fromkeys(("onset", "duration", "eventType", "note"), "1")
    text = "\n" + separator.join([*columns, name]) + "\n" + separator.join("12345") + "\n"
    assert refused(text) == f"<file>, line 2: has two columns {name!r}; rename or remove one"


@pytest.mark.parametrize("number", ["\u0661\u0660", "1_0"])
def test_numbers_are_ascii_without_underscores(number: str) -> None:
    text = f"onset\tduration\teventType\trecordingDuration\n{number}\t10\tsz\t300\n"
    assert refused(text) == f"<file>, line 2: onset {number!r} is not a finite number"
