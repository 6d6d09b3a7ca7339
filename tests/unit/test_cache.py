"""Keys that tell apart whatever may differ, and the cache in memory."""

from __future__ import annotations

import re
import tracemalloc
from dataclasses import replace

import pytest
from nedc_bench.evaluation.breaker import CircuitBreaker
from nedc_bench.evaluation.cache import MemoryCache, cache_key

from evaluating import Tally, memory, until
from nedc_bench import ALGORITHMS, LabelMap, Parameters

PARAMETERS = Parameters()
KEY = cache_key(b"ref", b"hyp", ALGORITHMS, PARAMETERS, "1.0")


def test_a_key_names_its_kind_and_version_and_is_a_hash() -> None:
    assert re.fullmatch(r"nedc:v1:[0-9a-f]{64}", KEY)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(cache_key(b"REF", b"hyp", ALGORITHMS, PARAMETERS, "1.0"), id="reference"),
        pytest.param(cache_key(b"ref", b"HYP", ALGORITHMS, PARAMETERS, "1.0"), id="hypothesis"),
        pytest.param(cache_key(b"hyp", b"ref", ALGORITHMS, PARAMETERS, "1.0"), id="sides exchanged"),
        pytest.param(cache_key(b"refh", b"yp", ALGORITHMS, PARAMETERS, "1.0"), id="the same bytes cut elsewhere"),
        pytest.param(cache_key(b"ref", b"hyp", ["taes"], PARAMETERS, "1.0"), id="algorithms"),
        pytest.param(cache_key(b"ref", b"hyp", ALGORITHMS, replace(PARAMETERS, penalty_sub=2.0), "1.0"), id="penalty"),
        pytest.param(
            cache_key(b"ref", b"hyp", ALGORITHMS, replace(PARAMETERS, ira_epoch_duration=0.5), "1.0"), id="epoch"
        ),
        pytest.param(
            cache_key(
                b"ref",
                b"hyp",
                ALGORITHMS,
                Parameters(LabelMap.from_mapping({"bckg": ["bckg"], "seiz": ["seiz"]})),
                "1.0",
            ),
            id="order of the classes",
        ),
        pytest.param(cache_key(b"ref", b"hyp", ALGORITHMS, PARAMETERS, "1.1"), id="version"),
    ],
)
def test_a_key_differs_with_whatever_the_score_depends_on(other: str) -> None:
    assert other != KEY


def test_a_key_does_not_differ_with_the_order_of_algorithms_or_the_type_of_a_number() -> None:
    whole = Parameters(penalty_sub=1)
    assert cache_key(b"ref", b"hyp", ALGORITHMS[::-1], whole, "1.0") == KEY


async def test_memory_gives_back_what_it_was_given() -> None:
    tally = Tally()
    cache = memory(tally)
    await cache.set_many({"a": b"1", "b": b"2"})
    assert await cache.get_many(["b", "x", "a"]) == [b"2", None, b"1"]
    assert tally == {"hit": 2, "miss": 1}
    assert await cache.ping()


async def test_memory_is_bounded_and_forgets_what_was_used_least_recently() -> None:
    cache = memory(max_bytes=10_000)
    for number in range(100):
        await cache.set_many({str(number): bytes(2000)})
        await cache.get_many(["0"])
    held = [number for number in range(100) if (await cache.get_many([str(number)]))[0] is not None]
    assert held == [0, 98, 99]


async def test_memory_takes_no_more_than_its_bound() -> None:
    bound = 2_000_000
    cache = memory(max_bytes=bound)
    tracemalloc.start()
    try:
        for number in range(10_000):
            await cache.set_many({f"nedc:v1:{number:064}": bytes([number % 256]) * 400})
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert bound / 3 < held < bound


async def test_an_entry_larger_than_the_memory_is_not_kept() -> None:
    cache = memory(max_bytes=1000)
    await cache.set_many({"a": bytes(1001)})
    assert await cache.get_many(["a"]) == [None]


async def test_memory_forgets_when_the_time_is_over() -> None:
    cache = MemoryCache(max_bytes=10_000, ttl_seconds=0.02, record=Tally())
    await cache.set_many({"a": b"1"})
    forgotten: list[bytes | None] = [b""]

    async def look() -> bool:
        forgotten[:] = await cache.get_many(["a"])
        return forgotten == [None]

    while not await look():
        await until(lambda: True)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_breaker_opens_after_failures_in_a_row_and_lets_one_try_after_a_pause() -> None:
    clock = Clock()
    breaker = CircuitBreaker(failures=2, pause_seconds=5, clock=clock)
    assert not breaker.failed()
    assert not breaker.succeeded()
    assert not breaker.failed()
    assert breaker.closed
    assert breaker.failed()
    assert not breaker.allows()
    clock.now += 5
    assert [breaker.allows() for _ in range(3)] == [True, False, False]
    assert not breaker.failed()
    clock.now += 4.9
    assert not breaker.allows()
    clock.now += 0.1
    assert breaker.allows()
    assert breaker.succeeded()
    assert all(breaker.allows() for _ in range(3))


def test_a_trial_that_never_ends_is_followed_by_another() -> None:
    clock = Clock()
    breaker = CircuitBreaker(failures=1, pause_seconds=5, clock=clock)
    breaker.failed()
    clock.now += 5
    assert breaker.allows()
    clock.now += 5
    assert breaker.allows()
