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
    if isinstance(source, (str, os.PathLike)):
        name = os.fspath(source) if name is None else name
        data = _read_path(os.fspath(source), name, side)
    else:
        name = str(getattr(source, "name", "<file>")) if name is None else name
        raw = source.read(MAX_FILE_BYTES + 1)
        data = raw.encode() if isinstance(raw, str) else raw
    if len(data) > MAX_FILE_BYTES:
        raise _too_large(name, side)
    return Text(_decode(data, name, side), name, hashlib.sha256(data).hexdigest())


def _read_path(path: str, name: str, side: str) -> bytes:
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size > MAX_FILE_BYTES:
                raise _too_large(name, side)
            return file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise refusal("missing", "there is no such file", side=side, file=name) from None
    except IsADirectoryError:
        raise refusal("unreadable", "is a folder, where a file is expected", side=side, file=name) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise refusal("unreadable", f"cannot be read: {reason}", side=side, file=name) from None


def _too_large(name: str, side: str) -> Exception:
    limit = MAX_FILE_BYTES // (1024 * 1024)
    return refusal("size", f"is larger than {limit} MiB; an annotation file is far smaller", side=side, file=name)


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
