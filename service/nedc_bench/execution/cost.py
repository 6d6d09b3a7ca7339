"""What scoring a pair is expected to cost, from its bytes: so that calls to workers are short, and long ones known."""

from __future__ import annotations

from collections.abc import Sequence

from nedc_bench.execution.request import Asked, PairInput

CALL_SECONDS = 0.1  # that a call of several pairs should take
HEAVY_SECONDS = 0.5  # from which on a call may not take the last free worker
PAIR_SECONDS, BYTE_SECONDS = 0.001, 1e-7  # measured: a pair of a few events, and what each byte adds


def expected_seconds(pair: PairInput, asked: Asked) -> float:
    """About how long a worker takes for a pair."""
    return PAIR_SECONDS + BYTE_SECONDS * pair.size


def is_heavy(pairs: Sequence[PairInput], asked: Asked) -> bool:
    """Whether a call with these pairs keeps a worker for long."""
    return sum(expected_seconds(pair, asked) for pair in pairs) > HEAVY_SECONDS
