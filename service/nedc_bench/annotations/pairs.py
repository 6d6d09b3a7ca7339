"""The pairs of a corpus: a reference and a hypothesis each, in scoring order."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nedc_bench.annotations.formats import check_source
from nedc_bench.annotations.parameters import Parameters
from nedc_bench.annotations.recording import Recording
from nedc_bench.annotations.source import Source
from nedc_bench.checks import check_kinds
from nedc_bench.errors import MAX_FINDINGS_PER_FILE, Finding, InputError, quoted, refusal

COUNTED = "is in more than one pair, and is counted in each"


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


def _as_pair(given: object, index: int) -> Pair:
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
        message = f"is {what}, expected a (reference, hypothesis) pair; "
        message += "find_pairs makes pairs from two folders or two lists"
        raise refusal("pairs", message, file=place)
    reference, hypothesis = given
    _check_sides(reference, hypothesis, place)
    names = [place if isinstance(source, Recording) and not source.name else None for source in given]
    return Pair(reference, hypothesis, *names)


class PairNotes:
    """What the names of pairs reveal, once all pairs were taken: lists in different orders, and files given twice.

    A `Pairing` has its own warnings. Only a path tells that a file is given twice: recordings and open files of one
    name can differ.
    """

    def __init__(self, pairs: object, parameters: Parameters) -> None:
        if isinstance(pairs, (set, frozenset)):
            raise refusal("pairs", "pairs are a set, which has no order; give a list")
        self._own = pairs.warnings_with(parameters) if isinstance(pairs, Pairing) else None
        self._names: list[tuple[str, str]] = []
        self._paths: tuple[list[str], list[str]] = [], []  # of the references, and of the hypotheses

    def take(self, given: object, index: int) -> Pair:
        """The caller's value as a pair.

        Raises:
            InputError: it is not a pair of sources.
        """
        pair = _as_pair(given, index)
        if self._own is None:
            sides = (pair.reference, pair.reference_name), (pair.hypothesis, pair.hypothesis_name)
            reference, hypothesis = (_name(source, name) for source, name in sides)
            self._names.append((reference, hypothesis))
            for paths, (source, _) in zip(self._paths, sides, strict=True):
                if isinstance(source, (str, os.PathLike)):
                    paths.append(str(source))
        return pair

    def warnings(self) -> tuple[Finding, ...]:
        """The warnings about the pairs that were taken."""
        if self._own is not None:
            return self._own
        both = [names for names in self._names if all(names)]
        return (
            *order_warnings([reference for reference, _ in both], [hypothesis for _, hypothesis in both]),
            *given_twice(self._paths[0], "reference", COUNTED),
            *given_twice(self._paths[1], "hypothesis", COUNTED),
        )

    def refused(self, error: InputError) -> InputError:
        """The error, and before it that files are in different orders, which probably causes all other findings."""
        return InputError([*(found for found in self.warnings() if found.code == "list-order"), *error.findings])


def _name(source: Source | Recording | None, name: str | None) -> str:
    """The name of one side of a pair; empty if it has none."""
    if isinstance(source, (str, os.PathLike)):
        return str(source)
    return name or (source.name if isinstance(source, Recording) else "")


def given_twice(paths: Iterable[str], side: str, message: str = "is listed twice") -> list[Finding]:
    """A finding for each path that is repeated."""
    repeated = [path for path, count in Counter(map(os.path.normpath, paths)).items() if count > 1]
    return [Finding(side, path, None, "twice", message) for path in repeated[:MAX_FINDINGS_PER_FILE]]


def order_warnings(references: Sequence[str], hypotheses: Sequence[str]) -> tuple[Finding, ...]:
    """A warning if files that are paired by position have the names of files at other positions."""
    names = [os.path.basename(path) for path in hypotheses]
    known = set(names)
    pairs = [(path, os.path.basename(path), name) for path, name in zip(references, names, strict=True)]
    elsewhere = [(path, own, name) for path, own, name in pairs if own != name and own in known]
    if not elsewhere:
        return ()
    differ = sum(own != name for _, own, name in pairs)
    path, own, name = elsewhere[0]
    message = f"is paired with {quoted(name)} by position, while {quoted(own)} stands elsewhere in the other list; "
    message += f"{differ} of {len(pairs)} pairs have different names: are the lists in different orders?"
    return (Finding("reference", path, None, "list-order", message),)


def _check_sides(reference: object, hypothesis: object, place: str) -> None:
    check_source(reference, "reference", place)
    if hypothesis is not None:
        check_source(hypothesis, "hypothesis", place)
