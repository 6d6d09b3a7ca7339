"""Redis may be killed, frozen, full or restarted at any time: figures stay right, time bounded, and faults counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from operator import methodcaller

import pytest

from evaluating import House, document, evaluate, expected_document, small_pair, until
from integration.checks import EVALUATIONS, another_redis, check_many, key_of, known, request_key_of, store
from nedc_bench.execution import PairInput
from nedc_bench.execution.evaluator import BATCH
from redis_server import RedisServer

pytestmark = pytest.mark.integration


async def available_again(house: House, pair: PairInput) -> None:
    """Redis is found again within a pause, by requests alone."""
    await until(lambda: known(house, pair))


async def probed(house: House) -> bool:
    assert house.redis is not None
    return await house.redis.probe()


async def test_without_a_fault_a_request_is_looked_up_stored_and_found(house: House) -> None:
    await store(house, small_pair())
    assert await known(house, small_pair())
    assert house.tally == {"miss": 2, "hit": 2}  # the pair and the request, in one look-up
    assert await probed(house)


async def test_entries_expire(house: House, redis_server: RedisServer) -> None:
    await store(house, small_pair())
    keys = redis_server.keys()
    assert keys == sorted([key_of(small_pair()), request_key_of(small_pair())])
    for place in keys:
        assert 55_000 < redis_server.ask(methodcaller("pttl", place)) <= 60_000


async def test_a_corpus_is_looked_up_in_one_round_trip_a_batch(house: House, redis_server: RedisServer) -> None:
    pairs = [small_pair(number) for number in range(BATCH + 1)]
    for cached in (False, True):
        assert await known(house, *pairs) == cached
    commands = redis_server.ask(lambda client: client.info("commandstats"))
    assert commands["cmdstat_mget"]["calls"] == 3
    assert commands["cmdstat_set"]["calls"] == len(pairs) + 1


# -- killed, frozen, full, restarted


async def test_redis_is_killed(house: House, redis_server: RedisServer) -> None:
    await store(house, small_pair())
    redis_server.kill()
    await check_many(house, house.redis)
    assert house.tally["error"] >= EVALUATIONS
    assert not await probed(house)
    redis_server.start()
    await available_again(house, small_pair())


async def during(house: House, fault: Callable[[], None]) -> None:
    """A fault while a corpus is under way."""
    pairs = [small_pair(number) for number in range(BATCH + 100)]

    def progress(done: int) -> None:
        if done >= 100 and not happened:
            happened.append(done)
            fault()

    happened: list[int] = []
    evaluated = await evaluate(house.evaluator, pairs, progress=progress)
    assert document(evaluated, pairs) == expected_document(pairs)
    assert happened


async def test_redis_is_killed_while_a_corpus_is_scored(house: House, redis_server: RedisServer) -> None:
    await during(house, redis_server.kill)
    assert house.tally["error"] > 0


async def test_redis_is_frozen(house: House, redis_server: RedisServer) -> None:
    """Many evaluations cost a few time-outs, not one each."""
    await store(house, small_pair())
    with redis_server.frozen():
        await check_many(house, house.redis)
    assert house.tally["error"] >= EVALUATIONS
    await available_again(house, small_pair())


async def test_redis_is_frozen_under_concurrent_requests(house: House, redis_server: RedisServer) -> None:
    with redis_server.frozen():
        await check_many(house, house.redis, at_once=True)


async def test_redis_is_frozen_while_a_corpus_is_scored(house: House, redis_server: RedisServer) -> None:
    try:
        await during(house, redis_server.freeze)
    finally:
        redis_server.thaw()


async def test_redis_is_full(house: House, redis_server: RedisServer) -> None:
    await store(house, small_pair(1))
    redis_server.fill()
    for number in range(EVALUATIONS):
        assert await known(house, small_pair(number)) == (number == 1)
    assert house.tally["hit"] == 2
    assert house.tally["error"] >= EVALUATIONS - 1
    redis_server.empty()
    await available_again(house, small_pair(2))
    assert await known(house, small_pair(2))


async def test_redis_is_restarted(house: House, redis_server: RedisServer) -> None:
    await store(house, small_pair())
    redis_server.restart()
    await store(house, small_pair())
    assert await known(house, small_pair())
    assert house.tally == {"miss": 4, "hit": 2}


async def test_redis_refuses_the_password(tmp_path_factory: pytest.TempPathFactory, house: House) -> None:
    with RedisServer(tmp_path_factory.mktemp("redis"), "--maxclients", "50") as server:
        server.ask(lambda client: client.config_set("requirepass", "secret"))
        for login in ("", ":wrong@"):
            async with another_redis(house, server.url.replace("//", f"//{login}")) as redis:
                await check_many(house, redis)
        assert house.tally["hit"] == 0
        async with another_redis(house, server.url.replace("//", "//:secret@")):
            await store(house, small_pair())
            assert await known(house, small_pair())


# -- cancellation


async def test_waiting_for_a_frozen_redis_can_be_cancelled(house: House, redis_server: RedisServer) -> None:
    await house.cache.set_many({"a": b"1", "b": b"2"})
    with redis_server.frozen():
        tasks = [asyncio.create_task(house.cache.get_many(["a"])) for _ in range(40)]
        for _ in range(20):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(end) for end in ends} == {asyncio.CancelledError}
    assert await house.cache.get_many(["b"]) == [b"2"]  # and not the answer that came too late


async def test_cancelled_requests_leave_no_connection_behind(house: House, redis_server: RedisServer) -> None:
    def connected() -> int:
        return int(redis_server.ask(lambda client: client.info("clients"))["connected_clients"])

    for number in range(50):
        task = asyncio.create_task(house.cache.get_many([f"a{number}"]))
        for _ in range(number % 7):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    await house.cache.set_many({"a": b"1"})
    assert await house.cache.get_many(["a", "b"]) == [b"1", None]
    await until(lambda: connected() <= 3)
