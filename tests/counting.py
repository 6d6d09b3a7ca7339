"""The counts of an algorithm from its verdicts alone, for comparison with what the scorer counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from nedc_bench import Parameters, Result
from nedc_bench.scoring.verdicts import Verdict, judge


class Counted(NamedTuple):
    """Hits, misses and false alarms of each class."""

    hits: dict[str, float]
    misses: dict[str, float]
    false_alarms: dict[str, float]


def count(verdicts: Iterable[Verdict], classes: Sequence[str]) -> Counted:
    """Add up the parts, one at a time: in each recording first those that are due to a partner, then the others."""
    hits: dict[str, float] = dict.fromkeys(classes, 0)
    total = Counted(hits, hits.copy(), hits.copy())
    for _, of_recording in groupby(verdicts, lambda verdict: verdict.recording):
        parts = [(verdict.label, part) for verdict in of_recording for part in verdict.parts]
        for with_partner in (True, False):
            for label, part in parts:
                if (part.partner is not None) == with_partner:
                    total.hits[label] += part.hits
                    total.misses[label] += part.misses
                    total.false_alarms[label] += part.false_alarms
    return total


def confusion(result: Result, algorithm: str, parameters: Parameters) -> dict[str, dict[str, float]]:
    """The confusion matrix of samples or aligned events, from the parts of the reference events."""
    classes = parameters.label_map.classes
    cells: dict[str, dict[str, float]] = {ref: dict.fromkeys(classes, 0) for ref in classes}
    for pair in result.scores:
        labels = [classes[code] for code in pair.events[1].classes]
        for verdict in judge(pair, algorithm, parameters):
            if verdict.side == "reference":
                for part in verdict.parts:
                    if part.partner is not None:
                        cells[verdict.label][labels[part.partner]] += part.hits + part.misses
    return cells


def check_counts(result: Result) -> None:
    """Compare the counts of every algorithm with ``==``."""
    parameters = result.parameters
    for algorithm in result.algorithms:
        counted = count(result.events(algorithm), parameters.label_map.classes)
        if algorithm in {"dp", "epoch", "ira"}:
            matrix = result.ira.confusion if algorithm == "ira" else result.counted(algorithm).confusion
            assert confusion(result, algorithm, parameters) == matrix
        if algorithm == "ira":
            continue
        labels = result.algorithms[algorithm].labels  # type: ignore[union-attr]  # ira is none of them
        for label, figures in labels.items():
            found = (counted.hits[label], counted.misses[label], counted.false_alarms[label])
            assert found == (figures.tp, figures.fn, figures.fp), (algorithm, label)
