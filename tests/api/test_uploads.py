"""Uploads that are read at the same time share one bound on memory."""

from __future__ import annotations

import httpx

from attacks import client
from helpers import until
from serving import Start, one_pair, post

BEGIN = (
    b"POST /api/v1/evaluate HTTP/1.1\r\nHost: test\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    b"Content-Length: 200000\r\n\r\n"
    b'--x\r\nContent-Disposition: form-data; name="reference"; filename="r"\r\n\r\n'
)


def test_an_upload_without_room_is_told_to_retry(start_server: Start) -> None:
    server = start_server(UPLOADS_MAX_BYTES="64KiB")

    def refused() -> httpx.Response | None:
        with client(server) as slow:
            slow.sendall(BEGIN + bytes(100_000))
            until(lambda: server.count("nedc_http_requests_in_progress") == 2)
            answer = post(server, one_pair())  # either upload may be the one without room
            return answer if answer.status_code == 503 else None

    answer = until(refused)
    assert answer.headers["Retry-After"] == "2"
    assert "uploads" in answer.json()["detail"]
    assert server.count("nedc_unavailable_responses_total", reason="uploads") > 0
    until(lambda: post(server, one_pair()).status_code == 200)


def test_one_upload_alone_always_fits(start_server: Start) -> None:
    server = start_server(UPLOADS_MAX_BYTES="1KiB")
    assert post(server, one_pair()).status_code == 200
