"""Cache keys that differ whenever any input differs, the in-memory cache, and the circuit breaker."""

from __future__ import annotations

import re
import tracemalloc
from dataclasses import replace

import msgspec
import pytest

from evaluating import Tally, asking, memory, until
from nedc_bench import ALGORITHMS, LabelMap, Parameters
from nedc_bench.execution import MemoryCache, PairInput, Study, request
from nedc_bench.redis import CircuitBreaker

PARAMETERS = Parameters()


def pair(reference: bytes = b"ref", hypothesis: bytes = b"hyp", name: str = "") -> PairInput:
    return PairInput.of(reference, f"a{name}", hypothesis, f"b{name}")


KEY = asking().pair_key(pair())


def test_a_key_is_a_hash_that_names_do_not_enter() -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", KEY)
    assert asking().pair_key(pair(name="other")) == KEY


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(asking().pair_key(pair(b"REF")), id="reference"),
        pytest.param(asking().pair_key(pair(b"ref", b"HYP")), id="hypothesis"),
        pytest.param(asking().pair_key(pair(b"hyp", b"ref")), id="sides exchanged"),
        pytest.param(asking().pair_key(pair(b"refh", b"yp")), id="the same bytes cut elsewhere"),
        pytest.param(asking(algorithms=["taes"]).pair_key(pair()), id="algorithms"),
        pytest.param(asking(replace(PARAMETERS, penalty_sub=2.0)).pair_key(pair()), id="penalty"),
        pytest.param(asking(replace(PARAMETERS, ira_epoch_duration=0.5)).pair_key(pair()), id="epoch"),
        pytest.param(
            asking(Parameters(LabelMap.from_mapping({"bckg": ["bckg"], "seiz": ["seiz"]}))).pair_key(pair()),
            id="order of the classes",
        ),
    ],
)
def test_a_key_differs_with_whatever_the_score_depends_on(other: str) -> None:
    assert other != KEY


def test_a_key_differs_with_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    request._canonical.cache_clear()
    monkeypatch.setattr(request, "VERSION", "another")
    try:
        assert asking().pair_key(pair()) != KEY
    finally:
        request._canonical.cache_clear()


def test_a_key_does_not_differ_with_the_order_of_algorithms_or_the_type_of_a_number() -> None:
    assert asking(Parameters(penalty_sub=1), ALGORITHMS[::-1]).pair_key(pair()) == KEY


def test_a_request_s_key_differs_with_pairs_their_order_and_the_form_of_the_document() -> None:
    keys = [asking().pair_key(pair(side)) for side in (b"1", b"2")]
    made = [
        asking().request_key(keys),
        asking().request_key(keys[::-1]),
        asking().request_key(keys[:1]),
        asking(strict=True).request_key(keys),
        asking(per_pair=True).request_key(keys),
        asking(study=Study(0, 200, (0, 0))).request_key(keys),
        asking(study=Study(0, 200, (0, 1))).request_key(keys),
        asking(study=Study(1, 200, (0, 1))).request_key(keys),
    ]
    assert len({*made, *keys}) == 10


def test_how_to_score_comes_back_from_a_job_s_record() -> None:
    labels = LabelMap.from_mapping({"bckg": ["bckg"], "seiz": ["seiz", "fnsz"]})
    study = Study(3, 200, (0, -1))
    asked = asking(Parameters(labels, penalty_del=0.1), ["ira", "dp"], strict=True, per_pair=True, study=study)
    back = type(asked).from_dict(msgspec.json.decode(msgspec.json.encode(asked.to_dict())))
    assert back == asked
    assert back.pair_key(pair()) == asked.pair_key(pair())


async def test_memory_gives_back_what_it_was_given() -> None:
    tally = Tally()
    cache = memory(tally)
    await cache.set_many({"a": b"1", "b": b"2"})
    assert await cache.get_many(["b", "x", "a"]) == [b"2", None, b"1"]
    assert tally == {"hit": 2, "miss": 1}


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
