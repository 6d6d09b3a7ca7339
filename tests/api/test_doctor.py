"""``nedc-bench doctor``, as whoever is on call runs it: beside a service, without one, and with faults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers import run
from redis_server import RedisServer
from serving import Start

pytestmark = pytest.mark.integration


def doctor(**settings: str) -> tuple[int, list[str]]:
    """The exit status, and the printed lines with their spaces collapsed."""
    ran = run("doctor", cwd=None, **settings)
    assert ran.stderr == ""
    return ran.status, [re.sub(" +", " ", line) for line in ran.stdout.splitlines()]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path, "--requirepass", "secret", "--maxmemory", "64mb")
    server.url = f"redis://:secret@127.0.0.1:{server.port}/0"
    with server:
        yield server


def test_without_a_service_it_starts_a_worker_and_compares_figures() -> None:
    status, lines = doctor(PORT="9")
    assert status == 0
    assert "service note not running here: nothing answers on port 9" in lines
    assert "workers ok a worker process starts" in lines
    assert lines[-1] == "self-check ok every figure of the known pairs equals the original's"


def test_beside_a_service_it_reports_on_that_service(start_server: Start, redis: RedisServer) -> None:
    server = start_server(REDIS_URL=redis.url, MAX_WORKERS="1")
    status, lines = doctor(REDIS_URL=redis.url, PORT=str(server.port))
    assert status == 0, lines
    assert "service ok ready" in lines
    assert any(re.fullmatch(r"workers ok 0 busy, \d idle", line) for line in lines)
    assert "queue ok 0 jobs waiting, the oldest for 0 s" in lines
    assert any(
        re.fullmatch(r"redis ok single Redis at 127\.0\.0\.1:\d+ takes a write in \d+ ms", line) for line in lines
    )
    assert any(re.fullmatch(r"redis ok uses \d+\.\d MiB of 64\.0 MiB", line) for line in lines)
    assert "secret" not in "\n".join(lines)


def test_tokens_are_counted_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"{'a' * 64}  first\n{'b' * 64}  second\n")
    status, lines = doctor(PORT="9", API_TOKENS_FILE=str(path))
    assert status == 0
    assert f"tokens ok 2 in {path}; every request but probes needs one" in lines
    assert "aaaa" not in "\n".join(lines).replace(str(path), "")


def test_a_bad_setting_is_named_and_nothing_else_is_tried() -> None:
    status, lines = doctor(MAX_PAIRS="many", REDIS_URL="redis://:secret@nowhere")
    assert status == 1
    about_the_container = ("version ", "memory ", "cpu ")
    assert [line for line in lines if not line.startswith(about_the_container)] == [
        "settings FAIL MAX_PAIRS is 'many'; expected a whole number from 1 to 1000000"
    ]


@pytest.mark.parametrize(("fault", "said"), [("stop", "the connection is refused"), ("fill", "it is full")])
def test_a_redis_that_refuses_writes_is_a_failure_with_its_reason(redis: RedisServer, fault: str, said: str) -> None:
    getattr(redis, fault)()
    status, lines = doctor(REDIS_URL=redis.url, PORT="9")
    assert status == 1
    assert any(re.search(f"^redis FAIL .*{said}", line) for line in lines), lines
