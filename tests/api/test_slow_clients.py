"""Slow clients that hold connections open: they are ended in bounded time, and cost bounded memory."""

from __future__ import annotations

import asyncio
import json
import select
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import cycle

from websockets.asyncio.client import ClientConnection, connect

from everything import of
from helpers import WAIT_SECONDS, until
from serving import Server, Start, Stop, accept, completed_lines, post, small_pair, status

CLIENTS = 50
WEBSOCKETS = of(1000, 300)
WEBSOCKET_BYTES = 120_000  # of memory for each
HEAD = b"POST /api/v1/evaluate HTTP/1.1\r\nHost: localhost\r\n"
BODY = HEAD + b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n--b\r\n"


@contextmanager
def dripping(server: Server, *begins: bytes) -> Iterator[list[socket.socket]]:
    """Clients that have sent only the beginning of a request, each one of these."""
    clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(CLIENTS)]
    try:
        for client, begin in zip(clients, cycle(begins), strict=False):
            client.sendall(begin)
        yield clients
    finally:
        for client in clients:
            client.close()


def drip(server: Server, clients: list[socket.socket]) -> list[bytes]:
    """Send a byte now and then for each client until it is answered; meanwhile, the service serves others."""
    answers = dict.fromkeys(clients, b"")
    open_clients = set(clients)
    deadline = time.monotonic() + WAIT_SECONDS
    while open_clients:
        assert time.monotonic() < deadline, f"{len(open_clients)} connections are still open"
        assert server.client.get("/api/v1/health").status_code == 200
        for client in list(open_clients):
            with suppress(BlockingIOError, BrokenPipeError):
                client.setblocking(False)
                try:
                    data = client.recv(65_536)
                except ConnectionResetError:
                    data = b""
                if not data:
                    open_clients.discard(client)
                answers[client] += data
                continue
            with suppress(OSError):
                client.send(b"x")
        select.select(list(open_clients), [], [], 0.05)
    return list(answers.values())


def test_a_body_that_arrives_too_slowly_is_answered_408(start_server: Start) -> None:
    server = start_server(BODY_TIMEOUT_SECONDS="1")
    before = server.memory()
    with dripping(server, BODY) as clients:
        answers = drip(server, clients)
    for answer in answers:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 ")
        assert b"content-type: application/problem+json" in head.lower()
        assert json.loads(body)["detail"] == "the body was not complete after 1 seconds"
    assert server.memory() - before < 20 * 2**20
    assert post(server, small_pair(0)).status_code == 200


def test_an_incomplete_head_ends_the_connection(start_server: Start) -> None:
    server = start_server(KEEP_ALIVE_SECONDS="1")
    with dripping(server, b"", HEAD, b"G") as clients:
        drip(server, clients)
    assert post(server, small_pair(0)).status_code == 200


def test_many_idle_websockets_take_little_memory_and_close_with_the_service(
    start_server: Start, stop_workers: Stop
) -> None:
    server = start_server(MAX_WORKERS="1")
    workers = stop_workers(server)
    job_id = accept(server, small_pair(0))
    until(lambda: status(server, job_id) == "running")
    before = server.memory()
    closed = asyncio.run(watch_together(server, job_id, before))
    assert closed == {1001: WEBSOCKETS}
    workers.go_on()
    assert server.process.wait(timeout=WAIT_SECONDS) == 0
    assert completed_lines(server) == [job_id]


async def watch_together(server: Server, job_id: str, before: int) -> Counter[int | None]:
    """Open all, use the service, terminate it; the WebSockets by the code that closed them."""
    url = server.url.replace("http", "ws") + f"/ws/{job_id}"
    opening = asyncio.Semaphore(50)

    async def opened() -> ClientConnection:
        async with opening:
            socket = await connect(url, ping_interval=None, compression=None, open_timeout=60)
            assert json.loads(await socket.recv())["type"] == "initial"
            return socket

    sockets = await asyncio.gather(*(opened() for _ in range(WEBSOCKETS)))
    assert server.memory() - before < WEBSOCKETS * WEBSOCKET_BYTES
    for path in ("/api/v1/health", f"/api/v1/evaluate/{job_id}"):
        assert (await asyncio.to_thread(server.client.get, path)).status_code == 200
    server.process.send_signal(signal.SIGTERM)
    await asyncio.gather(*(socket.wait_closed() for socket in sockets))
    return Counter(socket.close_code for socket in sockets)
