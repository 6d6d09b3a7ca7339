"""The lines of a ``csv_bi`` file that are about the whole file: version, duration and base name, wherever they stand.

Source: docs/scoring.md sections 1 and 8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from nedc_bench.annotations.recording import MAX_SECONDS
from nedc_bench.annotations.rows import Notice
from nedc_bench.errors import quoted

VERSION = "csv_v1.0.0"
VERSION_LINE = f"# version = {VERSION}"

# A line that may be one of them. The quantifiers are possessive: a line of millions of tabs is looked at once.
_LINE = re.compile(r"^[ \t]*+(?:#[ \t]*+)?(?:version|duration|bname)[^\n]*", re.MULTILINE | re.IGNORECASE)
_LOOSE = re.compile(r"[ \t]*+#[ \t]*+(?:(version)|(duration)[ \t]*+=)(.*)", re.IGNORECASE | re.DOTALL)
_SECONDS = {"s", "sec", "secs", "second", "seconds"}


class _Value(NamedTuple):
    line: int
    text: str  # what stands behind the key


@dataclass(slots=True)
class Header:
    """What the lines say; ``loose`` values stand in lines that the original does not see, and count when no other is there."""

    versions: list[_Value] = field(default_factory=list)  # the first, and the first that differs from it
    durations: list[_Value] = field(default_factory=list)  # those that differ from the one before
    loose_version: _Value | None = None
    loose_duration: _Value | None = None
    base_name: str = ""

    def read(self, first_line: int, block: str) -> None:
        """Read the lines of ``block``, which begins with line ``first_line``."""
        number, seen = first_line, 0
        for match in _LINE.finditer(block):
            number += block.count("\n", seen, match.start())
            seen = match.start()
            self._read_line(number, match[0])

    def _read_line(self, number: int, line: str) -> None:
        if (line.removeprefix("# "))[:7].lower() == "version":
            self._add_version(_Value(number, line[line.lower().index("version") + 7 :]))
            return
        key, _, text = line[1:].partition("=")
        if line[0] == "#" and text and key.strip(" ") == "bname":
            self.base_name = text.strip()
        elif line[0] == "#" and text and key.strip(" ") == "duration":  # with nothing behind "=" it is a comment
            if not self.durations or self.durations[-1].text != text:
                self.durations = [*self.durations[-1:], _Value(number, text)]
        elif (match := _LOOSE.fullmatch(line)) and match[1] and self.loose_version is None:
            self.loose_version = _Value(number, match[3])
        elif match and match[2] == "duration":
            self.loose_duration = _Value(number, match[3])

    def _add_version(self, version: _Value) -> None:
        if not self.versions or (len(self.versions) == 1 and _version(version) != _version(self.versions[0])):
            self.versions.append(version)

    def faults(self) -> list[Notice]:
        """What refuses the file: no version line, another version, no duration, a duration that is none."""
        if (fault := self._version_fault()) is not None:
            return [fault]
        value = self._duration()
        if value is None:
            message = "has no line '# duration = ... secs', with the length of the recording in seconds"
            return [Notice(None, "duration", message)]
        if not 0 < _seconds(value.text) <= MAX_SECONDS:
            message = f"duration must be a number of seconds above 0 and at most {MAX_SECONDS:.0f}, "
            return [Notice(value.line, "duration", f"{message}not {quoted(value.text.strip())}")]
        return []

    def _version_fault(self) -> Notice | None:
        value = self.versions[0] if self.versions else self.loose_version
        if value is None:
            return Notice(None, "version", f"has no line {VERSION_LINE!r}, which names the format")
        if (word := _version(value)) != VERSION:
            message = f"is of version {quoted(word)}, not {VERSION}" if word else "has no version behind 'version'"
            return Notice(value.line, "version", f"{message}; a csv_bi file has the line {VERSION_LINE!r}")
        return None

    def _duration(self) -> _Value | None:
        return self.durations[-1] if self.durations else self.loose_duration

    @property
    def duration(self) -> float:
        """Seconds; where there are no faults."""
        value = self._duration()
        assert value is not None
        return _seconds(value.text)

    def warnings(self) -> list[Notice]:
        """What a person may want to know; where there are no faults."""
        noticed = []
        if len(self.versions) > 1:
            line, word = self.versions[1].line, _version(self.versions[1])
            noticed.append(Notice(line, "version", f"another version, {quoted(word)}, is not read: the first counts"))
        earlier = [value for value in self.durations[:-1] if _seconds(value.text) != self.duration]
        if earlier:
            message = f"duration {self.duration} differs from the one in line {earlier[0].line}; the last one counts"
            noticed.append(Notice(self.durations[-1].line, "duration", message))
        value = self._duration()
        assert value is not None
        unit = "".join(value.text.split()[1:2])
        if unit and unit.strip(".,;").lower() not in _SECONDS:
            message = f"duration has the unit {quoted(unit)} and is taken as seconds"
            noticed.append(Notice(value.line, "unit", message))
        return noticed


def is_header_line(line: str) -> bool:
    """Whether the line is a version or duration line with tabs before its ``#``: no row, though the original takes it for one."""
    return _LOOSE.match(line) is not None


def _version(value: _Value) -> str:
    """The first word, in lower case."""
    return "".join(value.text.replace("=", "").replace('"', "").split(maxsplit=1)[:1]).lower()


def _seconds(text: str) -> float:
    """The number that the first word is, or NaN."""
    words = text.split(maxsplit=1)
    try:
        return float(words[0]) if words else float("nan")
    except ValueError:
        return float("nan")
