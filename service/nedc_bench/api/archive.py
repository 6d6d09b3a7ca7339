"""A corpus in one file: a tar or zip with ``ref/`` and ``hyp/``, paired by name.

Nothing is unpacked to a disk. Refused are names that leave their folder, links and devices, encrypted entries, and
bombs, while they are read: archives whose content is larger than the upload limit, or which hold much else besides.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import NoReturn

from nedc_bench.annotations.source import MAX_FILE_BYTES
from nedc_bench.errors import InputError, refusal
from nedc_bench.execution import PairInput

TAR_BYTES = 2048  # that a file costs in a tar besides its content
MAX_FOLDERS = 1000
COMPRESSED: dict[bytes, Callable[[io.BytesIO], io.BufferedIOBase]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}
SIDES = {"ref": "reference", "hyp": "hypothesis"}


def read_archive(name: str, data: bytes, *, max_pairs: int, max_bytes: int) -> list[PairInput]:
    """The pairs of an archive, sorted by name.

    Args:
        max_bytes: of the content of all files together.

    Raises:
        InputError: it is no archive, something in it is refused, or a file has no counterpart.
    """
    sides: dict[str, dict[str, bytes]] = {side: {} for side in SIDES}
    total = 0
    for path, content in _entries(name, data, max_bytes + 2 * max_pairs * TAR_BYTES, 2 * max_pairs + MAX_FOLDERS):
        total += len(content)
        if total > max_bytes or len(content) > MAX_FILE_BYTES:
            raise refusal("size", f"its content is larger than {max_bytes} bytes", file=name)
        side, below = _split(name, path)
        if below in sides[side]:
            raise refusal("twice", f"holds {path!r} twice", file=name)
        sides[side][below] = content
        if len(sides[side]) > max_pairs:
            raise refusal("size", f"holds more than {max_pairs} pairs", file=name)
    lone = sorted(sides["ref"].keys() ^ sides["hyp"].keys())
    if lone or not sides["ref"]:
        message = f"{lone[0]!r} is not both in ref/ and in hyp/" if lone else "holds no file in ref/ and hyp/"
        raise refusal("pairing", message, file=name)
    return [
        PairInput.of(sides["ref"][path], f"ref/{path}", sides["hyp"][path], f"hyp/{path}")
        for path in sorted(sides["ref"])
    ]


def _split(archive: str, path: str) -> tuple[str, str]:
    """The side and the name below it; whatever stands above ``ref/`` and ``hyp/`` is ignored."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\\" in path or "\0" in path:
        raise refusal("archive", f"{path!r} leads out of the archive", file=archive)
    for depth, part in enumerate(pure.parts[:-1]):
        if part in SIDES:
            return part, "/".join(pure.parts[depth + 1 :])
    raise refusal("archive", f"{path!r} is neither in ref/ nor in hyp/", file=archive)


def _entries(archive: str, data: bytes, most_bytes: int, most_entries: int) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file; content is read no further than one byte past what a file may have.

    Args:
        most_bytes: of a tar, once it is decompressed.
        most_entries: of the archive, folders included.
    """
    try:
        members = _zipped(archive, data) if data.startswith(b"PK") else _tarred(archive, _expanded(data, most_bytes))
        for number, member in enumerate(members, 1):
            if number > most_entries:
                _refuse(archive, "size", f"holds more than {most_entries} entries")
            if member is not None:
                yield member
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001  # over damage the readers raise anything
        _refuse(archive, "archive", f"is not a whole tar or zip file: {error}")


def _refuse(archive: str, code: str, message: str) -> NoReturn:
    raise refusal(code, message, file=archive) from None


def _zipped(archive: str, data: bytes) -> Iterator[tuple[str, bytes] | None]:
    """The entries of a zip; None is a folder."""
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        for entry in opened.infolist():
            if entry.external_attr >> 28 == 0xA:
                _refuse(archive, "archive", f"{entry.filename!r} is a link")
            if entry.is_dir():
                yield None
                continue
            with opened.open(entry) as file:
                yield entry.filename, file.read(MAX_FILE_BYTES + 1)


def _tarred(archive: str, data: bytes) -> Iterator[tuple[str, bytes] | None]:
    """The entries of a tar; None is a folder."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as opened:
        for member in opened:
            if not (member.isreg() or member.isdir()):
                _refuse(archive, "archive", f"{member.name!r} is a link or a device")
            content = opened.extractfile(member)
            if content is None:
                yield None
                continue
            with content:
                yield member.name, content.read(MAX_FILE_BYTES + 1)


def _expanded(data: bytes, most: int) -> bytes:
    """The tar within; a reader of compressed tars would take any length that a header names into memory."""
    opened = next((opened for magic, opened in COMPRESSED.items() if data.startswith(magic)), None)
    if opened is None:
        return data
    with opened(io.BytesIO(data)) as file:
        plain = file.read(most + 1)
    if len(plain) > most:
        raise ValueError(f"decompressed it is larger than {most} bytes")
    return plain
