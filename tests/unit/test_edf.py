"""Annotations in EDF+ files, written and read by edfio."""

from __future__ import annotations

import gzip
import io
import os
import sys
from pathlib import Path

import edfio
import numpy as np
import pytest

from nedc_bench import InputError, LabelMap, read_recording, score
from nedc_bench.annotations.lists import find_pairs
from reading import EXPECTED, MAP, rows


def write(path: Path, *annotations: tuple[float, float | None, str], seconds: int = 300) -> Path:
    signal = edfio.EdfSignal(np.zeros(seconds), sampling_frequency=1, label="EEG")
    edf = edfio.Edf([signal], annotations=[edfio.EdfAnnotation(*annotation) for annotation in annotations])
    edf.write(path)
    return path


def test_annotations_that_mean_a_seizure_are_events(tmp_path: Path) -> None:
    path = write(tmp_path / "a.edf", (10.0, 10.0, "seizure"), (40.0, 5.5, "sz_foc_ia"))
    recording = read_recording(path, label_map=MAP)
    assert rows(recording) == [
        (0.0, 10.0, "bckg"),
        (10.0, 20.0, "seiz"),
        (20.0, 40.0, "bckg"),
        (40.0, 45.5, "seiz"),
        (45.5, 300.0, "bckg"),
    ]
    assert len(recording.sha256) == 64


def test_an_open_edf_file_is_read_too(tmp_path: Path) -> None:
    data = write(tmp_path / "a.edf", (10.0, 10.0, "seizure")).read_bytes()
    assert score(io.BytesIO(data), tmp_path / "a.edf").taes.labels["seiz"].tp == 1.0


def test_other_annotations_are_passed_over_with_a_warning(tmp_path: Path) -> None:
    path = write(tmp_path / "a.edf", (1.0, None, "eyes open"), (10.0, 10.0, "seizure"))
    (warning,) = read_recording(path, label_map=MAP).warnings
    assert warning.message == "annotations that mean no seizure are not scored: 1 ('eyes open')"


def test_annotations_without_a_seizure_among_them_are_refused_and_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.edf", (1.0, None, "eyes open"), (10.0, 10.0, "Anfall"))
    with pytest.raises(
        InputError, match=r"no seizure among them \('eyes open', 'Anfall'\); give a label map .* \(--labels FILE.toml\)"
    ):
        read_recording(path, label_map=MAP)
    german = LabelMap.from_mapping({"seiz": ["anfall"], "bckg": ["bckg"]})
    assert (read_recording(path, label_map=german).labels != 0).sum() == 1


def test_a_file_without_annotations_is_a_recording_without_events(tmp_path: Path) -> None:
    recording = read_recording(write(tmp_path / "a.edf"), label_map=MAP)
    assert rows(recording) == [(0.0, 300.0, "bckg")]


def test_folders_of_edf_alone_are_annotations(tmp_path: Path) -> None:
    (tmp_path / "ref").mkdir()
    (tmp_path / "hyp").mkdir()
    write(tmp_path / "ref/a.edf", (10.0, 10.0, "seizure"))
    write(tmp_path / "hyp/a.edf", (10.0, 10.0, "seizure"))
    assert len(find_pairs(tmp_path / "ref", tmp_path / "hyp").pairs) == 1


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    data = write(tmp_path / "a.edf", (10.0, 10.0, "seizure")).read_bytes()
    with pytest.raises(InputError, match=r"is not a whole EDF\+ or BDF\+ file"):
        read_recording(io.BytesIO(data[:300]))


@pytest.mark.parametrize("cut", [1, 44, 5000])
def test_a_cut_file_is_refused_and_not_scored_as_the_part_that_is_left(tmp_path: Path, cut: int) -> None:
    path = write(tmp_path / "a.edf", (10.0, 10.0, "seizure"), (200.0, 10.0, "seizure"))
    data = path.read_bytes()[:-cut]
    path.write_bytes(data)
    for source in (path, io.BytesIO(data)):
        with pytest.raises(InputError, match=f"whole EDF.*300 records of 26 bytes, and {7800 - cut} bytes follow"):
            read_recording(source, label_map=MAP)


SEIZURE = b"+10\x1510\x14seizure\x14\0"


@pytest.mark.parametrize(
    "other",
    [
        SEIZURE.replace(b"seizure", b"seizur\n"),
        SEIZURE.replace(b"e\x14\0", b"e\0\0"),
        SEIZURE.replace(b"+10", b"-.0"),
        b"+" + b"1" * (len(SEIZURE) - 2) + b"\0",
    ],
)
def test_an_annotation_that_edfio_would_pass_over_is_refused(tmp_path: Path, other: bytes) -> None:
    data = write(tmp_path / "a.edf", (10.0, 10.0, "seizure")).read_bytes()
    assert data.count(SEIZURE) == 1
    with pytest.raises(
        InputError, match="record 11 holds a malformed annotation, or one with a line break; correct it"
    ):
        read_recording(io.BytesIO(data.replace(SEIZURE, other)), label_map=MAP)


def test_a_record_without_its_time_is_refused_since_edfio_would_drop_its_first_annotation(tmp_path: Path) -> None:
    data = write(tmp_path / "a.edf", (10.0, 10.0, "seizure")).read_bytes()
    time = b"+10\x14\x14\0"
    assert data.count(time + SEIZURE) == 1
    with pytest.raises(InputError, match="record 11 does not begin with the annotation of its time"):
        read_recording(io.BytesIO(data.replace(time + SEIZURE, SEIZURE + bytes(len(time)))), label_map=MAP)


def test_a_file_with_gaps_is_refused(tmp_path: Path) -> None:
    data = write(tmp_path / "a.edf", (10.0, 10.0, "seizure")).read_bytes().replace(b"EDF+C", b"EDF+D")
    assert rows(read_recording(io.BytesIO(data), label_map=MAP)) == EXPECTED
    with pytest.raises(InputError, match=r"has gaps between its records \(EDF\+D\).*save it as a continuous file"):
        read_recording(io.BytesIO(data.replace(b"+299\x14", b"+300\x14")), label_map=MAP)


@pytest.mark.parametrize("piece", [b"1", b"+1\x14"])
def test_a_record_of_any_length_is_read_in_linear_time(tmp_path: Path, piece: bytes) -> None:
    text = b"x" * 900_000
    data = write(tmp_path / "a.edf", (0.0, 1.0, text.decode()), seconds=1).read_bytes()
    hostile = (piece * len(text))[: len(text)] + b"\0"
    with pytest.raises(InputError, match="record 1 holds a malformed annotation"):
        read_recording(io.BytesIO(data.replace(b"0\x151\x14" + text + b"\x14", b"0000" + hostile)), label_map=MAP)


def test_a_file_with_more_than_its_header_states_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.edf", (10.0, 10.0, "seizure"))
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(InputError, match="get the whole file again"):
        read_recording(path, label_map=MAP)


def test_a_recording_that_was_not_finished_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.edf", (10.0, 10.0, "seizure"))
    data = bytearray(path.read_bytes())
    data[236:244] = b"-1      "
    with pytest.raises(InputError, match="its header has -1 records, so the recording was not finished; save it again"):
        read_recording(io.BytesIO(data), label_map=MAP)


def test_a_compressed_file_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.edf", (10.0, 10.0, "seizure"))
    (tmp_path / "b.edf.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert rows(read_recording(tmp_path / "b.edf.gz", label_map=MAP)) == rows(read_recording(path, label_map=MAP))


def test_bdf_is_read_and_refused_when_cut(tmp_path: Path) -> None:
    signal = edfio.BdfSignal(np.zeros(300), sampling_frequency=1, label="EEG")
    edfio.Bdf([signal], annotations=[edfio.EdfAnnotation(10.0, 10.0, "seizure")]).write(tmp_path / "a.bdf")
    assert rows(read_recording(tmp_path / "a.bdf", label_map=MAP)) == EXPECTED
    os.truncate(tmp_path / "a.bdf", 5000)
    with pytest.raises(InputError, match="is not a whole EDF"):
        read_recording(tmp_path / "a.bdf", label_map=MAP)


def test_without_edfio_the_command_that_installs_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.edf")
    monkeypatch.setitem(sys.modules, "edfio", None)
    with pytest.raises(InputError, match=r"needs edfio: pip install 'nedc-bench\[edf\]'"):
        read_recording(path)
