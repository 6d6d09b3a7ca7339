"""Estimates the cost of scoring a pair from its bytes, to keep calls to workers short and to recognise long ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from nedc_bench.execution.request import Asked, PairInput
from nedc_bench.scoring import cost

CALL_SECONDS = 0.1  # target for a call with several pairs
HEAVY_SECONDS = 0.5  # longer calls may not take the last free worker
HEAVY_PAIRS = 300  # larger folds occupy a worker for long
PAIR_SECONDS = 0.001  # for the smallest pair, measured
EVENT_BYTES = 30  # per event in a file, which with the background before it makes two events for the scorer


def expected_seconds(pair: PairInput, asked: Asked) -> float:
    """The approximate time that a worker needs for a pair."""
    reference, hypothesis = (2 * len(side) // EVENT_BYTES for side in (pair.reference, pair.hypothesis))
    return PAIR_SECONDS + cost(reference, hypothesis, asked.parameters, asked.algorithms)


def is_heavy(pairs: Sequence[PairInput], asked: Asked) -> bool:
    """Whether evaluating these pairs, scores and fold, occupies a worker for long."""
    return asked.study is not None or scoring_is_heavy(pairs, asked)


def scoring_is_heavy(pairs: Sequence[PairInput], asked: Asked) -> bool:
    """Whether scoring these pairs occupies a worker for long."""
    return sum(expected_seconds(pair, asked) for pair in pairs) > HEAVY_SECONDS


class _Folding(TypedDict):
    heavy: bool
    patience: int


def folding(pairs: int, asked: Asked | None = None) -> _Folding:
    """The kind of call for a fold of this many pairs."""
    return {"heavy": pairs > HEAVY_PAIRS or (asked is not None and asked.study is not None), "patience": pairs}
