"""Helpers for tests of the evaluator: pairs as a request has them, expected results, and counters."""

from __future__ import annotations

import asyncio
import io
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from inspect import isawaitable
from pathlib import Path
from typing import Any, Self

from corpora import Corpus
from helpers import annotation
from nedc_bench import ALGORITHMS, Pair, Parameters, Result, score_corpus
from nedc_bench.execution import Asked, Cache, Evaluated, Evaluator, MemoryCache, PairInput, RedisCache, WorkerPool
from nedc_bench.execution.work import score_and_fold, score_pairs
from nedc_bench.redis import RedisAddress, RedisClient

DAY = 86_400
UNEVEN = Parameters(penalty_sub=1.5)  # makes dp compute its full table, which is slow


class Tally(Counter[str]):
    """Counts its calls by their argument."""

    def __call__(self, result: str) -> None:
        self[result] += 1


class CountingPool(WorkerPool):
    """A pool that counts the pairs sent to its workers, and sets an event when a call begins."""

    def __init__(self, workers: int, **options: Any) -> None:
        super().__init__(workers, **options)
        self.pairs = 0
        self.called = asyncio.Event()

    async def run(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        self.pairs += len(args[0]) if function in {score_pairs, score_and_fold} else 0
        self.called.set()
        return await super().run(function, *args, **kwargs)


@asynccontextmanager
async def started(pool: WorkerPool) -> AsyncIterator[WorkerPool]:
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close(kill=True)


class Scorer:
    """An evaluator with its workers and its cache, in memory or, given a URL, in Redis."""

    def __init__(self, url: str | None = None, *, workers: int = 1, timeout_seconds: float | None = None) -> None:
        self.tally = Tally()
        self.restarts = Tally()
        self.redis = None if url is None else client(url)
        self.cache: Cache = memory(self.tally) if self.redis is None else in_redis(self.redis, self.tally)
        self.pool = CountingPool(workers, timeout_seconds=timeout_seconds, on_restart=self.restarts)
        self.evaluator = Evaluator(self.cache, self.pool, self.tally)

    async def __aenter__(self) -> Self:
        await self.pool.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.pool.close(kill=True)
        if self.redis is not None:
            await self.redis.close()


class CountingClient(RedisClient):
    """A client that counts failed operations."""

    failures = 0

    async def _failed(self, error: Exception) -> None:
        self.failures += 1
        await super()._failed(error)


def client(url: str, **options: Any) -> CountingClient:
    return CountingClient(RedisAddress.parse(url), **options)


def in_redis(redis: RedisClient, tally: Tally) -> RedisCache:
    return RedisCache(redis, ttl_seconds=60, record=tally)


def memory(tally: Tally | None = None, max_bytes: int = 10_000_000) -> MemoryCache:
    return MemoryCache(max_bytes=max_bytes, ttl_seconds=60, record=Tally() if tally is None else tally)


def asking(parameters: Parameters | None = None, algorithms: Sequence[str] = ALGORITHMS, **options: Any) -> Asked:
    """Parameters, algorithms and options of a request."""
    return Asked(tuple(algorithms), parameters or Parameters(), **options)


async def evaluate(
    evaluator: Evaluator,
    pairs: Sequence[PairInput],
    asked: Asked | None = None,
    progress: Callable[[int], object] = int,
) -> Evaluated:
    """Evaluate a request, and write its entries to the cache, as the end of a job does."""
    evaluated = await evaluator.evaluate(pairs, asked or asking(), progress=progress)
    await evaluator.cache.set_many(evaluated.entries)
    return evaluated


def document(evaluated: Evaluated, pairs: Sequence[PairInput]) -> dict[str, Any]:
    """The result document that the client gets."""
    found: dict[str, Any] = json.loads(evaluated.folded.result([pair.names for pair in pairs]))
    return found


def expected(pairs: Sequence[PairInput], asked: Asked | None = None) -> Result:
    """The library's result, computed in this process."""
    asked = asked or asking()
    listed = [
        Pair(io.BytesIO(pair.reference), io.BytesIO(pair.hypothesis), pair.reference_name, pair.hypothesis_name)
        for pair in pairs
    ]
    return score_corpus(listed, parameters=asked.parameters, algorithms=asked.algorithms, strict=asked.strict, jobs=1)


def expected_document(pairs: Sequence[PairInput], asked: Asked | None = None) -> dict[str, Any]:
    """The library's result document."""
    asked = asked or asking()
    return as_document(expected(pairs, asked), per_pair=asked.per_pair)


def as_document(result: Result, *, per_pair: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(result.to_dict(per_pair=per_pair)))
    return found


async def check(scorer: Scorer, pairs: Sequence[PairInput], *, strict: bool = False) -> Evaluated:
    """Evaluate, and compare the document with the library's."""
    asked = asking(strict=strict)
    evaluated = await evaluate(scorer.evaluator, pairs, asked)
    assert document(evaluated, pairs) == expected_document(pairs, asked)
    return evaluated


def uploads(corpus: Corpus) -> list[PairInput]:
    """The pairs of a corpus as a request has them."""
    return [
        PairInput.of(
            Path(str(pair.reference)).read_bytes(),
            str(pair.reference),
            Path(str(pair.hypothesis)).read_bytes(),
            str(pair.hypothesis),
        )
        for pair in corpus.pairing.pairs
    ]


def small_pair(number: int = 0, name: str = "") -> PairInput:
    """A pair of 10 s that is different for each number up to 40,000."""
    reference, hypothesis = annotation((1.0, 5.0 + number / 10_000, "seiz")), annotation((2.0, 6.0, "seiz"))
    return PairInput.of(reference.encode(), f"ref{name or number}", hypothesis.encode(), f"hyp{name or number}")


def day_pair(events: int = 2000, name: str = "day") -> PairInput:
    """A pair of one day with so many seeded random events on each side."""
    chance = random.Random(7)
    sides = []
    for _ in range(2):
        starts = sorted(chance.sample(range(0, DAY - 40, 40), events))
        rows = [(start + chance.random() * 9, start + 10 + chance.random() * 29, "seiz") for start in starts]
        sides.append(annotation(*rows, duration=DAY).encode())
    return PairInput.of(sides[0], f"ref-{name}", sides[1], f"hyp-{name}")


def overlapping_pair(name: str = "") -> PairInput:
    """A pair that is scored with a warning on each side."""
    text = annotation((1.0, 5.0, "seiz"), (4.0, 6.0, "seiz")).encode()
    return PairInput.of(text, f"ref{name}", text + b"\n", f"hyp{name}")


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition that no event announces, as in another process; the test's timeout ends it."""
    pause = 0.002
    while True:
        met = condition()
        if await met if isawaitable(met) else met:
            return
        await asyncio.sleep(pause)
        pause = min(1.25 * pause, 0.1)
