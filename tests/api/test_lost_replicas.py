"""Replicas that are killed, paused or terminated: every accepted job ends once, on one that is left."""

from __future__ import annotations

import signal
from itertools import pairwise
from operator import methodcaller

import pytest

from helpers import until
from nedc_bench.jobs.chunks import MAX_DELIVERIES
from nedc_bench.jobs.model import JobStatus
from nedc_bench.jobs.queue import GROUP, IDLE_SECONDS
from redis_names import CHUNKS, PENDING, of_job, of_nobody
from redis_server import RedisServer
from serving import Start, Stop, accept, completed_lines, ended, entered, show, small_pair, status

pytestmark = pytest.mark.integration

JOBS = 12


def test_the_jobs_of_a_killed_replica_complete_on_another(
    replica: Start, redis: RedisServer, stop_workers: Stop
) -> None:
    first = replica()
    stop_workers(first)
    jobs = [accept(first, small_pair(number)) for number in range(JOBS)]
    until(lambda: {status(first, job_id) for job_id in jobs[:2]} == {"running"})
    first.stop(signal.SIGKILL)
    second = replica()
    assert [ended(second, job_id)["status"] for job_id in jobs] == ["completed"] * JOBS
    until(lambda: entered(second, "completed") == JOBS)
    until(lambda: redis.ask(lambda client: client.xlen(CHUNKS)) == 0)


def test_a_job_has_one_result_though_replicas_are_killed_in_turn(replica: Start, redis: RedisServer) -> None:
    first, second = replica(), replica()
    jobs = [accept(server, small_pair(number)) for number in range(JOBS // 2) for server in (first, second)]
    first.stop(signal.SIGKILL)
    third = replica()
    assert [ended(third, job_id)["status"] for job_id in jobs] == ["completed"] * JOBS
    assert entered(second, "completed") + entered(third, "completed") <= JOBS
    until(lambda: redis.ask(lambda client: client.zcard(of_nobody(JobStatus.COMPLETED))) == JOBS)
    until(lambda: redis.ask(lambda client: client.xlen(CHUNKS)) == 0)


def test_what_a_killed_replica_left_of_an_ended_job_is_tidied_up(replica: Start, redis: RedisServer) -> None:
    server = replica()
    job_id = accept(server, small_pair(0))
    ended(server, job_id)
    completed, running = of_nobody(JobStatus.COMPLETED), of_nobody(JobStatus.RUNNING)
    until(lambda: redis.ask(lambda client: client.xlen(CHUNKS)) == 0)
    # as if it had died once the end was stored: its chunk comes again, and what follows the end was not done
    redis.ask(lambda client: client.zrem(completed, job_id))
    for place in (running, PENDING):
        redis.ask(methodcaller("zadd", place, {job_id: 1}))
    left = [of_job(job_id, part) for part in (":input:0", ":files", ":begun")]
    for place in left:
        redis.ask(methodcaller("set", place, b"left"))
    redis.ask(methodcaller("xadd", CHUNKS, {"job": job_id, "chunk": "0"}))
    until(lambda: redis.ask(lambda client: client.xlen(CHUNKS)) == 0)
    assert [redis.ask(methodcaller("zcard", place)) for place in (completed, running, PENDING)] == [1, 0, 0]
    assert redis.ask(lambda client: client.exists(*left)) == 0
    assert status(server, job_id) == "completed"


def test_a_job_stays_with_a_running_replica_and_leaves_a_paused_one(
    replica: Start, redis: RedisServer, stop_workers: Stop
) -> None:
    first = replica()
    workers = stop_workers(first)
    job_id = accept(first, small_pair(0))
    until(lambda: status(first, job_id) == "running")
    second = replica()
    idle: list[int] = []  # milliseconds since the first replica claimed the job or renewed its claim

    def renewed_twice() -> bool:
        (held,) = redis.ask(methodcaller("xpending_range", CHUNKS, GROUP, "-", "+", 1))
        idle.append(held["time_since_delivered"])
        assert idle[-1] < 1000 * IDLE_SECONDS, "another replica may claim it"
        return sum(later < earlier for earlier, later in pairwise(idle)) == 2

    until(renewed_twice)
    assert entered(second, "running") == 0
    first.process.send_signal(signal.SIGSTOP)
    until(lambda: status(second, job_id) == "completed")
    first.process.send_signal(signal.SIGCONT)
    workers.go_on()
    assert ended(first, job_id) == ended(second, job_id)
    until(lambda: entered(second, "completed") == 1)
    assert entered(first, "completed") == 0


def test_a_job_that_kills_its_replicas_is_given_up(replica: Start, redis: RedisServer, stop_workers: Stop) -> None:
    first = replica()
    stop_workers(first)
    jobs = [accept(first, small_pair(number)) for number in range(3)]
    until(lambda: status(first, jobs[2]) == "running")
    first.stop(signal.SIGKILL)
    for message, fields in redis.ask(lambda client: client.xrange(CHUNKS)):
        if fields[b"job"].decode() == jobs[2]:  # as if as many replicas had died while running it
            redis.ask(
                methodcaller("xclaim", CHUNKS, GROUP, "dead", 0, [message], idle=10**9, retrycount=MAX_DELIVERIES)
            )
    second = replica()
    assert [ended(second, job_id)["status"] for job_id in jobs] == ["completed", "completed", "failed"]
    assert "the processes that ran the job died" in show(second, jobs[2]).json()["error"]["detail"]


def test_sigterm_hands_unfinished_jobs_to_other_replicas(replica: Start, stop_workers: Stop) -> None:
    first = replica(SHUTDOWN_GRACE_SECONDS="1")
    stop_workers(first)
    jobs = [accept(first, small_pair(99)), *(accept(first, small_pair(number)) for number in range(5))]
    until(lambda: status(first, jobs[0]) == "running")
    second = replica()
    assert first.stop() == 0
    until(lambda: entered(second, "completed") == 6)
    assert {status(second, job_id) for job_id in jobs} == {"completed"}


def test_sigterm_lets_running_jobs_end(replica: Start, redis: RedisServer, stop_workers: Stop) -> None:
    first = replica()
    workers = stop_workers(first)
    job_id = accept(first, small_pair(0))
    until(lambda: status(first, job_id) == "running")
    first.process.send_signal(signal.SIGTERM)
    until(lambda: first.lines("draining"))
    assert first.count("nedc_ready") == 0
    workers.go_on()
    assert first.stop(0) == 0
    assert completed_lines(first) == [job_id]
    assert redis.ask(lambda client: client.xinfo_consumers(CHUNKS, GROUP)) == []
