"""Malicious clients: HTTP/2, floods of frames, endless headers, and results that nobody reads."""

from __future__ import annotations

import json
import socket
import struct
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from attacks import client, flood, observed, rest
from helpers import until
from serving import Server, Start, Stop, accept, ended, errors, small_pair

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
H2_PING = b"\0\0\x08\x06\0\0\0\0\0" + bytes(8)
FLOOD_BYTES = 10_000_000
OFFER = b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n"
OFFER += b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
WEBSOCKETS = 20
PING = b"\x89\x80\0\0\0\0"
EMPTY_MESSAGE = b"\x81\x80\0\0\0\0"
BEGIN_OF_MESSAGE = b"\x01\x80\0\0\0\0"
CONTINUED = b"\0\x80\0\0\0\0"


def test_http_2_is_refused_in_bounded_memory(measured: Server) -> None:
    with observed(measured) as seen, client(measured) as attacker:
        flood(attacker, PREFACE + H2_PING * (FLOOD_BYTES // len(H2_PING)))
        assert rest(attacker).split(b"\r\n", 1)[0] in {
            b"HTTP/1.1 505 ",
            b"",
        }  # empty: a reset, because the server left data unread
    seen.check()


def test_the_preface_of_http_2_is_answered_with_a_problem(server: Server) -> None:
    with client(server) as opened:
        opened.sendall(PREFACE)
        head, _, body = rest(opened).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 505 ")
    assert b"x-request-id: " in head.lower()
    assert json.loads(body)["type"] == "/docs#505"


def test_an_offer_of_h2c_is_answered_in_http_1(measured: Server) -> None:
    with client(measured) as opened:
        opened.sendall(OFFER)
        answer = b""
        while b'"status":"ok"' not in answer:  # head and body may arrive separately; the socket's timeout ends the loop
            part = opened.recv(65_536)
            assert part
            answer += part
        assert answer.startswith(b"HTTP/1.1 200 ")
        with observed(measured) as seen:  # the client goes on as if the offer had been accepted
            flood(opened, PREFACE + H2_PING * (FLOOD_BYTES // len(H2_PING)))
    seen.check()


def upgraded(opened: socket.socket, job_id: str, extension: bytes = b"") -> bytes:
    """Open a job's WebSocket by hand, and return the head of the response."""
    head = f"GET /ws/{job_id} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    head += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    opened.sendall(head.encode() + extension + b"\r\n")
    answer = opened.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 101 ")
    return answer.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize(
    "frames",
    [PING * (FLOOD_BYTES // 6), EMPTY_MESSAGE * (FLOOD_BYTES // 6), BEGIN_OF_MESSAGE + CONTINUED * (FLOOD_BYTES // 6)],
    ids=["pings", "messages", "pieces"],
)
def test_a_flood_of_frames_closes_its_websocket(measured: Server, stop_workers: Stop, frames: bytes) -> None:
    stop_workers(measured)
    job_id = accept(measured, small_pair(frames[0]))  # different for each kind of frame, so not cached

    def attack(_number: int) -> bool:
        with client(measured) as opened:
            upgraded(opened, job_id)
            return flood(opened, frames)

    with observed(measured) as seen, ThreadPoolExecutor(WEBSOCKETS) as attackers:
        assert not any(attackers.map(attack, range(WEBSOCKETS)))
    seen.check()


def test_messages_after_the_end_of_a_job_do_not_keep_the_connection_open(start_server: Start) -> None:
    server = start_server(MAX_WORKERS="1", SHUTDOWN_GRACE_SECONDS="600")
    job_id = ended(server, accept(server, small_pair(0)))["job_id"]
    with client(server) as opened:
        upgraded(opened, job_id)
        flood(opened, EMPTY_MESSAGE * 29)
    assert server.stop() == 0  # at once, without waiting for a connection


@pytest.mark.parametrize("kind", ["websocket", "waiting"])
def test_a_client_that_resets_its_connection_has_left(server: Server, stop_workers: Stop, kind: str) -> None:
    stop_workers(server)
    job_id = accept(server, small_pair(7))
    lines = len(server.lines("request"))
    with client(server) as opened:
        if kind == "websocket":
            upgraded(opened, job_id)
        else:
            opened.sendall(b"POST /api/v1/evaluate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    until(lambda: len(server.lines("request")) > lines)
    assert server.client.get("/api/v1/health").status_code == 200
    assert errors(server) == []


def test_a_websocket_closes_with_the_reason(server: Server, stop_workers: Stop) -> None:
    stop_workers(server)
    with client(server) as opened:
        upgraded(opened, accept(server, small_pair(0)))
        opened.sendall(PING * 40)
        assert rest(opened).endswith(b"\x88\x11\x03\xf0too many frames")  # close, code 1008


def test_a_websocket_is_not_compressed(server: Server, stop_workers: Stop) -> None:
    stop_workers(server)
    with client(server) as opened:
        head = upgraded(opened, accept(server, small_pair(1)), b"Sec-WebSocket-Extensions: permessage-deflate\r\n")
    assert b"extensions" not in head.lower()


@pytest.mark.parametrize("begin", [b"GET /", b"GET / HTTP/1.1\r\nHost: a\r\nX: "], ids=["target", "header"])
def test_an_endless_head_is_refused(measured: Server, begin: bytes) -> None:
    with observed(measured) as seen, client(measured) as attacker:
        flood(attacker, begin + b"x" * 2**26)
        assert rest(attacker).split(b"\r\n", 1)[0] in {b"HTTP/1.1 431 ", b""}
    seen.check()


def test_a_target_may_be_a_url(server: Server) -> None:
    with client(server) as opened:
        opened.sendall(b"GET http://localhost/api/v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert rest(opened).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(("size", "status"), [(16 * 1024, 200), (16 * 1024 + 1, 431), (31 * 1024, 431)])
def test_a_head_may_take_as_much_as_documented(server: Server, size: int, status: int) -> None:
    begin = b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX: "
    with client(server) as opened:
        opened.sendall(begin + b"x" * (size - len(begin) - 4) + b"\r\n\r\n")
        head, _, body = rest(opened).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert status == 200 or "larger than 16384 bytes" in json.loads(body)["detail"]


READERS = 24
PAIRS = 900  # their figures take some 6 MB, more than the kernel buffers for a connection
ALLOWED, GROWTH = 20 * 2**20, 40 * 2**20


def test_clients_that_do_not_read_their_results_are_dropped(start_server: Start) -> None:
    server = start_server(WRITE_TIMEOUT_SECONDS="1", RESPONSES_MAX_BYTES=str(ALLOWED))
    files = [file for number in range(PAIRS) for file in small_pair(number)]
    job_id = ended(server, accept(server, files, per_pair="true"))["job_id"]
    request = f"GET /api/v1/evaluate/{job_id} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    size = len(server.client.get(f"/api/v1/evaluate/{job_id}").content)
    assert READERS * size > 3 * GROWTH  # so the server cannot hold them all
    before = server.memory()
    with ExitStack() as stack:
        readers = [stack.enter_context(client(server, receive_buffer=4096)) for _ in range(READERS)]
        for reader in readers:
            reader.sendall(request)
        answers = [reader.recv(1024) for reader in readers]
        assert server.memory() - before < GROWTH
        heads = Counter(answer.split(b"\r\n", 1)[0] for answer in answers)
        assert set(heads) == {b"HTTP/1.1 200 ", b"HTTP/1.1 503 "}
        assert all(b"retry-after: " in answer.lower() for answer in answers if b" 503 " in answer[:20])
        dropped = heads[b"HTTP/1.1 200 "]
        until(lambda: len(server.lines("dropped a client that does not read")) == dropped)
        until(lambda: len(cut_off(server)) == dropped)
        for reader in readers:
            reader.shutdown(socket.SHUT_WR)  # ends the refused connections
            assert len(rest(reader)) < size
    assert {(line["status"], line["path"]) for line in cut_off(server)} == {(200, f"/api/v1/evaluate/{job_id}")}
    assert server.client.get(f"/api/v1/evaluate/{job_id}").status_code == 200


def cut_off(server: Server) -> list[dict[str, Any]]:
    """The access lines of the responses that were cut off."""
    return [line for line in server.lines("request") if line["ended"] == "cut off"]
