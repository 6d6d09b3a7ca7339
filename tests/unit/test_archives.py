"""An archive is read whole or refused: damaged, cut, joined, encrypted, or of another kind."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Callable
from functools import cache
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from archives import FILES, NAME, read, refused
from everything import of
from helpers import make_archive
from nedc_bench.errors import InputError

BLOCK = tarfile.BLOCKSIZE
COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
KINDS = ("tar", *(f"tar.{kind}" for kind in COMPRESS), "zip", "stored zip")
TAR = make_archive("tar", FILES)
with tarfile.open(fileobj=io.BytesIO(TAR)) as opened:
    MEMBERS = [(member.name, member.offset, member.offset_data) for member in opened]
WHOLE = f"{NAME}: is not a whole tar or zip file: "
HEADERS = (b"PK\3\4", b"PK\1\2")


@cache
def made(kind: str) -> bytes:
    if kind != "stored zip":
        return make_archive(kind, FILES)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def has_no_checksum(kind: str, at: int) -> bool:
    """Whether a byte is the content of a file in a plain tar."""
    return kind == "tar" and any(0 <= at - begin < len(FILES[name]) for name, _, begin in MEMBERS)


def check_same_or_refused(kind: str, damaged: bytes | bytearray) -> None:
    try:
        found = read(damaged, missing="empty")
    except InputError:
        return
    assert found == read(made(kind), missing="empty")


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=of(2000, 100))
@given(data=st.data())
def test_a_flipped_bit_changes_nothing_or_refuses_the_archive(kind: str, data: st.DataObject) -> None:
    damaged = bytearray(made(kind))
    sound = st.integers(0, len(damaged) - 1).filter(lambda at: not has_no_checksum(kind, at))
    damaged[data.draw(sound)] ^= 1 << data.draw(st.integers(0, 7))
    check_same_or_refused(kind, damaged)


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=of(1000, 50))
@given(data=st.data())
def test_a_cut_changes_nothing_or_refuses_the_archive(kind: str, data: st.DataObject) -> None:
    whole = made(kind)
    check_same_or_refused(kind, whole[: data.draw(st.integers(0, len(whole) - 1))])


# -- tar


@pytest.mark.parametrize("number", range(len(MEMBERS)))
def test_a_damaged_header_is_not_the_end(number: int) -> None:
    damaged = bytearray(TAR)
    damaged[MEMBERS[number][1] + 110] ^= 1
    assert refused(damaged).startswith(f"{WHOLE}a header is damaged (bad checksum)")


@pytest.mark.parametrize("within", [0, 100])
def test_a_tar_cut_before_or_within_a_header_is_refused(within: int) -> None:
    for _, header, _ in MEMBERS[1:]:
        assert "it lacks the blocks of zeros that end a tar" in refused(TAR[: header + within])


def test_one_block_of_zeros_ends_a_tar() -> None:
    end = len(TAR.rstrip(b"\0")) // BLOCK * BLOCK + BLOCK
    for blocks in (1, 2, 1000):
        assert read(TAR[:end] + bytes(blocks * BLOCK)) == read(TAR)
    assert refused(TAR[:end]) == f"{WHOLE}it lacks the blocks of zeros that end a tar; make it again, or send it again"


@pytest.mark.parametrize("kind", ["", *COMPRESS])
def test_joined_tars_are_refused(kind: str) -> None:
    compress = COMPRESS.get(kind, bytes)
    joined = f"{NAME}: goes on after its end, as two archives joined do; put all files into one archive"
    assert refused(compress(TAR) + compress(TAR)) == refused(compress(TAR + TAR)) == joined


@pytest.mark.parametrize("kind", COMPRESS)
def test_streams_may_be_joined_within_a_tar_and_padded_with_zeros(kind: str) -> None:
    compress = COMPRESS[kind]
    assert read(compress(TAR[:700]) + compress(TAR[700:]) + compress(b"") + bytes(4)) == read(TAR)


@pytest.mark.parametrize("kind", COMPRESS)
def test_what_follows_the_compressed_data_is_refused(kind: str) -> None:
    for other in (b"x", *(compress(TAR) for name, compress in COMPRESS.items() if name != kind)):
        assert refused(COMPRESS[kind](TAR) + other).startswith(WHOLE)


@pytest.mark.parametrize("kind", COMPRESS)
def test_streams_without_number_are_refused(kind: str) -> None:
    assert "more than 100000 streams" in refused(COMPRESS[kind](b"") * 100_001)


@pytest.mark.parametrize(("kind", "lost"), [("gz", 8), ("bz2", 5), ("xz", 20)])
def test_compressed_data_are_read_to_their_checksum(kind: str, lost: int) -> None:
    assert (
        refused(COMPRESS[kind](TAR)[:-lost]) == f"{WHOLE}its compressed data are cut; make it again, or send it again"
    )


def test_a_changed_content_contradicts_the_checksum_of_gzip() -> None:
    plainly = gzip.compress(TAR, 0)
    assert "incorrect data check" in refused(plainly.replace(b"TERM,1", b"TERM,2", 1))


# -- zip


def test_a_directory_that_has_lost_entries_is_refused() -> None:
    whole = bytearray(made("zip"))
    first, second, third, *_ = entries(whole)
    struct.pack_into("<H", whole, first + 32, third - second)  # the length of the first one's comment
    assert len(zipfile.ZipFile(io.BytesIO(whole)).infolist()) == len(FILES) - 1
    assert refused(whole).startswith(f"{WHOLE}its directory does not account for bytes ")


def entries(archive: bytearray) -> list[int]:
    """Where the entries of a zip's directory begin."""
    found, at = [], 0
    while (at := archive.find(b"PK\1\2", at)) >= 0:
        found.append(at)
        at += 1
    return found


def test_a_name_in_the_directory_alone_is_refused() -> None:
    whole = bytearray(made("zip"))
    at = whole.rindex(b"c/hyp/b")
    whole[at : at + 7] = b"c/hyp/z"
    assert refused(whole, missing="empty").startswith(f"{WHOLE}'c/hyp/z.csv_bi' is not where its directory says")


def test_an_entry_that_claims_to_be_empty_is_refused() -> None:
    whole = bytearray(made("zip"))
    struct.pack_into("<L", whole, entries(whole)[1] + 24, 0)
    assert refused(whole).startswith(f"{WHOLE}Bad CRC-32 for file 'c/ref/a.csv_bi'")


@pytest.mark.parametrize("kind", ["zip", "stored zip"])
def test_joined_zips_and_programs_with_a_zip_are_refused(kind: str) -> None:
    whole = made(kind)
    assert "holds data before its first entry, as two archives joined do; put all" in refused(whole + whole)
    assert "a program, perhaps a self-extracting archive" in refused(b"MZ" + bytes(100) + whole)
    assert "goes on after its end" in refused(whole + b"x")
    assert refused(whole + TAR).startswith(f"{NAME}: ")


def test_a_comment_descriptors_and_padding_do_no_harm() -> None:
    stream = Stream()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
        archive.comment = b"a comment"
    assert any(entry.flag_bits & 8 for entry in zipfile.ZipFile(io.BytesIO(stream.getvalue())).infolist())
    for padding in (b"", bytes(5000)):
        assert read(stream.getvalue() + padding) == read(made("zip"))


def test_entries_may_be_padded_with_zeros() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
            archive.start_dir = buffer.seek(40, io.SEEK_END)  # where the next entry begins
    assert buffer.getvalue().count(bytes(40)) == len(FILES)
    assert read(buffer.getvalue()) == read(made("zip"))


class Stream(io.BytesIO):
    """A pipe: zipfile writes sizes after the data."""

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise OSError

    def seek(self, *_: Any) -> int:
        raise OSError


def test_an_encrypted_zip_is_refused_with_the_remedy() -> None:
    whole = bytearray(made("zip"))
    for signature, flags in zip(HEADERS, (6, 8), strict=True):
        at = whole.index(b"c/ref/a") if signature == HEADERS[0] else whole.rindex(b"c/ref/a")
        whole[whole.rindex(signature, 0, at) + flags] |= 1
    assert refused(whole) == f"{NAME}: 'c/ref/a.csv_bi' is encrypted; make the zip without a password"


# -- others


@pytest.mark.parametrize(
    ("magic", "what"),
    [
        (b"7z\xbc\xaf\x27\x1c", "is a 7z archive"),
        (b"Rar!\x1a\x07\x01\0", "is a RAR archive"),
        (b"\x28\xb5\x2f\xfd", "is compressed with Zstandard"),
        (b"\x04\x22\x4d\x18", "is compressed with LZ4"),
        (b"LZIP\1", "is compressed with lzip"),
    ],
)
def test_other_archives_are_named_with_the_remedy(magic: bytes, what: str) -> None:
    message = f"{NAME}: {what}; send a zip, or a tar (plain, or compressed with gzip, bzip2 or xz)"
    assert refused(magic + bytes(1000)) == message


@pytest.mark.parametrize("other", [b"", b"x", FILES["c/ref/a.csv_bi"], bytes(range(256)) * 8])
def test_what_is_no_archive_is_refused(other: bytes) -> None:
    assert refused(other).startswith(WHOLE)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_names_are_limited(kind: str) -> None:
    longest = "n" * 4096
    assert read(make_archive(kind, {**FILES, longest: b""})) == read(made(kind))
    assert "is a name of more than 4096 bytes" in refused(make_archive(kind, {**FILES, f"{longest}n": b""}))
