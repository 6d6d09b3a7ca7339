"""Annotations in EDF+ and BDF+ files, read by edfio (``pip install 'nedc-bench[edf]'``).

An annotation is an onset and a duration in seconds, and a text. Texts that mean a seizure (``seizure``, ``sz``,
``sz_...``, or a label of the map) are events; others, such as ``eyes open``, are skipped with a warning. A file without
any such text is refused, since its seizures probably have other names.

edfio reads the part of a cut file that is left, and passes over annotations that it cannot parse. Such files are
refused here, before it reads them.

Source: EDF+ specification (Kemp and Olivan, 2003).
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from itertools import product
from typing import BinaryIO

from nedc_bench.annotations.reading import Events, Reading, Row, shown
from nedc_bench.annotations.recording import Recording
from nedc_bench.annotations.source import Content, Text
from nedc_bench.annotations.timeline import FILLER
from nedc_bench.errors import refusal

EDF_MAGIC = b"0       "
BDF_MAGIC = b"\xffBIOSEMI"
HEADER = 256  # bytes, of the file and of each signal
LABEL = 16  # bytes
SAMPLES = 216  # bytes of a signal's header before the number of its samples in a record
ANNOTATIONS = {b"EDF Annotations", b"BDF Annotations"}
NOT_WHOLE = "is not a whole EDF+ or BDF+ file"
GAPS = "has gaps between its records (EDF+D), so its length is not known; save it as a continuous file (EDF+C)"

# A list of annotations: onset, duration and texts each; the first of a record has no text and tells the record's time.
_TEXT = rb"[^\0\x14\n]*+\x14"  # edfio passes over a line break
_ONSET = rb"[+-][0-9]++(?:\.[0-9]++)?"
_LIST = re.compile(rb"(?:%s(?:\x15[0-9]++(?:\.[0-9]++)?)?\x14(?:%s)++\0++)*+\0*+" % (_ONSET, _TEXT))
_TIME = re.compile(rb"%s\x14\x14" % _ONSET)


def read_edf(content: Content, reading: Reading) -> Recording:
    """The recording of an EDF+ or BDF+ file.

    Raises:
        InputError: edfio is not installed, the file is damaged or cut, or none of its annotations has a known label.
    """
    try:
        import edfio  # noqa: PLC0415  # an extra
    except ModuleNotFoundError:
        message = "is an EDF file; reading its annotations needs edfio: pip install 'nedc-bench[edf]'"
        raise refusal("edf", message, side=reading.side, file=content.name) from None
    read = edfio.read_bdf if content.data.startswith(BDF_MAGIC) else edfio.read_edf
    on_disk = content.path and len(content.data) == len(EDF_MAGIC)
    try:
        with open(content.path, "rb") if on_disk else io.BytesIO(content.data) as file:
            _check_whole(file)
        signal = read(content.path if on_disk else io.BytesIO(content.data))
        annotations, duration = signal.annotations, float(signal.duration)
        has_gaps = signal.reserved.startswith(("EDF+D", "BDF+D")) and not signal.is_continuous
    except Exception as error:  # noqa: BLE001  # over damage the reader raises anything
        raise refusal("edf", f"{NOT_WHOLE}: {error}", side=reading.side, file=content.name) from None
    if has_gaps:
        raise refusal("edf", GAPS, side=reading.side, file=content.name)
    events = Events(Text("", content.name, content.sha256, content.path), reading)
    others: list[str] = []
    for annotation in annotations:
        label = reading.scored_label(annotation.text.strip())
        if label is None or (reading.label_map is None and label not in {"seiz", FILLER}):
            others.append(annotation.text.strip())
        elif label != FILLER:
            events.add(Row(0, annotation.onset, annotation.onset + (annotation.duration or 0.0), label))
    if others and not events.rows:
        message = f"has {len(others)} annotations and no seizure among them ({shown(others)}); "
        message += "give a label map that names those to score (--labels FILE.toml)"
        events.fault(None, "label", message)
    if others:
        events.warn(None, "label", f"annotations that mean no seizure are not scored: {len(others)} ({shown(others)})")
    return events.recording(duration)


def _check_whole(file: BinaryIO) -> None:
    """Refuse a file of another size than its header states, or with annotations that edfio would pass over.

    Raises:
        ValueError: it is so, or a number of the header is not one.
    """
    begin = file.read(HEADER)
    header, records, signals = int(begin[184:192]), int(begin[236:244]), int(begin[252:256])
    labels = [file.read(LABEL) for _ in range(signals)]
    file.seek((SAMPLES - LABEL) * signals, os.SEEK_CUR)
    width = 3 if begin.startswith(BDF_MAGIC) else 2
    sizes = [width * int(file.read(8)) for _ in range(signals)]
    if records < 0:
        message = f"its header has {records} records, so the recording was not finished; "
        raise ValueError(message + "save it again with an EDF+ editor")
    size, follow = sum(sizes), file.seek(0, os.SEEK_END) - header
    if follow != records * size or min(sizes, default=0) < 0 or not size:
        message = f"its header states {records} records of {size} bytes, and {follow} bytes follow it; "
        raise ValueError(message + "get the whole file again")
    places = [(sum(sizes[:k]), sizes[k]) for k, label in enumerate(labels) if label.rstrip() in ANNOTATIONS]
    for record, place in product(range(records), places):
        file.seek(header + record * size + place[0])
        data = file.read(place[1])
        if not _LIST.fullmatch(data):
            raise ValueError(f"record {record + 1} holds a malformed annotation, or one with a line break; correct it")
        if place == places[0] and not _TIME.match(data):
            raise ValueError(f"record {record + 1} does not begin with the annotation of its time; correct it")


def hash_of_file(path: str) -> str:
    """The SHA-256 of a file of any size, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_edf(data: bytes) -> bool:
    """Whether the bytes begin like an EDF or BDF file."""
    return data.startswith((EDF_MAGIC, BDF_MAGIC)) and len(data) >= len(EDF_MAGIC)
