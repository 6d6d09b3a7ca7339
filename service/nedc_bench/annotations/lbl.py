"""``lbl`` and ``lbl_bi``, version ``lbl_v1.0.0``: events by channel, with a probability for each symbol.

    version = lbl_v1.0.0
    montage = 0, FP1-F7: EEG FP1-REF -- EEG F7-REF
    number_of_levels = 1
    level[0] = 1
    symbols[0] = {0: 'bckg', 1: 'seiz'}
    label = {0, 0, 0.0000, 36.8868, 0, [1.0, 0.0]}

A label is level, sublevel, start, stop (seconds), channel (-1 or ``all``: all channels), and a probability for each
symbol of its level, in order. The event has the symbol with the highest probability, the first of equals. Level 0,
sublevel 0 is scored. Events that are the same in all channels of the montage, as in TUSZ's ``lbl_bi``, count as events
of all channels. Like tse, the format has no duration. The probabilities follow the order of the symbols; a dictionary
whose indices do not ascend is refused, because programs disagree on which probability belongs to which of its symbols.

Source: TUH EEG corpus documentation, annotation formats.
"""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import pairwise

from nedc_bench.annotations.reading import (
    Events,
    Reading,
    Row,
    covers_without_gaps,
    is_version_line,
    lines_of,
    union_of_channels,
)
from nedc_bench.annotations.recording import Recording
from nedc_bench.annotations.source import Text
from nedc_bench.errors import quoted

VERSION = "lbl_v1.0.0"
FORM = "an lbl file, which has version, montage, number_of_levels, level, symbols and label lines"
ALL_CHANNELS = {"-1", "all"}
IGNORED = {"number_of_levels", "level"}

_SYMBOLS = re.compile(r"symbols\s*\[\s*(\d+)\s*\]\s*=\s*\{(.*)\}\s*")
_SYMBOL = re.compile(r"""([0-9]{1,9}+)\s*+:\s*+(?:'([^'"]*+)'|"([^'"]*+)"|([^'"]*+))""")
_LABEL = re.compile(r"label\s*=\s*\{([^\[\]{}]*),\s*\[([^\[\]]*)\]\s*\}\s*")


def read_lbl(file: Text, reading: Reading) -> Recording:
    """The recording of an lbl file.

    Raises:
        InputError: a label is malformed or unknown, channels differ (unless their union is requested), or the duration
            is unknown.
    """
    events = Events(file, reading)
    symbols: dict[str, list[str]] = {}
    montage, passed_over, first_passed_over = 0, 0, 0
    for number, line in lines_of(file.text):
        text = line.strip()
        if is_version_line(events, number, text, VERSION) or text.startswith("#"):
            continue
        word = text.partition("=")[0].partition("[")[0].strip()
        if word == "montage":
            montage += 1
        elif word == "symbols":
            _read_symbols(events, number, text, symbols)
        elif word == "label":
            if not _read_label(events, number, text, symbols):
                passed_over, first_passed_over = passed_over + 1, first_passed_over or number
        elif word not in IGNORED:
            events.fault(number, "line", f"{quoted(text)} is not a line of {FORM}")
    if passed_over:
        events.warn(first_passed_over, "level", f"{passed_over} labels of other levels are not scored; only level 0 is")
    channels: dict[str, list[Row]] = defaultdict(list)
    for row in events.rows:
        channels[row.channel].append(row)
    ends = [end for end in map(covers_without_gaps, channels.values()) if end is not None]
    duration = max(ends) if ends else reading.duration
    if not events.faults:
        _join_channels(events, channels, montage)
    return events.recording(duration, "an lbl file does if its labels cover the recording from 0 to the end")


def _read_symbols(events: Events, number: int, text: str, symbols: dict[str, list[str]]) -> None:
    found = _SYMBOLS.fullmatch(text)
    named = [_SYMBOL.fullmatch(item.strip()) for item in found[2].split(",")] if found else []
    if found is None or not all(named):
        events.fault(number, "symbols", f"{quoted(text)} is not 'symbols[0] = {{0: 'bckg', 1: 'seiz'}}'")
        return
    indices = [int(item[1]) for item in named if item]
    names = [item[2] or item[3] or item[4] or "" for item in named if item]
    if not all(first < second for first, second in pairwise(indices)):
        message = f"{quoted(text)} has indices that do not ascend; write the symbols, and the probabilities of each "
        events.fault(number, "symbols", message + "label, in the order of the indices")
    elif symbols.setdefault(found[1], names) != names:
        message = f"{quoted(text)} differs from the symbols of level {found[1]} above; a level has one line of symbols"
        events.fault(number, "symbols", message)


def _read_label(events: Events, number: int, text: str, symbols: dict[str, list[str]]) -> bool:
    """Add the event of a label. Returns False if its level is not scored."""
    found = _LABEL.fullmatch(text)
    fields = [field.strip().strip("'\"") for field in found[1].split(",")] if found else []
    if found is None or len(fields) != 5:
        events.fault(number, "columns", f"{quoted(text)} is not 'label = {{0, 0, start, stop, channel, [...]}}'")
        return True
    level, sublevel, start, stop, channel = fields
    if (level, sublevel) != ("0", "0"):
        return False
    probabilities = [events.number(number, "probability", item.strip()) for item in found[2].split(",")]
    names = symbols.get(level, [])
    if len(probabilities) != len(names):
        message = (
            f"has {len(probabilities)} probabilities for the {len(names)} symbols of level {level}; it must have one "
        )
        message += "for each, in their order"
        events.fault(number, "symbols", message)
    elif max(probabilities) <= 0:
        events.fault(number, "symbols", "has no probability above 0, so no symbol")
    else:
        best = max(probabilities)
        label = names[probabilities.index(best)] if best in probabilities else ""
        channel = "" if channel in ALL_CHANNELS else channel
        times = (events.number(number, "start", start), events.number(number, "stop", stop))
        events.add(Row(number, *times, label, best, channel))
    return True


def _join_channels(events: Events, channels: dict[str, list[Row]], montage: int) -> None:
    """Reduce the events to events of all channels: they already are, or agree in each, or their union is taken."""
    if not channels.keys() - {""}:
        return
    kinds = [sorted((row.start, row.stop, row.label) for row in group) for group in channels.values()]
    if "" not in channels and len(channels) >= montage and all(kind == kinds[0] for kind in kinds):
        events.rows = next(iter(channels.values()))
    elif events.reading.channels == "union":
        events.rows = union_of_channels(events.rows, events.reading.label_map)
    else:
        message = f"has events of {len(channels)} channels that differ; only events of all channels are scored: "
        message += "use the lbl_bi or tse file beside it, or set channels to union (--channels union)"
        events.fault(events.rows[0].line, "channel", message)
