"""What the readers of tar and zip share: entries are counted, named and read within limits.

A reader raises ValueError, or whatever Python's readers raise, if an archive is damaged or cut; `read_archive` makes it
a refusal.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import IO, NoReturn, Protocol

from nedc_bench.annotations.source import MAX_FILE_BYTES
from nedc_bench.errors import quoted, refusal

PIECE_BYTES = 128 * 1024
MAX_FOLDERS = 1000
MAX_NAME_BYTES = 4096  # as paths on Linux
ENTRY_BYTES = 500  # that the readers hold per entry besides its name

Take = Callable[[int], None]


class Readable(Protocol):
    """A file as far as the readers need it."""

    def read(self, size: int, /) -> bytes:
        """Exactly ``size`` bytes; fewer at the end."""


class Entries:
    """The entries of an archive: first the names, then the content of the selected ones.

    Args:
        name: of the archive, in messages.
        most_bytes: the limit for the content of the selected entries together.
        most_files: the limit for entries, besides `MAX_FOLDERS`.
        take: reserves memory, see `nedc_bench.api.budget`.
    """

    def __init__(self, name: str, data: bytes | bytearray, *, most_bytes: int, most_files: int, take: Take) -> None:
        self.name = name
        self.data = data
        self.most_bytes = most_bytes
        self.most_entries = most_files + MAX_FOLDERS
        self.take = take
        self._entries = 0
        self._content = 0

    def names(self) -> list[str]:
        """The names of all files, without folders; the whole archive is checked for damage."""
        raise NotImplementedError

    def read(self, entries: Iterable[str]) -> dict[str, bytes]:
        """The content of these entries."""
        raise NotImplementedError

    def count(self, entry: str) -> None:
        """Count an entry, and reserve memory for it."""
        self._entries += 1
        try:
            size = len(entry.encode())
        except UnicodeEncodeError:
            self.refuse("encoding", f"{quoted(entry)} is not a UTF-8 name")
        if size > MAX_NAME_BYTES:
            self.refuse("size", f"{quoted(entry)} is a name of more than {MAX_NAME_BYTES} bytes")
        self.take(size + ENTRY_BYTES)
        if self._entries > self.most_entries:
            self.too_many()

    def too_many(self) -> NoReturn:
        """Refuse the archive for the number of its entries."""
        self.refuse("size", f"holds more than {self.most_entries} entries")

    def whole(self, entry: str, file: Readable | IO[bytes], size: int) -> bytes:
        """Read an entry that claims to have this size."""
        content = bytearray()
        while piece := file.read(min(PIECE_BYTES, size - len(content))):
            self.take(len(piece))
            content += piece
            if len(content) > MAX_FILE_BYTES:
                self.refuse("size", f"{quoted(entry)} is larger than {MAX_FILE_BYTES >> 20} MiB")
        if len(content) != size:
            raise ValueError(f"{quoted(entry)} has {len(content)} of its {size} bytes")
        self._content += len(content)
        if self._content > self.most_bytes:
            self.refuse("size", f"its content is larger than {self.most_bytes} bytes")
        return bytes(content)

    def refuse(self, code: str, message: str) -> NoReturn:
        """Refuse the archive."""
        raise refusal(code, message, file=self.name) from None

    def refuse_joined(self, how: str) -> NoReturn:
        """Refuse data before or after the archive."""
        self.refuse("archive", f"{how}, as two archives joined do; put all files into one archive")


def only_zeros(data: bytes | bytearray, begin: int = 0, end: int | None = None) -> bool:
    """Whether the data are padding, from ``begin`` to before ``end``; they are not copied."""
    begin, end, _ = slice(begin, end).indices(len(data))
    return data.count(0, begin, end) >= end - begin


class View(io.RawIOBase):
    """Bytes as a file, without a copy; limits the bytes per read."""

    def __init__(self, data: bytes | bytearray, most_at_once: int, what: str) -> None:
        self._data = memoryview(data)
        self._most = most_at_once
        self._what = what
        self._at = 0

    def read(self, size: int = -1, /) -> bytes:
        """See `io.RawIOBase`."""
        left = max(0, len(self._data) - self._at)
        size = left if size is None or size < 0 else min(size, left)
        if size > self._most:
            raise ValueError(f"{self._what} is larger than {self._most} bytes")
        found = bytes(self._data[self._at : self._at + size])
        self._at += size
        return found

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """See `io.RawIOBase`."""
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._data)}[whence]
        self._at = max(0, begin + offset)
        return self._at

    def tell(self) -> int:
        """See `io.RawIOBase`."""
        return self._at

    def seekable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    def readable(self) -> bool:
        """See `io.RawIOBase`."""
        return True
