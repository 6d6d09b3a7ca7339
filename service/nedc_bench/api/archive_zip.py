"""The entries of a zip, stored or deflated.

Every byte must belong to an entry or the directory, or be padding with zeros, so that no entry goes unseen: a zip whose
directory has lost entries to damage, two zips joined, and a self-extracting program are refused. Python's reader takes
all of them.

Source: PKWARE's APPNOTE 6.3.10, sections 4.3.7 (local header), 4.3.9 (data descriptor) and 4.3.16 (end record).
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable

from nedc_bench.api.archive_entries import Entries, View, only_zeros
from nedc_bench.errors import quoted

ZIP = (b"PK\x03\x04", b"PK\x05\x06")
LOCAL_HEADER = struct.Struct("<4s2xH18xHH")  # signature, flags, and the lengths of the name and the extra field
DIRECTORY_ENTRY = b"PK\x01\x02"
END_RECORD, END_BYTES = b"PK\x05\x06", 22
DESCRIPTOR_BYTES = 24  # at most, of a data descriptor after an entry; any entry is larger
MEAN_NAME_BYTES = 512  # per entry of the directory
ENCRYPTED, UTF_8 = 0x1, 0x800  # flags
LINK = 0xA  # in the external attributes
METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})  # other methods expand without bounds


class ZipEntries(Entries):
    """See `Entries`."""

    def names(self) -> list[str]:
        """See `Entries`."""
        if self.data.count(DIRECTORY_ENTRY) > self.most_entries:  # before the reader creates an object for each
            self.too_many()
        self._opened = zipfile.ZipFile(View(self.data, self.most_entries * MEAN_NAME_BYTES, "its directory"))
        found = []
        for entry in self._opened.infolist():
            self.count(entry.filename)
            if entry.external_attr >> 28 == LINK:
                self.refuse("archive", f"{quoted(entry.filename)} is a link")
            if not entry.is_dir():
                found.append(entry.filename)
        self._check_whole()
        return found

    def read(self, entries: Iterable[str]) -> dict[str, bytes]:
        """See `Entries`."""
        found = {}
        for entry in map(self._opened.getinfo, entries):
            if entry.flag_bits & ENCRYPTED:
                self.refuse("archive", f"{quoted(entry.filename)} is encrypted; make the zip without a password")
            if entry.compress_type not in METHODS:
                self.refuse("archive", f"{quoted(entry.filename)} is not compressed by deflate")
            with self._opened.open(entry) as file:
                found[entry.filename] = self.whole(entry.filename, file, entry.file_size)
                file.read(1)  # compares the checksum even of an entry that claims to be empty
        return found

    def _check_whole(self) -> None:
        """Refuse bytes that belong to no entry, and names that differ from those in the directory."""
        whole = self.data.rfind(END_RECORD) + END_BYTES + len(self._opened.comment)
        if not only_zeros(self.data, whole):  # bsdtar pads with zeros
            self.refuse_joined("goes on after its end")
        listed = sorted(self._opened.infolist(), key=lambda entry: entry.header_offset)
        if listed and listed[0].header_offset:
            self.refuse_joined("holds data before its first entry")
        end = 0
        for entry in listed:
            self._check_next(end, entry.header_offset)
            signature, flags, name_bytes, extra_bytes = LOCAL_HEADER.unpack_from(self.data, entry.header_offset)
            begin = entry.header_offset + LOCAL_HEADER.size
            name = bytes(self.data[begin : begin + name_bytes]).decode("utf-8" if flags & UTF_8 else "cp437")
            if signature != ZIP[0] or name != entry.orig_filename:
                raise ValueError(f"{quoted(entry.filename)} is not where its directory says")
            end = begin + name_bytes + extra_bytes + entry.compress_size
        self._check_next(end, self._opened.start_dir)

    def _check_next(self, end: int, begin: int) -> None:
        """Check that what begins here follows what ended there."""
        if begin < end or not only_zeros(self.data, end + DESCRIPTOR_BYTES, begin):
            raise ValueError(f"its directory does not account for bytes {min(end, begin)} to {max(end, begin)}")
