"""Whatever Redis, or a server in its place, answers: figures stay right, and errors are counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from evaluating import Scorer, small_pair
from integration.checks import EVALUATIONS, another_redis, check_many, key_of, known, request_key_of, store
from redis_server import RedisServer

pytestmark = pytest.mark.integration

# -- damaged entries


async def test_a_pair_with_a_damaged_entry_is_scored_again(scorer: Scorer, redis_server: RedisServer) -> None:
    pair, other = small_pair(), small_pair(1)
    await store(scorer, other)
    await store(scorer, pair)
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
        redis_server.ask(lambda client: client.get(key_of(other))),  # the score of another pair
    ]
    for number, lie in enumerate(lies, 1):
        redis_server.put(key, lie)
        redis_server.put(whole, lie)
        assert not await known(scorer, pair)
        assert scorer.tally["corrupt"] == 2 * number
        assert redis_server.ask(lambda client: client.get(key)) != lie
        redis_server.put(whole, lie)
        assert await known(scorer, pair)  # made from the pair's score
        scorer.tally["corrupt"] -= 1


async def test_a_pair_with_an_entry_of_another_type_is_scored_again(scorer: Scorer, redis_server: RedisServer) -> None:
    pair = small_pair()
    for put in (
        lambda client, key: client.rpush(key, "a"),
        lambda client, key: client.hset(key, "a", "b"),
        lambda client, key: client.xadd(key, {"a": "b"}),
    ):
        redis_server.empty()
        for place in (key_of(pair), request_key_of(pair)):
            redis_server.ask(partial(put, key=place))
        await store(scorer, pair)
        assert await known(scorer, pair)


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
    """Answer one byte at a time, too slowly for any client."""
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
        pytest.param(close_at_once, id="closes the connection"),
        pytest.param(say_nothing, id="says nothing"),
        pytest.param(drip, id="answers slowly"),
        pytest.param(say(b"HTTP/1.1 400 Bad Request\r\n\r\n"), id="speaks HTTP"),
        pytest.param(say(b"$99999999999\r\nx"), id="announces 100 GB"),
        pytest.param(say(b"*-5\r\n$x\r\n"), id="invalid lengths"),
        pytest.param(say(b"*1\r\n" * 2000), id="nested arrays"),
        pytest.param(say(b"+OK\r\n"), id="always says OK"),
        pytest.param(say(b":1\r\n"), id="always says 1"),
        pytest.param(say(b"*2\r\n:1\r\n$1\r\nx\r\n"), id="an unexpected answer"),
        pytest.param(say(b"-ERR no\r\n"), id="ERR"),
        pytest.param(say(b"-LOADING Redis is loading\r\n"), id="LOADING"),
        pytest.param(say(b"\xff\xfe\r\n"), id="binary"),
    ],
)
async def test_a_server_that_is_not_redis(scorer: Scorer, answer: Answer) -> None:
    async with listening(answer) as url:
        async with another_redis(scorer, url) as redis:
            await check_many(scorer, redis)
        assert scorer.tally["hit"] == 0
        assert scorer.tally["error"] + scorer.tally["corrupt"] >= EVALUATIONS
