"""Real servers for the integration tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from evaluating import House
from redis_server import RedisServer


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis server of the test's own, up and empty."""
    with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture
async def house(redis_server: RedisServer) -> AsyncIterator[House]:
    """An evaluator whose cache is in that Redis."""
    async with House(redis_server.url) as house:
        yield house
