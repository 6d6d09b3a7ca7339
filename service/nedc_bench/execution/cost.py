"""What scoring a pair is expected to cost, from its bytes: so that calls to workers are short, and long ones known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from nedc_bench.execution.request import Asked, PairInput
from nedc_bench.scoring import cost

CALL_SECONDS = 0.1  # that a call of several pairs should take
HEAVY_SECONDS = 0.5  # from which on a call may not take the last free worker
HEAVY_PAIRS = 300  # from which on a fold keeps a worker for long
PAIR_SECONDS = 0.001  # that the smallest pair takes, measured
EVENT_BYTES = 30  # of an event in a file; with the background before it, it is two of the scorer's


def expected_seconds(pair: PairInput, asked: Asked) -> float:
    """About how long a worker takes for a pair."""
    reference, hypothesis = (2 * len(side) // EVENT_BYTES for side in (pair.reference, pair.hypothesis))
    return PAIR_SECONDS + cost(reference, hypothesis, asked.parameters, asked.algorithms)


def is_heavy(pairs: Sequence[PairInput], asked: Asked) -> bool:
    """Whether a call with these pairs keeps a worker for long."""
    return sum(expected_seconds(pair, asked) for pair in pairs) > HEAVY_SECONDS


class _Folding(TypedDict):
    heavy: bool
    patience: int


def folding(pairs: int, asked: Asked | None = None) -> _Folding:
    """How the fold of so many pairs is to be called."""
    return {"heavy": pairs > HEAVY_PAIRS or (asked is not None and asked.study is not None), "patience": pairs}
