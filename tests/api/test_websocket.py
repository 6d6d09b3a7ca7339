"""A job's WebSocket sends each change of its state, to the end."""

from __future__ import annotations

import json
import socket
import uuid

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from corpora import EXAMPLE
from serving import (
    Server,
    Start,
    Stop,
    accept,
    check_problem,
    ended,
    one_pair,
    parts,
    post,
    received,
    small_pair,
    watch,
)


def test_a_websocket_follows_a_job_to_its_end(server: Server) -> None:
    job_id = accept(server, parts(EXAMPLE))
    with watch(server, job_id) as opened:
        messages = list(received(opened))
    assert messages[0]["type"] == "initial"
    assert messages[-2]["job"]["status"] == "completed"
    assert messages[-2]["job"]["result"] is None
    assert messages[-1] == {"closed": 1000}
    done = [message["job"]["progress"]["done"] for message in messages[:-1]]
    assert done == sorted(done)
    with watch(server, job_id) as late:
        assert [message.get("type", message) for message in received(late)] == ["initial", {"closed": 1000}]


def test_a_slow_reader_gets_the_last_state(start_server: Start) -> None:
    server = start_server()
    before = server.memory()
    job_id = accept(server, [file for number in range(500) for file in small_pair(number)])
    with socket.socket() as narrow:
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        narrow.connect(("127.0.0.1", server.port))
        with connect(f"ws://localhost/ws/{job_id}", sock=narrow, max_queue=1) as slow:
            ended(server, job_id)
            messages = list(received(slow))
    assert (messages[-2]["job"]["status"], messages[-1]) == ("completed", {"closed": 1000})
    assert server.memory() - before < 40 * 2**20


def test_a_ping_is_answered_and_anything_else_ignored(start_server: Start, stop_workers: Stop) -> None:
    server = start_server(MAX_WORKERS="1")
    workers = stop_workers(server)
    with watch(server, accept(server, small_pair(0))) as opened:
        while json.loads(opened.recv())["job"]["status"] != "running":
            pass
        for message in ("ping", '{"type": "ping"}', "pang", "[" * 1000, b"\0\xff", "ping"):
            opened.send(message)
        assert [json.loads(opened.recv())["type"] for _ in range(3)] == ["pong"] * 3
        workers.go_on()
        assert list(received(opened))[-1] == {"closed": 1000}


def test_a_message_that_is_too_long_closes_the_websocket(start_server: Start, stop_workers: Stop) -> None:
    server = start_server(MAX_WORKERS="1")
    stop_workers(server)
    job_id = accept(server, small_pair(0))
    for length in (1025, 100_000):
        with watch(server, job_id) as opened:
            opened.send("x" * length)
            assert list(received(opened))[-1] == {"closed": 1009}


def test_a_websocket_of_an_unknown_job_or_origin_is_refused(server: Server) -> None:
    with pytest.raises(InvalidStatus, match="404") as caught, watch(server, "unknown"):
        pass
    response = caught.value.response
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["X-Request-ID"]
    job_id = post(server, one_pair()).json()["job_id"]
    with pytest.raises(InvalidStatus, match="403"), watch(server, job_id, {"Origin": "https://evil.example.org"}):
        pass
    with watch(server, job_id, {"Origin": server.url}) as opened:
        assert list(received(opened))[-1] == {"closed": 1000}


def test_a_plain_http_request_is_told_to_upgrade(server: Server) -> None:
    problem = check_problem(server.client.get(f"/ws/{uuid.uuid4()}"), 400)
    assert problem["detail"] == "a WebSocket is at this path; connect with ws:// or wss://"
