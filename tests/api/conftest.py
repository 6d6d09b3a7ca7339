"""The service as its users meet it: a real process, real sockets."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

START_SECONDS = 30.0
UNHINDERED = {"RATE_LIMIT": "100000/minute", "STATUS_RATE_LIMIT": "100000/minute", "SHUTDOWN_DELAY_SECONDS": "0"}


class Server:
    """A running ``nedc-bench serve`` on a free port."""

    def __init__(self, log: Path, **settings: str) -> None:
        environment = {**os.environ, "HOST": "127.0.0.1", "PORT": "0", **UNHINDERED, **settings}
        self.log = log
        with open(log, "wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "nedc_bench", "serve"], env=environment, stdout=output, stderr=output
            )
        self.url = self._wait_for(self._port)
        self.client = httpx.Client(base_url=self.url, timeout=60, headers={"Accept": "application/json"})
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        self._wait_for(lambda: self.client.get("/api/v1/ready").status_code == 200)

    def _port(self) -> str | None:
        found = re.search(r"Running on (http://[^ ]+)", self.log.read_text())
        return found[1] if found else None

    def _wait_for(self, check: Callable[[], object]) -> str:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if result := check():
                    return str(result)
            except httpx.TransportError:
                pass
            time.sleep(0.02)  # there is no event to wait for across processes
        raise AssertionError(self.log.read_text())

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End the process with a signal; its exit status."""
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=60)


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start servers that end with the test."""
    servers: list[Server] = []

    def start(**settings: str) -> Server:
        servers.append(Server(tmp_path / f"server-{len(servers)}.log", **settings))
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
