"""The service as its users meet it: a real process, real sockets and, where it uses one, a real Redis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from redis_server import RedisServer
from servers import server, start_server, stop_workers
from serving import COMMAND, Server, Start

__all__ = ["server", "start_server", "stop_workers"]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server started by its command, not forked from the tests, so that its memory can be measured."""
    running = Server(tmp_path_factory.mktemp("measured") / "server.log", command=COMMAND)
    yield running
    assert running.stop() == 0


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that keeps its data over a restart."""
    with RedisServer(tmp_path, "--appendonly", "yes") as running:
        yield running


@pytest.fixture
def replica(start_server: Start, redis: RedisServer) -> Start:
    """Start replicas that share the Redis."""

    def start(**settings: str) -> Server:
        return start_server(**{"REDIS_URL": redis.url, "MAX_WORKERS": "1", **settings})

    return start
