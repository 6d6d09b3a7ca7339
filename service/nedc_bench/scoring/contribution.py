"""What an algorithm sees of a pair, and what the pair adds to the corpus.

Every algorithm is a module of one shape:

    NAME                                               the name it is asked for by
    contribute(reference, hypothesis, parameters)      one pair -> its `Contribution`
    counts(total, parameters)                          the folded `Total` -> `Counts`, one a class

(`ira` has ``agreement`` in place of ``counts``.) A contribution holds for each counter and class the *ordered*
numbers that the pair adds. The corpus adds them one at a time in list order, so that float sums keep the
original's last bit however the pairs were spread over processes: docs/scoring.md section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nedc_bench.annotations.recording import Codes, Floats

NULL = 255  # stands in an alignment where one side has no event

Matrix = tuple[tuple[int, ...], ...]


class Events(NamedTuple):
    """One side of a pair: seconds, seconds, class indices; each of shape ``(events,)``, in scoring order."""

    starts: Floats
    stops: Floats
    classes: Codes


class Alignment(NamedTuple):
    """Two sequences of class indices (or `NULL`), one byte each, as a report prints them."""

    reference: bytes
    hypothesis: bytes


NO_ALIGNMENT = Alignment(b"", b"")


class Contribution(NamedTuple):
    """What one pair adds to the corpus in one algorithm.

    Tuples almost throughout, since it is what goes between processes.

    Attributes:
        counters: for each counter, a sequence a class of the numbers to add, in order.
        confusion: ``confusion[reference class][hypothesis class]``, or empty where there is none.
        alignment: the class sequences that the algorithm's report prints for the pair.
        sums: hit, miss and false alarm sums of the pair, where the report does not derive them from the rest.
    """

    counters: dict[str, tuple[Sequence[float], ...]]
    confusion: Matrix = ()
    alignment: Alignment = NO_ALIGNMENT
    sums: tuple[float, float, float] = (0.0, 0.0, 0.0)


class Total:
    """The fold of contributions: for each counter one number a class, and the sum of the confusion matrices."""

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.counters: dict[str, list[float]] = {}
        self.confusion: list[list[int]] = [[0] * classes for _ in range(classes)]

    def add(self, contribution: Contribution) -> None:
        """Add a pair's numbers one at a time, in their order."""
        for name, per_class in contribution.counters.items():
            sums = self.counters.setdefault(name, [0] * self.classes)
            for c, numbers in enumerate(per_class):
                sums[c] = in_order(numbers, sums[c])
        for row, added in zip(self.confusion, contribution.confusion, strict=False):
            for c, number in enumerate(added):
                row[c] += number

    def __getitem__(self, name: str) -> list[float]:
        return self.counters.get(name, [0] * self.classes)


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


def in_order(numbers: Iterable[float], start: float = 0) -> float:
    """The sum, adding from the left to ``start``; ``sum`` compensates from Python 3.12 on, and so differs in a bit."""
    for number in numbers:
        start += number
    return start


def matrix(cells: NDArray[np.int64]) -> Matrix:
    """A square array as the tuples that a `Contribution` holds."""
    return tuple(map(tuple, cells.tolist()))
