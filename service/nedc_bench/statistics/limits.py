"""Acceptance limits on figures, or on bounds of their intervals, that a release must meet.

    sensitivity.lower >= 0.70
    szcore-event.seiz.false_alarms_per_24h.upper <= 10
    [sex=F] overlap.seiz.sensitivity.wilson.lower >= 0.6        one subgroup
    [sex] sensitivity.lower >= 0.6                              each subgroup of a column

    limit  = ["[" subgroup or column "]"] [algorithm "."] [label "."] figure ["." bound] operator number
    bound  = [method "."] ("lower" / "upper")    method = bca (the default), percentile, wilson, clopper_pearson
    operator = ">=" / ">" / "<=" / "<"

The default algorithm is `overlap`, or the first that was scored; the default label is the only class besides
background. A figure without a value, or without the interval, does not meet its limit.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, NamedTuple

from nedc_bench.annotations.timeline import FILLER
from nedc_bench.errors import InputError, quoted, refusal
from nedc_bench.scoring import ALGORITHM
from nedc_bench.statistics.proportions import PROPORTIONS, WILSON, proportion_of

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
BCA, PERCENTILE = "bca", "percentile"
METHODS = (BCA, PERCENTILE, *PROPORTIONS)
SIDES = ("lower", "upper")
DEFAULT_ALGORITHM = "overlap"

_LIMIT = re.compile(  # possessive, so that no text takes time quadratic in its length
    r"\s*+(?:\[(?P<group>[^\[\]]++)\]\s*+)?(?P<path>[\w-]++(?:\.[\w-]++)*+)\s*+(?P<operator>>=|<=|>|<)"
    r"\s*+(?P<number>-?[0-9]++(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)\s*+"
)
_FORM = "such as 'sensitivity.lower >= 0.70' or '[sex=F] overlap.seiz.sensitivity.lower >= 0.6'"


class Bound(NamedTuple):
    """Which bound of a figure; an empty ``method`` means the figure itself."""

    method: str = ""
    side: str = ""


class Place(NamedTuple):
    """The position of a figure in the estimates of a group."""

    algorithm: str
    label: str
    figure: str


@dataclass(frozen=True, slots=True)
class Limit:
    """A parsed limit.

    Attributes:
        text: as given.
        group: a subgroup or a column; empty means all recordings.
        prefix: the names before the figure: an algorithm, a label, both or neither.
        figure, bound: the value to compare.
        sign, number: the operator, and the number to compare with.
    """

    text: str
    group: str
    prefix: tuple[str, ...]
    figure: str
    bound: Bound
    sign: str
    number: float

    @classmethod
    def parse(cls, text: str, proportions: str = WILSON) -> Limit:
        """Parse a limit.

        Args:
            text: the limit.
            proportions: the method by which intervals of proportions are computed.

        Raises:
            InputError: the text is not a limit, or needs intervals that are not computed.
        """
        match = _LIMIT.fullmatch(text)
        if match is None:
            raise refusal("limit", f"{quoted(text)} is not a limit, {_FORM}")
        *names, last = match["path"].split(".")
        bound = Bound()
        if last in SIDES:
            method = names.pop() if names and names[-1] in METHODS else BCA
            if method in PROPORTIONS and method != proportions:
                raise refusal("limit", f"{quoted(text)} needs {method} intervals; {proportions} is computed")
            bound = Bound(method, last)
            if not names:
                raise refusal("limit", f"{quoted(text)} names no figure; a limit is {_FORM}")
            last = names.pop()
        if len(names) > 2:
            raise refusal("limit", f"{quoted(text)} has too many names before {quoted(last)}; a limit is {_FORM}")
        number = float(match["number"])
        if not isfinite(number):
            raise refusal("limit", f"limit {quoted(text)}: {quoted(match['number'])} is not a finite number")
        group = (match["group"] or "").strip()
        return cls(text.strip(), group, tuple(names), last, bound, match["operator"], number)

    def place(self, labels: Mapping[str, Sequence[str]], figures: Mapping[str, Sequence[str]]) -> Place:
        """The position of its figure, given the labels and figures of each algorithm that was scored.

        Raises:
            InputError: there is no such figure, or the limit is ambiguous.
        """
        named = [name for name in self.prefix if name in ALGORITHM]
        algorithm = named[0] if named else DEFAULT_ALGORITHM if DEFAULT_ALGORITHM in labels else next(iter(labels))
        if algorithm not in labels:
            raise self._refusal(f"{algorithm} was not scored; algorithms were {', '.join(labels)}")
        if len(named) > 1 or (len(self.prefix) == 2 and self.prefix[0] not in ALGORITHM):
            raise self._refusal(f"only an algorithm ({', '.join(labels)}) and then a label may precede the figure")
        rest = [name for name in self.prefix if name not in ALGORITHM]
        if not rest:
            rest = [name for name in labels[algorithm][:-1] if name != FILLER]
            if len(rest) != 1:
                raise self._refusal(f"name the label: {', '.join(labels[algorithm])}")
        if rest[0] not in labels[algorithm]:
            message = f"{quoted(rest[0])} is not a label of {algorithm}: {', '.join(labels[algorithm])}; "
            raise self._refusal(f"{message}and no algorithm: {', '.join(labels)}")
        if self.figure not in figures[algorithm]:
            known = ", ".join(figures[algorithm])
            raise self._refusal(f"{quoted(self.figure)} is not a figure of {algorithm}: {known}")
        if self._is_of_rate() and abs(self.number) > 1:
            raise self._refusal(f"{self.figure} ranges from 0 to 1; write {self.number / 100:g} for {self.number:g} %")
        return Place(algorithm, rest[0], self.figure)

    def groups(self, subgroups: Mapping[str, Sequence[str]], everything: str) -> list[str]:
        """The names of the groups that it applies to, given the subgroups of each column.

        Raises:
            InputError: there is no such subgroup.
        """
        if not self.group:
            return [everything]
        if self.group in subgroups:
            return list(subgroups[self.group])
        if any(self.group in names for names in subgroups.values()):
            return [self.group]
        message = f"there is no subgroup {quoted(self.group)}"
        if not subgroups:
            raise self._refusal(f"{message}; none is requested; set subgroups (--subgroup)")
        known = ", ".join(name for names in subgroups.values() for name in names)
        columns = " or ".join(f"[{column}]" for column in subgroups)
        raise self._refusal(f"{message}; there are {known}, and {columns} for each of them")

    def met(self, value: float | None) -> bool:
        """Whether a value meets the limit; None never does."""
        return value is not None and OPERATORS[self.sign](value, self.number)

    def _is_of_rate(self) -> bool:
        """Whether its figure ranges from 0 to 1."""
        return self.figure == "f1" or proportion_of(self.figure, dict.fromkeys(("tp", "fp", "fn", "tn"), 1)) is not None

    def _refusal(self, message: str) -> InputError:
        return refusal("limit", f"limit {quoted(self.text)}: {message}")


class Check(NamedTuple):
    """A group's value, and whether it meets the limit."""

    group: str
    value: float | None
    met: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of checking a limit.

    Attributes:
        limit: as given.
        compared: the compared value, in full: ``overlap.seiz.sensitivity.bca.lower``.
        checks: one per group.
    """

    limit: str
    compared: str
    checks: tuple[Check, ...]

    @property
    def met(self) -> bool:
        """Whether every group meets it."""
        return all(check.met for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """As in the evidence document."""
        checks = [check._asdict() for check in self.checks]
        return {"limit": self.limit, "compared": self.compared, "met": self.met, "checks": checks}
