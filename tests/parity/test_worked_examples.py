"""The worked examples of Shah et al. (2021), "Objective Evaluation Metrics for Automatic Classification of EEG Events".

Epochs last 1 s, recordings 10 s; seizures are intervals in seconds.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from nedc_bench import Parameters, Recording, Result, score

Intervals = list[tuple[float, float]]


class Example(NamedTuple):
    figure: str
    reference: Intervals
    hypothesis: Intervals
    expected: dict[str, tuple[float, float, float]]  # per algorithm: TP, FN and FP of seizures


EXAMPLES = [
    Example("1", [(0, 10)], [(0, 5)], {"epoch": (5, 5, 0)}),
    Example("6", [(1, 8)], [(2, 4), (5, 9)], {"epoch": (5, 2, 1)}),
    Example("7-1", [(6, 9)], [(1, 7)], {"overlap": (1, 0, 0)}),
    Example("7-2", [(0.5, 1.5), (2.5, 5.5), (7, 9)], [(2, 10)], {"overlap": (2, 1, 0)}),
    Example("8-1", [(1, 8)], [(3, 9)], {"taes": (5 / 7, 1 - 5 / 7, 1 / 7)}),
    Example("8-2", [(2, 3), (5, 7)], [(0, 10)], {"taes": (1, 1, 1)}),
    Example(
        "9",
        [(1, 3), (4, 7), (8, 9)],
        [(2, 10)],
        {"dp": (1, 2, 0), "epoch": (5, 1, 3), "overlap": (3, 0, 0), "taes": (0.5, 2.5, 1)},
    ),
]


def score_intervals(reference: Intervals, hypothesis: Intervals) -> Result:
    sides = (
        Recording.from_events(10.0, [(start, stop, "seiz") for start, stop in side]) for side in (reference, hypothesis)
    )
    return score(*sides, parameters=Parameters(epoch_duration=1.0, ira_epoch_duration=1.0))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"figure {example.figure}")
def test_figure(example: Example) -> None:
    result = score_intervals(example.reference, example.hypothesis)
    for algorithm, expected in example.expected.items():
        seizure = result.counted(algorithm).labels["seiz"]
        assert (seizure.tp, seizure.fn, seizure.fp) == expected, algorithm


def test_kappa_of_figure_9() -> None:
    """0.0909 in the paper: 5 + 1 of 10 samples agree, and 5.6 would agree by chance."""
    result = score_intervals([(1, 3), (4, 7), (8, 9)], [(2, 10)])
    assert result.ira.confusion == {"seiz": {"seiz": 5, "bckg": 1}, "bckg": {"seiz": 3, "bckg": 1}}
    assert result.ira.multi_class_kappa == (10 * 6 - (6 * 8 + 4 * 2)) / (10 * 10 - (6 * 8 + 4 * 2))
    assert f"{result.ira.multi_class_kappa:.4f}" == "0.0909"
    assert f"{result.ira.kappa['seiz']:.4f}" == "0.0909"
