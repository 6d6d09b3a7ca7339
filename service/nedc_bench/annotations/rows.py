"""The events of a file, as a format's reader collects them, and the checks that all formats share.

Conventions: one array per column, rows in file order, times in seconds; ``lines`` are 1-based, 0 without a file.

Source: docs/scoring.md sections 3 and 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from math import isfinite
from typing import NamedTuple

import numpy as np

from nedc_bench.annotations.labels import LabelMap
from nedc_bench.annotations.recording import MAX_SECONDS, Recording
from nedc_bench.annotations.source import Text
from nedc_bench.annotations.timeline import (
    FILLER,
    FILLER_CODE,
    Codes,
    Floats,
    count_merged,
    fill_and_merge,
    find_detections,
    find_irregularities,
    time_order,
)
from nedc_bench.errors import MAX_FINDINGS_PER_FILE, Finding, InputError, quoted

MAX_EVENTS = 100_000  # per side, after merging neighbours with one label


class Notice(NamedTuple):
    """A fault or a warning about a file, before its name and side are added."""

    line: int | None
    code: str
    message: str


class _Columns(NamedTuple):
    lines: Codes
    starts: Floats
    stops: Floats
    confidences: Floats
    labels: Codes

    def take(self, order: Codes) -> _Columns:
        return _Columns(
            self.lines[order], self.starts[order], self.stops[order], self.confidences[order], self.labels[order]
        )


class Rows:
    """Collects the events of one file in batches.

    Attributes:
        vocabulary: label -> code; the first label is the filler's.
        label_lines: for each label of the vocabulary, the line of its first occurrence (0: none).
    """

    def __init__(self) -> None:
        self.vocabulary = {FILLER: FILLER_CODE}
        self.label_lines = [0]
        self._batches: list[_Columns] = []

    def add(
        self,
        lines: Sequence[int],
        starts: Sequence[float],
        stops: Sequence[float],
        labels: Sequence[str],
        confidences: Sequence[float],
    ) -> None:
        """Append events; all columns have the same length."""
        first = dict(zip(reversed(labels), reversed(lines), strict=True))
        for label in dict.fromkeys(labels):
            code = self.vocabulary.setdefault(label, len(self.vocabulary))
            if code == len(self.label_lines):
                self.label_lines.append(first[label])
            elif not self.label_lines[code]:
                self.label_lines[code] = first[label]
        codes = [self.vocabulary[label] for label in labels]
        self._batches.append(
            _Columns(
                np.array(lines, dtype=np.intp),
                np.array(starts, dtype=np.float64),
                np.array(stops, dtype=np.float64),
                np.array(confidences, dtype=np.float64),
                np.array(codes, dtype=np.intp),
            )
        )

    def faults(self, label_map: LabelMap | None) -> list[Notice]:
        """The faults of the events: a time that is not finite, a stop before its start, an unknown label."""
        found = [fault for batch in self._batches for fault in _time_faults(batch)]
        if label_map is not None:
            lines = zip(self.vocabulary, self.label_lines, strict=True)
            unknown = ((label, line) for label, line in lines if label not in label_map.index and line)
            found += [
                Notice(line, "label", label_map.unknown(label))
                for label, line in islice(unknown, MAX_FINDINGS_PER_FILE)
            ]
        return found

    def recording(
        self, text: Text, side: str, duration: float, warnings: Iterable[Notice] = (), base_name: str = ""
    ) -> Recording:
        """The recording, with events sorted, filled and merged. Call it only if there are no faults.

        Raises:
            InputError: more than `MAX_EVENTS` events remain after merging.
        """
        rows = self._joined()
        lines, starts, stops, confidences, labels = rows.take(time_order(rows.starts, rows.stops))
        del rows
        if starts.size > MAX_EVENTS // 2 and (count := count_merged(starts, stops, labels)) > MAX_EVENTS:
            message = f"has {count} events when neighbours of one label are merged; "
            raise refuse([Notice(None, "size", f"{message}at most {MAX_EVENTS} are scored in one file")], text, side)
        noticed = [*warnings, *_irregularities(duration, lines, starts, stops, confidences)]
        timeline = fill_and_merge(duration, starts, stops, confidences, labels)
        return Recording(
            text.name,
            text.sha256,
            duration,
            *timeline,
            tuple(self.vocabulary),
            tuple(self.label_lines),
            tuple(Finding(side, text.name, *notice) for notice in noticed),
            base_name,
            find_detections(starts, stops, confidences, labels),
        )

    def _joined(self) -> _Columns:
        batches, self._batches = self._batches, []
        if len(batches) == 1:
            return batches[0]
        if not batches:
            return _NONE
        return _Columns(
            np.concatenate([batch.lines for batch in batches]),
            np.concatenate([batch.starts for batch in batches]),
            np.concatenate([batch.stops for batch in batches]),
            np.concatenate([batch.confidences for batch in batches]),
            np.concatenate([batch.labels for batch in batches]),
        )


_NO_CODES: Codes = np.zeros(0, dtype=np.intp)
_NO_FLOATS: Floats = np.zeros(0)
_NONE = _Columns(_NO_CODES, _NO_FLOATS, _NO_FLOATS, _NO_FLOATS, _NO_CODES)


def quotes_fault(line: int, row: str) -> Notice | None:
    """The fault of a row with fields in quotes, as other tools write CSV."""
    if all(field.strip()[:1] not in {'"', "'"} for field in row.split(",")):
        return None
    return Notice(line, "quotes", f"{quoted(row)} has fields in quotes; write them without")


def refuse(faults: Iterable[Notice], text: Text, side: str) -> InputError:
    """The error that refuses a file, with its faults in line order, at most `MAX_FINDINGS_PER_FILE`."""
    ordered = sorted(faults, key=lambda fault: fault.line or 0)[:MAX_FINDINGS_PER_FILE]
    return InputError(Finding(side, text.name, *fault) for fault in ordered)


def _time_faults(rows: _Columns) -> list[Notice]:
    fine = (rows.starts >= -MAX_SECONDS) & (rows.stops >= rows.starts) & (rows.stops <= MAX_SECONDS)
    if fine.all():
        return []
    impossible = ~((np.abs(rows.starts) <= MAX_SECONDS) & (np.abs(rows.stops) <= MAX_SECONDS))
    found = []
    for k in (~fine).nonzero()[0][:MAX_FINDINGS_PER_FILE]:
        line, start, stop = int(rows.lines[k]) or None, float(rows.starts[k]), float(rows.stops[k])
        if not impossible[k]:
            found.append(Notice(line, "order", f"stop_time {stop} is before start_time {start}"))
        else:
            finite = isfinite(start) and isfinite(stop)
            what = f"times of at most {MAX_SECONDS:.0f} s" if finite else "finite times"
            message = f"the event from {start} to {stop} s must have {what}"
            found.append(Notice(line, "time", message))
    return found


def _irregularities(
    duration: float, lines: Codes, starts: Floats, stops: Floats, confidences: Floats
) -> Iterable[Notice]:
    for found in find_irregularities(duration, starts, stops, confidences):
        yield Notice(int(lines[found.events].min()) or None, found.code, found.message)
