"""What the tests of the cache share: evaluations that are compared with the library's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from evaluating import CountingClient, Scorer, asking, check, client, in_redis, small_pair
from nedc_bench.execution import Evaluator, PairInput
from nedc_bench.redis.client import FAILURES_TO_OPEN, PAUSE_SECONDS
from nedc_bench.redis.connecting import CONNECTIONS
from redis_names import key

EVALUATIONS = 20


def key_of(pair: PairInput) -> str:
    """The Redis key of a pair's score."""
    return key(asking().pair_key(pair))


def request_key_of(pair: PairInput) -> str:
    """The Redis key of the result of a request with this pair alone."""
    return key(asking().request_key([asking().pair_key(pair)]))


async def known(scorer: Scorer, *pairs: PairInput) -> bool:
    """Evaluate, and compare with the library; whether the result came from the cache."""
    return (await check(scorer, pairs)).cached


async def store(scorer: Scorer, pair: PairInput) -> None:
    """Evaluate a pair that the cache does not have yet."""
    assert not await known(scorer, pair)


async def check_many(scorer: Scorer, redis: CountingClient | None, *, at_once: bool = False) -> None:
    """Evaluate many pairs while Redis fails: it is tried a few times, then once after each pause."""
    assert redis is not None
    before, started = redis.failures, time.monotonic()
    pairs = [small_pair(number) for number in range(3 * EVALUATIONS if at_once else EVALUATIONS)]
    if at_once:
        await asyncio.gather(*(known(scorer, pair) for pair in pairs))
    else:
        for pair in pairs:
            await known(scorer, pair)
    asked = 2 * CONNECTIONS if at_once else 2 * FAILURES_TO_OPEN
    assert redis.failures - before <= asked + (time.monotonic() - started) / PAUSE_SECONDS


@asynccontextmanager
async def another_redis(scorer: Scorer, url: str) -> AsyncIterator[CountingClient]:
    """Have the evaluator keep its cache in another Redis."""
    redis = client(url)
    scorer.evaluator = Evaluator(in_redis(redis, scorer.tally), scorer.pool, scorer.tally)
    yield redis
    await redis.close()
