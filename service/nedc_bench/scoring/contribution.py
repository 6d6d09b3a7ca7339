"""What an algorithm sees of a pair, what the pair adds to the corpus, and how the corpus adds it up.

Every algorithm is a module of one shape, and says so in its `Algorithm`:

    contribute(reference, hypothesis, parameters)      one pair -> its contribution
    ...Contribution                                    what a pair adds: plain tuples, numbers and bytes
    ...Total(classes)                                  the corpus: ``add`` a contribution, then ``counts(parameters)``

(`ira` has ``agreement`` in place of ``counts``, `szcore` figures of its own.) Where sums are of floats, a contribution
holds the *ordered* numbers that the pair adds, and the total adds them one at a time in list order, so that the sum
keeps the original's last bit however the pairs were spread over processes: docs/scoring.md section 4.

A contribution is sent between processes and cached; its ``shape`` tells what the scorer makes from what is damaged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nedc_bench.annotations.parameters import Parameters
from nedc_bench.annotations.timeline import Codes, Floats

NULL = 255  # stands in an alignment where one side has no event

PerClass = tuple[int, ...]  # a count for each class
Parts = tuple[tuple[float, ...], ...]  # for each class the numbers to add, in order
Matrix = tuple[PerClass, ...]  # ``matrix[reference class][hypothesis class]``

_SYMBOLS = bytes(range(256))


class Events(NamedTuple):
    """One side of a pair: seconds, seconds, class indices; each of shape ``(events,)``, in scoring order."""

    starts: Floats
    stops: Floats
    classes: Codes


class PackedEvents(NamedTuple):
    """One side of a pair as it is sent and kept.

    Attributes:
        times: all starts, then all stops: float64, little-endian.
        classes: class indices, a byte each.
    """

    times: bytes
    classes: bytes

    @classmethod
    def of(cls, events: Events) -> PackedEvents:
        """Pack the events."""
        times = np.concatenate((events.starts, events.stops)).astype("<f8", copy=False)
        return cls(times.tobytes(), events.classes.astype(np.uint8).tobytes())

    def unpack(self) -> Events:
        """The events, to the bit."""
        starts, stops = np.frombuffer(self.times, dtype="<f8").reshape(2, -1)
        return Events(starts, stops, np.frombuffer(self.classes, dtype=np.uint8).astype(np.intp))


class Alignment(NamedTuple):
    """Two sequences of class indices (or `NULL`), one byte each, as a report prints them."""

    reference: bytes
    hypothesis: bytes


NO_ALIGNMENT = Alignment(b"", b"")


class Algorithm(NamedTuple):
    """An algorithm, by its parts.

    Attributes:
        name: what it is asked for by.
        contribute: scores one pair.
        contribution: what it makes of a pair.
        shape: for each field of a contribution, whether a value is what it can hold, given how many classes there are.
        total: what adds contributions up; made for so many classes.
    """

    name: str
    contribute: Callable[[Events, Events, Parameters], Any]
    contribution: type
    shape: tuple[Callable[[Any, int], bool], ...]
    total: Callable[[int], Any]


class ConfusionTotal:
    """The sum of confusion matrices."""

    def __init__(self, classes: int) -> None:
        self.confusion = [[0] * classes for _ in range(classes)]

    def add_confusion(self, confusion: Matrix) -> None:
        """Add a matrix, cell by cell."""
        for row, added in zip(self.confusion, confusion, strict=True):
            add_counts(row, added)


class Counts(NamedTuple):
    """The counts of one class; the names are those of the result document."""

    targets: float
    hits: float
    misses: float
    false_alarms: float
    insertions: float
    deletions: float
    tp: float
    tn: float
    fp: float
    fn: float


def add_counts(sums: list[int], added: Iterable[int]) -> None:
    """Add a number to each sum."""
    for c, number in enumerate(added):
        sums[c] += number


def in_order(numbers: Iterable[float], start: float = 0) -> float:
    """The sum, adding from the left to ``start``; ``sum`` compensates from Python 3.12 on, and so differs in a bit."""
    for number in numbers:
        start += number
    return start


def per_class(codes: Codes, classes: int) -> PerClass:
    """How many of the class indices there are of each class."""
    return tuple(np.bincount(codes, minlength=classes).tolist())


def matrix(cells: NDArray[np.int64]) -> Matrix:
    """A square array as the tuples that a contribution holds."""
    return tuple(map(tuple, cells.tolist()))


def is_per_class(counts: PerClass, classes: int) -> bool:
    """Whether there is a count for each class, and none is negative."""
    return len(counts) == classes and min(counts) >= 0


def is_matrix(rows: Matrix, classes: int) -> bool:
    """Whether it is a square matrix of counts."""
    return len(rows) == classes and all(is_per_class(row, classes) for row in rows)


def is_finite(numbers: Sequence[float], classes: int) -> bool:
    """Whether all numbers are finite."""
    return all(map(isfinite, numbers))


def is_parts(parts: Parts, classes: int) -> bool:
    """Whether there is a sequence of finite numbers for each class."""
    return len(parts) == classes and all(is_finite(numbers, classes) for numbers in parts)


def is_alignment(alignment: Alignment, classes: int, null: bytes = b"") -> bool:
    """Whether the sides are of one length and hold class indices, or ``null``."""
    known = _SYMBOLS[:classes] + null
    reference, hypothesis = alignment
    return len(reference) == len(hypothesis) and not (reference + hypothesis).translate(None, known)


def is_alignment_with_null(alignment: Alignment, classes: int) -> bool:
    """Whether the sides are of one length and hold class indices, or `NULL`."""
    return is_alignment(alignment, classes, bytes([NULL]))


def is_events(events: PackedEvents, classes: int) -> bool:
    """Whether there are events, each with a class and with times that are finite."""
    if not events.classes or len(events.times) != 16 * len(events.classes):
        return False
    return not events.classes.translate(None, _SYMBOLS[:classes]) and bool(
        np.isfinite(np.frombuffer(events.times)).all()
    )
