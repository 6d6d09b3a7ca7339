"""TUSZ's per-channel ``csv``: the header of ``csv_bi``, with events of single channels instead of ``TERM`` events.

    # version = csv_v1.0.0
    # duration = 301.00 secs
    channel,start_time,stop_time,label,confidence
    FP1-F7,36.8868,112.0000,cpsz,1.0000

The original scores such a file as if it had no events. TUSZ ships a ``csv_bi`` with events of all channels beside each;
without one, the user can ask for the union of the channels.

Source: docs/scoring.md sections 1 and 8; docs/formats.md.
"""

from __future__ import annotations

import re

from nedc_bench.annotations.reading import Events, Reading, Row, lines_of, union_of_channels
from nedc_bench.annotations.recording import Recording
from nedc_bench.annotations.rows import quotes_fault
from nedc_bench.annotations.source import Text
from nedc_bench.errors import quoted

COLUMNS = "channel,start_time,stop_time,label,confidence"
ALL_CHANNELS = "TERM"

_DURATION = re.compile(r"#\s*duration\s*=\s*(\S+)")


def has_channels_alone(text: str) -> bool:
    """Whether all events belong to single channels."""
    events = [line for _, line in lines_of(text) if _is_event(line)]
    return bool(events) and not any(line.replace(" ", "").startswith(ALL_CHANNELS + ",") for line in events)


def read_channels(file: Text, reading: Reading) -> Recording:
    """The union of the channels' events.

    Raises:
        InputError: a row does not have five fields, a number cannot be parsed, a label is unknown, or the duration is
            missing.
    """
    events = Events(file, reading)
    duration: float | None = None
    for number, line in lines_of(file.text):
        stated = _DURATION.match(line)
        if stated:
            duration = events.number(number, "duration", stated[1])
        if not _is_event(line):
            continue
        if (in_quotes := quotes_fault(number, line)) is not None:
            events.fault(*in_quotes)
            continue
        fields = line.replace(" ", "").split(",")
        if len(fields) != 5:
            events.fault(number, "columns", f"{quoted(line)} has {len(fields)} fields; {COLUMNS!r} are 5")
            continue
        times = (events.number(number, "start_time", fields[1]), events.number(number, "stop_time", fields[2]))
        events.add(Row(number, *times, fields[3], events.number(number, "confidence", fields[4]), fields[0]))
    if duration is None:
        events.fault(None, "duration", "has no '# duration = ... secs' line")
    channels = len({row.channel for row in events.rows})
    first = events.rows[0].line if events.rows else None
    events.rows = union_of_channels(events.rows, reading.label_map)
    events.warn(first, "channel", f"scored as the union of {channels} channels (channels=union)")
    return events.recording(duration)


def _is_event(line: str) -> bool:
    return not line.lstrip().startswith(("#", "version")) and COLUMNS not in line.replace(" ", "")
