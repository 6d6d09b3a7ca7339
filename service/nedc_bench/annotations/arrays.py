"""Events from Python values: pairs, tuples, arrays, masks, probabilities and data frames.

Conventions: times are seconds from the start of the recording; an event is ``(start, stop)``, ``(start, stop, label)``
or ``(start, stop, label, confidence)``; the default label is ``seiz``. Events with named fields (named tuples, records
of a structured array, rows of a pandas frame) are read by these names. Sample ``k`` of a mask lasts from
``k / sampling_rate`` to ``(k + 1) / sampling_rate``. Data frames (pandas, polars, a mapping of columns) are recognised
by their methods; no such library is imported.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nedc_bench.checks import as_number, check_kinds, repeated, shown
from nedc_bench.errors import MAX_FINDINGS_PER_FILE, Finding, InputError, quoted, refusal

DEFAULT_LABEL = "seiz"
TAKEN = "(start, stop), (start, stop, label) or (start, stop, label, confidence)"
COLUMNS = ("start", "stop")
NAMES = "start, stop (= onset + duration) and label"
OPTIONAL_COLUMNS = {"label": DEFAULT_LABEL, "confidence": 1.0}


class EventRow(NamedTuple):
    """An event as plain Python values."""

    start: float
    stop: float
    label: str
    confidence: float = 1.0


def seconds(value: object, name: str, file: str) -> float:
    """``value`` as seconds; raises an `InputError` that says what ``name`` must be."""
    number = as_number(value)
    if number is None:
        raise refusal("duration", f"{name} must be a number of seconds, not {shown(value)}", file=file)
    return number


def _length(value: object, name: str, file: str) -> float:
    number = seconds(value, name, file)
    if not 0 <= number < math.inf:
        raise refusal("duration", f"{name} must be a number of seconds from 0, not {shown(value)}", file=file)
    return number


def event_rows(events: Any, label: str, file: str) -> list[EventRow]:
    """The events of an iterable or array.

    Raises:
        InputError: it is not iterable, or some items are not events; each is named by its index.
    """
    if isinstance(events, (str, bytes)) or not isinstance(events, Iterable):
        raise refusal("events", f"events must be {TAKEN} each, not {shown(events)}", file=file)
    if _is_frame(events):
        raise refusal("events", "events are a data frame: use Recording.from_dataframe(duration, frame)", file=file)
    if isinstance(events, (set, frozenset)):
        raise refusal("events", "events are a set, which has no order; give a list", file=file)
    if isinstance(events, np.ndarray) and events.ndim != 2 and events.size and events.dtype.names is None:
        message = f"events are an array of shape {events.shape}, not (events, 2); "
        message += "a mask of samples goes to Recording.from_mask(mask, sampling_rate=...)"
        raise refusal("events", message, file=file)
    rows, faults = [], []
    for k, item in enumerate(events):
        row = _event_row(item, label)
        if isinstance(row, EventRow):
            rows.append(row)
        else:
            faults.append(Finding("", file, None, "events", f"events[{k}] is {shown(item)}: {row}"))
            if len(faults) == MAX_FINDINGS_PER_FILE:
                break
    if faults:
        raise InputError(faults)
    return rows


def frame_rows(frame: Any, label: str, file: str) -> list[EventRow]:
    """The events of a data frame's rows.

    Raises:
        InputError: it is not a data frame, or lacks the columns ``start`` and ``stop``.
    """
    if not _is_frame(frame):
        message = (
            f"frame must be a data frame with columns {', '.join(COLUMNS)} (and label, confidence), not {shown(frame)}"
        )
        raise refusal("dataframe", message, file=file)
    names = [str(name) for name in (frame if isinstance(frame, Mapping) else frame.columns)]
    lacking = [name for name in COLUMNS if name not in names]
    if lacking:
        message = f"has no column {' or '.join(lacking)} but {quoted(', '.join(names))}; rename the columns to {NAMES}"
        raise refusal("dataframe", message, file=file)
    twice = repeated(name for name in names if name in (*COLUMNS, *OPTIONAL_COLUMNS))
    if twice is not None:
        raise refusal("dataframe", f"has two columns {twice}; rename or drop one", file=file)
    try:
        given = {name: frame[name] for name in (*COLUMNS, *OPTIONAL_COLUMNS) if name in names}
    except TypeError:  # as of polars.LazyFrame
        message = f"frame must have columns that can be read; collect the {type(frame).__name__} first"
        raise refusal("dataframe", message, file=file) from None
    for name, column in given.items():
        no_column = isinstance(column, (str, bytes, set, frozenset)) or getattr(column, "ndim", 1) != 1
        if no_column or not isinstance(column, Iterable):
            message = f"frame[{name!r}] must be a column with a value for each event, not {shown(column)}"
            raise refusal("dataframe", message, file=file)
    columns = [list(given[name]) for name in COLUMNS]
    length = len(columns[0])
    defaults = OPTIONAL_COLUMNS | {"label": label}
    columns += [list(given[name]) if name in given else [value] * length for name, value in defaults.items()]
    if any(len(column) != length for column in columns):
        raise refusal("dataframe", "has columns of different lengths", file=file)
    return event_rows(list(zip(*columns, strict=True)), label, file)


def mask_intervals(mask: ArrayLike, sampling_rate: float, file: str) -> tuple[float, list[tuple[float, float]]]:
    """The duration of a mask in seconds, and the intervals in which it is true: ``[start, stop)`` in seconds.

    Raises:
        InputError: it is empty, not one-dimensional, or does not hold truth values.
    """
    samples = _samples(mask, "mask", file)
    rate = _rate(sampling_rate, file)
    if samples.dtype != np.bool_ and not np.isin(samples, (0, 1)).all():
        other = samples[~np.isin(samples, (0, 1))][0]
        message = f"mask must hold 0 and 1, or truth values, not {other}; probabilities go to from_probabilities"
        raise refusal("mask", message, file=file)
    return samples.size / rate, _intervals(samples.astype(bool), rate)


def probability_intervals(
    probabilities: ArrayLike,
    sampling_rate: float,
    *,
    threshold: float,
    min_duration: float,
    min_gap: float,
    file: str,
) -> tuple[float, list[tuple[float, float, float]]]:
    """The duration in seconds, and the intervals at or above the threshold: start, stop, and highest probability.

    The threshold is compared in the precision of the array, as NumPy compares ``probabilities >= threshold``.
    Gaps shorter than ``min_gap`` are closed first; then events shorter than ``min_duration`` are dropped.

    Raises:
        InputError: they are not one-dimensional or not from 0 to 1, or an argument is out of its range.
    """
    samples = _samples(probabilities, "probabilities", file)
    rate = _rate(sampling_rate, file)
    bad = ~((samples >= 0) & (samples <= 1))
    if bad.any():
        k = int(bad.argmax())
        raise refusal("probabilities", f"probabilities[{k}] is {samples[k]}; they must be from 0 to 1", file=file)
    limit = as_number(threshold)
    if limit is None or not 0 <= limit <= 1:
        raise refusal("threshold", f"threshold must be from 0 to 1, not {shown(threshold)}", file=file)
    shortest, gap = _length(min_duration, "min_duration", file), _length(min_gap, "min_gap", file)
    runs: list[list[int]] = []
    for begin, end in _runs(samples >= limit):  # a Python float has no precision of its own
        if runs and (begin - runs[-1][1]) / rate < gap:
            runs[-1][1] = end
        else:
            runs.append([begin, end])
    kept = [(begin, end) for begin, end in runs if (end - begin) / rate >= shortest]
    return samples.size / rate, [(begin / rate, end / rate, float(samples[begin:end].max())) for begin, end in kept]


def _event_row(item: Any, label: str) -> EventRow | str:
    """The event of an item, or the reason why it is not an event."""
    if isinstance(item, Mapping):
        return "give it as a tuple, or a table of them to from_dataframe"
    if isinstance(item, (str, bytes, set, frozenset)) or not hasattr(item, "__len__"):
        return f"an event is {TAKEN}"
    try:
        fields = list(item)
    except TypeError:  # an array without dimensions
        fields = []
    names = _field_names(item)
    if names is not None and not set(COLUMNS) <= set(names):
        return f"its fields are {quoted(', '.join(names))}; rename them to {NAMES}"
    if names is not None:
        defaults = OPTIONAL_COLUMNS | {"label": label}
        named = defaults | dict(zip(names, fields, strict=True))
        fields = [named[name] for name in (*COLUMNS, *defaults)]
    if not 2 <= len(fields) <= 4:
        return f"an event is {TAKEN}"
    start, stop, text, confidence = fields + [label, 1.0][len(fields) - 2 :]
    first, last, trust = as_number(start), as_number(stop), as_number(confidence)
    if first is None or last is None:
        return "start and stop must be numbers of seconds"
    if not isinstance(text, str):
        return "its label must be text, such as 'seiz'"
    return "its confidence must be a number" if trust is None else EventRow(first, last, str(text), trust)


def _field_names(item: Any) -> list[str] | None:
    """The names of an event's fields, or None if its fields are known by their positions alone."""
    if isinstance(item, tuple):
        names = getattr(item, "_fields", ())
        names = () if all(name.startswith("_") for name in names) else names  # as itertuples() names nameless columns
    elif callable(getattr(item, "keys", None)):  # a row of iterrows()
        names = [name for name in item.keys() if not isinstance(name, int)]  # noqa: SIM118  # no mapping
    else:
        names = () if getattr(item, "ndim", 0) else getattr(getattr(item, "dtype", None), "names", None) or ()
    return [str(name) for name in names] or None


def _samples(values: ArrayLike, name: str, file: str) -> NDArray[Any]:
    try:
        samples = np.asarray(values)
    except ValueError:  # rows of different lengths
        samples = np.empty((0, 0))
    if np.ma.is_masked(values):
        raise refusal(name, f"{name} has masked samples; fill them, as with {name}.filled(0)", file=file)
    if samples.ndim != 1 or not samples.size or samples.dtype.kind not in "biuf":
        what = f"an array of shape {samples.shape} and type {samples.dtype}"
        raise refusal(name, f"{name} must be numbers in one dimension, one per sample, not {what}", file=file)
    return samples


def _rate(sampling_rate: float, file: str) -> float:
    rate = as_number(sampling_rate)
    if rate is None or not isfinite(rate) or rate <= 0:
        message = f"sampling_rate must be samples per second, above 0, not {shown(sampling_rate)}"
        raise refusal("sampling_rate", message, file=file)
    return rate


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The runs in which a mask is true: index of the first sample, and of the one after the last."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def _intervals(mask: NDArray[np.bool_], rate: float) -> list[tuple[float, float]]:
    return [(begin / rate, end / rate) for begin, end in _runs(mask)]


def _is_frame(value: object) -> bool:
    is_table = hasattr(value, "columns") and hasattr(value, "__getitem__") and not isinstance(value, type)
    return isinstance(value, Mapping) or is_table


def check_label(label: object, file: str) -> None:
    """Refuse a label or a name that is not text."""
    check_kinds(name=(file, str))
    if not isinstance(label, str):
        raise refusal("label", f"label must be text, such as {DEFAULT_LABEL!r}, not {shown(label)}", file=file)
