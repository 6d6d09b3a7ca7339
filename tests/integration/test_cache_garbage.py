"""Redis, or what answers in its place, may say anything: figures stay right, and what is wrong is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from evaluating import House, small_pair
from integration.checks import EVALUATIONS, another_redis, check_many, key_of, known, request_key_of, store
from redis_server import RedisServer

pytestmark = pytest.mark.integration

# -- damaged entries


async def test_damaged_entries_are_scored_again_and_replaced(house: House, redis_server: RedisServer) -> None:
    pair, other = small_pair(), small_pair(1)
    await store(house, other)
    await store(house, pair)
    key, whole = key_of(pair), request_key_of(pair)
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
        assert not await known(house, pair)
        assert house.tally["corrupt"] == 2 * number
        assert redis_server.ask(lambda client: client.get(key)) != lie
        redis_server.put(whole, lie)
        assert await known(house, pair)  # put together from the pair's
        house.tally["corrupt"] -= 1


async def test_entries_of_another_type_are_scored_again_and_replaced(house: House, redis_server: RedisServer) -> None:
    pair = small_pair()
    for put in (
        lambda client, key: client.rpush(key, "a"),
        lambda client, key: client.hset(key, "a", "b"),
        lambda client, key: client.xadd(key, {"a": "b"}),
    ):
        redis_server.empty()
        for place in (key_of(pair), request_key_of(pair)):
            redis_server.ask(partial(put, key=place))
        await store(house, pair)
        assert await known(house, pair)


# -- servers that are not Redis


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
async def test_a_server_that_is_not_redis(house: House, answer: Answer) -> None:
    async with listening(answer) as url:
        async with another_redis(house, url) as redis:
            await check_many(house, redis)
        assert house.tally["hit"] == 0
        assert house.tally["error"] + house.tally["corrupt"] >= EVALUATIONS
