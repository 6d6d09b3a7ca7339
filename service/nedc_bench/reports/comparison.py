"""The comparison of two systems, as a document and in words that claim no more than the data show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nedc_bench.annotations.timeline import FILLER
from nedc_bench.reports.document import input_documents
from nedc_bench.reports.evidence import FEW_SUBJECTS, SHOWN
from nedc_bench.scoring import CorpusScore
from nedc_bench.statistics import Comparison
from nedc_bench.statistics.tally import SUMMARY
from nedc_bench.version import __version__

SCHEMA = "nedc-bench/comparison/1"

_DIGITS = {SHOWN[-1]: 2}


def build_comparison(first: CorpusScore, second: CorpusScore, found: Comparison) -> dict[str, Any]:
    """The comparison document."""
    return {
        "schema": SCHEMA,
        "version": __version__,
        "pairs": len(first.scores),
        "duration_seconds": first.duration_seconds,
        **found.to_dict(),
        "parameters": first.parameters.to_dict(),
        "warnings": [found.to_dict() for found in dict.fromkeys((*first.warnings, *second.warnings))],
        "first": input_documents(first),
        "second": input_documents(second),
    }


def format_comparison(document: Mapping[str, Any]) -> str:
    """The main figures side by side, McNemar's tables, and what they show; rounded for reading."""
    level = f"{100 * document['settings']['level']:g} %"
    rows = [("algorithm", "label", "figure", "first", "second", "difference", f"{level} interval")]
    said: dict[str, list[str]] = {}
    for algorithm, label, figure, own in _shown(document):
        digits = _DIGITS.get(figure, 4)
        first, second = (_number(own[name], digits) for name in ("first", "second"))
        numbers = (first, second, _number(own["difference"], digits, "+"), _bounds(own["bca"], digits))
        rows.append((algorithm, label, figure, *numbers))
        said.setdefault(verdict(own), []).append(f"  {algorithm} {label} {figure}")
    lines = [*_head(document), "", *_table(rows), ""]
    for sentence, figures in said.items():
        lines += [f"{sentence}:", *figures]
    lines.append("Intervals are not corrected for the number of figures: choose one before you look.")
    events = [
        f"{algorithm} {label}: {line}"
        for algorithm, labels in document["mcnemar"].items()
        for label, own in labels.items()
        if label != FILLER
        for line in _mcnemar(own)
    ]
    return "\n".join([*lines, *(["", *events] if events else [])])


def _head(document: Mapping[str, Any]) -> Iterator[str]:
    subjects, alone = document["subjects"], document["recordings_alone"]
    count = f"{subjects} subject{'' if subjects == 1 else 's'}"
    pairs = f"{document['pairs']} recording{'' if document['pairs'] == 1 else 's'}"
    yield f"{pairs} of {count}; differences are the second system minus the first"
    if alone:
        yield f"no known subject for {alone} recording{'' if alone == 1 else 's'}; each counts as a subject of its own"
    if subjects < FEW_SUBJECTS:
        yield f"caution: intervals of fewer than {FEW_SUBJECTS} subjects are too narrow"


def verdict(own: Mapping[str, Any]) -> str:
    """What the interval of a difference shows, in words.

    >>> verdict({"difference": 0.05, "bca": [-0.01, 0.12]})
    'The interval of the difference includes 0: these data do not show that the systems differ'
    """
    if own["difference"] is None:
        return "A system has no such figure: there is nothing to compare"
    if own["bca"] is None:
        return f"No interval, since {own['note']}: these data do not show whether the systems differ"
    lower, upper = own["bca"]
    if lower <= 0 <= upper:
        return "The interval of the difference includes 0: these data do not show that the systems differ"
    more = "higher" if lower > 0 else "lower"
    return f"The interval of the difference excludes 0; the second system's figure is {more}"


def _shown(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    for algorithm, labels in document["algorithms"].items():
        for label, figures in labels.items():
            if label not in {FILLER, SUMMARY}:
                for figure in (*SHOWN, "kappa"):
                    if figure in figures:
                        yield algorithm, label, figure, figures[figure]


def _mcnemar(own: Mapping[str, Any]) -> Iterator[str]:
    yield f"McNemar's exact p = {own['p']:.3g} (it assumes independent events)"
    found = f"reference events found by the first system alone {own['first_only']}, by the second alone "
    yield found + f"{own['second_only']}, by both {own['both']}, by neither {own['neither']}"


def _number(value: float | None, digits: int, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.{digits}f}"


def _bounds(bounds: Sequence[float] | None, digits: int) -> str:
    return "-" if bounds is None else " to ".join(f"{bound:+.{digits}f}" for bound in bounds)


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
