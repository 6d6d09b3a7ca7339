"""What the readers of formats share: how a file is to be read, its events with the lines they stand on, and its faults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import NamedTuple, NoReturn

import numpy as np

from nedc_bench.annotations.labels import LabelMap
from nedc_bench.annotations.recording import (
    FILLER,
    FILLER_CODE,
    MAX_SECONDS,
    Recording,
    fill_and_merge,
    find_irregularities,
    time_order,
)
from nedc_bench.annotations.source import Text
from nedc_bench.errors import MAX_FINDINGS_PER_FILE, Finding, InputError, quoted

SEIZURE = "seiz"
SEIZURE_WORDS = frozenset({"seiz", "seizure", "seizures", "sz"})
SEIZURE_PREFIX = "sz_"  # of HED-SCORE's seizure types, such as sz_foc_ia_nm
BACKGROUND_WORDS = frozenset({FILLER, "background", "impd", "n/a"})  # impd: an impedance check
MAX_SHOWN_LABELS = 5


class DurationUnknownError(InputError):
    """The file is fine but does not say how long its recording is; the other side of its pair may."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is read.

    Attributes:
        side: ``reference`` or ``hypothesis``, for messages.
        label_map: when given, labels that it does not know are faults with their line.
        channels: ``refuse`` a file of per-channel events, or take their ``union``.
        duration: seconds, of the other side; for formats that do not state one.
    """

    side: str = ""
    label_map: LabelMap | None = None
    channels: str = "refuse"
    duration: float | None = None

    def scored_label(self, label: str) -> str | None:
        """The label that one of a format with words of its own is scored under; None where it is unknown.

        What the map names stands. Beyond that, what means a seizure is ``seiz``, and what means none is ``bckg``.
        """
        known = None if self.label_map is None else self.label_map.index
        folded = label.casefold()
        for candidate in (label, folded):
            if known is not None and candidate in known:
                return candidate
        if folded in BACKGROUND_WORDS:
            return FILLER
        if (folded in SEIZURE_WORDS or folded.startswith(SEIZURE_PREFIX)) and (known is None or SEIZURE in known):
            return SEIZURE
        return label if known is None else None


class Row(NamedTuple):
    """An event and the line it stands on (0: none)."""

    line: int
    start: float
    stop: float
    label: str
    confidence: float = 1.0
    channel: str = ""


@dataclass(slots=True)
class Events:
    """The events of one file in file order, and what is wrong with it."""

    file: Text
    reading: Reading
    rows: list[Row] = field(default_factory=list)
    faults: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)

    def number(self, line: int, name: str, text: str) -> float:
        """The finite number that ``text`` writes; NaN, and a fault, where it writes none."""
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not isfinite(value):
            self.fault(line, "number", f"{name} {quoted(text)} is not a finite number")
            return float("nan")
        return value

    def add(self, row: Row) -> None:
        """Take an event whose times are in order and whose label the map knows; else note the fault."""
        label_map = self.reading.label_map
        if row.start != row.start or row.stop != row.stop:  # NaN: already a fault
            return
        if not -MAX_SECONDS <= row.start <= MAX_SECONDS or not -MAX_SECONDS <= row.stop <= MAX_SECONDS:
            self.fault(row.line, "time", f"{row.start} to {row.stop} is beyond {MAX_SECONDS:.0f} seconds")
        elif row.stop < row.start:
            self.fault(row.line, "order", f"the event stops at {row.stop} s, before it starts at {row.start} s")
        elif label_map is not None and row.label not in label_map.index:
            self.fault(row.line, "label", label_map.unknown(row.label))
        else:
            self.rows.append(row)

    def fault(self, line: int | None, code: str, message: str) -> None:
        """Note why the file is refused."""
        self.faults.append(self._finding(line, code, message))
        if len(self.faults) >= MAX_FINDINGS_PER_FILE:
            raise InputError(self.faults)

    def warn(self, line: int | None, code: str, message: str) -> None:
        """Note what a person would want to know."""
        self.warnings.append(self._finding(line, code, message))

    def refuse_unknown_duration(self, where: str) -> NoReturn:
        """Refuse a file that does not state its duration, while no other side is known that does.

        Args:
            where: which ways there are to state it.
        """
        message = f"does not say how long the recording is ({where}); the other side of the pair must say it"
        raise DurationUnknownError([self._finding(None, "duration", message)])

    def recording(self, duration: float) -> Recording:
        """The events, filled and merged to ``duration`` seconds.

        Raises:
            InputError: there are faults, or the duration is out of its range.
        """
        if not 0 < duration <= MAX_SECONDS:
            message = f"duration must be more than 0 and at most {MAX_SECONDS:.0f} s, not {duration}"
            self.fault(None, "duration", message)
        if self.faults:
            raise InputError(self.faults)
        vocabulary = {FILLER: FILLER_CODE}
        codes = [vocabulary.setdefault(row.label, len(vocabulary)) for row in self.rows]
        first_lines = [0] * len(vocabulary)
        for row, code in zip(self.rows, codes, strict=True):
            first_lines[code] = first_lines[code] or row.line
        starts, stops, confidences = (
            np.array(column, dtype=np.float64)
            for column in zip(*((row.start, row.stop, row.confidence) for row in self.rows), strict=True)
        ) if self.rows else (np.zeros(0), np.zeros(0), np.zeros(0))
        order = time_order(starts, stops)
        starts, stops = starts[order], stops[order]
        lines = np.array([row.line for row in self.rows], dtype=np.intp)[order]
        for found in find_irregularities(duration, starts, stops):
            self.warn(int(lines[found.events].min()) or None, found.code, found.message)
        timeline = fill_and_merge(duration, starts, stops, confidences[order], np.array(codes, dtype=np.intp)[order])
        return Recording(
            self.file.name,
            self.file.sha256,
            duration,
            *timeline,
            tuple(vocabulary),
            tuple(first_lines),
            tuple(self.warnings),
        )

    def _finding(self, line: int | None, code: str, message: str) -> Finding:
        return Finding(self.reading.side, self.file.name, line, code, message)


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    """The number and text of every line that is not blank; a line ends in LF, CR LF or CR."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return ((number, line) for number, line in enumerate(plain.split("\n"), 1) if line.strip())


def union_of_channels(rows: Iterable[Row], label_map: LabelMap | None) -> list[Row]:
    """Per-channel events as events of all channels: from where any channel has one to where none has one any more.

    Events of one scoring class (without a map, of one label) are joined, and called by the label of the first.
    Background is left out: it is what remains.
    """
    groups: dict[object, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row.start, row.stop)):
        if row.label == FILLER:
            continue
        group = groups.setdefault(row.label if label_map is None else label_map.index[row.label], [])
        if group and row.start <= group[-1].stop:
            group[-1] = group[-1]._replace(stop=max(group[-1].stop, row.stop))
        else:
            group.append(row)
    return sorted((row for group in groups.values() for row in group), key=lambda row: (row.start, row.stop))


def covers_without_gaps(rows: Iterable[Row]) -> float | None:
    """Where the events end, when they follow each other from 0 without a gap at four digits and some are background."""
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
