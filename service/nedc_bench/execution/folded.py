"""The stored form of a request's figures: the result document and the reports, without file names.

A placeholder stands for each file: its side and its pair's number between two characters that no text contains. `named`
inserts the names when a client reads, so that cached data depends on contents alone.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from nedc_bench.errors import Finding
from nedc_bench.reports.page import render_lines

REFERENCE, HYPOTHESIS = "reference", "hypothesis"
_BEGIN, _END = "\ufdd0", "\ufdd1"  # noncharacters of Unicode: set aside for use within a program
_PLACEHOLDER = re.compile(f"{_BEGIN}(?:({REFERENCE})|{HYPOTHESIS})([0-9]+){_END}".encode())

Names = Sequence[tuple[str, str]]  # of each pair's reference and hypothesis


class Folded(msgspec.Struct, frozen=True, array_like=True):
    """The figures of a request, each part compressed.

    Attributes:
        document: the result document, JSON.
        reports: the text reports by name, msgpack.
        sources: the data from which the page is made on request (`nedc_bench.execution.work.page_data`).
    """

    document: bytes
    reports: bytes
    sources: bytes

    def result(self, names: Names) -> bytes:
        """The result document, with the names of the files."""
        return named(zlib.decompress(self.document), names, quoted=True)

    def report(self, name: str, names: Names) -> bytes | None:
        """A text report, or None if the request has none with that name."""
        text = msgspec.msgpack.decode(zlib.decompress(self.reports), type=dict[str, str]).get(name)
        return None if text is None else named(text.encode(), names)


def page(data: bytes, names: Names) -> bytes:
    """The page with its data and the names of the files."""
    return "".join(f"{line}\n" for line in render_lines([named(data, names, quoted=True).decode()])).encode()


def placeholder(side: str, number: int | None = None) -> str:
    """The placeholder for a file's name; without a number in the entry of a single pair."""
    return f"{_BEGIN}{side}{'' if number is None else number}{_END}"


def numbered(finding: Finding, number: int) -> Finding:
    """A finding on a single pair, with the number that the pair has in the request."""
    file, message = finding.file, finding.message
    for side in (REFERENCE, HYPOTHESIS):
        one, several = placeholder(side), placeholder(side, number)
        file, message = file.replace(one, several), message.replace(one, several)
    return replace(finding, file=file, message=message)


def named(text: bytes, names: Names, *, quoted: bool = False) -> bytes:
    """The text with the names of files inserted; ``quoted`` escapes them for JSON strings."""

    def name(match: re.Match[bytes]) -> bytes:
        number = int(match[2])
        if number >= len(names):
            return match[0]
        found = names[number][0 if match[1] else 1]
        return msgspec.json.encode(found)[1:-1] if quoted else found.encode("utf-8", "replace")

    return _PLACEHOLDER.sub(name, text)


def with_names(findings: Sequence[Finding], names: Names) -> tuple[Finding, ...]:
    """Findings with the names of files."""
    return tuple(
        Finding(
            found.side,
            named(found.file.encode(), names).decode(),
            found.line,
            found.code,
            named(found.message.encode(), names).decode(),
        )
        for found in findings
    )
