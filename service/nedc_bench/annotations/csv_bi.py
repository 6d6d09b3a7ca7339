"""The ``csv_bi`` annotation format, version ``csv_v1.0.0``: text to a `Recording`, or every fault with its line.

    # version = csv_v1.0.0
    # duration = 1289.0000 secs
    channel,start_time,stop_time,label,confidence
    TERM,42.2786,81.7760,seiz,1.0000

``TERM`` events cover all channels; only they are scored. Times are seconds. Lines may come in any order; blanks within
a row are ignored.

The text is read in blocks of lines, and each block column by column. A block with a faulty row is read again row by row
to find it.

Source: docs/scoring.md sections 1 and 8.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nedc_bench.annotations.csv_bi_header import VERSION, VERSION_LINE, Header, is_header_line
from nedc_bench.annotations.labels import LabelMap
from nedc_bench.annotations.reading import with_newlines
from nedc_bench.annotations.recording import Recording
from nedc_bench.annotations.rows import Notice, Rows, quotes_fault, refuse
from nedc_bench.annotations.source import Text
from nedc_bench.errors import MAX_FINDINGS_PER_FILE, quoted

COLUMNS = "channel,start_time,stop_time,label,confidence"
ALL_CHANNELS = "TERM"
MAX_LINE_CHARACTERS = 1_000  # of a row, blanks apart
BLOCK_CHARACTERS = 1 << 20

__all__ = ["COLUMNS", "VERSION", "read_csv_bi"]

_IN_QUOTES = f"{ALL_CHANNELS} is in quotes, so the row is not one for all channels; write the fields without quotes"
_NUMBERS = {1: "start_time", 2: "stop_time", 4: "confidence"}


def read_csv_bi(text: Text, *, side: str = "", label_map: LabelMap | None = None) -> Recording:
    """Read, check, fill and merge one ``csv_bi`` file.

    Args:
        text: the file.
        side: ``reference`` or ``hypothesis``, for messages.
        label_map: if given, labels that it does not contain are faults, reported with their line.

    Raises:
        InputError: the file is refused; up to `MAX_FINDINGS_PER_FILE` findings say where and why.
    """
    reader = _Reader(label_map)
    if not text.text.strip():
        raise refuse([Notice(None, "empty", f"is empty; a csv_bi file has the line {VERSION_LINE!r}")], text, side)
    for first_line, block in _blocks(text.text):
        reader.read(first_line, block)
    if faults := reader.all_faults():
        raise refuse(faults, text, side)
    return reader.rows.recording(text, side, reader.header.duration, reader.warnings(), reader.header.base_name)


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """The text in blocks of whole lines, each with the number of its first line. Lines end in LF, CR LF or CR."""
    text = with_newlines(text)
    number, begin = 1, 0
    while begin < len(text):
        end = text.find("\n", begin + BLOCK_CHARACTERS) + 1 or len(text)
        block = text[begin:end]
        yield number, block
        number += block.count("\n")
        begin = end


class _Columns(NamedTuple):
    """The rows for all channels, one list per column."""

    lines: Sequence[int]
    channels: Sequence[str]
    starts: Sequence[float]
    stops: Sequence[float]
    labels: Sequence[str]
    confidences: Sequence[float]

    def take(self, kept: Sequence[int]) -> _Columns:
        return _Columns(
            [self.lines[k] for k in kept],
            [self.channels[k] for k in kept],
            [self.starts[k] for k in kept],
            [self.stops[k] for k in kept],
            [self.labels[k] for k in kept],
            [self.confidences[k] for k in kept],
        )


class _Reader:
    """Reads blocks, and collects rows and faults."""

    def __init__(self, label_map: LabelMap | None) -> None:
        self.label_map = label_map
        self.header = Header()
        self.rows = Rows()
        self.faults: list[Notice] = []
        self.column_lines: list[int] = []  # the first, and the first of those that follow a row
        self.first_row_line = 0
        self.first_channel_line = 0
        self.quoted_line = 0  # the first row of ALL_CHANNELS in quotes
        self.channel_events = 0
        self.term_events = 0

    def read(self, first_line: int, block: str) -> None:
        """Read one block."""
        self.header.read(first_line, block)
        if self._has_enough_faults():
            return
        lines = block.replace(" ", "").split("\n")
        named = [k for k, line in enumerate(lines) if COLUMNS in line] if COLUMNS[:8] in block else []
        kept = [k for k, line in enumerate(lines) if line and line[0] != "#" and COLUMNS not in line]
        numbers, texts = [first_line + k for k in kept], [lines[k] for k in kept]
        columns = _columns(numbers, texts) or self._read_each(numbers, texts)
        if columns.lines and not self.first_row_line:
            self.first_row_line = columns.lines[0]
        self._note_column_names([(first_line + k, lines[k][0] == "#") for k in named])
        if columns.channels and columns.channels.count(ALL_CHANNELS) != len(columns.channels):
            columns = self._without_channels(columns)
        if columns.lines:
            self.term_events += len(columns.lines)
            self.rows.add(columns.lines, columns.starts, columns.stops, columns.labels, columns.confidences)

    def all_faults(self) -> list[Notice]:
        """The faults of the file; if it is not of this format, that fault alone."""
        faults = self.header.faults()
        if any(fault.code == "version" for fault in faults):
            return faults
        faults += [*self.faults, *self.rows.faults(self.label_map)]
        if not self.term_events and self.quoted_line and not faults:
            faults.append(Notice(self.quoted_line, "quotes", _IN_QUOTES))
        elif not self.term_events and self.channel_events and not faults:
            message = f"has {self.channel_events} per-channel events and none for {ALL_CHANNELS} (all channels): "
            message += f"only {ALL_CHANNELS} events are scored; use the csv_bi that TUSZ has beside each csv, or set "
            message += "channels to union (--channels union) to score the union of the channels"
            faults.append(Notice(self.first_channel_line, "channel", message))
        return faults

    def warnings(self) -> list[Notice]:
        """The warnings about a file without faults."""
        noticed = self.header.warnings()
        if not self.column_lines:
            noticed.append(Notice(None, "columns", f"has no line with the column names {COLUMNS!r}"))
        elif len(self.column_lines) > 1:
            message = "the column names stand here again, after a row; are these two files in one?"
            noticed.append(Notice(self.column_lines[1], "columns", message))
        if self.quoted_line:
            noticed.append(Notice(self.quoted_line, "channel", _IN_QUOTES))
        if self.channel_events:
            message = f"{self.channel_events} per-channel events are not scored, only those for {ALL_CHANNELS}"
            noticed.append(Notice(self.first_channel_line, "channel", message))
        return noticed

    def _has_enough_faults(self) -> bool:
        """Whether there are as many faults as are reported; the rest of the file is then not read."""
        unknown = 0 if self.label_map is None else len(self.rows.vocabulary) - 1 - len(self.label_map.index)
        return len(self.faults) + max(0, unknown) >= MAX_FINDINGS_PER_FILE

    def _note_column_names(self, lines: list[tuple[int, bool]]) -> None:
        """Note the lines with the column names, and whether each is a comment."""
        for line, is_comment in lines:
            again = len(self.column_lines) == 1 and line > self.first_row_line > 0 and not is_comment
            if again or not self.column_lines:
                self.column_lines.append(line)

    def _without_channels(self, columns: _Columns) -> _Columns:
        """The rows of `ALL_CHANNELS`; other rows are only counted."""
        others = [k for k, channel in enumerate(columns.channels) if channel != ALL_CHANNELS]
        self.channel_events += len(others)
        self.first_channel_line = self.first_channel_line or columns.lines[others[0]]
        in_quotes = (columns.lines[k] for k in others if columns.channels[k].strip("\"'") == ALL_CHANNELS)
        self.quoted_line = self.quoted_line or next(in_quotes, 0)
        return columns.take([k for k, channel in enumerate(columns.channels) if channel == ALL_CHANNELS])

    def _read_each(self, numbers: list[int], texts: list[str]) -> _Columns:
        """The rows without faults, read one by one; collects the faults of the others."""
        found: list[int] = []
        for k, (number, text) in enumerate(zip(numbers, texts, strict=True)):
            if _columns([number], [text]) is not None:
                found.append(k)
            elif text.strip("\t") and not is_header_line(text):
                self.faults += _row_faults(number, text)
                if len(self.faults) >= MAX_FINDINGS_PER_FILE:
                    break
        return _columns([numbers[k] for k in found], [texts[k] for k in found]) or _EMPTY


_EMPTY = _Columns((), (), (), (), (), ())


def _columns(numbers: list[int], rows: list[str]) -> _Columns | None:
    """The rows as columns, or None if one of them is faulty."""
    if not rows:
        return _EMPTY
    if {row.count(",") for row in rows} != {COLUMNS.count(",")} or max(map(len, rows)) > MAX_LINE_CHARACTERS:
        return None
    fields = ",".join(rows).split(",")
    channels, starts, stops, labels, confidences = (fields[column::5] for column in range(5))
    try:
        return _Columns(
            numbers,
            channels,
            list(map(float, starts)),
            list(map(float, stops)),
            labels,
            list(map(float, confidences)),
        )
    except ValueError:
        return None


def _row_faults(number: int, row: str) -> Iterator[Notice]:
    if len(row) > MAX_LINE_CHARACTERS:
        message = f"{quoted(row)} has {len(row)} characters; a row has at most {MAX_LINE_CHARACTERS}"
        yield Notice(number, "line", message)
        return
    fields = row.split(",")
    if (in_quotes := quotes_fault(number, row)) is not None:
        yield in_quotes
    elif fields[0].strip().lower() == "channel":
        yield Notice(number, "columns", f"{quoted(row)} is not the column names {COLUMNS!r}")
    elif fields[0].lower().startswith("version"):
        yield Notice(number, "version", f"{quoted(row)} is not a comment; the version line is {VERSION_LINE!r}")
    elif len(fields) != 5:
        plural = "" if len(fields) == 1 else "s"
        yield Notice(number, "columns", f"{quoted(row)} has {len(fields)} field{plural}; {COLUMNS!r} are 5")
    else:
        for column, name in _NUMBERS.items():
            if not _is_number(fields[column]):
                yield Notice(number, "number", f"{name} {quoted(fields[column])} is not a number")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
