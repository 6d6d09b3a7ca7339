"""``tse`` and ``tse_bi``, version ``tse_v1.0.0``: events of all channels, used by the TUH corpora before csv.

    version = tse_v1.0.0

    0.0000 36.8868 bckg 1.0000
    36.8868 183.3055 seiz 1.0000

A row is start, stop (seconds), label and confidence, separated by blanks. ``#`` begins a comment. The format has no
duration: if the rows cover the recording from 0 without a gap, background included, their end is its end; otherwise the
duration comes from the other side of the pair.

Source: TUH EEG corpus documentation, annotation formats.
"""

from __future__ import annotations

from nedc_bench.annotations.reading import Events, Reading, Row, covers_without_gaps, is_version_line, lines_of
from nedc_bench.annotations.recording import Recording
from nedc_bench.annotations.source import Text
from nedc_bench.errors import quoted

VERSION = "tse_v1.0.0"


def read_tse(file: Text, reading: Reading) -> Recording:
    """The recording of a tse file.

    Raises:
        InputError: a row does not have four fields, a number cannot be parsed, a label is unknown, or the duration is
            unknown.
    """
    events = Events(file, reading)
    for number, line in lines_of(file.text):
        fields = line.split()
        if is_version_line(events, number, line, VERSION) or fields[0].startswith("#"):
            continue
        if len(fields) != 4:
            events.fault(number, "columns", f"{quoted(line.strip())} is not 'start stop label confidence'")
            continue
        start, stop = events.number(number, "start", fields[0]), events.number(number, "stop", fields[1])
        confidence = events.number(number, "confidence", fields[3])
        events.add(Row(number, start, stop, fields[2], confidence))
    duration = covers_without_gaps(events.rows)
    where = "a tse file does if its rows cover the recording from 0 to the end, background included"
    return events.recording(reading.duration if duration is None else duration, where)
