"""Small archives, read without a server."""

from __future__ import annotations

from typing import Any

from helpers import annotation, refusal
from nedc_bench.api.archive import read_archive
from nedc_bench.errors import Finding
from nedc_bench.execution import PairInput

NAME = "corpus"
FILES = {
    "c/README.md": b"# A corpus\n",
    **{
        f"c/{side}/{name}.csv_bi": annotation((1.0, float(stop), "seiz")).encode()
        for stop, (side, name) in enumerate([("ref", "a"), ("hyp", "a"), ("ref", "b"), ("hyp", "b")], 2)
    },
}


def read(archive: bytes | bytearray, **options: Any) -> tuple[list[PairInput], tuple[Finding, ...]]:
    """The pairs of an archive, and the warnings."""
    limits: dict[str, Any] = {"max_pairs": 1000, "max_bytes": 2**26, "take": lambda _: None}
    return read_archive(NAME, archive, **limits | options)


def refused(archive: bytes | bytearray, **options: Any) -> str:
    """What is said when an archive is refused."""
    return str(refusal(lambda: read(archive, **options)))
