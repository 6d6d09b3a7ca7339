"""How much is tried: a part by default, and all of it with ``NEDC_BENCH_EVERYTHING=1``, as in CI."""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")

EVERYTHING = bool(os.environ.get("NEDC_BENCH_EVERYTHING"))


def of(everything: T, part: T) -> T:
    """Everything where that is asked for, else the part."""
    return everything if EVERYTHING else part
