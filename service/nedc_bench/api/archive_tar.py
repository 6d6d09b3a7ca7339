"""The entries of a tar, plain or compressed with gzip, bzip2 or xz.

A tar is whole if every header is intact, a block of zeros ends it, only zeros follow, and the compressed data are
intact to their end. POSIX writes two blocks of zeros; one is enough here, as for GNU tar, since nothing is missing
before it. Python's reader takes a damaged header, and the end of the file, as the end of the tar, and does not read the
checksums behind it. Contents in a plain tar have no checksum.

Source: POSIX.1-2017, pax, "ustar Interchange Format".
"""

from __future__ import annotations

import bz2
import lzma
import re
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, cast

from nedc_bench.api.archive_entries import MAX_FOLDERS, PIECE_BYTES, Entries, Take, View, only_zeros
from nedc_bench.errors import quoted

TAR_BYTES = 2048  # per file in a tar, besides its content
INPUT_BYTES = 64 * 1024  # given to a decompressor at once
MAX_STREAMS = 100_000  # joined in a compressed file, which may all be empty; bgzip makes one of 64 KiB
GZIP_HEADER = 31  # asks zlib for gzip's format
XZ = b"\xfd7zXZ"
COMPRESSED: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(GZIP_HEADER),
    b"BZh": bz2.BZ2Decompressor,
    XZ: lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ),
}
_PADDING = re.compile(rb"\0*+")


class TarEntries(Entries):
    """See `Entries`; a compressed tar is decompressed twice: for the names, and for the content."""

    def names(self) -> list[str]:
        """See `Entries`."""
        self._places: dict[str, tuple[int, int]] = {}
        file = self._plain(self.take)
        with tarfile.open(fileobj=cast(IO[bytes], file), mode="r:", tarinfo=_Member) as opened:
            while (member := opened.next()) is not None:
                opened.members.clear()  # type: ignore[attr-defined]  # it would hold all of them
                self.count(member.name)
                if not (member.isreg() or member.isdir()) or member.issparse():
                    self.refuse("archive", f"{quoted(member.name)} is a link, a device or sparse")
                if member.name in self._places:
                    self.refuse("twice", f"holds {quoted(member.name)} twice")
                if member.size < 0:
                    raise ValueError(f"{quoted(member.name)} has a negative size")
                if member.isreg():
                    self._places[member.name] = member.offset_data, member.size
        while piece := file.read(PIECE_BYTES):  # after the block that ended it
            if not only_zeros(piece):
                self.refuse_joined("goes on after its end")
        return list(self._places)

    def read(self, entries: Iterable[str]) -> dict[str, bytes]:
        """See `Entries`."""
        found = {}
        file = self._plain()
        for entry in sorted(entries, key=lambda entry: self._places[entry]):
            offset, size = self._places[entry]
            file.seek(offset)
            found[entry] = self.whole(entry, file, size)
        return found

    def _plain(self, take: Take | None = None) -> View | _Expanded:
        magic = next((magic for magic in COMPRESSED if self.data.startswith(magic)), None)
        if magic is None:
            return View(self.data, PIECE_BYTES, "an entry's name")
        most = self.most_bytes + (self.most_entries - MAX_FOLDERS) * TAR_BYTES
        pieces = _expanded(memoryview(self.data), COMPRESSED[magic])
        return _Expanded(pieces, most, take if magic == XZ else None)


class _Member(tarfile.TarInfo):
    """A member whose header is an error if it is damaged or cut; tarfile takes it as the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Member:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if buf == bytes(tarfile.BLOCKSIZE):
                raise
            if len(buf) < tarfile.BLOCKSIZE:
                raise ValueError("it lacks the blocks of zeros that end a tar") from None
            raise ValueError(f"a header is damaged ({error})") from None


class _Expanded:
    """A compressed tar as a file that is read forwards; limits the bytes per read and in total.

    tarfile would otherwise load a name of any length that a header claims.

    Args:
        take: reserves memory for decompressed bytes, since the decompressor may keep all of them.
    """

    def __init__(self, pieces: Iterator[bytes], most: int, take: Take | None) -> None:
        self._pieces = pieces
        self._most = most
        self._take = take
        self._held = bytearray()
        self._at = 0

    def read(self, size: int, /) -> bytes:
        if not 0 <= size <= PIECE_BYTES:
            raise ValueError(f"an entry's name is larger than {PIECE_BYTES} bytes")
        while len(self._held) < size and (piece := next(self._pieces, b"")):
            self._held += piece
            if self._at + len(self._held) > self._most + PIECE_BYTES:
                raise ValueError(f"decompressed it is larger than {self._most} bytes")
            if self._take is not None:
                self._take(len(piece))
        found = bytes(self._held[:size])
        del self._held[:size]
        self._at += len(found)
        return found

    def seek(self, offset: int, /) -> int:
        if offset < self._at:
            raise ValueError(f"an entry at byte {offset} lies within another")
        while self._at < offset and self.read(min(PIECE_BYTES, offset - self._at)):
            pass
        return self._at

    def tell(self) -> int:
        return self._at


def _expanded(data: memoryview, start: Callable[[], Any]) -> Iterator[bytes]:
    """The content of a compressed file, in pieces of at most `PIECE_BYTES`, to the end of its last stream.

    Python's bz2 and lzma files would ignore anything but a stream after a stream.

    Raises:
        Exception: the decompressor's, if a checksum is wrong or something other than a stream follows a stream.
        ValueError: the last stream is cut, or there are too many.
    """
    at = streams = 0
    while at < len(data):
        streams += 1
        if streams > MAX_STREAMS:
            raise ValueError(f"it is compressed in more than {MAX_STREAMS} streams")
        engine = start()
        given: bytes | memoryview = b""
        while not engine.eof:
            piece = engine.decompress(given, PIECE_BYTES)
            given = getattr(engine, "unconsumed_tail", b"")  # zlib returns it, the others keep it
            if piece:
                yield piece
            elif not given and not engine.eof:
                if at == len(data):
                    raise ValueError("its compressed data are cut")
                given = data[at : at + INPUT_BYTES]
                at += len(given)
        at -= len(engine.unused_data)
        padding = _PADDING.match(data, at)
        at = at if padding is None else padding.end()
