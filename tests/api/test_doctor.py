"""``nedc-bench doctor``, run as on-call runs it: beside a service, without one, and with what is wrong."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from redis_server import RedisServer
from serving import Server

pytestmark = pytest.mark.integration


def doctor(**settings: str) -> tuple[int, list[str]]:
    """The exit status, and a line for each finding with single spaces."""
    environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ} | settings
    command = [sys.executable, "-m", "nedc_bench", "doctor"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, [re.sub(" +", " ", line) for line in done.stdout.splitlines()]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path, "--requirepass", "secret", "--maxmemory", "64mb")
    server.url = f"redis://:secret@127.0.0.1:{server.port}/0"
    with server:
        yield server


def test_alone_it_starts_a_worker_and_compares_figures() -> None:
    status, lines = doctor(PORT="9")
    assert status == 0
    assert "service note not running here: nothing answers on port 9" in lines
    assert "workers ok a worker process starts" in lines
    assert lines[-1] == "self-check ok every figure of the known pairs equals the original's"


def test_beside_a_service_it_says_what_that_service_does(redis: RedisServer, tmp_path: Path) -> None:
    server = Server(tmp_path / "log", REDIS_URL=redis.url, MAX_WORKERS="1")
    try:
        status, lines = doctor(REDIS_URL=redis.url, PORT=str(server.port))
    finally:
        server.stop()
    assert status == 0, lines
    assert "service ok ready" in lines
    assert any(re.fullmatch(r"workers ok 0 busy, \d idle", line) for line in lines)
    assert "queue ok 0 jobs waiting, the oldest for 0 s" in lines
    assert any(
        re.fullmatch(r"redis ok plain Redis at 127\.0\.0\.1:\d+ takes a write in \d+ ms", line) for line in lines
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


def test_a_bad_setting_is_named_and_nothing_else_tried() -> None:
    status, lines = doctor(MAX_PAIRS="many", REDIS_URL="redis://:secret@nowhere")
    assert status == 1
    about_the_container = ("version ", "memory ", "cpu ")
    assert [line for line in lines if not line.startswith(about_the_container)] == [
        "settings FAIL MAX_PAIRS is 'many'; expected a whole number from 1 to 1000000"
    ]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("stop", "FAIL .*the connection is refused"),
        ("password", "FAIL .*it refuses the user name or password"),
        ("no password", "FAIL .*it needs a password, and REDIS_URL has none"),
        ("full", "FAIL .*it is full"),
        ("replica", "FAIL .*it is a read-only replica"),
    ],
)
def test_a_redis_that_takes_no_write_is_a_failure_with_its_reason(redis: RedisServer, fault: str, said: str) -> None:
    url = redis.url
    if fault == "stop":
        redis.stop()
    elif fault == "password":
        url = url.replace("secret", "wrong")
    elif fault == "no password":
        url = url.replace(":secret@", "")
    elif fault == "full":
        redis.fill()
    else:
        redis.ask(lambda client: client.replicaof("127.0.0.1", 1))
    status, lines = doctor(REDIS_URL=url, PORT="9")
    assert status == 1
    assert any(re.search(said, line) for line in lines), lines
