"""A full Redis: refusals say why, accepted jobs complete, and there is room again at once."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from operator import methodcaller
from pathlib import Path

import pytest

from helpers import annotation, until
from nedc_bench.jobs.room import LEAST_KEPT_MILLISECONDS, MOST_FULL
from redis_names import key, of_job
from redis_server import RedisServer
from serving import File, Server, Start, Stop, accept, check_problem, ended, post, show, small_pair, status

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

UPLOADS, MIB = 20, 2**20
ROOM = 24 * MIB
DAY_MILLISECONDS = 86_400_000


@pytest.fixture
def small_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis configured as in the compose stack, a tenth as large."""
    with RedisServer(tmp_path, "--maxmemory", str(ROOM), "--maxmemory-policy", "noeviction") as running:
        yield running


def large_pair(number: int) -> list[File]:
    """A pair of 2.6 MiB that hardly compresses; each number gives another pair."""
    noise = base64.b64encode(random.Random(number).randbytes(MIB)).decode()
    comments = "".join(f"# {noise[begin : begin + 500]}\n" for begin in range(0, len(noise), 500))
    version, _, rest = annotation((1.0, 5.0, "seiz")).partition("\n")
    text = f"{version}\n{comments}{rest}".encode()
    return [(side, (f"{number}.csv_bi", text)) for side in ("reference", "hypothesis")]


def used(redis: RedisServer) -> int:
    return int(redis.ask(lambda client: client.info("memory"))["used_memory"])


def test_large_uploads_are_completed_or_refused_and_leave_room(
    start_server: Start, small_redis: RedisServer, stop_workers: Stop
) -> None:
    server = start_server(REDIS_URL=small_redis.url)
    workers = stop_workers(server)
    accepted: list[str] = []
    for number in range(UPLOADS):
        answer = post(server, large_pair(number), headers={})
        if answer.status_code == 202:
            accepted.append(answer.json()["job_id"])
        else:
            assert "Redis is full of unfinished jobs" in check_problem(answer, 503)["detail"]
            assert int(answer.headers["Retry-After"]) > 0
    assert 4 < len(accepted) < UPLOADS
    until(lambda: used(small_redis) < ROOM * MOST_FULL)  # Redis frees in the background
    assert {status(server, job_id) for job_id in accepted} <= {"pending", "running"}
    workers.go_on()
    assert {ended(server, job_id)["status"] for job_id in accepted} == {"completed"}
    until(lambda: used(small_redis) < ROOM / 4)  # the inputs are gone
    for number in range(UPLOADS, UPLOADS + 2):
        assert ended(server, accept(server, large_pair(number)))["status"] == "completed"


def test_a_job_whose_result_does_not_fit_completes_once_there_is_room(
    start_server: Start, redis: RedisServer, stop_workers: Stop
) -> None:
    server = start_server(REDIS_URL=redis.url)
    workers = stop_workers(server)
    job_id = accept(server, small_pair(0))
    until(lambda: status(server, job_id) == "running")
    redis.fill()
    assert check_problem(post(server, small_pair(1), headers={}), 503)
    workers.go_on()
    until(lambda: server.count("nedc_workers", state="busy") == 0)
    until(lambda: "it is full (maxmemory)" in server.log.read_text())
    assert status(server, job_id) == "running"
    redis.ask(lambda client: client.config_set("maxmemory", 0))
    assert ended(server, job_id)["status"] == "completed"


def test_cached_scores_make_room(start_server: Start, redis: RedisServer) -> None:
    server = start_server(REDIS_URL=redis.url)
    for number in range(100):
        redis.put(key(f"{number:064x}"), bytes(64 * 1024))
    redis.ask(lambda client: client.config_set("maxmemory", used(redis)))
    check_works(server, 0)


def test_old_finished_jobs_make_room_and_recent_ones_do_not(start_server: Start, redis: RedisServer) -> None:
    server = start_server(REDIS_URL=redis.url)
    old, young = (
        [post(server, small_pair(number)).json()["job_id"] for number in numbers]
        for numbers in (range(20), range(20, 30))
    )
    for job_id in old:
        life = DAY_MILLISECONDS - 2 * LEAST_KEPT_MILLISECONDS
        redis.ask(methodcaller("pexpire", of_job(job_id, ":result"), life))
    redis.ask(lambda client: client.config_set("maxmemory", used(redis)))
    check_works(server, 100)
    assert {show(server, job_id).status_code for job_id in old} == {404}
    assert {show(server, job_id).status_code for job_id in young} == {200}


def check_works(server: Server, number: int) -> None:
    """Jobs are accepted and kept although Redis was full."""
    job = post(server, small_pair(number)).json()
    assert show(server, job["job_id"]).json() == job
    assert post(server, small_pair(number)).json()["cached"]
