"""What the tests of attacks share: how late ``/health`` gets meanwhile, and what all processes of the service hold.

A busy machine is late too. A server of a few lines that nobody attacks is asked in turns with the attacked one: what it
is late by is the machine's, and is allowed besides `HEALTH_SECONDS`.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from serving import Server

HEALTH_SECONDS = 0.5
PAUSE_SECONDS = 0.01
ANSWER_SECONDS = 60.0
POD_BYTES = 512 * 2**20  # the chart's limit
_UNATTACKED = """
import asyncio
async def answer(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
    await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


@dataclass
class Observed:
    """What was seen during an attack.

    Attributes:
        attacked: the seconds that each ``/health`` took; of a server that is not attacked, ``unattacked``.
        peak: the most that all processes of the service held, in bytes; pages that they share count once.
    """

    attacked: list[float] = field(default_factory=list)
    unattacked: list[float] = field(default_factory=list)
    peak: int = 0

    def check(self) -> None:
        """The service kept its promise."""
        late, machine = max(self.attacked), max(self.unattacked)
        print(f"health {late:.3f} s (unattacked {machine:.3f}), {len(self.attacked)} asked; {self.peak >> 20} MiB")
        assert late <= HEALTH_SECONDS + machine
        assert self.peak < POD_BYTES


@contextmanager
def observed(server: Server) -> Iterator[Observed]:
    """Ask for the service's health, again and again, and look at its memory, while the block runs."""
    found = Observed()
    ended = threading.Event()
    command = [sys.executable, "-c", _UNATTACKED]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as unattacked:
        assert unattacked.stdout is not None
        port = int(unattacked.stdout.readline())
        watchers = [
            threading.Thread(target=_ask, args=(found, server.port, port, ended)),
            threading.Thread(target=_weigh, args=(found, server, ended)),
        ]
        for watcher in watchers:
            watcher.start()
        try:
            yield found
        finally:
            ended.set()
            for watcher in watchers:
                watcher.join()
            unattacked.kill()


def _ask(found: Observed, attacked: int, unattacked: int, ended: threading.Event) -> None:
    while not ended.wait(PAUSE_SECONDS):
        found.attacked.append(_seconds(attacked))
        found.unattacked.append(_seconds(unattacked))


def _seconds(port: int) -> float:
    begin = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS) as client:
        client.sendall(b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = client.recv(64)
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    return time.perf_counter() - begin


def _weigh(found: Observed, server: Server, ended: threading.Event) -> None:
    while not ended.wait(PAUSE_SECONDS):
        found.peak = max(found.peak, memory(server))


def memory(server: Server) -> int:
    """What all processes of the service hold."""
    total = 0
    for process in [psutil.Process(server.process.pid), *server.children()]:
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total


# -- clients of bytes


@contextmanager
def client(server: Server, receive_buffer: int | None = None) -> Iterator[socket.socket]:
    """A connection of a client that takes what it likes."""
    with socket.socket() as opened:
        if receive_buffer is not None:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        opened.settimeout(ANSWER_SECONDS)
        opened.connect(("127.0.0.1", server.port))
        yield opened


def flood(opened: socket.socket, data: bytes) -> bool:
    """Send it all; whether the service took it all."""
    try:
        opened.sendall(data)
    except OSError:
        return False
    return True


def rest(opened: socket.socket) -> bytes:
    """All that comes, up to the end of the connection."""
    found = b""
    try:
        while piece := opened.recv(65_536):
            found += piece
    except ConnectionResetError:
        pass
    return found
