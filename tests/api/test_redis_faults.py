"""Redis is stopped, frozen, emptied or damaged while it holds jobs: prompt documented answers, no lost job."""

from __future__ import annotations

from collections.abc import Callable
from operator import methodcaller

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from helpers import until
from redis_names import CHUNKS, of_job, of_nobody
from redis_server import RedisServer
from serving import (
    Start,
    Stop,
    accept,
    ended,
    entered,
    errors,
    post,
    show,
    small_pair,
    status,
    watch,
)

pytestmark = pytest.mark.integration


def test_accepted_jobs_survive_a_restart_of_redis(replica: Start, redis: RedisServer, stop_workers: Stop) -> None:
    server = replica()
    workers = stop_workers(server)
    jobs = [accept(server, small_pair(100 + number)) for number in range(2)]
    jobs += [accept(server, small_pair(number)) for number in range(10)]
    until(lambda: status(server, jobs[0]) == "running")
    redis.stop()
    refused = show(server, jobs[0])
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    workers.go_on()
    until(lambda: server.count("nedc_workers", state="busy") == 0)  # the scores wait for Redis
    redis.start()
    until(lambda: show(server, jobs[0]).status_code == 200)
    assert [ended(server, job_id)["status"] for job_id in jobs] == ["completed"] * len(jobs)
    until(lambda: entered(server, "completed") == len(jobs))


def test_an_emptied_redis_is_used_again(replica: Start, redis: RedisServer) -> None:
    server = replica()
    job_id = post(server, small_pair(0)).json()["job_id"]
    redis.ask(lambda client: client.flushall())
    assert show(server, job_id).status_code == 404
    assert post(server, small_pair(1)).json()["status"] == "completed"


def test_a_frozen_redis_gives_503_and_loses_no_job(replica: Start, redis: RedisServer, stop_workers: Stop) -> None:
    server = replica()
    workers = stop_workers(server)
    job_id = accept(server, small_pair(0))
    until(lambda: status(server, job_id) == "running")
    redis.freeze()
    requests: list[Callable[[], httpx.Response]] = [
        lambda: show(server, job_id),
        lambda: post(server, small_pair(7), headers={}),
        lambda: server.client.get("/api/v1/evaluate"),
        lambda: server.client.delete("/api/v1/evaluate/other"),
    ]
    for request in requests:
        answer = request()
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert server.count("nedc_unavailable_responses_total", reason="redis") == len(requests)
    with pytest.raises(InvalidStatus, match="503"), watch(server, job_id):
        pass
    assert server.client.get("/api/v1/ready").status_code == 200
    workers.go_on()
    until(lambda: server.count("nedc_workers", state="busy") == 0)
    redis.thaw()
    until(lambda: post(server, small_pair(8), headers={}).status_code == 202)
    assert ended(server, job_id)["status"] == "completed"
    assert server.client.get("/api/v1/evaluate").json()["total"] == 2  # without the refused one
    assert errors(server) == []


def test_damaged_entries_do_not_stop_the_service(replica: Start, redis: RedisServer) -> None:
    server = replica()
    for number, content in enumerate((b"garbage", b"")):
        job_id = post(server, small_pair(number)).json()["job_id"]
        for part, shown in ((":result", 503), (":end", 503), ("", 404)):
            redis.put(of_job(job_id, part), content)
            assert show(server, job_id).status_code == shown
        assert server.client.get(f"/api/v1/evaluate/{job_id}/reports/summary.txt").status_code == 404
        redis.put(of_nobody(), content)
        assert server.client.get("/api/v1/evaluate").status_code == 503
        assert server.client.get("/api/v1/ready").status_code == 200
        redis.ask(lambda client: client.delete(of_nobody()))
        for fields in ({"data": content}, {"job": content, "chunk": "-1"}):
            redis.ask(methodcaller("xadd", CHUNKS, fields))
        assert ended(server, accept(server, small_pair(10 + number)))["status"] == "completed"
        until(lambda: redis.ask(lambda client: client.xlen(CHUNKS)) == 0)
