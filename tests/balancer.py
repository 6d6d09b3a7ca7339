"""A load balancer as real clients have one: each connection goes to a server that says it is ready."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from socketserver import BaseRequestHandler, ThreadingTCPServer
from types import TracebackType
from typing import Self

import httpx

from serving import Server

CHECK_SECONDS = 0.2


class Balancer:
    """Spreads connections in turns; a server's readiness is asked for every `CHECK_SECONDS`, and nothing is retried.

    Attributes:
        servers: those that there are; may be changed at any time.
        url: where the clients connect to.
    """

    def __init__(self, *servers: Server) -> None:
        self.servers: Sequence[Server] = servers
        self._ready: list[Server] = list(servers)
        self._turns = count()
        self._end = threading.Event()
        self._server = _Listener(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._threads = [threading.Thread(target=target) for target in (self._server.serve_forever, self._watch)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end.set()
        self._server.shutdown()
        for thread in self._threads:
            thread.join()
        self._server.server_close()

    def is_ready(self, server: Server) -> bool:
        """Whether connections go to the server."""
        return server in self._ready

    def choose(self) -> Server | None:
        """The server whose turn it is."""
        ready = self._ready
        return ready[next(self._turns) % len(ready)] if ready else None

    def _watch(self) -> None:
        with httpx.Client(timeout=5) as client:
            while not self._end.wait(CHECK_SECONDS):
                self._ready = [server for server in self.servers if _says_ready(client, server)]


def _says_ready(client: httpx.Client, server: Server) -> bool:
    with suppress(httpx.TransportError):
        return client.get(f"{server.url}/api/v1/ready").status_code == 200
    return False


class _Listener(ThreadingTCPServer):
    request_queue_size = 128

    def __init__(self, balancer: Balancer) -> None:
        self.balancer = balancer
        super().__init__(("127.0.0.1", 0), _Connection)


class _Connection(BaseRequestHandler):
    server: _Listener

    def handle(self) -> None:
        if chosen := self.server.balancer.choose():
            carry(self.request, chosen.port)


def carry(here: socket.socket, port: int) -> None:
    """Carry bytes to a port of this machine and back until either side closes."""
    with (
        suppress(OSError),
        socket.create_connection(("127.0.0.1", port)) as there,
        selectors.DefaultSelector() as selector,
    ):
        selector.register(here, selectors.EVENT_READ, there)
        selector.register(there, selectors.EVENT_READ, here)
        while True:
            for key, _ in selector.select():
                assert isinstance(key.fileobj, socket.socket)
                if not (data := key.fileobj.recv(65_536)):
                    return
                key.data.sendall(data)
