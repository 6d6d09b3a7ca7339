"""Shared by the readers of formats: options of reading, events with their lines, and faults."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite, nan
from typing import NamedTuple

from nedc_bench.annotations.labels import LabelMap
from nedc_bench.annotations.recording import MAX_SECONDS, Recording
from nedc_bench.annotations.rows import Notice, Rows, refuse
from nedc_bench.annotations.source import Text
from nedc_bench.annotations.timeline import FILLER
from nedc_bench.checks import parsed_number
from nedc_bench.errors import MAX_FINDINGS_PER_FILE, Finding, InputError, quoted

SEIZURE = "seiz"
SEIZURE_WORDS = frozenset({"seiz", "seizure", "seizures", "sz"})
SEIZURE_PREFIX = "sz_"  # of HED-SCORE's seizure types, such as sz_foc_ia_nm
BACKGROUND_WORDS = frozenset({FILLER, "background", "impd", "n/a"})  # impd: an impedance check
MAX_SHOWN_LABELS = 5
HEAD = 65_536  # characters


_VERSION = re.compile(r"(?i)[ \t]*+#?[ \t]*+version[ \t=\"]*+([a-z]++_v[^\s\"]*+)")


class DurationUnknownError(InputError):
    """The file is valid but does not state its duration; the other side of its pair may."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Options of reading a file.

    Attributes:
        side: ``reference`` or ``hypothesis``, for messages.
        label_map: if given, labels that it does not contain are faults, reported with their line.
        channels: ``refuse`` a file of per-channel events, or take their ``union``.
        duration: seconds, from the other side; for formats without a duration.
    """

    side: str = ""
    label_map: LabelMap | None = None
    channels: str = "refuse"
    duration: float | None = None

    def scored_label(self, label: str) -> str | None:
        """The label under which a format's own word is scored; None if it is unknown.

        A label of the map stays, or becomes ``bckg`` if it is in that class. Otherwise words for a seizure become
        ``seiz``, and words for background ``bckg``.
        """
        known = None if self.label_map is None else self.label_map.index
        folded = label.casefold()
        for candidate in (label, folded):
            if known is not None and candidate in known:
                return FILLER if known[candidate] == known.get(FILLER) else candidate
        if folded in BACKGROUND_WORDS:
            return FILLER
        if (folded in SEIZURE_WORDS or folded.startswith(SEIZURE_PREFIX)) and (known is None or SEIZURE in known):
            return SEIZURE
        return label if known is None else None


class Row(NamedTuple):
    """An event and its line number (0: none)."""

    line: int
    start: float
    stop: float
    label: str
    confidence: float = 1.0
    channel: str = ""


@dataclass(slots=True)
class Events:
    """Events in file order, and faults, for formats that are read event by event."""

    file: Text
    reading: Reading
    rows: list[Row] = field(default_factory=list)
    faults: list[Notice] = field(default_factory=list)
    warnings: list[Notice] = field(default_factory=list)

    def number(self, line: int, name: str, text: str) -> float:
        """``text`` as a finite number; NaN, and a fault, if it is not one."""
        try:
            value = parsed_number(text)
        except ValueError:
            value = nan
        if not isfinite(value):
            self.fault(line, "number", f"{name} {quoted(text)} is not a finite number")
            return nan
        return value

    def add(self, row: Row) -> None:
        """Add an event; a time that is not a number is already a fault."""
        if row.start == row.start and row.stop == row.stop:  # not NaN
            self.rows.append(row)

    def fault(self, line: int | None, code: str, message: str) -> None:
        """Add a fault, for which the file is refused.

        Raises:
            InputError: the limit of reported faults is reached.
        """
        self.faults.append(Notice(line, code, message))
        if len(self.faults) >= MAX_FINDINGS_PER_FILE:
            raise self.refused()

    def warn(self, line: int | None, code: str, message: str) -> None:
        """Add a warning."""
        self.warnings.append(Notice(line, code, message))

    def refused(self) -> InputError:
        """The error with the faults so far."""
        return refuse(self.faults, self.file, self.reading.side)

    def recording(self, duration: float | None, where: str = "") -> Recording:
        """The events, filled and merged to ``duration`` seconds.

        Args:
            duration: None if neither the file nor the other side states it.
            where: the ways to state it, for the message.

        Raises:
            InputError: there are faults, or the duration is out of range.
            DurationUnknownError: there are no faults, but the duration is unknown.
        """
        rows = Rows()
        if self.rows:
            lines, starts, stops, labels, confidences, _ = zip(*self.rows, strict=True)
            rows.add(lines, starts, stops, labels, confidences)
        self.faults += rows.faults(self.reading.label_map)
        if duration is not None and not 0 < duration <= MAX_SECONDS:
            most = f"above 0 and at most {MAX_SECONDS:.0f} s" if isfinite(duration) else "a finite number of seconds"
            message = f"duration must be {most}, not {duration}"
            self.faults.append(Notice(None, "duration", message))
        if self.faults:
            raise self.refused()
        if duration is None:
            message = f"does not state the recording's duration ({where}); the other side of the pair must state it"
            raise DurationUnknownError([Finding(self.reading.side, self.file.name, None, "duration", message)])
        return rows.recording(self.file, self.reading.side, duration, self.warnings)


def is_version_line(events: Events, number: int, line: str, version: str) -> bool:
    """Whether the line names the version of an annotation format; one other than ``version`` is a fault."""
    found = _VERSION.match(line)
    if found and found[1].lower() != version:
        message = f"is of version {quoted(found[1])}, not {version}; only {version} is read"
        events.fault(number, "version", message)
    return found is not None


def with_newlines(text: str) -> str:
    """The text with lines that end in LF, not CR LF or CR."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def head_of(text: str) -> str:
    """The whole lines in the first `HEAD` characters, enough to recognise a format; they end in LF."""
    text = with_newlines(text)
    return text if len(text) <= HEAD else text[: text.rfind("\n", 0, HEAD) + 1] or text[:HEAD]


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    """The number and text of each line that is not blank; lines end in LF, CR LF or CR."""
    lines = enumerate(io.StringIO(text, newline=None), 1)
    return ((number, line.rstrip("\n")) for number, line in lines if not line.isspace())


def union_of_channels(rows: Iterable[Row], label_map: LabelMap | None) -> list[Row]:
    """The union of per-channel events: an event lasts as long as any channel has one.

    Events of one scoring class (without a map, of one label) are joined and get the label of the first. Background is
    dropped, under any label of its class; it fills the rest.
    """
    known: Mapping[str, object] = {} if label_map is None else label_map.index
    background = known.get(FILLER, FILLER)
    groups: dict[object, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row.start, row.stop)):
        kind = known.get(row.label, row.label)
        if kind == background:
            continue
        group = groups.setdefault(kind, [])
        if group and row.start <= group[-1].stop:
            group[-1] = group[-1]._replace(stop=max(group[-1].stop, row.stop))
        else:
            group.append(row)
    return sorted((row for group in groups.values() for row in group), key=lambda row: (row.start, row.stop))


def covers_without_gaps(rows: Iterable[Row]) -> float | None:
    """The end of the events, if they cover the time from 0 without a gap (to 4 digits) and some are background."""
    reached, background = 0.0, False
    for row in sorted(rows, key=lambda row: (row.start, row.stop)):
        if round(row.start, 4) != round(reached, 4):
            return None
        reached, background = row.stop, background or row.label == FILLER
    return reached if background else None


def shown(labels: Iterable[str]) -> str:
    """A few labels for a message."""
    names = list(dict.fromkeys(labels))
    text = ", ".join(quoted(name) for name in names[:MAX_SHOWN_LABELS])
    return text + (f" and {len(names) - MAX_SHOWN_LABELS} more" if len(names) > MAX_SHOWN_LABELS else "")
