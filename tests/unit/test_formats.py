"""Files of any known format: compressed, per channel, two formats or lengths in a pair; the others are refused."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from helpers import annotation, refusal
from nedc_bench import InputError, LabelMap, Parameters, Recording, read_label_map, read_recording, score
from nedc_bench.annotations import Reading, read_pair
from reading import EXPECTED, MAP, TSE, Rows, read, refused, rows

DATA = Path(__file__).parents[1] / "data"

# -- per-channel csv


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


@pytest.mark.parametrize(
    "seizure", ["FP1-F7,10.0,20.0,seiz,1.0\n", "FP1-F7,10.0,16.0,seiz,1.0\nF7-T3,14.0,20.0,seiz,1.0\n"]
)
def test_the_union_of_channels_drops_background_under_any_label_of_its_class(seizure: str) -> None:
    text = annotation(duration=300) + seizure + "F7-T3,12.0,18.0,artf,1.0\nT3-T5,100.0,130.0,null,1.0\n"
    noise = LabelMap.from_mapping({"seiz": "seiz", "bckg": "bckg,artf,null"})
    recording = read(text, channels="union", label_map=noise)
    assert rows(recording) == EXPECTED
    assert [warning.code for warning in recording.warnings] == ["channel"]


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
    "hypothesis",
    [
        TSE,
        annotation((10, 20, "seiz"), duration=300),
        "onset\tduration\teventType\trecordingDuration\n10\t10\tsz\t300\n",
    ],
)
def test_formats_of_the_sides_may_differ(hypothesis: str) -> None:
    result = score(io.StringIO(TSE), io.StringIO(hypothesis))
    assert result.taes.labels["seiz"].tp == 1.0


# -- durations that differ slightly


def near(duration: float, *events: tuple[float, float, str]) -> Recording:
    """The hypothesis of a pair whose reference lasts 301 s."""
    reference, hypothesis = annotation(duration=301), annotation(*events, duration=duration)
    reading = Reading(label_map=MAP)
    return read_pair(io.StringIO(reference), io.StringIO(hypothesis), reading, duration_tolerance=0.01)[1]


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
    with pytest.raises(InputError, match=r"lasts 300\.5 s.*; duration_tolerance \(--duration-tolerance\)"):
        near(300.5)
    assert "tolerance" not in str(refusal(lambda: near(100.0)))  # it is the wrong file


# -- unsupported formats


FOREIGN = {
    "MNE": ("onset,duration,description\n2002-12-03 19:01:56,10.0,seizure\n", "an annotation table of MNE-Python"),
    "CHB-MIT": ("Data Sampling Rate: 256 Hz\n*****\n\nFile Name: chb01_01.edf\n", "a summary of CHB-MIT"),
    "Siena": ("Seizure n 1\nFile name: PN00-1.edf\nRegistration start time: 19.39.33\n", "of the Siena corpus"),
    "XML": ('<?xml version="1.0" ?>\n<root>\n', "is XML, which NEDC's tools write too"),
    "HTML": ("<!DOCTYPE html>\n<html>", "perhaps a page saved in place of the file"),
    "JSON": ('[{"start": 1}]', "is JSON"),
    "JSON of several lines": ('[\n  {"start": 1}\n]', "is JSON"),
    "another TOML file": ("[tool.ruff]\nx = 1\n", "begins with '[tool.ruff]', which is of no known format"),
    "TUEV": ("0,10.0000,20.0000,1\n1,10.0,20.0,6\n", "as TUEV's .rec files do"),
    "a table": ("patient\tsex\nsub-1\tf\n", "is a table of 'patient, sex'; an events.tsv has onset, duration and"),
    "a list": ("ref/a.csv_bi\nref/b.csv_bi\n", "is a list of files, where one annotation file is expected"),
    "prose": ("the quick brown fox\n", "begins with 'the quick brown fox', which is of no known format"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_formats_are_named_in_one_line_with_the_way_out(name: str) -> None:
    text, words = FOREIGN[name]
    message = refused(text)
    assert words in message
    assert "\n" not in message
    assert "two lists" in message if name == "a list" else "docs/formats.md" in message


@pytest.mark.parametrize(
    "text", ['[MAP]\nSEIZ = "seiz"\n', '# mine\r\n\r\n [NEDC_EPOCH] # s\r\nepoch_duration = "1"\r\n']
)
def test_a_parameter_file_is_named_with_its_place(text: str) -> None:
    expected = "<file>: is a parameter file, not an annotation; give it as the parameters (--params)"
    assert refused(text) == expected


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
