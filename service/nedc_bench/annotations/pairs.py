"""The pairs of a corpus: a reference and a hypothesis each, in scoring order."""

from __future__ import annotations

from dataclasses import dataclass

from nedc_bench.annotations.formats import check_source
from nedc_bench.annotations.parameters import Parameters
from nedc_bench.annotations.recording import Recording
from nedc_bench.annotations.source import Source
from nedc_bench.checks import check_kinds
from nedc_bench.errors import Finding, quoted, refusal


@dataclass(frozen=True, slots=True)
class Pair:
    """A reference and a hypothesis, with their names in messages and reports.

    Attributes:
        hypothesis: None is scored as a hypothesis without events.
    """

    reference: Source | Recording
    hypothesis: Source | Recording | None
    reference_name: str | None = None
    hypothesis_name: str | None = None

    def __post_init__(self) -> None:
        check_kinds(
            reference_name=(self.reference_name, str | None), hypothesis_name=(self.hypothesis_name, str | None)
        )


@dataclass(frozen=True, slots=True)
class Pairing:
    """The pairs of a corpus in scoring order, with warnings, and notes about how they were found.

    Attributes:
        passed_over: warnings about per-channel files that do not count; due if their union is then asked for.
    """

    pairs: tuple[Pair, ...]
    warnings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    passed_over: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        check_kinds(
            pairs=(self.pairs, tuple),
            warnings=(self.warnings, tuple),
            notes=(self.notes, tuple),
            passed_over=(self.passed_over, tuple),
        )

    def warnings_with(self, parameters: Parameters) -> tuple[Finding, ...]:
        """The warnings, given the parameters that the pairs are scored with."""
        return (*self.warnings, *(self.passed_over if parameters.channels == "union" else ()))


def as_pair(given: object, index: int) -> Pair:
    """The caller's value as a pair; an unnamed `Recording` in it is named by its place, such as ``pairs[3]``.

    Raises:
        InputError: it is not a pair of sources.
    """
    place = f"pairs[{index}]"
    if isinstance(given, Pair):
        _check_sides(given.reference, given.hypothesis, place)
        return given
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        what = quoted(given) if isinstance(given, str) else f"of type {type(given).__name__}"
        message = f"is {what}, where a (reference, hypothesis) pair is taken; "
        message += "find_pairs makes pairs from two folders or two lists"
        raise refusal("pairs", message, file=place)
    reference, hypothesis = given
    _check_sides(reference, hypothesis, place)
    names = [place if isinstance(source, Recording) and not source.name else None for source in given]
    return Pair(reference, hypothesis, *names)


def _check_sides(reference: object, hypothesis: object, place: str) -> None:
    check_source(reference, "reference", place)
    if hypothesis is not None:
        check_source(hypothesis, "hypothesis", place)
