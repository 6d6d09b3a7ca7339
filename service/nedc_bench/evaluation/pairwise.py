"""Shared by scores, curves and burdens: reading pairs until too many are refused, and choosing the class."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from nedc_bench.annotations import Pair, PairNotes, Parameters, Reading, Recording, read_pair
from nedc_bench.annotations.timeline import FILLER
from nedc_bench.errors import Finding, InputError, quoted, refusal

MAX_REFUSED_PAIRS = 50

Item = TypeVar("Item")
Made = TypeVar("Made")


def class_of(label: str | None, parameters: Parameters) -> int:
    """The index of the class to evaluate; None means the only one besides background.

    Raises:
        InputError: there is no background, or ``label`` is not a class to detect, or is None with several of them.
    """
    label_map = parameters.label_map
    if FILLER not in label_map.index:
        message = f"[MAP] must have a class for the label {FILLER!r}: gaps between events get it"
        raise refusal("map", message)
    background = label_map.index[FILLER]
    others = [name for c, name in enumerate(label_map.classes) if c != background]
    if label is None and len(others) == 1:
        return label_map.classes.index(others[0])
    if label not in others:
        what = "the label map has several classes" if label is None else f"{quoted(label)} is not a class to detect"
        raise refusal("label", f"{what}; give one of: {', '.join(others)}")
    return label_map.classes.index(label)


def read_sides(pair: Pair, parameters: Parameters) -> tuple[Recording, Recording]:
    """Both sides of a pair.

    Raises:
        InputError: one or both files are refused, with the findings of both.
    """
    return read_pair(
        pair.reference,
        pair.hypothesis,
        Reading(label_map=parameters.label_map, channels=parameters.channels),
        reference_name=pair.reference_name,
        hypothesis_name=pair.hypothesis_name,
        duration_tolerance=parameters.duration_tolerance,
    )


def collect(items: Iterable[Item], work: Callable[[Item], Made], notes: PairNotes) -> list[Made]:
    """The results of ``work`` on each item, in list order.

    Raises:
        InputError: pairs are refused (all are named, up to `MAX_REFUSED_PAIRS`), or there are none.
    """
    made: list[Made] = []
    refused: list[Finding] = []
    count = 0
    for item in items:
        try:
            made.append(work(item))
        except InputError as error:
            refused += error.findings
            count += 1
            if count == MAX_REFUSED_PAIRS:
                message = f"{MAX_REFUSED_PAIRS} pairs are refused; the rest of the corpus was not checked"
                refused.append(Finding("", "", None, "size", message))
                break
    if refused:
        raise notes.refused(InputError(refused))
    if not made:
        raise refusal("empty", "the corpus has no pair")
    return made
