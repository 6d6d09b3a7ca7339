"""Reading an input file into memory: bounded, decompressed, decoded. Text errors are reported with their place."""

from __future__ import annotations

import hashlib
import io
import os
import zlib
from dataclasses import dataclass
from gzip import GzipFile
from typing import IO, NoReturn

from nedc_bench.checks import check_kinds, shown
from nedc_bench.errors import quoted, refusal

MAX_FILE_BYTES = 16 * 1024 * 1024
GZIP = b"\x1f\x8b"
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
MARKS = {  # UTF-32's first: its mark of little-endian begins with UTF-16's
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
ANNEX_POINTER = b"/annex/objects/"

Path = str | os.PathLike[str]
Source = Path | IO[bytes] | IO[str]


@dataclass(frozen=True, slots=True)
class Content:
    """A file's ``data``, decompressed; its ``name`` in messages, its ``path``, the ``sha256`` of its bytes.

    ``path`` is empty if the caller passed an open file. ``sidecar`` is that of `FileInMemory`.
    """

    data: bytes
    name: str
    path: str
    sha256: str
    sidecar: bytes = b""


@dataclass(frozen=True, slots=True)
class Text:
    """A file's ``text``; the other attributes as in `Content`."""

    text: str
    name: str
    sha256: str
    path: str = ""
    sidecar: bytes = b""


class FileInMemory(io.BytesIO):
    """An annotation file in memory, with the BIDS sidecar that stood beside it, or empty bytes."""

    def __init__(self, data: bytes, sidecar: bytes = b"") -> None:
        super().__init__(data)
        self.sidecar = sidecar


def read_text(source: Source, side: str = "", name: str | None = None) -> Text:
    """The text of a path or an open file of at most `MAX_FILE_BYTES`, optionally compressed with gzip.

    Raises:
        InputError: it cannot be read, is too large, or is not UTF-8 text.
    """
    return decode(read_content(source, side, name), side)


def read_content(source: Source, side: str = "", name: str | None = None) -> Content:
    """The bytes of a path or an open file of at most `MAX_FILE_BYTES`, decompressed if compressed with gzip.

    Raises:
        InputError: it cannot be read, is too large, or is only a pointer to its content (Git LFS).
    """
    if not isinstance(source, (str, os.PathLike)) and not hasattr(source, "read"):
        raise refusal("source", f"must be a path or an open file, not {shown(source)}", side=side)
    check_kinds(name=(name, str | None))
    name = source_name(source) if name is None else name
    data = _read(source, name, side)
    sha256 = hashlib.sha256(data).hexdigest()
    if data.startswith(GZIP):
        data = _decompressed(data, name, side)
    if data.startswith(LFS_POINTER):
        message = "is a Git LFS pointer, not the file itself; get it with 'git lfs pull'"
        raise refusal("pointer", message, side=side, file=name)
    if data.startswith(ANNEX_POINTER):
        _refuse_annexed(name, side)
    path = os.fspath(source) if isinstance(source, (str, os.PathLike)) else ""
    return Content(data, name, path, sha256, source.sidecar if isinstance(source, FileInMemory) else b"")


def read_beginning(path: str, size: int) -> bytes:
    """The first bytes of a file, decompressed if compressed with gzip; empty if it cannot be read."""
    try:
        with open(path, "rb") as file:
            if file.read(len(GZIP)) != GZIP:
                file.seek(0)
                return file.read(size)
            file.seek(0)
            return GzipFile(fileobj=file).read(size)
    except (OSError, EOFError, zlib.error):
        return b""


def decode(content: Content, side: str = "") -> Text:
    """The text of a file.

    Raises:
        InputError: it is not UTF-8 text.
    """
    text = _decode(content.data, content.name, side)
    return Text(text, content.name, content.sha256, content.path, content.sidecar)


def source_name(source: Source) -> str:
    """The default name of ``source``: its path, if it has one."""
    if isinstance(source, (str, os.PathLike)):
        return str(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "<file>"  # the name of a file opened by descriptor is its number


def check_path(path: object, side: str = "") -> str:
    """``path`` as text.

    Raises:
        InputError: it is not a path.
    """
    if isinstance(path, (str, os.PathLike)):
        plain = os.fspath(path)
        if isinstance(plain, str):
            return plain
    raise refusal("path", f"must be a path, not {type(path).__name__}", side=side)


def _read(source: Source, name: str, side: str) -> bytes:
    try:
        data = _read_path(source) if isinstance(source, (str, os.PathLike)) else _read_open(source)
    except FileNotFoundError:
        _refuse_missing(source, name, side)
    except IsADirectoryError:
        raise refusal("unreadable", "is a folder, where a file is expected", side=side, file=name) from None
    except UnicodeError as error:  # of a file that was opened as text
        raise refusal("encoding", f"is not UTF-8 text ({error}); save it as UTF-8", side=side, file=name) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path, or a closed file
        reason = getattr(error, "strerror", None) or str(error)
        raise refusal("unreadable", f"cannot be read: {reason}", side=side, file=name) from None
    if len(data) > MAX_FILE_BYTES:
        limit = MAX_FILE_BYTES // (1024 * 1024)
        raise refusal("size", f"is larger than {limit} MiB; an annotation file is far smaller", side=side, file=name)
    return data


def _refuse_missing(source: Source, name: str, side: str) -> NoReturn:
    """The message for a missing file: no such file, a dangling link, or a text instead of a path."""
    path = os.fspath(source) if isinstance(source, (str, os.PathLike)) else ""
    if "\n" in path:
        message = "is the text of a file, where a path is expected: wrap it, as in io.StringIO(text)"
        raise refusal("path", message, side=side, file=quoted(path)) from None
    if os.path.islink(path):
        target = os.readlink(path)
        if ".git/annex/objects" in target.replace(os.sep, "/"):
            _refuse_annexed(name, side)
        raise refusal("link", f"is a link to {quoted(target)}, where nothing is", side=side, file=name) from None
    raise refusal("missing", "there is no such file", side=side, file=name) from None


def _refuse_annexed(name: str, side: str) -> NoReturn:
    message = "is a git-annex link whose content is not here; get it with 'datalad get' or 'git annex get'"
    raise refusal("pointer", message, side=side, file=name) from None


def _decompressed(data: bytes, name: str, side: str) -> bytes:
    try:
        with GzipFile(fileobj=io.BytesIO(data)) as file:
            plain = file.read(MAX_FILE_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise refusal("gzip", f"is not a whole gzip file: {error}", side=side, file=name) from None
    if len(plain) > MAX_FILE_BYTES:
        limit = MAX_FILE_BYTES // (1024 * 1024)
        raise refusal("size", f"is larger than {limit} MiB once it is decompressed", side=side, file=name)
    return plain


def _read_path(path: Path) -> bytes:
    """Read the size that the file system reports, and the rest if there is more, as in a pipe.

    Asking for the maximum at once would allocate that much memory for every file.
    """
    with open(path, "rb") as file:
        size = min(os.fstat(file.fileno()).st_size, MAX_FILE_BYTES)
        data = file.read(size + 1)
        return data if len(data) <= size else data + file.read(MAX_FILE_BYTES + 1 - len(data))


def _read_open(file: IO[bytes] | IO[str]) -> bytes:
    """Read to the end, or until it is too large; pipes deliver in pieces."""
    data = bytearray()
    while len(data) <= MAX_FILE_BYTES and (piece := file.read(MAX_FILE_BYTES + 1 - len(data))):
        data += piece.encode() if isinstance(piece, str) else piece
    return bytes(data)


def _decode(data: bytes, name: str, side: str) -> str:
    for mark, encoding in MARKS.items():
        if data.startswith(mark):
            raise refusal("encoding", f"is {encoding} text; save it as UTF-8", side=side, file=name, line=1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"byte {quoted_bytes(data, error.start)} is not UTF-8 text; save the file as UTF-8"
        raise refusal("encoding", message, side=side, file=name, line=_line_at(data, error.start)) from None
    nul = data.find(b"\0")
    if nul >= 0:
        message = "holds a NUL byte, so it is not text; save it as UTF-8"
        raise refusal("encoding", message, side=side, file=name, line=_line_at(data, nul))
    return text


def _line_at(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1


def quoted_bytes(data: bytes, offset: int) -> str:
    """The byte at ``offset`` and its neighbours, for a message."""
    return f"0x{data[offset]:02x} (in {quoted(data[max(0, offset - 8) : offset + 8].decode('utf-8', 'replace'))})"
