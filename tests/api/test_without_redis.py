"""While Redis is unavailable, clients that wait still get results, and others a 503."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from corpora import EXAMPLE
from redis_server import RedisServer
from serving import Start, figures, one_pair, parts, post

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("lose", [RedisServer.stop, RedisServer.freeze], ids=["stopped", "frozen"])
def test_a_client_that_waits_gets_its_result(
    start_server: Start, redis: RedisServer, lose: Callable[[RedisServer], None]
) -> None:
    server = start_server(REDIS_URL=redis.url)
    lose(redis)
    answer = post(server, parts(EXAMPLE))
    job = answer.json()
    assert (answer.status_code, job["status"], "Location" in answer.headers) == (200, "completed", False)
    assert job["progress"] == {"done": len(EXAMPLE.pairing.pairs), "total": len(EXAMPLE.pairing.pairs)}
    assert job["result"]["algorithms"] == figures(EXAMPLE)


def test_without_waiting_or_with_an_idempotency_key_the_answer_is_503(start_server: Start, redis: RedisServer) -> None:
    server = start_server(REDIS_URL=redis.url)
    redis.stop()
    for headers in ({}, {"Prefer": "wait=60", "Idempotency-Key": "abc"}, {"Prefer": "wait=0"}):
        answer = post(server, one_pair(), headers)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
