"""Malicious uploads, all to one service: long headers, many parts, and archives larger than they look."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

import hostile
from attacks import client, flood, observed, rest
from hostile import ARCHIVE, END, MIB
from serving import Server, check_problem, one_pair, post

TOGETHER = 3  # uploads at the same time
ANSWERED = {200, 202, 413, 422, 503}
REFUSED = {
    "a file name of many megabytes": (lambda: hostile.long_name(30 * MIB), 413, "shorter name"),
    "headers without number": (hostile.headers, 413, "larger than 8 lines"),
    "parts without number": (hostile.parts, 413, "more than 10000 parts"),
    "a zip of a million folders": (lambda: ARCHIVE + hostile.folders(1_050_000) + END, 422, "more than 21000 entries"),
    "a zip that lies about its content": (lambda: hostile.bomb(zipfile.ZIP_DEFLATED), 422, "not a whole tar or zip"),
    "a zip of another compression": (lambda: hostile.bomb(zipfile.ZIP_LZMA), 422, "not compressed by deflate"),
    "long names, zip": (lambda: hostile.long_names("zip"), 422, "its directory is larger"),
    "long names, tar.gz": (lambda: hostile.long_names("tar.gz"), 422, "a name of more than 4096 bytes"),
}
TAKEN = {
    "large": (hostile.large, 2),
    "a gz that expands": (lambda: hostile.blown_up("gz"), TOGETHER),
    "an xz that expands": (lambda: hostile.blown_up("xz"), TOGETHER),
}


def send(server: Server, body: bytes) -> httpx.Response:
    """Send a form's bytes, without waiting for the evaluation."""
    headers = {"Content-Type": hostile.TYPE}
    return server.client.post("/api/v1/evaluate", content=body, headers=headers, timeout=120)


@pytest.mark.parametrize(("made", "status", "said"), REFUSED.values(), ids=REFUSED)
def test_an_upload_beyond_a_limit_is_refused(
    measured: Server, made: Callable[[], bytes], status: int, said: str
) -> None:
    body = made()
    with observed(measured) as seen:
        answer = send(measured, body)
    assert said in check_problem(answer, status)["detail"]
    seen.check()


@pytest.mark.parametrize(("made", "together"), TAKEN.values(), ids=TAKEN)
def test_simultaneous_uploads_are_accepted_or_refused_with_a_problem(
    measured: Server, made: Callable[[], bytes], together: int
) -> None:
    body = made()
    with observed(measured) as seen, ThreadPoolExecutor(together) as clients:
        answers = list(clients.map(lambda _: send(measured, body), range(together)))
    seen.check()
    for answer in answers:
        assert answer.status_code in ANSWERED, answer.text
        if answer.status_code >= 400:
            check_problem(answer, answer.status_code)
        else:
            assert measured.client.delete(answer.headers["Location"]).status_code == 204
    assert post(measured, one_pair()).status_code == 200


def test_the_zip_of_folders_is_valid() -> None:
    with zipfile.ZipFile(io.BytesIO(hostile.folders(8))) as archive:
        assert len(archive.infolist()) == 8


def test_an_endless_body_is_refused(measured: Server) -> None:
    head = b"POST /api/v1/evaluate HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
    head += b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    chunk = b"100000\r\n" + bytes(MIB) + b"\r\n"
    with observed(measured) as seen, client(measured) as attacker:
        attacker.sendall(head + b"%x\r\n%b\r\n" % (len(ARCHIVE), ARCHIVE))
        assert not all(flood(attacker, chunk) for _ in range(200))
        assert rest(attacker)[:13] in {b"HTTP/1.1 413 ", b""}
    seen.check()


def test_a_body_is_refused_before_it_is_sent(measured: Server) -> None:
    head = b"POST /api/v1/evaluate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000000\r\n"
    with client(measured) as opened:
        opened.sendall(head + b"Content-Type: multipart/form-data; boundary=x\r\n\r\n")
        answer = opened.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert json.loads(answer.partition(b"\r\n\r\n")[2] or opened.recv(65_536))["status"] == 413
