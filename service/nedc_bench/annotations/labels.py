"""The label map: annotation labels (many) to scoring classes (few), in report order.

Source: docs/scoring.md section 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nedc_bench.annotations.recording import FILLER, Recording
from nedc_bench.errors import Finding, InputError, quoted, refusal

MAX_CLASSES = 250
MAX_LABELS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class LabelMap:
    """Which annotation labels belong to which scoring class.

    Attributes:
        classes: class names, lower case, in the order of every report.
        labels: for each class its annotation labels, lower case.

    >>> LabelMap.from_mapping({"PET": ["cat", "dog"], "BCKG": ["bckg"]}).index
    {'cat': 0, 'dog': 0, 'bckg': 1}
    """

    classes: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    index: dict[str, int] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        index = {label: c for c, labels in enumerate(self.labels) for label in labels}
        object.__setattr__(self, "index", index)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Iterable[str]]) -> LabelMap:
        """A map from ``{class: annotation labels}``; both sides are lower-cased.

        Raises:
            InputError: a class or label that is empty or used twice, or no class for ``bckg``.
        """
        classes = tuple(name.strip().lower() for name in mapping)
        labels = tuple(tuple(label.strip().lower() for label in group) for group in mapping.values())
        flat = [label for group in labels for label in group]
        _refuse_repeats("class", classes)
        _refuse_repeats("label", flat)
        if len(classes) > MAX_CLASSES:
            raise refusal("map", f"[MAP] has {len(classes)} classes; at most {MAX_CLASSES} are scored")
        if FILLER not in flat:
            raise refusal("map", f"[MAP] has no class for the label {FILLER!r}, which fills the gaps between events")
        return cls(classes, labels)

    def to_mapping(self) -> dict[str, list[str]]:
        """The map as ``{class: annotation labels}``, in class order."""
        return {name: list(group) for name, group in zip(self.classes, self.labels, strict=True)}

    def classify(self, recording: Recording, side: str = "") -> NDArray[np.intp]:
        """The class index of every event of ``recording``, shape ``(events,)``.

        Raises:
            InputError: a label that the map does not know.
        """
        unknown = [label for label in recording.vocabulary if label not in self.index]
        if unknown:
            raise InputError(
                Finding(side, recording.name, recording.first_line(label), "label", self.unknown(label))
                for label in unknown
            )
        return np.array([self.index[label] for label in recording.vocabulary], dtype=np.intp)[recording.labels]

    def unknown(self, label: str) -> str:
        """The message for a label that the map does not know."""
        hint = " (labels are lower case)" if label.lower() in self.index else ""
        known = ", ".join(list(self.index)[:MAX_LABELS_SHOWN])
        return f"label {quoted(label)} is not in the label map{hint}; known labels: {known}"


def _refuse_repeats(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if not name:
            raise refusal("map", f"[MAP] has an empty {what}")
        if name in seen:
            raise refusal("map", f"[MAP] names the {what} {quoted(name)} twice")
        seen.add(name)
