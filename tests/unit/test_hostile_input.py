"""Hostile input: the command refuses it within bounded memory, without a hang or a traceback."""

from __future__ import annotations

import io
import os
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import pytest

from everything import of
from helpers import Ran, annotation, refusal, run, run_measured
from nedc_bench import InputError, read_recording
from nedc_bench.scoring.szcore_figures import subject_of

GOOD = annotation((2.0, 3.0, "seiz"))
VERSION_LINE = "# version = csv_v1.0.0\n"
HEADER = annotation()
LARGEST = 16 * 1024 * 1024  # bytes
MOST_MEMORY = 300  # MiB; Python with NumPy takes some 40


def sparse(path: Path, size: int) -> None:
    """A sparse file: a valid beginning, then ``size`` NUL bytes."""
    path.write_text(HEADER)
    os.truncate(path, size)


def fill(beginning: str, piece: str) -> Callable[[Path], object]:
    """Writes a file of the largest size that is read: a beginning, then one piece repeated."""
    count = (LARGEST - len(beginning)) // len(piece.encode())
    return lambda path: path.write_text(beginning + piece * count)


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a line of 1 GB": (lambda path: sparse(path, 2**30), "is larger than 16 MiB"),
    "2 million events": (
        lambda path: path.write_bytes(HEADER.encode() + b"TERM,1,2,seiz,1\n" * 2_000_000),
        "is larger than 16 MiB",
    ),
    "one byte too many": (lambda path: sparse(path, LARGEST + 1), "is larger than 16 MiB"),
    "as many NUL bytes as are read": (lambda path: sparse(path, LARGEST), "line 4: holds a NUL byte"),
    "a line of 16 MB": (fill("", "x"), "which is of no known format"),
    "an event of 16 MB": (fill(HEADER + "TERM,1,2,seiz,", "1"), "characters; a row has at most 1000"),
    "16 MB of fields": (fill(HEADER, ","), "characters; a row has at most 1000"),
    "a duration of 16 MB": (fill(VERSION_LINE + "# duration = ", "1"), "line 2: duration must be a finite number"),
    "a duration of 8 million words": (fill(VERSION_LINE + "# duration = ", "a "), "line 2: duration must be a number"),
    "16 million blank lines": (fill("", "\n"), "is empty"),
    "5 million comments": (fill(VERSION_LINE, "#a\n"), "has no line '# duration = ... secs'"),
    "a million version lines": (fill(VERSION_LINE, "# version=7\n"), "has no line '# duration = ... secs'"),
    "16 MB of tabs": (fill(VERSION_LINE + "#", "\t"), "has no line '# duration = ... secs'"),
    "a million of the shortest events": (fill(HEADER, "TERM,0,1,seiz,1\n"), "events when neighbours of one label"),
    "a million of rows that are none": (fill(HEADER, "TERM,0,1,a,x\n"), "line 4: confidence 'x' is not a number"),
    "a million labels": (
        lambda path: path.write_text(HEADER + "".join(f"TERM,1,2,{k},1\n" for k in range(900_000))),
        "line 4: label '0' is not in the label map",
    ),
    "16 MB of spaces": (fill("", " "), "is empty"),
    "16 MB outside the basic plane": (fill("", "\N{GRINNING FACE}"), "which is of no known format"),
    "99,000 labels": (
        lambda path: path.write_text(HEADER + "".join(f"TERM,1,2,l{k},1\n" for k in range(99_000))),
        "line 4: label 'l0' is not in the label map; known labels: seiz, bckg",
    ),
    "an array of doubles": (
        lambda path: path.write_bytes(struct.pack("1000d", *range(1000))),
        "line 1: byte 0xf0",
    ),
    "an empty file": (lambda path: path.touch(), "is empty"),
    "a device without end": (lambda path: path.symlink_to("/dev/zero"), "is larger than 16 MiB"),
    "a link to itself": (lambda path: path.symlink_to(path), "cannot be read: Too many levels of symbolic links"),
    "nothing": (lambda _: None, "there is no such file"),
}


TRIED = of([*HOSTILE], [*HOSTILE][::2])


class Checked(NamedTuple):
    """What ``nedc-bench check`` printed for each hostile file, as lines, and its peak memory in MiB."""

    ran: Ran
    said: dict[str, list[str]]
    peak: int


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checked]:
    folder = tmp_path_factory.mktemp("hostile")
    paths = {name: folder / f"{name.replace(' ', '-')}.hostile" for name in TRIED}
    for name, path in paths.items():
        HOSTILE[name][0](path)
    ran, peak = run_measured(folder, "check", *paths.values())
    lines = ran.stdout.splitlines()
    yield Checked(ran, {name: [line for line in lines if str(path) in line] for name, path in paths.items()}, peak)
    shutil.rmtree(folder)


@pytest.mark.slow
def test_hostile_input_is_checked_in_bounded_memory_without_a_traceback(checked: Checked) -> None:
    assert (checked.ran.status, checked.ran.stderr) == (1, "")
    assert checked.ran.stdout.endswith(f"\n{len(TRIED)} files checked, {len(TRIED)} refused\n")
    assert checked.peak < MOST_MEMORY


@pytest.mark.slow
@pytest.mark.parametrize("name", TRIED)
def test_hostile_input_is_refused_with_the_reason(checked: Checked, name: str) -> None:
    said = checked.said[name]
    assert all(line.startswith("error: ") for line in said)
    assert HOSTILE[name][1] in said[0]
    assert len(said) <= 20


@pytest.mark.parametrize("name", ["a line of 1 GB", "a duration of 16 MB"])
def test_hostile_input_of_score_is_refused_in_bounded_memory(tmp_path: Path, name: str) -> None:
    hostile, good = tmp_path / "hostile.csv_bi", tmp_path / "good.csv_bi"
    write, words = HOSTILE[name]
    write(hostile)
    good.write_text(GOOD)
    ran, peak = run_measured(tmp_path, "score", good, hostile)
    hostile.unlink()
    assert (ran.status, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"error: hypothesis {hostile}")
    assert words in ran.stderr
    assert peak < MOST_MEMORY


# -- bytes that are not text


def refused_bytes(data: bytes) -> tuple[int | None, str, str]:
    (finding,) = refusal(lambda: read_recording(io.BytesIO(data))).findings
    return finding.line, finding.code, finding.message


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_refused_by_its_name(encoding: str) -> None:
    mark = {"utf-16": b"", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}[encoding]
    message = "is UTF-16 text; save it as UTF-8"
    assert refused_bytes(mark + GOOD.encode(encoding)) == (1, "encoding", message)


@pytest.mark.parametrize("encoding", ["utf-32-le", "utf-32-be"])
def test_utf_32_is_refused_by_its_name(encoding: str) -> None:
    data = ("\ufeff" + GOOD).encode(encoding)
    assert refused_bytes(data) == (1, "encoding", "is UTF-32 text; save it as UTF-8")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_refused_as_no_text(encoding: str) -> None:
    assert refused_bytes(GOOD.encode(encoding))[:2] == (1, "encoding")


def test_latin_1_is_refused_with_the_line_and_the_byte() -> None:
    message = "byte 0xe9 (in '4,5,seiz\N{REPLACEMENT CHARACTER},1\\n') is not UTF-8 text; save the file as UTF-8"
    data = (GOOD + "TERM,4,5,seiz\N{LATIN SMALL LETTER E WITH ACUTE},1\n").encode("latin-1")
    assert refused_bytes(data) == (5, "encoding", message)


def test_a_nul_byte_is_refused_with_its_line() -> None:
    message = "holds a NUL byte, so it is not text; save it as UTF-8"
    assert refused_bytes((GOOD + "TERM,4,5,se\0iz,1\n").encode()) == (5, "encoding", message)


def test_a_file_opened_as_text_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv_bi"
    path.write_bytes((GOOD + "\N{LATIN SMALL LETTER E WITH ACUTE}").encode("latin-1"))
    with open(path, encoding="utf-8") as file, pytest.raises(InputError, match="is not UTF-8 text"):
        read_recording(file)


def test_text_that_cannot_be_written_as_utf_8_is_refused() -> None:
    with pytest.raises(InputError, match="is not UTF-8 text"):
        read_recording(io.StringIO(GOOD + "\udc80"))


@pytest.mark.parametrize("mode", ["rb", "r"])
def test_no_more_of_an_open_file_is_read_than_is_scored(mode: str) -> None:
    with (
        open("/dev/zero", mode, encoding=None if "b" in mode else "utf-8") as file,
        pytest.raises(InputError, match="is larger than 16 MiB"),
    ):
        read_recording(file)


# -- paths that are not files


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("folder", "is a folder, where a file is expected"),
        ("file/a.csv_bi", "cannot be read: Not a directory"),
        ("a\0.csv_bi", "cannot be read: embedded null byte"),
        ("a" * 5000, "cannot be read: File name too long"),
    ],
    ids=["a folder", "through a file", "with a NUL byte", "too long"],
)
def test_a_path_that_leads_to_no_file_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=reason):
        read_recording(f"{tmp_path}/{name}")


def test_a_file_that_is_closed_is_refused() -> None:
    file = io.StringIO(GOOD)
    file.close()
    with pytest.raises(InputError, match="cannot be read: I/O operation on closed file"):
        read_recording(file)


def test_a_file_that_was_opened_for_writing_is_refused(tmp_path: Path) -> None:
    with open(tmp_path / "a.csv_bi", "wb") as file, pytest.raises(InputError, match="cannot be read: read"):
        read_recording(file)


def test_a_file_that_was_read_already_is_refused() -> None:
    file = io.StringIO(GOOD)
    file.read()
    with pytest.raises(InputError, match="is empty"):
        read_recording(file)


def test_a_long_name_has_no_subject() -> None:
    assert subject_of("chb05_" + "1" * 1_000_000 + "/x.csv_bi") is None  # hours, if every digit were a place to stop


# -- named pipes


def feed(*files: tuple[Path, str]) -> Thread:
    """Writes to named pipes, one after another, as each is opened for reading."""

    def write() -> None:
        for path, text in files:
            path.write_text(text)

    thread = Thread(target=write, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("suffix", [".csv_bi", ""])
def test_named_pipes_are_scored_as_files_are(tmp_path: Path, suffix: str) -> None:
    ref, hyp = tmp_path / f"ref{suffix}", tmp_path / f"hyp{suffix}"
    os.mkfifo(ref)
    os.mkfifo(hyp)
    feeder = feed((ref, GOOD), (hyp, GOOD))
    ran = run("score", ref, hyp, "--algorithm", "overlap")
    feeder.join()
    assert (ran.status, ran.stderr) == (0, "")
    assert ran.stdout.startswith("1 pair, 0.00 hours of recording\n")


def test_named_pipes_may_be_lists(tmp_path: Path) -> None:
    (tmp_path / "a.csv_bi").write_text(GOOD)
    lists = tmp_path / "ref", tmp_path / "hyp"
    for path in lists:
        os.mkfifo(path)
    feeder = feed(*((path, f"{tmp_path}/a.csv_bi\n") for path in lists))
    ran = run("score", *lists, "--algorithm", "overlap")
    feeder.join()
    assert (ran.status, ran.stderr) == (0, "")
    assert ran.stdout.startswith("1 pair, 0.00 hours of recording\n")
