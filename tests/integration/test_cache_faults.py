"""Redis may fail in every way a server can, during use: the figures stay right, the time bounded, the fault counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from operator import methodcaller

import pytest

from evaluating import (
    CountingClient,
    House,
    asking,
    client,
    document,
    evaluate,
    expected_document,
    in_redis,
    small_pair,
    until,
)
from nedc_bench.execution import Evaluator, PairInput
from nedc_bench.execution.evaluator import BATCH
from nedc_bench.redis.client import FAILURES_TO_OPEN, PAUSE_SECONDS
from nedc_bench.redis.connecting import CONNECTIONS
from redis_names import key
from redis_server import RedisServer

pytestmark = pytest.mark.integration

EVALUATIONS = 20


def key_of(pair: PairInput) -> str:
    """Where Redis has the score of a pair."""
    return key(asking().pair_key(pair))


def whole_key_of(pair: PairInput) -> str:
    """Where Redis has the document of a request with this pair alone."""
    return key(asking().request_key([asking().pair_key(pair)]))


async def check(house: House, *pairs: PairInput) -> bool:
    """Evaluate, compare with the library; whether everything was known."""
    evaluated = await evaluate(house.evaluator, pairs)
    assert document(evaluated, pairs) == expected_document(pairs)
    return evaluated.cached


async def check_many(house: House, redis: CountingClient | None, *, at_once: bool = False) -> None:
    """Evaluate many pairs while Redis fails: it is asked a few times, and then once a pause."""
    assert redis is not None
    before, started = redis.failures, time.monotonic()
    pairs = [small_pair(number) for number in range(3 * EVALUATIONS if at_once else EVALUATIONS)]
    if at_once:
        await asyncio.gather(*(check(house, pair) for pair in pairs))
    else:
        for pair in pairs:
            await check(house, pair)
    asked = 2 * CONNECTIONS if at_once else 2 * FAILURES_TO_OPEN
    assert redis.failures - before <= asked + (time.monotonic() - started) / PAUSE_SECONDS


async def stored(house: House, pair: PairInput) -> None:
    assert not await check(house, pair)


@asynccontextmanager
async def asked_by(house: House, url: str) -> AsyncIterator[CountingClient]:
    """Have the house ask another Redis."""
    redis = client(url)
    house.evaluator = Evaluator(in_redis(redis, house.tally), house.pool, house.tally)
    yield redis
    await redis.close()


async def available_again(house: House, pair: PairInput) -> None:
    """Redis is found again within a pause, by requests alone."""
    await until(lambda: check(house, pair))


async def probed(house: House) -> bool:
    assert house.redis is not None
    return await house.redis.probe()


async def test_without_a_fault_a_request_is_looked_up_stored_and_found(house: House) -> None:
    await stored(house, small_pair())
    assert await check(house, small_pair())
    assert house.tally == {"miss": 2, "hit": 2}  # the pair and the request, in one look-up
    assert await probed(house)


async def test_entries_expire(house: House, redis_server: RedisServer) -> None:
    await stored(house, small_pair())
    keys = redis_server.keys()
    assert keys == sorted([key_of(small_pair()), whole_key_of(small_pair())])
    for place in keys:
        assert 55_000 < redis_server.ask(methodcaller("pttl", place)) <= 60_000


async def test_a_corpus_is_looked_up_in_one_round_trip_a_batch(house: House, redis_server: RedisServer) -> None:
    pairs = [small_pair(number) for number in range(BATCH + 1)]
    for cached in (False, True):
        assert await check(house, *pairs) == cached
    commands = redis_server.ask(lambda client: client.info("commandstats"))
    assert commands["cmdstat_mget"]["calls"] == 3
    assert commands["cmdstat_set"]["calls"] == len(pairs) + 1


# -- killed, frozen, full, restarted


async def test_killed(house: House, redis_server: RedisServer) -> None:
    await stored(house, small_pair())
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


async def test_killed_while_a_corpus_is_under_way(house: House, redis_server: RedisServer) -> None:
    await during(house, redis_server.kill)
    assert house.tally["error"] > 0


async def test_frozen(house: House, redis_server: RedisServer) -> None:
    """Many evaluations cost a few time-outs, not one each."""
    await stored(house, small_pair())
    redis_server.freeze()
    try:
        await check_many(house, house.redis)
    finally:
        redis_server.thaw()
    assert house.tally["error"] >= EVALUATIONS
    await available_again(house, small_pair())


async def test_frozen_under_concurrent_requests(house: House, redis_server: RedisServer) -> None:
    redis_server.freeze()
    try:
        await check_many(house, house.redis, at_once=True)
    finally:
        redis_server.thaw()


async def test_frozen_while_a_corpus_is_under_way(house: House, redis_server: RedisServer) -> None:
    try:
        await during(house, redis_server.freeze)
    finally:
        redis_server.thaw()


async def test_full(house: House, redis_server: RedisServer) -> None:
    await stored(house, small_pair(1))
    redis_server.fill()
    for number in range(EVALUATIONS):
        assert await check(house, small_pair(number)) == (number == 1)
    assert house.tally["hit"] == 2
    assert house.tally["error"] >= EVALUATIONS - 1
    redis_server.empty()
    await available_again(house, small_pair(2))
    assert await check(house, small_pair(2))


async def test_restarted(house: House, redis_server: RedisServer) -> None:
    await stored(house, small_pair())
    redis_server.restart()
    await stored(house, small_pair())
    assert await check(house, small_pair())
    assert house.tally == {"miss": 4, "hit": 2}


async def test_a_password_that_is_wrong(tmp_path_factory: pytest.TempPathFactory, house: House) -> None:
    with RedisServer(tmp_path_factory.mktemp("redis"), "--maxclients", "50") as server:
        server.ask(lambda client: client.config_set("requirepass", "secret"))
        for login in ("", ":wrong@"):
            async with asked_by(house, server.url.replace("//", f"//{login}")) as redis:
                await check_many(house, redis)
        assert house.tally["hit"] == 0
        async with asked_by(house, server.url.replace("//", "//:secret@")):
            await stored(house, small_pair())
            assert await check(house, small_pair())


# -- garbage under our keys


async def test_garbage_under_our_keys(house: House, redis_server: RedisServer) -> None:
    pair, other = small_pair(), small_pair(1)
    await stored(house, other)
    await stored(house, pair)
    key, whole = key_of(pair), whole_key_of(pair)
    good: bytes = redis_server.ask(lambda client: client.get(key))
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    lies = [
        b"",
        b"garbage",
        bytes(10_000),
        good[:-1],
        good + b" ",
        good[16:],
        bytes(flipped),
        redis_server.ask(lambda client: client.get(key_of(other))),  # the answer to another question
    ]
    for number, lie in enumerate(lies, 1):
        redis_server.put(key, lie)
        redis_server.put(whole, lie)
        assert not await check(house, pair)
        assert house.tally["corrupt"] == 2 * number
        assert redis_server.ask(lambda client: client.get(key)) != lie
        redis_server.put(whole, lie)
        assert await check(house, pair)  # put together from the pair's
        house.tally["corrupt"] -= 1


async def test_another_type_under_our_keys(house: House, redis_server: RedisServer) -> None:
    pair = small_pair()
    for put in (
        lambda client, key: client.rpush(key, "a"),
        lambda client, key: client.hset(key, "a", "b"),
        lambda client, key: client.xadd(key, {"a": "b"}),
    ):
        redis_server.empty()
        for place in (key_of(pair), whole_key_of(pair)):
            redis_server.ask(partial(put, key=place))
        await stored(house, pair)
        assert await check(house, pair)


# -- what is no Redis at all


Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def close_at_once(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    pass


async def say_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)


def say(answer: bytes) -> Answer:
    async def repeat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(10_000):
            writer.write(answer)

    return repeat


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer, a byte at a time, more slowly than anybody waits."""
    await reader.read(1)
    for byte in b"+OK\r\n" * 1000:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.05)


@asynccontextmanager
async def listening(answer: Answer) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    finally:
        server.close()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(close_at_once, id="closes"),
        pytest.param(say_nothing, id="says nothing"),
        pytest.param(drip, id="drips"),
        pytest.param(say(b"HTTP/1.1 400 Bad Request\r\n\r\n"), id="speaks HTTP"),
        pytest.param(say(b"$99999999999\r\nx"), id="promises much"),
        pytest.param(say(b"*-5\r\n$x\r\n"), id="writes nonsense numbers"),
        pytest.param(say(b"*1\r\n" * 2000), id="nests"),
        pytest.param(say(b"+OK\r\n"), id="always says OK"),
        pytest.param(say(b":1\r\n"), id="always says 1"),
        pytest.param(say(b"*2\r\n:1\r\n$1\r\nx\r\n"), id="answers another question"),
        pytest.param(say(b"-ERR no\r\n"), id="refuses"),
        pytest.param(say(b"-LOADING Redis is loading\r\n"), id="loads"),
        pytest.param(say(b"\xff\xfe\r\n"), id="bytes"),
    ],
)
async def test_what_is_no_redis(house: House, answer: Answer) -> None:
    async with listening(answer) as url:
        async with asked_by(house, url) as redis:
            await check_many(house, redis)
        assert house.tally["hit"] == 0
        assert house.tally["error"] + house.tally["corrupt"] >= EVALUATIONS


# -- cancellation


async def test_waiting_for_a_frozen_redis_can_be_cancelled(house: House, redis_server: RedisServer) -> None:
    await house.cache.set_many({"a": b"1", "b": b"2"})
    redis_server.freeze()
    try:
        tasks = [asyncio.create_task(house.cache.get_many(["a"])) for _ in range(40)]
        for _ in range(20):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(end) for end in ends} == {asyncio.CancelledError}
    finally:
        redis_server.thaw()
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
