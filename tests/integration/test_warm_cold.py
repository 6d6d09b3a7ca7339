"""A cached request is answered at least ten times faster than one that must be scored, with the same bytes.

Measured at the evaluator, with a real Redis and one worker, cold and warm requests in turn. The shortest time of each
kind counts, because other load on the machine can only lengthen it. If the ratio is not reached, more rounds follow.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator

import pytest

from corpora import DATA, Corpus
from evaluating import Scorer, asking, day_pair, uploads
from nedc_bench.execution import PairInput
from redis_server import RedisServer

pytestmark = [pytest.mark.integration]

ROUNDS = 12
MOST_ROUNDS = 10 * ROUNDS
AIM = 10.0

REQUESTS = [
    pytest.param(uploads(Corpus(DATA / "chb-mit")), id="example corpus"),
    pytest.param([day_pair(2000)], id="24 h, 2,000 events"),
]


async def timed(scorer: Scorer, pairs: list[PairInput], *, cached: bool) -> tuple[float, bytes]:
    """The seconds that a request takes, and its document."""
    begin = time.perf_counter()
    evaluated = await scorer.evaluator.evaluate(pairs, asking())
    found = evaluated.folded.result([pair.names for pair in pairs])
    took = time.perf_counter() - begin
    assert evaluated.cached == cached
    await scorer.cache.set_many(evaluated.entries)
    return took, found


@pytest.fixture
def no_collections() -> Iterator[None]:
    """Turn garbage collection off, as `timeit` does: it would mostly collect what this test leaves."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("pairs", REQUESTS)
@pytest.mark.usefixtures("no_collections")
async def test_warm_is_ten_times_faster_than_cold(
    scorer: Scorer, redis_server: RedisServer, pairs: list[PairInput]
) -> None:
    cold: list[float] = []
    warm: list[float] = []
    while len(cold) < ROUNDS or (min(cold) < AIM * min(warm) and len(cold) < MOST_ROUNDS):
        redis_server.empty()
        seconds, first = await timed(scorer, pairs, cached=False)
        cold.append(seconds)
        for _ in range(3):
            seconds, again = await timed(scorer, pairs, cached=True)
            warm.append(seconds)
        assert again == first
    assert min(cold) >= AIM * min(warm), f"cold {1e3 * min(cold):.2f} ms, warm {1e3 * min(warm):.2f} ms"
