"""Malicious form bodies: long headers, many parts, and archives that expand to more than they declare."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile

from helpers import annotation

MIB = 2**20
TYPE = "multipart/form-data; boundary=x"
BOMB = 32 * MIB  # twice the limit for a file
NAMED = b'--x\r\nContent-Disposition: form-data; name="reference"; filename="'
ARCHIVE = b'--x\r\nContent-Disposition: form-data; name="archive"; filename="a"\r\n\r\n'
END = b"\r\n--x--\r\n"


def long_name(size: int) -> bytes:
    """A file whose name has ``size`` bytes."""
    return NAMED + b"n" * size + b'"\r\n\r\nx' + END


def headers() -> bytes:
    """A part with two million headers."""
    return b"--x\r\n" + b"X-A: b\r\n" * (16 * MIB // 8) + b"\r\nx" + END


def parts() -> bytes:
    """Very many small parts."""
    return (NAMED + b'a"\r\n\r\nx\r\n') * 600_000 + END[2:]


def large() -> bytes:
    """Two pairs of 15 MiB files with one event each; the rest is comments."""
    file = annotation((1.0, 2.0, "seiz")).encode() + b"# comment\n" * (15 * MIB // 10)
    names = [b"reference", b"hypothesis"] * 2
    body = b"".join(NAMED.replace(b"reference", name) + b'a.csv_bi"\r\n\r\n' + file + b"\r\n" for name in names)
    return body + END[2:]


def blown_up(kind: str) -> bytes:
    """A small tar that expands to 64 MiB."""
    buffer = io.BytesIO()
    quickly = {"gz": {"compresslevel": 1}, "xz": {"preset": 0}}[kind]
    with tarfile.open(None, f"w:{kind}", buffer, **quickly) as opened:  # type: ignore[call-overload]
        for side in ("ref", "hyp"):
            for name in "ab":
                content = annotation((1.0, 2.0, "seiz")).encode().ljust(16 * MIB - 2048, b"\n")
                member = tarfile.TarInfo(f"{side}/{name}.csv_bi")
                member.size = len(content)
                opened.addfile(member, io.BytesIO(content))
    return ARCHIVE + buffer.getvalue() + END


def folders(number: int) -> bytes:
    """A zip of empty folders, built by hand, since the library takes minutes."""
    name = b"%07d/"
    local = b"".join(
        struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 0, 0, 0, 0, 8, 0) + name % entry
        for entry in range(number // 8)
    )
    directory = b"".join(
        struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 16, 0) + name % entry
        for entry in range(number)
    )
    return local + directory + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0, 0, len(directory), len(local), 0)


def bomb(method: int) -> bytes:
    """A zip bomb: its first entry declares a small size."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as opened:
        opened.writestr("ref/a.csv_bi", bytes(BOMB))
        opened.writestr("hyp/a.csv_bi", b"")
    return ARCHIVE + buffer.getvalue().replace(struct.pack("<I", BOMB), struct.pack("<I", 1000)) + END


def long_names(kind: str) -> bytes:
    """An archive with extremely long file names."""
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as opened:
            for entry in range(450):
                opened.writestr(f"{entry}-" + "\N{BRAIN}" * 16_000, b"")
    else:
        with tarfile.open(None, "w:gz", buffer, compresslevel=1) as tar:
            for entry in range(450):
                tar.addfile(tarfile.TarInfo(f"{entry}-" + "n" * 60_000))
    return ARCHIVE + buffer.getvalue() + END
