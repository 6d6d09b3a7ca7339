"""Reading annotation files of all formats, recognised by content, never by name.

The two sides of a pair may have different formats. If a format does not state the duration of the recording, that of
the other side is used.

Source: docs/formats.md; docs/scoring.md section 1 for what makes a ``csv_bi``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from nedc_bench.annotations import bids, csv_bi, edf, lbl, tse
from nedc_bench.annotations.channels import COLUMNS, has_channels_alone, read_channels
from nedc_bench.annotations.foreign import describe, describe_binary
from nedc_bench.annotations.labels import LabelMap
from nedc_bench.annotations.layout import EDF_SUFFIXES
from nedc_bench.annotations.parameters import CHANNELS, MAX_TOLERANCE_SECONDS
from nedc_bench.annotations.reading import DurationUnknownError, Reading, with_newlines
from nedc_bench.annotations.recording import MAX_SECONDS, Recording, differing_durations
from nedc_bench.annotations.source import Content, Source, Text, decode, read_content
from nedc_bench.checks import check_choice, check_kinds, check_number
from nedc_bench.errors import Finding, InputError, refusal

TAKEN = "a path, an open file or a Recording"
HEAD = 4096  # characters that suffice to recognise a format

_VERSION = re.compile(r"(?mi)^[ \t]*+#?[ \t]*+version[ \t=\"]*+([a-z]+)_v")
Read = Callable[[Text, Reading], Recording]


def read_recording(
    source: Source | Recording,
    *,
    side: str = "",
    name: str | None = None,
    label_map: LabelMap | None = None,
    channels: str = "refuse",
    duration: float | None = None,
) -> Recording:
    """Read, check, fill and merge one annotation file of any supported format.

    Args:
        source: a path or an open file; a `Recording` is returned unchanged.
        side: ``reference`` or ``hypothesis``, for messages.
        name: the file's name for messages and reports; by default its path.
        label_map: if given, labels that it does not contain are faults, reported with their line.
        channels: ``refuse`` a file of per-channel events, or take their ``union``.
        duration: seconds; used if the file does not state its duration.

    Raises:
        InputError: the file is refused; the findings say where and why.
        DurationUnknownError: an `InputError`: the file is valid, but neither it nor ``duration`` gives its duration.
    """
    check_kinds(side=(side, str), name=(name, str | None), label_map=(label_map, LabelMap | None))
    check_choice("channels", channels, CHANNELS)
    if duration is not None:
        duration = check_number("duration", duration, 0.0, MAX_SECONDS)
    if isinstance(source, Recording):
        return source
    return read_loaded(load(source, side, name), Reading(side, label_map, channels, duration))


def load(source: Source, side: str = "", name: str | None = None) -> Content:
    """The bytes of an annotation file; of an EDF file on disk, which may be large, only the first ones.

    Raises:
        InputError: it is not a source, or cannot be read.
    """
    check_source(source, side)
    if isinstance(source, str) or hasattr(source, "__fspath__"):
        path = str(source)
        if path.casefold().endswith(EDF_SUFFIXES):
            try:
                with open(path, "rb") as file:
                    begin = file.read(len(edf.EDF_MAGIC))
            except (OSError, ValueError):
                begin = b""
            if edf.is_edf(begin):
                return Content(begin, path if name is None else name, path, edf.hash_of_file(path))
    return read_content(source, side, name)


def read_loaded(content: Content, reading: Reading) -> Recording:
    """The recording of a file in memory; arguments and errors as for `read_recording`."""
    if edf.is_edf(content.data):
        return edf.read_edf(content, reading)
    what = describe_binary(content.data)
    if what is not None:
        raise refusal("format", f"is {what}", side=reading.side, file=content.name)
    text = decode(content, reading.side)
    return recognise(text, reading)(text, reading)


def recognise(text: Text, reading: Reading) -> Read:
    """The reader of a text's format.

    Raises:
        InputError: the format is not supported; the message names it and the remedy.
    """
    plain = with_newlines(text.text)
    found = _VERSION.search(plain)
    kind = found[1].lower() if found else ""
    if kind in {"tse", "lbl"}:
        return tse.read_tse if kind == "tse" else lbl.read_lbl
    if kind == "csv" or _is_csv_bi(plain):
        alone = reading.channels == "union" and has_channels_alone(text.text)
        return read_channels if alone else _read_csv_bi
    first = plain[:HEAD].lstrip().partition("\n")[0]
    if bids.is_events_header(first):
        return bids.read_events
    if first.startswith("{") and '"RecordingDuration"' in text.text:
        return bids.read_sidecar
    if text.text.strip() and not text.name.casefold().removesuffix(".gz").endswith(".csv_bi"):
        raise refusal("format", describe(text.text), side=reading.side, file=text.name)
    return _read_csv_bi


def check_source(source: object, side: str = "", place: str = "") -> None:
    """Refuse anything but a path, an open file or a `Recording`.

    Args:
        place: the caller's name for it, such as ``pairs[3]``.
    """
    if isinstance(source, (str, Recording)) or hasattr(source, "__fspath__") or hasattr(source, "read"):
        return
    kind = type(source).__name__
    if isinstance(source, bytes):
        way = "wrap the bytes of a file, as in io.BytesIO(data)"
    elif hasattr(source, "columns"):
        way = "make it one with Recording.from_dataframe(duration, frame)"
    elif hasattr(source, "dtype"):
        way = "make it one with Recording.from_mask(mask, sampling_rate=...), from_probabilities or from_events"
    else:
        way = "make it one with Recording.from_events(duration, events)"
    raise refusal("source", f"is of type {kind}, expected {TAKEN}; {way}", side=side, file=place)


def read_pair(
    reference: Source | Recording,
    hypothesis: Source | Recording | None,
    reading: Reading,
    *,
    reference_name: str | None = None,
    hypothesis_name: str | None = None,
    duration_tolerance: float = 0.0,
) -> tuple[Recording, Recording]:
    """Read both sides of a pair.

    Args:
        hypothesis: None is scored as a hypothesis without events.
        reading: the options of reading; its side is not used.
        duration_tolerance: seconds by which the durations may differ; the hypothesis then takes the reference's.

    Raises:
        InputError: one or both files are refused, with the findings of both.
    """
    faults: list[Finding] = []
    read: dict[str, Recording] = {}
    waiting: list[tuple[Content, Reading, DurationUnknownError]] = []
    for side, source, name in (("reference", reference, reference_name), ("hypothesis", hypothesis, hypothesis_name)):
        own = replace(reading, side=side, duration=read["reference"].duration if read else None)
        try:
            loaded = _missing(name) if source is None else _load_side(source, side, name)
            if isinstance(loaded, Recording):
                read[side] = loaded
                continue
        except InputError as error:
            faults += error.findings
            continue
        try:
            read[side] = read_loaded(loaded, own)
        except DurationUnknownError as error:
            waiting.append((loaded, own, error))
        except InputError as error:
            faults += error.findings
    for loaded, own, unknown in waiting:
        other = next(iter(read.values()), None)
        if other is None:
            faults += [] if faults and len(waiting) == 1 else unknown.findings
            continue
        try:
            read[own.side] = read_loaded(loaded, replace(own, duration=other.duration))
        except InputError as error:
            faults += error.findings
    if faults:
        raise InputError(faults)
    return read["reference"], _fitted(read["reference"], read["hypothesis"], duration_tolerance)


def _load_side(source: Source | Recording, side: str, name: str | None) -> Content | Recording:
    if isinstance(source, Recording):
        return replace(source, name=name) if name and not source.name else source
    return load(source, side, name)


def _missing(name: str | None) -> Content:
    return Content(bids.NO_EVENTS, name or "", "", "")


def _fitted(reference: Recording, hypothesis: Recording, tolerance: float) -> Recording:
    """The hypothesis, with the duration of its reference if they differ by no more than the tolerance."""
    ours, theirs = reference.duration, hypothesis.duration
    if round(ours, 4) == round(theirs, 4):
        return hypothesis
    message = differing_durations(reference, hypothesis)
    difference = abs(ours - theirs)
    if difference > tolerance:
        message += "; both must have the duration of the recording"
        if difference <= MAX_TOLERANCE_SECONDS:
            message += "; duration_tolerance (--duration-tolerance) accepts a difference of up to so many seconds"
        raise refusal("duration", message, side="hypothesis", file=hypothesis.name)
    message += f": scored as {ours} s (duration_tolerance={tolerance:g})"
    fitted = hypothesis.with_duration(ours)
    warning = Finding("hypothesis", hypothesis.name, None, "duration", message)
    return replace(fitted, warnings=(*fitted.warnings, warning))


def _read_csv_bi(text: Text, reading: Reading) -> Recording:
    return csv_bi.read_csv_bi(text, side=reading.side, label_map=reading.label_map)


def _is_csv_bi(text: str) -> bool:
    """Whether a text without a version line looks like ``csv_bi``, so that the refusal names that format."""
    return csv_bi.VERSION in text or COLUMNS in text[:HEAD].replace(" ", "") or "\nTERM," in text[:HEAD]
