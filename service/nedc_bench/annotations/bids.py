"""BIDS ``events.tsv`` with HED-SCORE labels, which SzCORE and epilepsy2bids also write, and BIDS sidecars.

    onset	duration	eventType	confidence	recordingDuration
    23.5	40.0	sz_foc_ia_nm	n/a	3600.0

Columns are identified by name, in any order, and separated by tabs (or commas, if the header has no tab): ``onset`` and
``duration`` in seconds, the label in ``eventType``, ``trial_type`` or ``event_type``, and optionally ``confidence`` and
``recordingDuration``; other columns are ignored. ``sz``, ``sz_...`` and ``seizure`` are scored as ``seiz``, unless the
label map names them; ``bckg`` and ``impd`` (an impedance check) are not events. ``n/a`` means a missing value.

The duration of the recording comes from ``recordingDuration``, else from ``RecordingDuration`` in the ``_eeg.json`` (or
``_ieeg.json``) beside the file, else from the other side of the pair. A sidecar without ``events.tsv`` is a recording
without events.

Source: BIDS 1.10, task events and EEG sidecars; SzCORE (Dan et al., Epilepsia 2024), annotation format.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence

from nedc_bench.annotations.layout import sidecars_of
from nedc_bench.annotations.reading import Events, Reading, Row, lines_of
from nedc_bench.annotations.recording import Recording
from nedc_bench.annotations.source import Text, read_text
from nedc_bench.annotations.timeline import FILLER
from nedc_bench.checks import as_number, repeated, shown
from nedc_bench.errors import quoted, refusal

LABEL_COLUMNS = ("eventType", "trial_type", "event_type", "eventtype")
NOTHING = "n/a"
NO_SIDECAR = "is not a BIDS sidecar: it has no number RecordingDuration"
NO_EVENTS = b"onset\tduration\teventType\trecordingDuration\n"  # the file of a recording without events


def is_events_header(line: str) -> bool:
    """Whether a file's first line is that of an ``events.tsv``."""
    names = _split(line)
    return {"onset", "duration"} <= set(names) and any(name in names for name in LABEL_COLUMNS)


def read_events(file: Text, reading: Reading) -> Recording:
    """The recording of an ``events.tsv``.

    Raises:
        InputError: a row lacks fields of the header, a number cannot be parsed, a label is unknown, or the duration
            is unknown.
    """
    events = Events(file, reading)
    lines = list(lines_of(file.text))
    names = _split(lines[0][1])
    if (twice := repeated(names)) is not None:
        events.fault(lines[0][0], "columns", f"has two columns {quoted(twice)}; rename or remove one")
        raise events.refused()
    label_column = next(name for name in LABEL_COLUMNS if name in names)
    separator = _separator(lines[0][1])
    stated: float | None = None
    for number, line in lines[1:]:
        fields = [field.strip() for field in line.split(separator)]
        if len(fields) != len(names):
            events.fault(number, "columns", f"{quoted(line)} has {len(fields)} fields; the header has {len(names)}")
            continue
        row = dict(zip(names, fields, strict=True))
        text = row.get("recordingDuration", NOTHING)
        if text != NOTHING:
            value = events.number(number, "recordingDuration", text)
            if stated is not None and value != stated:
                events.fault(number, "duration", f"recordingDuration {quoted(text)} contradicts an earlier row")
            stated = value
        _add(events, number, row, row[label_column])
    duration = stated if stated is not None else _sidecar_duration(file, reading)
    if duration is None:
        duration = reading.duration
    column = "needs a row with a value in its column" if "recordingDuration" in names else "may have a column"
    return events.recording(duration, f"it {column} recordingDuration, or an _eeg.json with RecordingDuration")


def read_sidecar(file: Text, reading: Reading) -> Recording:
    """The recording without events that an ``_eeg.json`` describes.

    Raises:
        InputError: it is not a JSON object with a number ``RecordingDuration``.
    """
    events = Events(file, reading)
    duration = _recording_duration(file, reading.side)
    if duration is None:
        events.fault(None, "duration", NO_SIDECAR)
    return events.recording(duration)


def _split(line: str) -> list[str]:
    return [name.strip() for name in line.split(_separator(line))]


def _separator(line: str) -> str:
    return "\t" if "\t" in line else ","


def _add(events: Events, number: int, row: dict[str, str], text: str) -> None:
    """Add the event of a row, if it is one."""
    label = events.reading.scored_label(text)
    if label == FILLER:
        return
    if label is None:
        assert events.reading.label_map is not None
        events.fault(number, "label", events.reading.label_map.unknown(text))
        return
    onset = events.number(number, "onset", row["onset"])
    if row["duration"] == NOTHING:
        events.fault(number, "number", f"{quoted(text)} at {row['onset']} s has no duration; give its seconds, or 0")
        return
    length = events.number(number, "duration", row["duration"])
    given = row.get("confidence", NOTHING)
    confidence = 1.0 if given == NOTHING else events.number(number, "confidence", given)
    events.add(Row(number, onset, onset + length, label, confidence))


def _sidecar_duration(file: Text, reading: Reading) -> float | None:
    """The duration in the sidecar beside an ``events.tsv``, if there is one that states it."""
    if file.sidecar:
        sidecar = read_text(io.BytesIO(file.sidecar), reading.side, f"{file.name} (its sidecar)")
        return _recording_duration(sidecar, reading.side)
    path = next(filter(os.path.isfile, sidecars_of(file.path)), None)
    return None if path is None else _recording_duration(read_text(path, reading.side), reading.side)


def _recording_duration(file: Text, side: str) -> float | None:
    """The duration in a sidecar; None if it does not state it.

    Raises:
        InputError: it is not a JSON object, or its ``RecordingDuration`` is not a number.
    """
    try:
        document = json.loads(file.text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise refusal("duration", NO_SIDECAR, side=side, file=file.name)
    value = document.get("RecordingDuration", NOTHING)
    number = as_number(value)
    if number is None and value not in (None, NOTHING):  # no set: a list, say, has no hash
        message = f"RecordingDuration must be a number of seconds, not {shown(value)}"
        raise refusal("duration", message, side=side, file=file.name)
    return number


def columns_of(line: str) -> Sequence[str]:
    """The column names in a table's first line, for a message."""
    return _split(line)
