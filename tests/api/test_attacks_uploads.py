"""Uploads that mean harm, all to one service: long headers, many parts, archives that hold more than they seem to."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from attacks import client, flood, observed, rest
from helpers import annotation
from serving import Server, check_problem, one_pair, post

MIB = 2**20
TOGETHER = 3  # uploads
BOMB = 32 * MIB  # twice as much as a file may have
NAMED = b'--x\r\nContent-Disposition: form-data; name="reference"; filename="'
ARCHIVE = b'--x\r\nContent-Disposition: form-data; name="archive"; filename="a"\r\n\r\n'
END = b"\r\n--x--\r\n"
ANSWERED = {200, 202, 413, 422, 503}


def send(server: Server, body: bytes) -> httpx.Response:
    """Send a form as it stands, and do not wait for what it asks for."""
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    return server.client.post("/api/v1/evaluate", content=body, headers=headers, timeout=120)


def send_together(server: Server, bodies: list[bytes]) -> Counter[int]:
    """How uploads at the same time are answered: each is taken, and its job removed, or refused in words."""
    with ThreadPoolExecutor(len(bodies)) as clients:
        answers = list(clients.map(lambda body: send(server, body), bodies))
    for answer in answers:
        assert answer.status_code in ANSWERED, answer.text
        if answer.status_code >= 400:
            check_problem(answer, answer.status_code)
        else:
            assert server.client.delete(answer.headers["Location"]).status_code == 204
    return Counter(answer.status_code for answer in answers)


def test_a_file_name_of_many_megabytes(weighed: Server) -> None:
    with observed(weighed) as seen:
        answer = send(weighed, NAMED + b"n" * (30 * MIB) + b'"\r\n\r\nx' + END)
    assert "shorter name" in check_problem(answer, 413)["detail"]
    seen.check()


def test_headers_without_number(weighed: Server) -> None:
    with observed(weighed) as seen:
        answer = send(weighed, b"--x\r\n" + b"X-A: b\r\n" * (16 * MIB // 8) + b"\r\nx" + END)
    check_problem(answer, 413)
    seen.check()


def test_parts_without_number(weighed: Server) -> None:
    with observed(weighed) as seen:
        answer = send(weighed, (NAMED + b'a"\r\n\r\nx\r\n') * 600_000 + END[2:])
    check_problem(answer, 413)
    seen.check()


def test_a_body_without_end(weighed: Server) -> None:
    head = b"POST /api/v1/evaluate HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
    head += b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    chunk = b"100000\r\n" + bytes(MIB) + b"\r\n"
    with observed(weighed) as seen, client(weighed) as attacker:
        attacker.sendall(head + b"%x\r\n%b\r\n" % (len(ARCHIVE), ARCHIVE))
        assert not all(flood(attacker, chunk) for _ in range(200))
        assert rest(attacker)[:13] in {b"HTTP/1.1 413 ", b""}
    seen.check()


def test_two_large_uploads_at_once(weighed: Server) -> None:
    file = annotation((1.0, 2.0, "seiz")).encode() + b"# comment\n" * (15 * MIB // 10)
    names = [b"reference", b"hypothesis"] * 2
    body = b"".join(NAMED.replace(b"reference", name) + b'a.csv_bi"\r\n\r\n' + file + b"\r\n" for name in names)
    with observed(weighed) as seen:
        send_together(weighed, [body + END[2:]] * 2)
    seen.check()
    assert post(weighed, one_pair()).status_code == 200


def blown_up(kind: str) -> bytes:
    """A small tar that expands to 64 MiB."""
    buffer = io.BytesIO()
    quickly = {"gz": {"compresslevel": 1}, "xz": {"preset": 0}}[kind]
    with tarfile.open(None, f"w:{kind}", buffer, **quickly) as opened:  # type: ignore[call-overload]
        for side in ("ref", "hyp"):
            for name in "ab":
                content = annotation((1.0, 2.0, "seiz")).encode().ljust(16 * MIB - 2048, b"\n")
                member = tarfile.TarInfo(f"{side}/{name}.csv_bi")
                member.size = len(content)
                opened.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["gz", "xz"])
def test_small_archives_that_expand(weighed: Server, kind: str) -> None:
    body = ARCHIVE + blown_up(kind) + END
    assert len(body) < 400_000
    with observed(weighed) as seen:
        send_together(weighed, [body] * TOGETHER)
    seen.check()
    assert post(weighed, one_pair()).status_code == 200


def folders(number: int) -> bytes:
    """A zip of empty folders, made by hand: the library takes minutes."""
    name = b"%07d/"
    local = b"".join(
        struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 0, 0, 0, 0, 8, 0) + name % entry
        for entry in range(number // 8)
    )
    directory = b"".join(
        struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 16, 0) + name % entry
        for entry in range(number)
    )
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0, 0, len(directory), len(local), 0)
    return local + directory + end


def test_a_zip_of_a_million_folders(weighed: Server) -> None:
    body = ARCHIVE + folders(1_050_000) + END
    with zipfile.ZipFile(io.BytesIO(folders(8))) as sound:
        assert len(sound.infolist()) == 8
    with observed(weighed) as seen:
        answers = send_together(weighed, [body])
    assert answers == {422: 1}
    seen.check()


def bomb(method: int) -> bytes:
    """A zip whose entry says that it is small, and is not."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as opened:
        opened.writestr("ref/a.csv_bi", bytes(BOMB))
        opened.writestr("hyp/a.csv_bi", b"")
    return buffer.getvalue().replace(struct.pack("<I", BOMB), struct.pack("<I", 1000))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_that_lies_about_its_content(weighed: Server, method: int) -> None:
    with observed(weighed) as seen:
        answers = send_together(weighed, [ARCHIVE + bomb(method) + END])
    assert answers == {422: 1}
    seen.check()


def long_names(kind: str) -> bytes:
    """An archive whose names are longer than names are."""
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as opened:
            for entry in range(450):
                opened.writestr(f"{entry}-" + "\N{BRAIN}" * 16_000, b"")
    else:
        with tarfile.open(None, "w:gz", buffer, compresslevel=1) as tar:
            for entry in range(450):
                tar.addfile(tarfile.TarInfo(f"{entry}-" + "n" * 60_000))
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_names_longer_than_names_are(weighed: Server, kind: str) -> None:
    with observed(weighed) as seen:
        assert send_together(weighed, [ARCHIVE + long_names(kind) + END]) == {422: 1}
    seen.check()


def test_a_body_is_refused_before_it_is_sent(weighed: Server) -> None:
    head = b"POST /api/v1/evaluate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000000\r\n"
    with client(weighed) as opened:
        opened.sendall(head + b"Content-Type: multipart/form-data; boundary=x\r\n\r\n")
        answer = opened.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert json.loads(answer.partition(b"\r\n\r\n")[2] or opened.recv(65_536))["status"] == 413
