"""Real servers for the integration tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from evaluating import Scorer
from redis_server import RedisServer


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis server for one test, running and empty."""
    with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture
async def scorer(redis_server: RedisServer) -> AsyncIterator[Scorer]:
    """An evaluator whose cache is in that Redis."""
    async with Scorer(redis_server.url) as scorer:
        yield scorer
