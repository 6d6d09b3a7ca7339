"""The access log has one line per request: who, what, how much, how long, and how it ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from attacks import client, rest
from helpers import until
from serving import Server, Start, Stop, accept, hashed, one_pair, post, received, small_pair, watch, write_tokens

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
FIELDS = ["caller", "address", "method", "path", "status", "bytes_in", "bytes_out", "seconds", "ended"]


def access_line(server: Server, request_id: str) -> dict[str, Any]:
    """Wait for the line of a request, which is written after its response."""

    def line() -> dict[str, Any] | None:
        found = [line for line in server.lines("request") if line["request_id"] == request_id]
        assert len(found) < 2
        return found[0] if found else None

    found: dict[str, Any] = until(line)
    return found


def test_a_request_leaves_a_line(server: Server) -> None:
    answer = post(server, one_pair(), {"Prefer": "wait=60", "X-Request-ID": "mine"})
    line = access_line(server, "mine")
    assert [name for name in line if name in FIELDS] == FIELDS
    assert line.pop("seconds") > 0
    known: dict[str, Any] = {
        "level": "info",
        "logger": "nedc_bench.api.exchange",
        "event": "request",
        "request_id": "mine",
    }
    known |= {"caller": None, "address": "127.0.0.1", "method": "POST", "path": "/api/v1/evaluate"}
    known |= {"status": 200, "bytes_out": len(answer.content), "ended": "complete"}
    known |= {"bytes_in": int(answer.request.headers["Content-Length"])}
    assert {name: value for name, value in line.items() if name != "timestamp"} == known


def test_a_refused_request_leaves_a_line(start_server: Start, tmp_path: Path) -> None:
    server = start_server(API_TOKENS_FILE=write_tokens(tmp_path, "secret"), TRUSTED_PROXIES="127.0.0.1")
    for token, status, caller in (("wrong", 401, None), ("secret", 404, f"token:{hashed('secret')[:16]}")):
        headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": "203.0.113.1"}
        answer = server.client.get("/api/v1/evaluate/none", headers=headers)
        line = access_line(server, answer.headers["X-Request-ID"])
        assert (line["status"], line["caller"], line["address"]) == (status, caller, "203.0.113.1")
    assert "secret" not in server.log.read_text()


def test_every_line_of_a_request_has_its_trace(server: Server) -> None:
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-ID": "traced"}
    assert post(server, small_pair(1), headers).status_code == 202
    access_line(server, "traced")
    lines = [line for line in server.lines() if line.get("request_id") == "traced"]
    assert {line["event"] for line in lines} >= {"job accepted", "request"}
    assert {(line["trace_id"], line["parent_id"]) for line in lines} == {(TRACE, PARENT)}


@pytest.mark.parametrize(
    "header", [f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01", f"ff-{TRACE}-{PARENT}-01", "x", f"00-{TRACE}"]
)
def test_an_invalid_trace_header_is_ignored(server: Server, header: str) -> None:
    answer = server.client.get("/docs", headers={"traceparent": header, "Accept": "*/*"})
    assert "trace_id" not in access_line(server, answer.headers["X-Request-ID"])


def test_a_client_that_disconnects_leaves_a_line(start_server: Start, stop_workers: Stop) -> None:
    server = start_server(MAX_WORKERS="1")
    stop_workers(server)
    body = b'--x\r\nContent-Disposition: form-data; name="reference"; filename="a"\r\n\r\n'
    with client(server) as opened:
        head = "POST /api/v1/evaluate HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: left\r\nContent-Length: 1000\r\n"
        opened.sendall(head.encode() + b"Content-Type: multipart/form-data; boundary=x\r\n\r\n" + body)
    line = access_line(server, "left")
    assert (line["status"], line["bytes_in"], line["ended"]) == (499, len(body), "client left")


def test_a_websocket_leaves_a_line(start_server: Start, stop_workers: Stop) -> None:
    server = start_server(MAX_WORKERS="1")
    workers = stop_workers(server)
    job_id = accept(server, small_pair(0))
    with watch(server, job_id, {"X-Request-ID": "watched"}) as opened:
        opened.send("ping")
        workers.go_on()
        sent = [json.dumps(message, separators=(",", ":")) for message in received(opened)]
    line = access_line(server, "watched")
    assert (line["method"], line["path"], line["status"], line["ended"]) == (
        "WEBSOCKET",
        f"/ws/{job_id}",
        101,
        "complete",
    )
    assert line["bytes_in"] == len("ping")
    assert line["bytes_out"] == sum(map(len, sent[:-1]))


def test_probes_leave_a_line_at_level_debug_alone(start_server: Start) -> None:
    quiet, loud = start_server(), start_server(LOG_LEVEL="debug")
    for server in (quiet, loud):
        answer = server.client.get("/api/v1/health")
        assert answer.headers["X-Request-ID"]
    assert quiet.lines("request") == []
    assert access_line(loud, answer.headers["X-Request-ID"])["path"] == "/api/v1/health"


def test_malformed_http_leaves_a_line_with_its_request_id(server: Server) -> None:
    with client(server) as opened:
        opened.sendall(b"nonsense\r\n\r\n")
        head, _, body = opened.recv(65_536).partition(b"\r\n\r\n")
    assert json.loads(body)["status"] == 400
    (line,) = server.lines("request refused")
    assert f"x-request-id: {line['request_id']}\r\n".encode() in head


WEBSOCKET = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
HANDSHAKE = WEBSOCKET + KEY + b"Sec-WebSocket-Version: 13\r\n"


@pytest.mark.parametrize(
    ("target", "headers", "said"),
    [
        (b"/", b"Content-Length: 44\r\nTransfer-Encoding: chunked\r\n", "Content-Length and Transfer-Encoding exclude"),
        (b"/", b"Transfer-Encoding: gzip\r\n", "Transfer-Encoding must be chunked"),
        (b"/ws/x", WEBSOCKET + KEY + b"Sec-WebSocket-Version: 12\r\n", "the handshake of a WebSocket needs"),
        (b"/ws/x", WEBSOCKET + b"Sec-WebSocket-Version: 13\r\n", "the handshake of a WebSocket needs"),
        (b"/ws/x", HANDSHAKE + b"Content-Length: 5\r\n", "has no body"),
        (b"/ws/x", HANDSHAKE + b"Transfer-Encoding: chunked\r\n", "has no body"),
        (b"/ws/x", HANDSHAKE + b"Sec-WebSocket-Protocol: \xc3\xa9\r\n", "must be lists of words in ASCII"),
        (b"/ws/x", HANDSHAKE + b"\r\n\x89\x80\x00\x00\x00\x00", "sends nothing before it has the answer"),
        (b"?", b"", "the target of a request must be a path"),
        (b"localhost:443", b"", "the target of a request must be a path"),
        (b"http://%5Bx/api/v1/health", b"", "the target of a request must be a path"),
    ],
)
def test_a_head_that_cannot_be_served_is_a_problem_with_its_reason_and_ends_the_connection(
    server: Server, target: bytes, headers: bytes, said: str
) -> None:
    with client(server) as opened:
        opened.sendall(b"GET %b HTTP/1.1\r\nHost: x\r\n%b\r\n" % (target, headers))
        head, _, body = rest(opened).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert said in json.loads(body)["detail"]
    assert b"x-request-id: " in head


def test_a_handshake_in_http_1_0_is_refused(server: Server) -> None:
    with client(server) as opened:
        opened.sendall(b"GET /ws/x HTTP/1.0\r\nHost: x\r\n%b\r\n" % HANDSHAKE)
        assert b"the handshake of a WebSocket must be HTTP/1.1" in rest(opened)


def test_an_origin_that_is_none_is_not_allowed(server: Server) -> None:
    with client(server) as opened:
        opened.sendall(b"GET /ws/x HTTP/1.1\r\nHost: x\r\nOrigin: http://[\r\n%b\r\n" % HANDSHAKE)
        assert rest(opened).startswith(b"HTTP/1.1 403 ")
