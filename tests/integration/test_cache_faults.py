"""When Redis is killed, frozen, full or restarted, figures stay right, waits stay short, and errors are counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from operator import methodcaller
from typing import Any

import pytest

from evaluating import Scorer, document, evaluate, expected_document, small_pair, until
from integration.checks import EVALUATIONS, another_redis, check_many, key_of, known, request_key_of, store
from nedc_bench.execution import PairInput
from nedc_bench.execution.evaluator import BATCH
from nedc_bench.redis.client import ATTEMPT_SECONDS
from redis_server import RedisServer

pytestmark = pytest.mark.integration


async def available_again(scorer: Scorer, pair: PairInput) -> None:
    """Wait until requests find Redis again; nothing else looks for it."""
    await until(lambda: known(scorer, pair))


async def probed(scorer: Scorer) -> bool:
    assert scorer.redis is not None
    return await scorer.redis.probe()


async def test_a_request_is_looked_up_stored_and_found(scorer: Scorer) -> None:
    await store(scorer, small_pair())
    assert await known(scorer, small_pair())
    assert scorer.tally == {"miss": 2, "hit": 2}  # one look-up for the pair and the request
    assert await probed(scorer)


async def test_an_answer_is_found_however_late_this_process_looks(scorer: Scorer) -> None:
    """Other work occupies the event loop beyond the time limit; Redis has answered meanwhile."""
    assert scorer.redis is not None
    await scorer.redis.ask(methodcaller("ping"))

    def question(client: Any) -> Awaitable[bool]:
        asyncio.get_running_loop().call_soon(time.sleep, 2 * ATTEMPT_SECONDS[-1])
        answer: Awaitable[bool] = client.ping()
        return answer

    assert await scorer.redis.ask(question, once=True)
    assert scorer.redis.problem is None


async def test_entries_expire(scorer: Scorer, redis_server: RedisServer) -> None:
    await store(scorer, small_pair())
    keys = redis_server.keys()
    assert keys == sorted([key_of(small_pair()), request_key_of(small_pair())])
    for place in keys:
        assert 55_000 < redis_server.ask(methodcaller("pttl", place)) <= 60_000


async def test_a_corpus_takes_one_round_trip_per_batch(scorer: Scorer, redis_server: RedisServer) -> None:
    pairs = [small_pair(number) for number in range(BATCH + 1)]
    for cached in (False, True):
        assert await known(scorer, *pairs) == cached
    commands = redis_server.ask(lambda client: client.info("commandstats"))
    assert commands["cmdstat_mget"]["calls"] == 3
    assert commands["cmdstat_set"]["calls"] == len(pairs) + 1


# -- killed, frozen, full, restarted


async def test_redis_is_killed(scorer: Scorer, redis_server: RedisServer) -> None:
    await store(scorer, small_pair())
    redis_server.kill()
    await check_many(scorer, scorer.redis)
    assert scorer.tally["error"] >= EVALUATIONS
    assert not await probed(scorer)
    redis_server.start()
    await available_again(scorer, small_pair())


async def during(scorer: Scorer, fault: Callable[[], None]) -> None:
    """Cause a fault while a corpus is being scored."""
    pairs = [small_pair(number) for number in range(BATCH + 100)]

    def progress(done: int) -> None:
        if done >= 100 and not happened:
            happened.append(done)
            fault()

    happened: list[int] = []
    evaluated = await evaluate(scorer.evaluator, pairs, progress=progress)
    assert document(evaluated, pairs) == expected_document(pairs)
    assert happened


async def test_redis_is_killed_while_a_corpus_is_scored(scorer: Scorer, redis_server: RedisServer) -> None:
    await during(scorer, redis_server.kill)
    assert scorer.tally["error"] > 0


async def test_redis_is_frozen(scorer: Scorer, redis_server: RedisServer) -> None:
    """Many evaluations cost a few timeouts, not one each."""
    await store(scorer, small_pair())
    with redis_server.frozen():
        await check_many(scorer, scorer.redis)
    assert scorer.tally["error"] >= EVALUATIONS
    await available_again(scorer, small_pair())


async def test_redis_is_frozen_under_concurrent_requests(scorer: Scorer, redis_server: RedisServer) -> None:
    with redis_server.frozen():
        await check_many(scorer, scorer.redis, at_once=True)


async def test_redis_is_frozen_while_a_corpus_is_scored(scorer: Scorer, redis_server: RedisServer) -> None:
    try:
        await during(scorer, redis_server.freeze)
    finally:
        redis_server.thaw()


async def test_redis_is_full(scorer: Scorer, redis_server: RedisServer) -> None:
    await store(scorer, small_pair(1))
    redis_server.fill()
    for number in range(EVALUATIONS):
        assert await known(scorer, small_pair(number)) == (number == 1)
    assert scorer.tally["hit"] == 2
    assert scorer.tally["error"] >= EVALUATIONS - 1
    redis_server.empty()
    await available_again(scorer, small_pair(2))
    assert await known(scorer, small_pair(2))


async def test_redis_is_restarted(scorer: Scorer, redis_server: RedisServer) -> None:
    await store(scorer, small_pair())
    redis_server.restart()
    await store(scorer, small_pair())
    assert await known(scorer, small_pair())
    assert scorer.tally == {"miss": 4, "hit": 2}


async def test_redis_refuses_the_password(tmp_path_factory: pytest.TempPathFactory, scorer: Scorer) -> None:
    with RedisServer(tmp_path_factory.mktemp("redis"), "--maxclients", "50") as server:
        server.ask(lambda client: client.config_set("requirepass", "secret"))
        for login in ("", ":wrong@"):
            async with another_redis(scorer, server.url.replace("//", f"//{login}")) as redis:
                await check_many(scorer, redis)
        assert scorer.tally["hit"] == 0
        async with another_redis(scorer, server.url.replace("//", "//:secret@")):
            await store(scorer, small_pair())
            assert await known(scorer, small_pair())


# -- cancellation


async def test_waiting_for_a_frozen_redis_can_be_cancelled(scorer: Scorer, redis_server: RedisServer) -> None:
    await scorer.cache.set_many({"a": b"1", "b": b"2"})
    with redis_server.frozen():
        tasks = [asyncio.create_task(scorer.cache.get_many(["a"])) for _ in range(40)]
        for _ in range(20):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(end) for end in ends} == {asyncio.CancelledError}
    assert await scorer.cache.get_many(["b"]) == [b"2"]  # not the answer to the cancelled request


async def test_cancelled_requests_leave_no_connection_behind(scorer: Scorer, redis_server: RedisServer) -> None:
    def connected() -> int:
        return int(redis_server.ask(lambda client: client.info("clients"))["connected_clients"])

    for number in range(50):
        task = asyncio.create_task(scorer.cache.get_many([f"a{number}"]))
        for _ in range(number % 7):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    await scorer.cache.set_many({"a": b"1"})
    assert await scorer.cache.get_many(["a", "b"]) == [b"1", None]
    await until(lambda: connected() <= 3)
