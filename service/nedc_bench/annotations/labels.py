"""The label map: annotation labels (many) to scoring classes (few), in report order.

Source: docs/scoring.md section 2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nedc_bench.annotations.label_sets import set_with
from nedc_bench.annotations.recording import Recording
from nedc_bench.annotations.timeline import FILLER, FILLER_CODE
from nedc_bench.checks import check_kinds, check_texts
from nedc_bench.errors import MAX_SHOWN_TEXT, Finding, InputError, quoted, refusal

EXAMPLE = """SEIZ = "seiz" and BCKG = "bckg\""""
NULL_SYMBOL = "***"  # stands for no event in the alignment of dp
MAX_CLASSES = 250
MAX_LABELS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class LabelMap:
    """Which annotation labels belong to which scoring class.

    Attributes:
        classes: class names, lower case, in the order of every report.
        labels: for each class its annotation labels, lower case. A label of several classes belongs to the last.
        warnings: irregularities that do not prevent its use.

    >>> LabelMap.from_mapping({"PET": ["cat", "dog"], "BCKG": ["bckg"]}).index
    {'cat': 0, 'dog': 0, 'bckg': 1}
    """

    classes: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    warnings: tuple[Finding, ...] = field(default=(), compare=False, repr=False)
    index: dict[str, int] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_kinds(classes=(self.classes, tuple), labels=(self.labels, tuple), warnings=(self.warnings, tuple))
        index = {label: c for c, labels in enumerate(self.labels) for label in labels}
        object.__setattr__(self, "index", index)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, str | Iterable[str]]) -> LabelMap:
        """A map from ``{class: annotation labels}``; classes and labels are lower-cased.

        The labels of a class are an iterable, or one comma-separated text as in a parameter file. If two class names
        are equal in lower case, the labels of the second count, at the place of the first.

        Raises:
            InputError: there is no class, there are too many, or one has no name or one that `dp` reserves.
        """
        groups: dict[str, tuple[str, ...]] = {}
        warnings = []
        check_kinds(mapping=(mapping, Mapping))
        for name, given in mapping.items():
            check_kinds(**{"a class of the map": (name, str)})
            labels = given.split(",") if isinstance(given, str) else check_texts(f"mapping[{name!r}]", given)
            key = name.strip().lower()
            if key in groups:
                warnings.append(f"[MAP] names the class {quoted(key)} twice; the labels of the last one count")
            groups[key] = tuple(label.strip().lower() for label in labels)
        _refuse_classes(groups)
        owners = Counter(label for labels in groups.values() for label in dict.fromkeys(labels))
        owner = {label: name for name, labels in groups.items() for label in labels}
        for label in (label for label, count in owners.items() if count > 1):
            message = f"[MAP] names the label {quoted(label)} under {owners[label]} classes; {owner[label]!r} has it"
            warnings.append(message)
        noticed = tuple(Finding("", "", None, "map", message) for message in warnings)
        return cls(tuple(groups), tuple(groups.values()), noticed)

    def to_mapping(self) -> dict[str, list[str]]:
        """The map as ``{class: annotation labels}``, in class order."""
        return {name: list(group) for name, group in zip(self.classes, self.labels, strict=True)}

    def classify(self, recording: Recording, side: str = "") -> NDArray[np.intp]:
        """The class index of every event of ``recording``, shape ``(events,)``.

        Raises:
            InputError: the map lacks a label, which may be that of the background in gaps.
        """
        check_kinds(recording=(recording, Recording))
        unknown = [label for label in recording.vocabulary[1:] if label not in self.index]
        faults = [
            Finding(side, recording.name, recording.first_line(label), "label", self.unknown(label))
            for label in unknown
        ]
        if FILLER not in self.index and (filler := (recording.labels == FILLER_CODE).nonzero()[0]).size:
            line = recording.first_line(FILLER)
            message = self.unknown(FILLER) if line else self._unfilled(recording, int(filler[0]))
            faults.append(Finding(side, recording.name, line, "label", message))
        if faults:
            raise InputError(faults)
        return np.array([self.index.get(label, -1) for label in recording.vocabulary], dtype=np.intp)[recording.labels]

    def unknown(self, label: str) -> str:
        """The message for a label that is not in the map."""
        check_kinds(label=(label, str))
        known = ", ".join(list(self.index)[:MAX_LABELS_SHOWN])
        message = f"label {quoted(label)} is not in the label map; known labels: {known}"
        if label[:1] in {'"', "'"}:
            return message + "; write labels in files without quotes"
        if label.lower() != label:
            return message + f"; write labels in files in lower case: {quoted(label.lower())}"
        if not self.classes or not label.isprintable() or set(label) & set('"\\,'):
            return message
        labels = ",".join(filter(None, (*self.labels[0], label[:MAX_SHOWN_TEXT])))
        example = f'[MAP] {self.classes[0].upper()} = "{labels}"'
        known_set = set_with(label)
        preset = f"set labels to {known_set} (--labels {known_set}), or " if known_set else ""
        return f"{message}; {preset}give it a class in the parameter file (--params), such as {example}"

    def _unfilled(self, recording: Recording, event: int) -> str:
        """The message for a gap that cannot be filled."""
        start, stop = float(recording.starts[event]), float(recording.stops[event])
        if recording.labels.size == 1:
            what = "has no event, which makes all of it background"
        elif stop < start:
            what = f"has an overlap at {stop} s, which is filled with background"
        else:
            what = f"has a gap at {start} s, which is filled with background"
        return f"{what}: [MAP] must have a class for the label {FILLER!r}, or the events must leave no gap"


def _refuse_classes(groups: Mapping[str, Iterable[str]]) -> None:
    if not groups:
        raise refusal("map", f"[MAP] has no class; give it some, such as {EXAMPLE}")
    if "" in groups:
        raise refusal("map", "[MAP] has a class without a name")
    if NULL_SYMBOL in groups:
        raise refusal("map", f"[MAP] has a class {NULL_SYMBOL!r}, which is dp's symbol for no event; name it otherwise")
    if len(groups) > MAX_CLASSES:
        raise refusal("map", f"[MAP] has {len(groups)} classes; at most {MAX_CLASSES} are scored")
