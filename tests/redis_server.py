"""A real Redis server for tests: on a free port, in a folder of its own, and with the faults that a server can have."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from redis import Redis
from redis.exceptions import RedisError

from helpers import WAIT_SECONDS, until


class RedisServer:
    """A ``redis-server`` process.

    Args:
        folder: for its files.
        options: further options of the command line, such as ``--requirepass secret``.

    Attributes:
        url: for the setting ``REDIS_URL``; the same after a restart.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.options = options
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.program: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """What it is started with: ``program`` where that is set."""
        program = shutil.which("redis-server")
        assert program is not None, "these tests need a Redis server: apt-get install redis-server"
        command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        command += ["--save", "", "--appendonly", "no", "--loglevel", "warning", *self.options]
        return self.program or command

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(self.command(), stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        until(self._answers)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it as an operator does."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Kill it and start it again on the same port; its data is lost unless its options keep it."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Stop its process (SIGSTOP): connections are accepted by the kernel and never answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Continue its process (SIGCONT)."""
        self._signal(signal.SIGCONT)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Frozen while the block runs."""
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    def fill(self) -> None:
        """Make it full: every write is refused with an OOM error, and nothing is evicted."""
        self.ask(lambda client: client.config_set("maxmemory-policy", "noeviction"))
        self.ask(lambda client: client.config_set("maxmemory", 1))

    def empty(self) -> None:
        """Delete everything, and remove the memory limit."""
        self.ask(lambda client: client.config_set("maxmemory", 0))
        self.ask(lambda client: client.flushall())

    def put(self, key: str, value: bytes) -> None:
        """Set a key behind the service's back."""
        self.ask(lambda client: client.set(key, value))

    def keys(self) -> list[str]:
        """All keys."""
        return sorted(key.decode() for key in self.ask(lambda client: client.keys("*")))

    def ask(self, question: Callable[[Redis], Any]) -> Any:
        """Ask with a client of its own, and return the answer."""
        with Redis.from_url(self.url, socket_timeout=WAIT_SECONDS, protocol=2) as client:
            return question(client)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "redis-server has ended at once"
        try:
            return bool(self.ask(lambda client: client.ping()))
        except (RedisError, OSError):
            return False

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
