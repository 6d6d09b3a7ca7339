"""Subjects and subgroups of a corpus: which recordings belong together, and which are reported separately."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite

from nedc_bench.checks import parsed_number
from nedc_bench.errors import quoted, refusal
from nedc_bench.scoring import PairScore
from nedc_bench.scoring.szcore_figures import subject_of
from nedc_bench.statistics.table import NOTHING, Table

_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Subjects:
    """The recordings of a corpus by subject.

    Attributes:
        members: the pairs of each subject, in list order; subjects in the order of their first pairs.
        recordings_alone: the number of recordings without a known subject; each counts as a separate subject.
    """

    members: tuple[tuple[PairScore, ...], ...]
    recordings_alone: int

    @classmethod
    def of(cls, scores: Sequence[PairScore], table: Table | None = None) -> Subjects:
        """Group by subject, as given by the table or the reference's file name.

        Raises:
            InputError: the table of recordings lacks a recording.
        """
        members: dict[tuple[str, object], list[PairScore]] = {}
        alone = 0
        for k, pair in enumerate(scores):
            name = pair.reference.name
            subject = subject_of(name) if table is None else table.subject(name)
            alone += subject is None
            members.setdefault(("recording", k) if subject is None else ("subject", subject), []).append(pair)
        return cls(tuple(map(tuple, members.values())), alone)


@dataclass(frozen=True, slots=True)
class Subgroups:
    """How a column divides a corpus: at numeric ``cuts``, or by value if there are none.

    >>> Subgroups.parse("age:18,65").name("17")
    'age<18'
    >>> Subgroups.parse("age:18,65").name("18"), Subgroups.parse("sex").name("F")
    ('18<=age<65', 'sex=F')
    """

    column: str
    cuts: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Subgroups:
        """Parse ``COLUMN`` or ``COLUMN:CUT,CUT``.

        Raises:
            InputError: a cut is not a number, or the cuts do not ascend.
        """
        column, colon, rest = text.partition(":")
        cuts = tuple(cut.strip() for cut in rest.split(",")) if colon else ()
        if not column.strip() or not all(map(_NUMBER.fullmatch, cuts)):
            message = f"{quoted(text)} is not COLUMN, as in 'sex', or COLUMN:CUT,CUT, as in 'age:18,65'"
            raise refusal("subgroup", message)
        numbers = [float(cut) for cut in cuts]
        if any(second <= first for first, second in pairwise(numbers)):
            raise refusal("subgroup", f"the cuts of {quoted(text)} must ascend")
        return cls(column.strip(), cuts)

    def __str__(self) -> str:
        return self.column + (f":{','.join(self.cuts)}" if self.cuts else "")

    def name(self, value: str) -> str:
        """The subgroup of a value.

        Raises:
            ValueError: there are cuts, and the value is not a number.
        """
        if value in NOTHING:
            return f"{self.column}=n/a"
        if not self.cuts:
            return f"{self.column}={value}"
        return self.names[sum(_number(value) >= float(cut) for cut in self.cuts)]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the subgroups between cuts, ascending."""
        if not self.cuts:
            return ()
        between = [f"{low}<={self.column}<{high}" for low, high in pairwise(self.cuts)]
        return (f"{self.column}<{self.cuts[0]}", *between, f"{self.column}>={self.cuts[-1]}")


def subgroups_of(scores: Sequence[PairScore], wanted: Subgroups, table: Table) -> dict[str, tuple[PairScore, ...]]:
    """The pairs of each non-empty subgroup: ascending by number or alphabetical by value, ``n/a`` last.

    Raises:
        InputError: the table lacks the column or a recording, or has text where the cuts need a number.
    """
    if wanted.column not in table.columns:
        known = ", ".join(table.columns)
        raise refusal("subgroup", f"has no column {quoted(wanted.column)}; it has {known}", file=table.name)
    members: dict[str, list[PairScore]] = {}
    for pair in scores:
        row = table.row(pair.reference.name)
        value = row.values[wanted.column]
        try:
            members.setdefault(wanted.name(value), []).append(pair)
        except ValueError:
            message = f"{wanted.column} {quoted(value)} is not a number, which {quoted(str(wanted))} needs; "
            message += "write n/a if it is unknown"
            raise refusal("subgroup", message, file=table.name, line=row.line) from None
    missing = f"{wanted.column}=n/a"
    order = wanted.names or tuple(sorted(name for name in members if name != missing))
    return {name: tuple(members[name]) for name in (*order, missing) if name in members}


def _number(text: str) -> float:
    value = parsed_number(text)
    if not isfinite(value):
        raise ValueError(text)
    return value
