"""The header lines of a ``csv_bi`` file (version, duration, base name), wherever they stand.

Source: docs/scoring.md sections 1 and 8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import isinf
from typing import NamedTuple

from nedc_bench.annotations.recording import MAX_SECONDS
from nedc_bench.annotations.rows import Notice
from nedc_bench.errors import quoted

VERSION = "csv_v1.0.0"
VERSION_LINE = f"# version = {VERSION}"

# A candidate line. The quantifiers are possessive, so that a line of millions of tabs is scanned once.
_LINE = re.compile(r"^[ \t]*+(?:#[ \t]*+)?(?:version|duration|bname)[^\n]*", re.MULTILINE | re.IGNORECASE)
_MEANT = re.compile(r"[ \t]*+#[ \t]*+(?:((?i:version))|(duration)[ \t]*+=)(.*)", re.DOTALL)
_SECONDS = {"s", "sec", "secs", "second", "seconds"}


class _Value(NamedTuple):
    line: int
    text: str  # what stands behind the key


@dataclass(slots=True)
class _Values:
    """Version and duration lines: at most two of each, the one that counts and one that differs from it."""

    versions: list[_Value] = field(default_factory=list)  # the first, and the first that differs from it
    durations: list[_Value] = field(default_factory=list)  # the last, and before it the last that differs from it

    def add_version(self, number: int, text: str) -> None:
        version = _Value(number, text)
        if not self.versions or (len(self.versions) == 1 and _version(version) != _version(self.versions[0])):
            self.versions.append(version)

    def add_duration(self, number: int, text: str) -> None:
        differs = self.durations and _seconds(text) != _seconds(self.durations[-1].text)
        self.durations = [*(self.durations[-1:] if differs else self.durations[:-1]), _Value(number, text)]


class Header:
    """The content of these lines. Lines that the original ignores (other blanks, tabs) count if it would find none."""

    def __init__(self) -> None:
        self._seen = _Values()
        self._meant = _Values()
        self.base_name = ""

    def read(self, first_line: int, block: str) -> None:
        """Read the lines of ``block``, which begins with line ``first_line``."""
        number, seen = first_line, 0
        for match in _LINE.finditer(block):
            number += block.count("\n", seen, match.start())
            seen = match.start()
            self._read_line(number, match[0])

    def _read_line(self, number: int, line: str) -> None:
        if line.removeprefix("# ")[:7].lower() == "version":
            self._seen.add_version(number, line[line.lower().index("version") + 7 :])
            return
        key, _, text = line[1:].partition("=")
        key = key.strip(" ") if line[0] == "#" and text else ""  # with nothing behind "=" it is a comment
        if key == "bname":
            self.base_name = text.strip()
        elif key == "duration":
            self._seen.add_duration(number, text)
        elif (match := _MEANT.fullmatch(line)) and match[1]:
            self._meant.add_version(number, match[3])
        elif match:
            self._meant.add_duration(number, match[3])

    @property
    def _versions(self) -> list[_Value]:
        return self._seen.versions or self._meant.versions

    @property
    def _durations(self) -> list[_Value]:
        return self._seen.durations or self._meant.durations

    @property
    def duration(self) -> float:
        """Seconds; valid if there are no faults."""
        return _seconds(self._durations[-1].text)

    def faults(self) -> list[Notice]:
        """The faults: no version line, another version, no duration, or an invalid duration."""
        if (fault := self._version_fault()) is not None:
            return [fault]
        if not self._durations:
            message = "has no line '# duration = ... secs', with the length of the recording in seconds"
            return [Notice(None, "duration", message)]
        if not 0 < self.duration <= MAX_SECONDS:
            line, text = self._durations[-1]
            expected = f"a number of seconds above 0 and at most {MAX_SECONDS:.0f}"
            expected = "a finite number of seconds" if isinf(self.duration) else expected
            return [Notice(line, "duration", f"duration must be {expected}, not {quoted(text.strip())}")]
        return []

    def _version_fault(self) -> Notice | None:
        if not self._versions:
            return Notice(None, "version", f"has no line {VERSION_LINE!r}, which names the format")
        value = self._versions[0]
        if (word := _version(value)) != VERSION:
            message = f"is of version {quoted(word)}, not {VERSION}" if word else "has no version behind 'version'"
            return Notice(value.line, "version", f"{message}; a csv_bi file has the line {VERSION_LINE!r}")
        return None

    def warnings(self) -> list[Notice]:
        """The warnings; valid if there are no faults."""
        noticed = []
        if len(self._versions) > 1:
            line, word = self._versions[1].line, _version(self._versions[1])
            noticed.append(Notice(line, "version", f"another version, {quoted(word)}, is not read: the first counts"))
        last = self._durations[-1]
        if len(self._durations) > 1:
            message = f"duration {self.duration} differs from the one in line {self._durations[0].line}"
            noticed.append(Notice(last.line, "duration", f"{message}; the last one counts"))
        unit = "".join(last.text.split()[1:2])
        if unit and unit.strip(".,;").lower() not in _SECONDS:
            message = f"duration has the unit {quoted(unit)} and is taken as seconds"
            noticed.append(Notice(last.line, "unit", message))
        return noticed


def is_header_line(line: str) -> bool:
    """Whether the line is a version or duration line after tabs, which the original reads as a row."""
    return _MEANT.match(line) is not None


def _version(value: _Value) -> str:
    """The first word, in lower case."""
    return "".join(value.text.replace("=", "").replace('"', "").split(maxsplit=1)[:1]).lower()


def _seconds(text: str) -> float:
    """The first word as a number, or NaN."""
    words = text.split(maxsplit=1)
    try:
        return float(words[0]) if words else float("nan")
    except ValueError:
        return float("nan")
