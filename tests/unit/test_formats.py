"""Formats are recognised by content, may differ between the sides, and are refused with the remedy."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from helpers import annotation
from nedc_bench import InputError, Parameters, Recording, read_label_map, read_recording, score, score_corpus
from nedc_bench.annotations import NO_EVENTS, DurationUnknownError, Reading, read_pair

DATA = Path(__file__).parents[1] / "data"
MAP = Parameters().label_map
Rows = list[tuple[float, float, str]]

TSE = "version = tse_v1.0.0\n\n0.0000 10.0000 bckg 1.0000\n10.0000 20.0000 seiz 0.5\n20.0000 300.0000 bckg 1.0000\n"
LBL = """\
version = lbl_v1.0.0

montage = 0, FP1-F7: EEG FP1-REF -- EEG F7-REF
montage = 1, F7-T3: EEG F7-REF -- EEG T3-REF

number_of_levels = 1
level[0] = 1
symbols[0] = {0: '(null)', 1: 'bckg', 2: 'seiz'}
"""
TSV = "onset\tduration\teventType\tconfidence\tchannels\tdateTime\trecordingDuration\n"
EXPECTED = [(0.0, 10.0, "bckg"), (10.0, 20.0, "seiz"), (20.0, 300.0, "bckg")]


def label(start: float, stop: float, channel: int | str, probabilities: str, level: int = 0) -> str:
    return f"label = {{{level}, 0, {start:.4f}, {stop:.4f}, {channel}, [{probabilities}]}}\n"


def rows(recording: Recording) -> Rows:
    return [(event.start, event.stop, event.label) for event in recording.events]


def read(text: str, **options: object) -> Recording:
    return read_recording(io.StringIO(text), **({"label_map": MAP} | options))  # type: ignore[arg-type]


def refusal(text: str, **options: object) -> str:
    with pytest.raises(InputError) as caught:
        read(text, **options)
    return "\n".join(str(finding) for finding in caught.value.findings)


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
    assert message in refusal(f"version = tse_v1.0.0\n{row}\n")


# -- lbl


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
    assert "has events of 2 channels that differ" in refusal(text)
    assert "--channels union" in refusal(text)
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
        (label(0, 300, -1, "1, 0, 0"), "line 9: label '(null)' is not in the label map"),
    ],
)
def test_faults_of_lbl_are_named_with_their_line(line: str, message: str) -> None:
    assert message in refusal(LBL + line)


# -- BIDS events.tsv, SzCORE's TSV


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


def test_a_byte_order_mark_and_other_columns_and_orders_do_no_harm() -> None:
    text = "\ufeffonset\tsample\tduration\ttrial_type\trecordingDuration\r\n10.0\t2560\t10.0\tseizure\t300\r\n"
    assert rows(read_recording(io.BytesIO(text.encode()))) == EXPECTED


def test_the_same_table_apart_by_commas_is_read() -> None:
    assert rows(read("onset,duration,eventType,recordingDuration\n10,10,sz,300\n")) == EXPECTED


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


def test_the_duration_of_the_other_side() -> None:
    without = "onset\tduration\teventType\n10.0\t10.0\tsz\n"
    reference = annotation((10, 20, "seiz"), duration=300)
    for one, other in ((without, reference), (reference, without)):
        result = score(io.StringIO(one), io.StringIO(other))
        assert (result.duration_seconds, result.taes.labels["seiz"].tp) == (300.0, 1.0)


def test_a_duration_that_neither_side_states_is_asked_for_on_both() -> None:
    without = "onset\tduration\teventType\n10.0\t10.0\tsz\n"
    with pytest.raises(InputError) as caught:
        score(io.StringIO(without), io.StringIO(without))
    assert [(finding.side, finding.code) for finding in caught.value.findings] == [
        ("reference", "duration"),
        ("hypothesis", "duration"),
    ]


def test_what_refuses_the_side_that_states_the_duration_is_all_that_is_said() -> None:
    with pytest.raises(InputError) as caught:
        score(io.StringIO("onset\tduration\teventType\n"), io.StringIO(annotation((20, 10, "seiz"))))
    assert [finding.side for finding in caught.value.findings] == ["hypothesis"]


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
    assert message in refusal(f"{TSV}{row}\n")


# -- per-channel csv


@pytest.mark.parametrize("separator", ["\t", ","])
@pytest.mark.parametrize("name", ["onset", "eventType", "note"])
def test_two_columns_of_one_name_are_refused(name: str, separator: str) -> None:
    columns = dict.fromkeys(("onset", "duration", "eventType", "note"), "1")
    text = "\n" + separator.join([*columns, name]) + "\n" + separator.join("12345") + "\n"
    assert refusal(text) == f"<file>, line 2: has two columns {name!r}; rename or remove one"


def test_columns_without_a_name_may_be_several() -> None:
    assert rows(read("onset\tduration\teventType\trecordingDuration\t\t\n10\t10\tsz\t300\t\t\n")) == EXPECTED


@pytest.mark.parametrize("number", ["\u0661\u0660", "1_0"])
def test_numbers_are_ascii_without_underscores(number: str) -> None:
    text = f"onset\tduration\teventType\trecordingDuration\n{number}\t10\tsz\t300\n"
    assert refusal(text) == f"<file>, line 2: onset {number!r} is not a finite number"


def test_per_channel_csv_is_refused_with_both_ways_out() -> None:
    text = (DATA / "cases/tusz-types-and-channels/tusz.csv").read_text()
    assert "use the csv_bi that TUSZ has beside each csv" in refusal(text)
    assert "--channels union" in refusal(text)


def test_the_union_of_channels_joins_what_is_of_one_class() -> None:
    text = annotation(duration=300) + (
        "FP1-F7,0.0,10.0,bckg,1.0\nFP1-F7,10.0,16.0,cpsz,1.0\nF7-T3,14.0,20.0,fnsz,1.0\nT3-T5,40.0,50.0,fnsz,1.0\n"
    )
    recording = read(text, channels="union", label_map=read_label_map("tusz"))
    assert rows(recording) == [
        (0.0, 10.0, "bckg"),
        (10.0, 20.0, "cpsz"),
        (20.0, 40.0, "bckg"),
        (40.0, 50.0, "fnsz"),
        (50.0, 300.0, "bckg"),
    ]
    assert [warning.message for warning in recording.warnings] == ["scored as the union of 3 channels (channels=union)"]


def test_events_of_all_channels_need_no_union() -> None:
    text = annotation((10, 20, "seiz"), duration=300) + "FP1-F7,1.0,2.0,seiz,1.0\n"
    assert rows(read(text, channels="union")) == EXPECTED


def test_the_union_of_channels_is_a_parameter_of_scoring() -> None:
    text = annotation(duration=300) + "FP1-F7,10.0,20.0,seiz,1.0\n"
    result = score(io.StringIO(text), io.StringIO(TSE), parameters=Parameters(channels="union"))
    assert result.taes.labels["seiz"].tp == 1.0


# -- compressed


def test_gzip_is_opened(tmp_path: Path) -> None:
    (tmp_path / "a.tse.gz").write_bytes(gzip.compress(TSE.encode()))
    assert rows(read_recording(tmp_path / "a.tse.gz")) == EXPECTED


def test_a_bomb_is_refused_and_so_is_a_cut_file() -> None:
    with pytest.raises(InputError, match="is larger than 16 MiB once it is decompressed"):
        read_recording(io.BytesIO(gzip.compress(bytes(17 * 2**20))))
    with pytest.raises(InputError, match="is not a whole gzip file"):
        read_recording(io.BytesIO(gzip.compress(TSE.encode())[:-9]))


# -- formats of the two sides


@pytest.mark.parametrize(
    "hypothesis", [TSE, annotation((10, 20, "seiz"), duration=300), f"{TSV}10\t10\tsz\t1\t1\t1\t300\n"]
)
def test_formats_of_the_sides_may_differ(hypothesis: str) -> None:
    result = score(io.StringIO(TSE), io.StringIO(hypothesis))
    assert result.taes.labels["seiz"].tp == 1.0


# -- durations that differ slightly


def near(duration: float, *events: tuple[float, float, str], tolerance: float = 0.01) -> Recording:
    reference, hypothesis = annotation(duration=301), annotation(*events, duration=duration)
    read_here = Parameters().label_map

    return read_pair(
        io.StringIO(reference), io.StringIO(hypothesis), Reading(label_map=read_here), duration_tolerance=tolerance
    )[1]


@pytest.mark.parametrize(
    ("duration", "events", "expected"),
    [
        pytest.param(300.9961, [(10, 20, "seiz")], [(10, 20, "seiz")], id="shorter: background to the end"),
        pytest.param(300.9961, [], [], id="shorter, without events"),
        pytest.param(300.9961, [(10, 300.9961, "seiz")], [(10, 300.9961, "seiz")], id="shorter, an event to its end"),
        pytest.param(301.0039, [(10, 20, "seiz")], [(10, 20, "seiz")], id="longer: cut"),
        pytest.param(301.0039, [(10, 301.0039, "seiz")], [(10, 301, "seiz")], id="longer, an event to its end: cut"),
        pytest.param(301.0039, [(301.001, 301.0039, "seiz")], [], id="longer, an event past the reference's end"),
        pytest.param(300.9961, [(10, 301, "seiz")], [(10, 301, "seiz")], id="an event past its own end"),
    ],
)
def test_a_hypothesis_within_the_tolerance_takes_the_duration_of_its_reference(
    duration: float, events: Rows, expected: Rows
) -> None:
    fitted = near(duration, *events)
    assert fitted.duration == 301.0
    assert rows(fitted) == rows(read(annotation(*expected, duration=301)))
    (warning,) = fitted.warnings
    assert warning.message == (
        f"lasts {duration} s, its reference <file> 301.0 s: scored as 301.0 s (duration_tolerance=0.01)"
    )


def test_beyond_the_tolerance_it_is_refused_and_the_option_named() -> None:
    with pytest.raises(InputError, match=r"lasts 300\.5 s.*--duration-tolerance S"):
        near(300.5)
    with pytest.raises(InputError) as caught:
        near(100.0)
    assert "tolerance" not in str(caught.value)  # it is the wrong file


# -- unsupported formats


FOREIGN = {
    "MNE": ("onset,duration,description\n2002-12-03 19:01:56,10.0,seizure\n", "an annotation table of MNE-Python"),
    "CHB-MIT": ("Data Sampling Rate: 256 Hz\n*****\n\nFile Name: chb01_01.edf\n", "a summary of CHB-MIT"),
    "Siena": ("Seizure n 1\nFile name: PN00-1.edf\nRegistration start time: 19.39.33\n", "of the Siena corpus"),
    "XML": ('<?xml version="1.0" ?>\n<root>\n', "is XML, which NEDC's tools write too"),
    "HTML": ("<!DOCTYPE html>\n<html>", "perhaps a page saved in place of the file"),
    "JSON": ('[{"start": 1}]', "is JSON"),
    "TUEV": ("0,10.0000,20.0000,1\n1,10.0,20.0,6\n", "as TUEV's .rec files do"),
    "a table": ("patient\tsex\nsub-1\tf\n", "is a table of 'patient, sex'; an events.tsv has onset, duration and"),
    "a list": ("ref/a.csv_bi\nref/b.csv_bi\n", "is a list of files, where one annotation file is expected"),
    "prose": ("the quick brown fox\n", "begins with 'the quick brown fox', which is of no known format"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_formats_are_named_in_one_line_with_the_way_out(name: str) -> None:
    text, words = FOREIGN[name]
    message = refusal(text)
    assert words in message
    assert "\n" not in message
    assert "two lists" in message if name == "a list" else "docs/formats.md" in message


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x93NUMPY\x01\x00v\x00", "Recording.from_mask"),
        (b"PK\x03\x04" + bytes(30), "is a zip archive; unpack it and give its folders"),
        (b"MATLAB 5.0 MAT-file", "is a MATLAB file"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
    ],
)
def test_foreign_binary_files_are_named(data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words.replace(".", r"\.")):
        read_recording(io.BytesIO(data))


def test_an_empty_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.csv_bi").touch()
    with pytest.raises(InputError, match="is empty"):
        score_corpus([(tmp_path / "a.csv_bi", tmp_path / "a.csv_bi")])
