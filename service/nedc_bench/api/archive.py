"""A corpus in one file: a tar or zip with ``ref/`` and ``hyp/``, paired by name.

Nothing is unpacked to a disk. Refused are names that leave their folder, links and devices, encrypted entries, and
archives whose content is larger than the upload limit (bombs), while they are read.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath

from nedc_bench.annotations.source import MAX_FILE_BYTES
from nedc_bench.errors import InputError, refusal
from nedc_bench.jobs.model import PairInput

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
    for path, content in _entries(name, data):
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
        PairInput(sides["ref"][path], f"ref/{path}", sides["hyp"][path], f"hyp/{path}") for path in sorted(sides["ref"])
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


def _entries(archive: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file; content is read no further than one byte past what a file may have."""
    try:
        yield from _members(archive, data)
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001  # over damage the readers raise anything
        raise refusal("archive", f"is not a whole tar or zip file: {error}", file=archive) from None


def _members(archive_name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                if entry.is_dir():
                    continue
                if entry.external_attr >> 28 == 0xA:
                    raise refusal("archive", f"{entry.filename!r} is a link", file=archive_name)
                with archive.open(entry) as file:
                    yield entry.filename, file.read(MAX_FILE_BYTES + 1)
        return
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as archive:
        for member in archive:
            if member.isdir():
                continue
            if not member.isreg():
                raise refusal("archive", f"{member.name!r} is a link or a device", file=archive_name)
            content = archive.extractfile(member)
            assert content is not None
            with content:
                yield member.name, content.read(MAX_FILE_BYTES + 1)
