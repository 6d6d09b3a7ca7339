"""The ``csv_bi`` annotation format, version ``csv_v1.0.0``: text to a `Recording`, or every fault with its line.

    # version = csv_v1.0.0
    # duration = 1289.0000 secs
    channel,start_time,stop_time,label,confidence
    TERM,42.2786,81.7760,seiz,1.0000

``TERM`` events cover all channels and are the ones that are scored. Times are seconds.

Source: docs/scoring.md sections 1 and 8.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

import numpy as np

from nedc_bench.annotations.labels import LabelMap
from nedc_bench.annotations.recording import (
    FILLER,
    FILLER_CODE,
    MAX_SECONDS,
    Codes,
    Floats,
    Recording,
    fill_and_merge,
    find_irregularities,
    time_order,
)
from nedc_bench.annotations.source import Source, Text, read_text
from nedc_bench.errors import MAX_FINDINGS_PER_FILE, Finding, InputError, quoted

VERSION = "csv_v1.0.0"
COLUMNS = "channel,start_time,stop_time,label,confidence"
ALL_CHANNELS = "TERM"
MAX_EVENTS = 100_000
MAX_LINES = 2 * MAX_EVENTS  # with comments, blank lines and per-channel events
MAX_LINE_CHARACTERS = 1_000


def read_recording(
    source: Source | Recording, *, side: str = "", name: str | None = None, label_map: LabelMap | None = None
) -> Recording:
    """Read, check, fill and merge one ``csv_bi`` file.

    Args:
        source: a path or an open file; a `Recording` comes back as it is.
        side: ``reference`` or ``hypothesis``, for messages.
        name: the file's name for messages and reports, where it is not its path.
        label_map: when given, labels that it does not know are faults with their line.

    Raises:
        InputError: the file is refused; up to `MAX_FINDINGS_PER_FILE` findings say where and why.
    """
    if isinstance(source, Recording):
        return source
    return read_csv_bi(read_text(source, side, name), side=side, label_map=label_map)


def read_csv_bi(text: Text, *, side: str = "", label_map: LabelMap | None = None) -> Recording:
    """The recording of a ``csv_bi`` text; arguments and errors are those of `read_recording`."""
    return _Reader(text, side, label_map).read()


@dataclass(slots=True)
class _Rows:
    """The ``TERM`` events in file order, a column a list, with the line each stands on."""

    lines: list[int] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    stops: list[float] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)


class _Reader:
    """Reads one text; collects faults until there are `MAX_FINDINGS_PER_FILE`."""

    def __init__(self, text: Text, side: str, label_map: LabelMap | None) -> None:
        self.file = text
        self.side = side
        self.label_map = label_map
        self.faults: list[Finding] = []
        self.duration = -1.0
        self.vocabulary = {FILLER: FILLER_CODE}
        self.label_lines = [0]
        self.channel_events = 0
        self.first_channel_line = 0
        self.rows = _Rows()

    def read(self) -> Recording:
        """The recording, or the faults."""
        line_count = self.file.text.count("\n")
        if line_count > MAX_LINES:
            self._fault(None, "size", f"has {line_count} lines; a file has at most {MAX_LINES}")
            raise InputError(self.faults)
        lines = self.file.text.split("\n")
        body = self._read_header(lines)
        if body is not None and not self._read_columns(lines, body):
            self._read_events(lines, body)
        if not self.rows.lines and self.channel_events and not self.faults:
            message = f"has {self.channel_events} per-channel events and none for {ALL_CHANNELS} (all channels): "
            message += f"only {ALL_CHANNELS} events are scored; write csv_bi with channel {ALL_CHANNELS}"
            self._fault(self.first_channel_line, "channel", message)
        if self.faults:
            raise InputError(self.faults)
        return self._recording()

    # -- header

    def _read_header(self, lines: list[str]) -> int | None:
        """Read the lines up to the column names; the index of the first line after them."""
        if not self.file.text.strip():
            self._fault(None, "empty", f"is empty; a csv_bi file begins with '# version = {VERSION}'")
            return None
        if VERSION not in lines[0]:
            self._fault(1, "version", f"{quoted(lines[0])} is not the version line '# version = {VERSION}'")
        body = None
        for k, line in enumerate(lines):
            text = line.strip()
            if text.startswith("#"):
                self._read_header_line(k + 1, text)
            elif text:
                body = k
                break
        if self.duration < 0 and not any(fault.code == "duration" for fault in self.faults):
            self._fault(None, "duration", "has no '# duration = ... secs' line")
        if body is None:
            self._fault(None, "columns", f"has no line with the column names {COLUMNS!r}")
            return None
        if _compact(lines[body]) != COLUMNS:
            self._fault(body + 1, "columns", f"{quoted(lines[body].strip())} is not the column names {COLUMNS!r}")
            return None
        return body + 1

    def _read_header_line(self, number: int, line: str) -> None:
        key, _, text = line[1:].partition("=")
        if key.strip() != "duration":
            return
        words = text.split(maxsplit=1)
        value = _number(words[0]) if words else None
        if value is None or not 0 <= value <= MAX_SECONDS:
            wanted = f"duration must be a number of seconds from 0 to {MAX_SECONDS:.0f}, not {quoted(text.strip())}"
            self._fault(number, "duration", wanted)
            return
        if self.duration >= 0 and value != self.duration:
            self._fault(number, "duration", f"duration {quoted(words[0])} contradicts an earlier line")
        self.duration = value

    # -- events

    def _read_columns(self, lines: list[str], body: int) -> bool:
        """Read a body of ``TERM`` events without any fault at once; False where it must be read line by line."""
        end = len(lines) if lines[-1] else len(lines) - 1
        rows = lines[body:end]
        if len(rows) > MAX_EVENTS or max(map(len, rows), default=0) > MAX_LINE_CHARACTERS:
            return False
        if {row.count(",") for row in rows} != {COLUMNS.count(",")}:
            return False
        fields = _compact(",".join(rows)).split(",")
        channels, start_texts, stop_texts, labels, confidence_texts = (fields[column::5] for column in range(5))
        texts = "".join(start_texts + stop_texts + confidence_texts)
        try:
            starts, stops, confidences = (
                list(map(float, column)) for column in (start_texts, stop_texts, confidence_texts)
            )
        except ValueError:
            return False
        start, stop, confidence = np.array(starts), np.array(stops), np.array(confidences)
        if (
            "_" in texts
            or not texts.isascii()
            or set(channels) != {ALL_CHANNELS}
            or (self.label_map is not None and not set(labels).issubset(self.label_map.index))
            or not ((start >= 0) & (stop > start) & (stop <= MAX_SECONDS) & np.isfinite(confidence)).all()
        ):
            return False
        for label in dict.fromkeys(labels):
            self._label_code(body + 1 + labels.index(label), label)
        codes = [self.vocabulary[label] for label in labels]
        self.rows = _Rows(list(range(body + 1, end + 1)), starts, stops, confidences, codes)
        return True

    def _read_events(self, lines: list[str], body: int) -> None:
        for number in range(body, len(lines)):
            line = lines[number].strip()
            if not line or line[0] == "#":
                continue
            if len(line) > MAX_LINE_CHARACTERS:
                message = f"{quoted(line)} has {len(line)} characters; a line has at most {MAX_LINE_CHARACTERS}"
                self._fault(number + 1, "line", message)
            else:
                self._read_event(number + 1, _compact(line))
            if len(self.faults) >= MAX_FINDINGS_PER_FILE:
                return
            if len(self.rows.lines) > MAX_EVENTS:
                self._fault(number + 1, "size", f"is the event after {MAX_EVENTS}; no more are scored in one file")
                return

    def _read_event(self, number: int, line: str) -> None:
        fields = line.split(",")
        if len(fields) != 5:
            self._fault(number, "columns", f"{quoted(line)} has {len(fields)} fields; {COLUMNS!r} are 5")
            return
        channel, start_text, stop_text, label, confidence_text = fields
        start, stop, confidence = _number(start_text), _number(stop_text), _number(confidence_text)
        if start is None or stop is None or confidence is None:
            for name, text, value in zip(
                ("start_time", "stop_time", "confidence"),
                (start_text, stop_text, confidence_text),
                (start, stop, confidence),
                strict=True,
            ):
                if value is None:
                    self._fault(number, "number", f"{name} {quoted(text)} is not a finite number")
            return
        if start < 0 or stop > MAX_SECONDS:
            message = f"{quoted(line)} is not within 0 to {MAX_SECONDS:.0f} seconds"
            self._fault(number, "time", message)
        elif stop <= start:
            self._fault(number, "order", f"stop_time {quoted(stop_text)} is not after start_time {quoted(start_text)}")
        elif channel != ALL_CHANNELS:
            self.first_channel_line = self.first_channel_line or number
            self.channel_events += 1
        else:
            rows = self.rows
            rows.lines.append(number)
            rows.starts.append(start)
            rows.stops.append(stop)
            rows.confidences.append(confidence)
            rows.labels.append(self._label_code(number, label))

    def _label_code(self, number: int, label: str) -> int:
        code = self.vocabulary.setdefault(label, len(self.vocabulary))
        if code == len(self.label_lines):
            self.label_lines.append(number)
        elif not self.label_lines[code]:
            self.label_lines[code] = number
        if self.label_map is not None and label not in self.label_map.index:
            self._fault(number, "label", self.label_map.unknown(label))
        return code

    # -- result

    def _recording(self) -> Recording:
        rows = self.rows
        starts, stops = np.array(rows.starts, dtype=np.float64), np.array(rows.stops, dtype=np.float64)
        order = time_order(starts, stops)
        starts, stops = starts[order], stops[order]
        labels = np.array(rows.labels, dtype=np.intp)[order]
        warnings = self._warnings(np.array(rows.lines, dtype=np.intp)[order], starts, stops)
        timeline = fill_and_merge(
            self.duration, starts, stops, np.array(rows.confidences, dtype=np.float64)[order], labels
        )
        return Recording(
            self.file.name,
            self.file.sha256,
            self.duration,
            *timeline,
            tuple(self.vocabulary),
            tuple(self.label_lines),
            tuple(warnings),
        )

    def _warnings(self, lines: Codes, starts: Floats, stops: Floats) -> list[Finding]:
        warnings = []
        if self.channel_events:
            message = f"{self.channel_events} per-channel events are not scored, only those for {ALL_CHANNELS}"
            warnings.append(self._finding(self.first_channel_line, "channel", message))
        noticed = find_irregularities(self.duration, starts, stops)
        warnings += [self._finding(int(lines[found.events].min()), found.code, found.message) for found in noticed]
        return warnings

    def _finding(self, line: int | None, code: str, message: str) -> Finding:
        return Finding(self.side, self.file.name, line, code, message)

    def _fault(self, line: int | None, code: str, message: str) -> None:
        if len(self.faults) < MAX_FINDINGS_PER_FILE:
            self.faults.append(self._finding(line, code, message))


def _compact(line: str) -> str:
    """The line without spaces and carriage returns, which the format ignores."""
    return line.replace(" ", "").replace("\r", "")


def _number(text: str) -> float | None:
    """The finite number that ``text`` writes in ASCII digits, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    if -inf < value < inf and "_" not in text and text.isascii():
        return value
    return None
