"""Reading an input file into memory: bounded, decoded, and refused with the place where it is not text."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import IO

from nedc_bench.errors import quoted, refusal

MAX_FILE_BYTES = 16 * 1024 * 1024

Source = str | os.PathLike[str] | IO[bytes] | IO[str]


@dataclass(frozen=True, slots=True)
class Text:
    """A file's ``text``, the ``name`` it goes by in messages, and the ``sha256`` of its bytes."""

    text: str
    name: str
    sha256: str


def read_text(source: Source, side: str = "", name: str | None = None) -> Text:
    """The text of a path or an open file of at most `MAX_FILE_BYTES`.

    Raises:
        InputError: it cannot be read, is too large, or is not UTF-8 text.
    """
    name = source_name(source) if name is None else name
    data = read_bytes(source, name, side)
    return Text(_decode(data, name, side), name, hashlib.sha256(data).hexdigest())


def source_name(source: Source) -> str:
    """The name that ``source`` goes by where it is given no other: its path, where it has one."""
    if isinstance(source, (str, os.PathLike)):
        return str(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "<file>"  # a file opened by its number has that for a name


def read_bytes(source: Source, name: str, side: str = "") -> bytes:
    """The bytes of a path or an open file of at most `MAX_FILE_BYTES`.

    Raises:
        InputError: it cannot be read, or is too large.
    """
    try:
        data = _read_path(source) if isinstance(source, (str, os.PathLike)) else _read_open(source)
    except FileNotFoundError:
        raise refusal("missing", "there is no such file", side=side, file=name) from None
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


def _read_path(path: str | os.PathLike[str]) -> bytes:
    with open(path, "rb") as file:
        return file.read(MAX_FILE_BYTES + 1)


def _read_open(file: IO[bytes] | IO[str]) -> bytes:
    """Read to the end, or until it is too large: pipes deliver in pieces."""
    data = bytearray()
    while len(data) <= MAX_FILE_BYTES and (piece := file.read(MAX_FILE_BYTES + 1 - len(data))):
        data += piece.encode() if isinstance(piece, str) else piece
    return bytes(data)


def _decode(data: bytes, name: str, side: str) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise refusal("encoding", "is UTF-16 text; save it as UTF-8", side=side, file=name, line=1)
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
    """The byte at ``offset`` with its neighbours, for a message."""
    return f"0x{data[offset]:02x} (in {quoted(data[max(0, offset - 8) : offset + 8].decode('utf-8', 'replace'))})"
