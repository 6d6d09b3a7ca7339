"""The parts of an algorithm: the events it gets, the contribution of a pair, and the total of a corpus.

Every algorithm is a module of the same shape, described by its `Algorithm`:

    contribute(reference, hypothesis, parameters)      one pair -> its contribution
    ...Contribution                                    what a pair adds: plain tuples, numbers and bytes
    ...Total(classes)                                  the corpus: ``add`` contributions, then ``counts(parameters)``

(`ira` has ``agreement`` instead of ``counts``, `szcore` its own figures.) For sums of floats, a contribution holds the
*ordered* numbers that the pair adds, and the total adds them one by one in list order, so that the sum keeps the
original's last bit however the pairs were spread over processes: docs/scoring.md section 4.

Contributions are sent between processes and cached; ``shape`` distinguishes valid ones from damaged ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nedc_bench.annotations.parameters import Parameters
from nedc_bench.annotations.timeline import Codes, Floats

NULL = 255  # marks a side without an event in an alignment

PerClass = tuple[int, ...]  # one count per class
Parts = tuple[tuple[float, ...], ...]  # per class, the numbers to add, in order
Matrix = tuple[PerClass, ...]  # ``matrix[reference class][hypothesis class]``

_SYMBOLS = bytes(range(256))


class Events(NamedTuple):
    """One side of a pair: seconds, seconds, class indices; each of shape ``(events,)``, in scoring order."""

    starts: Floats
    stops: Floats
    classes: Codes


class PackedEvents(NamedTuple):
    """One side of a pair, packed for sending and storing.

    Attributes:
        times: all starts, then all stops: float64, little-endian.
        classes: class indices, one byte each.
    """

    times: bytes
    classes: bytes

    @classmethod
    def of(cls, events: Events) -> PackedEvents:
        """Pack the events."""
        times = np.concatenate((events.starts, events.stops)).astype("<f8", copy=False)
        return cls(times.tobytes(), events.classes.astype(np.uint8).tobytes())

    def unpack(self) -> Events:
        """Unpack the events, equal in every bit."""
        starts, stops = np.frombuffer(self.times, dtype="<f8").reshape(2, -1)
        return Events(starts, stops, np.frombuffer(self.classes, dtype=np.uint8).astype(np.intp))


class Alignment(NamedTuple):
    """Two sequences of class indices (or `NULL`), one byte each, as a report prints them."""

    reference: bytes
    hypothesis: bytes


NO_ALIGNMENT = Alignment(b"", b"")


class Algorithm(NamedTuple):
    """The parts of an algorithm.

    Attributes:
        name: its name for users.
        contribute: scores one pair.
        contribution: the type of a pair's contribution.
        shape: for each field of a contribution, a check of its value, given the number of classes.
        total: the type that adds contributions up, constructed with the number of classes.
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
    """The counts of one class, with the names of the result document."""

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
    """The sum from left to right; Python's ``sum`` compensates since 3.12, which can differ in the last bit."""
    for number in numbers:
        start += number
    return start


def per_class(codes: Codes, classes: int) -> PerClass:
    """The number of indices of each class."""
    return tuple(np.bincount(codes, minlength=classes).tolist())


def matrix(cells: NDArray[np.int64]) -> Matrix:
    """A square array as nested tuples, for a contribution."""
    return tuple(map(tuple, cells.tolist()))


def is_per_class(counts: PerClass, classes: int) -> bool:
    """Whether there is one count per class, none of them negative."""
    return len(counts) == classes and min(counts) >= 0


def is_matrix(rows: Matrix, classes: int) -> bool:
    """Whether it is a square matrix of counts."""
    return len(rows) == classes and all(is_per_class(row, classes) for row in rows)


def is_finite(numbers: Sequence[float], classes: int) -> bool:
    """Whether all numbers are finite."""
    return all(map(isfinite, numbers))


def is_parts(parts: Parts, classes: int) -> bool:
    """Whether there is one sequence of finite numbers per class."""
    return len(parts) == classes and all(is_finite(numbers, classes) for numbers in parts)


def is_alignment(alignment: Alignment, classes: int, null: bytes = b"") -> bool:
    """Whether both sides have the same length and hold class indices or ``null``."""
    known = _SYMBOLS[:classes] + null
    reference, hypothesis = alignment
    return len(reference) == len(hypothesis) and not (reference + hypothesis).translate(None, known)


def is_alignment_with_null(alignment: Alignment, classes: int) -> bool:
    """Whether both sides have the same length and hold class indices or `NULL`."""
    return is_alignment(alignment, classes, bytes([NULL]))


def is_events(events: PackedEvents, classes: int) -> bool:
    """Whether there are events, each with a class and finite times."""
    if not events.classes or len(events.times) != 16 * len(events.classes):
        return False
    return not events.classes.translate(None, _SYMBOLS[:classes]) and bool(
        np.isfinite(np.frombuffer(events.times)).all()
    )
