"""A corpus in one archive: a tar or zip with ``ref/`` and ``hyp/``, paired by `nedc_bench.annotations.layout`.

Nothing is unpacked to disk, and only the files of pairs are read. Names that leave their folder, links, devices,
encrypted entries and bombs are refused before they take memory. A bomb is an archive whose content exceeds the upload
limit, or which holds many other files.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from typing import IO, Any, NoReturn, cast

from nedc_bench.annotations.layout import pair_names, split_sides
from nedc_bench.annotations.source import MAX_FILE_BYTES
from nedc_bench.api.errors import ProblemError
from nedc_bench.errors import Finding, InputError, quoted, refusal
from nedc_bench.execution import PairInput

PIECE_BYTES = 128 * 1024
TAR_BYTES = 2048  # per file in a tar, besides its content
MAX_FOLDERS = 1000
MAX_NAME_BYTES = 512  # per entry in a directory, on average
ENTRY_BYTES = 500  # that the readers hold per entry besides its name
LINK = 0xA  # in the external attributes of a zip entry
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
DIRECTORY_ENTRY = b"PK\x01\x02"
XZ = b"\xfd7zXZ"
COMPRESSED: dict[bytes, Callable[[Any], io.BufferedIOBase]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    XZ: lzma.LZMAFile,
}

Take = Callable[[int], None]


def read_archive(
    name: str,
    data: bytes | bytearray,
    *,
    max_pairs: int,
    max_bytes: int,
    take: Take,
    pattern: str | None = None,
    missing: str = "refuse",
    channels: str = "refuse",
) -> tuple[list[PairInput], tuple[Finding, ...]]:
    """The pairs of an archive, in the order of the references' names, and warnings about them.

    Args:
        max_bytes: the limit for the content of all files together.
        take: reserves memory for bytes held besides ``data``, see `nedc_bench.api.budget`.
        pattern, missing, channels: as for folders, see `nedc_bench.annotations.layout.pair_names`.

    Raises:
        InputError: it is not an archive, an entry is refused, or a file has no counterpart.
        ProblemError: 503, there is no memory left.
    """
    try:
        kind = _Zip if data.startswith(ZIP) else _Tar
        archive = kind(name, data, most_bytes=max_bytes, most_files=2 * max_pairs, take=take)
        sides = split_sides(archive.names(), name)
        references, hypotheses = sides["reference"], sides["hypothesis"]
        layout = pair_names(
            references,
            hypotheses,
            pattern=pattern,
            missing=missing,
            channels=channels,
            reference_folder=f"{name}: ref",
            hypothesis_folder=f"{name}: hyp",
        )
        if len(layout.pairs) > max_pairs:
            _refuse(
                name,
                "size",
                f"holds {len(layout.pairs)} pairs, more than {max_pairs} (MAX_PAIRS); send fewer at a time",
            )
        entries = [(references[ref], None if hyp is None else hypotheses[hyp]) for ref, hyp in layout.pairs]
        content = archive.read([entry for pair in entries for entry in pair if entry is not None])
    except (InputError, ProblemError):
        raise
    except Exception as error:  # noqa: BLE001  # over damage the readers raise anything
        _refuse(name, "archive", f"is not a whole tar or zip file: {error}")
    pairs = []
    for (ref, hyp), (reference, hypothesis) in zip(layout.pairs, entries, strict=True):
        found = None if hypothesis is None else content[hypothesis]
        pairs.append(
            PairInput.of(content[reference], f"ref/{ref}", found, f"hyp/{hyp}" if hyp else f"(none for {ref})")
        )
    return pairs, layout.warnings


class _Archive:
    """The entries of an archive: first the names, then the content of the selected ones."""

    def __init__(self, name: str, data: bytes | bytearray, *, most_bytes: int, most_files: int, take: Take) -> None:
        self.name = name
        self.data = data
        self.most_bytes = most_bytes
        self.most_entries = most_files + MAX_FOLDERS
        self.take = take
        self._entries = 0
        self._content = 0

    def _count(self, entry: str) -> None:
        self._entries += 1
        try:
            self.take(len(entry.encode()) + ENTRY_BYTES)
        except UnicodeEncodeError:
            _refuse(self.name, "encoding", f"{quoted(entry)} is not a UTF-8 name")
        if self._entries > self.most_entries:
            self._too_many()

    def _too_many(self) -> NoReturn:
        _refuse(self.name, "size", f"holds more than {self.most_entries} entries")

    def _whole(self, entry: str, file: _View | _Bounded | IO[bytes], size: int) -> bytes:
        """Read an entry that claims to have this size."""
        content = bytearray()
        while piece := file.read(min(PIECE_BYTES, size - len(content))):
            self.take(len(piece))
            content += piece
            if len(content) > MAX_FILE_BYTES:
                _refuse(self.name, "size", f"{quoted(entry)} is larger than {MAX_FILE_BYTES >> 20} MiB")
        self._content += len(content)
        if self._content > self.most_bytes:
            _refuse(self.name, "size", f"its content is larger than {self.most_bytes} bytes")
        return bytes(content)


class _Zip(_Archive):
    def names(self) -> list[str]:
        """The names of all files, without folders."""
        if self.data.count(DIRECTORY_ENTRY) > self.most_entries:  # before the reader creates an object for each
            self._too_many()
        self._opened = zipfile.ZipFile(_View(self.data, self.most_entries * MAX_NAME_BYTES))
        found = []
        for entry in self._opened.infolist():
            self._count(entry.filename)
            if entry.external_attr >> 28 == LINK:
                _refuse(self.name, "archive", f"{quoted(entry.filename)} is a link")
            if not entry.is_dir():
                found.append(entry.filename)
        return found

    def read(self, entries: list[str]) -> dict[str, bytes]:
        """The content of these entries."""
        found = {}
        for entry in map(self._opened.getinfo, entries):
            if entry.compress_type not in {
                zipfile.ZIP_STORED,
                zipfile.ZIP_DEFLATED,
            }:  # other methods expand without bounds
                _refuse(self.name, "archive", f"{quoted(entry.filename)} is not compressed by deflate")
            with self._opened.open(entry) as file:
                found[entry.filename] = self._whole(entry.filename, file, entry.file_size)
        return found


class _Tar(_Archive):
    """A tar; if compressed, it is decompressed twice: for the names, and for the content."""

    def names(self) -> list[str]:
        """The names of all files, without folders."""
        self._places: dict[str, tuple[int, int]] = {}
        with tarfile.open(fileobj=cast(IO[bytes], self._plain(self.take)), mode="r:") as opened:
            while (member := opened.next()) is not None:
                opened.members.clear()  # type: ignore[attr-defined]  # it would hold all of them
                self._count(member.name)
                if not (member.isreg() or member.isdir()) or member.issparse():
                    _refuse(self.name, "archive", f"{quoted(member.name)} is a link, a device or sparse")
                if member.name in self._places:
                    raise refusal("twice", f"holds {quoted(member.name)} twice", file=self.name)
                if member.isreg():
                    self._places[member.name] = member.offset_data, member.size
        return list(self._places)

    def read(self, entries: list[str]) -> dict[str, bytes]:
        """The content of these entries."""
        found = {}
        file = self._plain()
        for entry in sorted(entries, key=lambda entry: self._places[entry]):
            offset, size = self._places[entry]
            file.seek(offset)
            found[entry] = self._whole(entry, file, size)
            if len(found[entry]) < size:
                _refuse(self.name, "archive", "is not a whole tar or zip file: it ends within an entry")
        return found

    def _plain(self, take: Take | None = None) -> _View | _Bounded:
        magic = next((magic for magic in COMPRESSED if self.data.startswith(magic)), None)
        if magic is None:
            return _View(self.data, PIECE_BYTES)
        expanded = COMPRESSED[magic](_View(self.data, len(self.data)))
        most = self.most_bytes + (self.most_entries - MAX_FOLDERS) * TAR_BYTES
        return _Bounded(expanded, most, PIECE_BYTES, take if magic == XZ else None)


class _View(io.RawIOBase):
    """Bytes as a file, without a copy; limits the bytes per read."""

    def __init__(self, data: bytes | bytearray, most_at_once: int) -> None:
        self._data = memoryview(data)
        self._most = most_at_once
        self._at = 0

    def read(self, size: int = -1, /) -> bytes:
        left = max(0, len(self._data) - self._at)
        size = left if size is None or size < 0 else min(size, left)
        if size > self._most:
            raise ValueError(f"its directory is larger than {self._most} bytes")
        found = bytes(self._data[self._at : self._at + size])
        self._at += size
        return found

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._data)}[whence]
        self._at = max(0, begin + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


class _Bounded:
    """A compressed tar as a stream for tarfile; limits the bytes per read and in total.

    tarfile would otherwise load a name of any length that a header claims.

    Args:
        take: reserves memory for decompressed bytes, since the decompressor may keep all of them.
    """

    def __init__(self, expanded: io.BufferedIOBase, most: int, most_at_once: int, take: Take | None) -> None:
        self._expanded = expanded
        self._most = most
        self._most_at_once = most_at_once
        self._take = take
        self._reached = 0

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self._most_at_once:
            raise ValueError(f"an entry's name is longer than {self._most_at_once} bytes")
        self._reach(self.tell() + size)
        return self._expanded.read(size)

    def seek(self, offset: int) -> int:
        self._reach(offset)
        return self._expanded.seek(offset)

    def tell(self) -> int:
        return self._expanded.tell()

    def _reach(self, offset: int) -> None:
        if offset > self._most + self._most_at_once:
            raise ValueError(f"decompressed it is larger than {self._most} bytes")
        if self._take is not None and offset > self._reached:
            self._take(offset - self._reached)
        self._reached = max(self._reached, offset)


def _refuse(archive: str, code: str, message: str) -> NoReturn:
    raise refusal(code, message, file=archive) from None
