"""The scoring parameters, and the original's TOML parameter file.

Source: docs/scoring.md sections 2 and 6.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nedc_bench.annotations.labels import EXAMPLE, LabelMap
from nedc_bench.annotations.recording import MAX_SECONDS
from nedc_bench.annotations.source import Source, Text, read_text
from nedc_bench.annotations.timeline import FILLER
from nedc_bench.checks import check_choice, check_kinds, check_number, parsed_number
from nedc_bench.errors import Finding, InputError, quoted, refusal

EPOCH_SECONDS = (0.001, 86_400.0)
MAX_PENALTY = 1e6
MAX_TOLERANCE_SECONDS = 60.0
CHANNELS = ("refuse", "union")
MAX_CHARACTERS = 65_536
MAX_LINE_CHARACTERS = 1_000

DEFAULT_LABEL_MAP = LabelMap.from_mapping({"seiz": ["seiz"], FILLER: [FILLER]})


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of the original's file, and SzCORE's in ``[SZCORE]``; the defaults are the tools' own.

    Attributes:
        label_map: annotation labels to scoring classes, in report order.
        penalty_del, penalty_ins, penalty_sub: penalties of the edit distance (``dp``), 0 or more.
        epoch_duration: seconds between the samples of ``epoch``.
        epoch_null_class: the class of ``epoch`` that stands for no event.
        ira_epoch_duration: seconds between the samples of ``ira``.
        ira_null_class: accepted because the original has it; no figure depends on it.
        channels: ``refuse`` a file of per-channel events, or score their ``union`` (table ``[INPUT]``, ours).
        duration_tolerance: seconds by which the sides' durations may differ; the reference's counts (``[INPUT]``).
        szcore_min_overlap: the part of a widened reference event that must be covered for a hit, 0 to 1.
        szcore_tolerance_start, szcore_tolerance_end: seconds by which a reference event is widened.
        szcore_max_event_duration: seconds after which an event is split.
        szcore_min_duration_between_events: seconds below which two events are merged.
        notes: observations from reading the file, such as unused keys.

    Raises:
        InputError: a value is out of range, or the null class of ``epoch`` is not in the map.
    """

    label_map: LabelMap = DEFAULT_LABEL_MAP
    penalty_del: float = 1.0
    penalty_ins: float = 1.0
    penalty_sub: float = 1.0
    epoch_duration: float = 0.25
    epoch_null_class: str = FILLER
    ira_epoch_duration: float = 0.25
    ira_null_class: str = FILLER
    channels: str = "refuse"
    duration_tolerance: float = 0.0
    szcore_min_overlap: float = 0.0
    szcore_tolerance_start: float = 30.0
    szcore_tolerance_end: float = 60.0
    szcore_max_event_duration: float = 300.0
    szcore_min_duration_between_events: float = 90.0
    notes: tuple[Finding, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            object.__setattr__(self, name, check_number(name, getattr(self, name), low, high, code="parameter"))
        check_choice("channels", self.channels, CHANNELS, "parameter")
        check_kinds(
            label_map=(self.label_map, LabelMap),
            epoch_null_class=(self.epoch_null_class, str),
            ira_null_class=(self.ira_null_class, str),
            notes=(self.notes, tuple),
        )
        if self.epoch_null_class not in self.label_map.classes:
            known = ", ".join(self.label_map.classes)
            message = f"null_class {quoted(self.epoch_null_class)} of [NEDC_EPOCH] is not a class of [MAP]: {known}"
            raise refusal("parameter", message)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Warnings about the parameters, which ``strict`` turns into errors."""
        return (*self.label_map.warnings, *self.notes)

    def to_dict(self) -> dict[str, Any]:
        """The parameters as in the result document."""
        return {
            "label_map": self.label_map.to_mapping(),
            "penalty_del": self.penalty_del,
            "penalty_ins": self.penalty_ins,
            "penalty_sub": self.penalty_sub,
            "epoch_duration": self.epoch_duration,
            "epoch_null_class": self.epoch_null_class,
            "ira_epoch_duration": self.ira_epoch_duration,
            "ira_null_class": self.ira_null_class,
            "channels": self.channels,
            "duration_tolerance": self.duration_tolerance,
            "szcore_min_overlap": self.szcore_min_overlap,
            "szcore_tolerance_start": self.szcore_tolerance_start,
            "szcore_tolerance_end": self.szcore_tolerance_end,
            "szcore_max_event_duration": self.szcore_max_event_duration,
            "szcore_min_duration_between_events": self.szcore_min_duration_between_events,
        }


_RANGES = {
    **dict.fromkeys(("penalty_del", "penalty_ins", "penalty_sub"), (0.0, MAX_PENALTY)),
    **dict.fromkeys(("epoch_duration", "ira_epoch_duration"), EPOCH_SECONDS),
    "duration_tolerance": (0.0, MAX_TOLERANCE_SECONDS),
    "szcore_min_overlap": (0.0, 1.0),
    "szcore_max_event_duration": (0.1, MAX_SECONDS),
    "szcore_tolerance_start": (0.0, MAX_SECONDS),
    "szcore_tolerance_end": (0.0, MAX_SECONDS),
    "szcore_min_duration_between_events": (0.0, MAX_SECONDS),
}

# The keys of the file: (table, key) -> our field, or None if the original ignores it too; [INPUT] is ours.
_KEYS: dict[tuple[str, str], str | None] = {
    ("NEDC_DPALIGN", "penalty_del"): "penalty_del",
    ("NEDC_DPALIGN", "penalty_ins"): "penalty_ins",
    ("NEDC_DPALIGN", "penalty_sub"): "penalty_sub",
    ("NEDC_EPOCH", "epoch_duration"): "epoch_duration",
    ("NEDC_EPOCH", "null_class"): "epoch_null_class",
    ("NEDC_OVERLAP", "guard_width"): None,
    ("NEDC_OVERLAP", "ndigits_round"): None,
    ("NEDC_IRA", "epoch_duration"): "ira_epoch_duration",
    ("NEDC_IRA", "null_class"): "ira_null_class",
    ("INPUT", "channels"): "channels",
    ("INPUT", "duration_tolerance"): "duration_tolerance",
    ("SZCORE", "min_overlap"): "szcore_min_overlap",
    ("SZCORE", "tolerance_start"): "szcore_tolerance_start",
    ("SZCORE", "tolerance_end"): "szcore_tolerance_end",
    ("SZCORE", "max_event_duration"): "szcore_max_event_duration",
    ("SZCORE", "min_duration_between_events"): "szcore_min_duration_between_events",
}
_WORDS = {"null_class", "channels"}  # keys with words as values
_MAP = "MAP"
_TABLES = {table for table, _ in _KEYS} | {_MAP, "NEDC_TAES"}
_FORM = f"a parameter file has a table [MAP] with one line per class, {EXAMPLE}"


def read_parameters(source: Source, name: str | None = None) -> Parameters:
    """Read the parameters from a TOML file in the original's form.

    Raises:
        InputError: it is not TOML, not a parameter file, or a value is out of range.
    """
    text = read_text(source, name=name)
    _check_size(text)
    try:
        parameters = parameters_from_toml(tomllib.loads(text.text))
    except (ValueError, RecursionError) as error:  # a TOMLDecodeError, or a number of thousands of digits
        raise refusal("parameter", f"is not TOML: {error}", file=text.name) from None
    except InputError as error:
        raise refusal("parameter", error.findings[0].message, file=text.name) from None
    label_map = parameters.label_map
    return replace(
        parameters,
        label_map=replace(label_map, warnings=_named(label_map.warnings, text.name)),
        notes=_named(parameters.notes, text.name),
    )


def _named(findings: tuple[Finding, ...], file: str) -> tuple[Finding, ...]:
    return tuple(replace(finding, file=file) for finding in findings)


def _check_size(text: Text) -> None:
    """Refuse slow input: parsing a key takes time quadratic in its length."""
    if len(text.text) > MAX_CHARACTERS:
        raise refusal("size", f"has {len(text.text)} characters; at most {MAX_CHARACTERS} are read", file=text.name)
    for number, line in enumerate(text.text.splitlines(), 1):
        if len(line) > MAX_LINE_CHARACTERS:
            message = f"{quoted(line)} has {len(line)} characters; a line has at most {MAX_LINE_CHARACTERS}"
            raise refusal("size", message, file=text.name, line=number)


def parameters_from_toml(document: Mapping[str, Any]) -> Parameters:
    """The parameters of a parsed file; missing keys keep their defaults.

    Tables and keys that the original does not know are ignored; `Parameters.notes` names them.
    """
    _check_tables(document)
    values: dict[str, Any] = {}
    notes = []
    for table, content in document.items():
        if table == _MAP:
            values["label_map"] = LabelMap.from_mapping({name: _labels(name, text) for name, text in content.items()})
        elif table in _TABLES:
            for key, value in content.items():
                target = _KEYS.get((table, key))
                if (table, key) not in _KEYS:
                    notes.append(f"{quoted(key)} is not a key of [{table}] and is not used")
                elif target is not None:
                    values[target] = _text(key, value).lower() if key in _WORDS else _number(key, value)
        elif table != "version":
            notes.append(f"{quoted(table)} is not a table of the parameter file and is not used")
    classes = values.get("label_map", DEFAULT_LABEL_MAP).classes
    if (null := values.get("ira_null_class", classes[0])) not in classes:
        notes.append(f"null_class {quoted(null)} of [NEDC_IRA] is not a class of [MAP]; no figure depends on it")
    return Parameters(**values, notes=tuple(Finding("", "", None, "parameter", note) for note in notes))


def _check_tables(document: Mapping[str, Any]) -> None:
    """Refuse a file that is not a parameter file, or whose map would be ignored."""
    for table, content in document.items():
        if table in _TABLES and not isinstance(content, Mapping):
            raise refusal("parameter", f"{table} must be a table, [{table}], not {quoted(str(content))}")
        if table != _MAP and table.upper() == _MAP and _MAP not in document:
            raise refusal("parameter", f"[{table}] must be written [MAP], in capitals: {_FORM}")
    others = [table for table in document if table not in _TABLES and table != "version"]
    if others and not _TABLES & set(document):
        raise refusal("parameter", f"has no [MAP] and no other table that is known, but {quoted(others[0])}: {_FORM}")


def _labels(name: str, value: object) -> str:
    if isinstance(value, (list, tuple)):
        labels = ",".join(map(str, value))
        raise refusal("parameter", f'{name} must be one text, its labels separated by commas: {name} = "{labels}"')
    return _text(name, value)


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise refusal("parameter", f"{key} must be text in quotes, not {quoted(str(value))}")
    return value.strip()


def _number(key: str, value: object) -> float:
    """A number; the original writes them as strings."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise refusal("parameter", f"{key} must be a number, not {quoted(str(value))}")
    try:
        return parsed_number(value) if isinstance(value, str) else float(value)
    except (ValueError, OverflowError):
        raise refusal("parameter", f"{key} must be a number, not {quoted(str(value))}") from None
