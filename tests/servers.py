"""Fixtures: services that run for one test, or for all tests of a file."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from redis_server import RedisServer
from serving import Server, Start, Stop, Workers


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Start]:
    """Start servers that end with the test."""
    servers: list[Server] = []

    def start(**options: Any) -> Server:
        servers.append(Server(tmp_path / f"server-{len(servers)}.log", **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with default settings, shared by the tests of a module."""
    running = Server(tmp_path_factory.mktemp("server") / "server.log")
    yield running
    assert running.stop() == 0


@contextmanager
def server_with_store(store: str, folder: Path, **settings: Any) -> Iterator[Server]:
    """A server that has its cache and jobs in memory or, if the store is ``redis``, in a Redis of its own."""
    with ExitStack() as stack:
        if store == "redis":
            settings["REDIS_URL"] = stack.enter_context(RedisServer(folder)).url
        running = Server(folder / "log", **settings)
        yield running
        assert running.stop() == 0


@pytest.fixture
def stop_workers() -> Iterator[Stop]:
    """Stop the worker processes of servers until `go_on` is called or the test ends."""
    stopped: list[Workers] = []

    def stop(server: Server) -> Workers:
        stopped.append(Workers(server))
        return stopped[-1]

    yield stop
    for workers in stopped:
        workers.go_on()
