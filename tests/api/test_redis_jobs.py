"""Jobs in a Redis that replicas share: real replicas, a real Redis, real faults."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from collections.abc import Callable, Iterator
from operator import methodcaller
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import InvalidStatus

from api.conftest import Server
from api.test_evaluate import EXAMPLE, File, one_pair, parts, post
from api.test_service import received, watch
from helpers import annotation
from nedc_bench.jobs.redis import MAX_STARTS
from nedc_bench.jobs.stream import IDLE_SECONDS
from redis_server import RedisServer

pytestmark = pytest.mark.integration

WAIT_SECONDS = 40.0
Start = Callable[..., Server]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that keeps what it has, over its own end."""
    with RedisServer(tmp_path, "--appendonly", "yes") as running:
        yield running


@pytest.fixture
def replica(start_server: Start, redis: RedisServer) -> Start:
    """Start replicas that share the Redis."""

    def start(**settings: str) -> Server:
        return start_server(**{"REDIS_URL": redis.url, "MAX_WORKERS": "1", **settings})

    return start


def until(check: Callable[[], Any], seconds: float = WAIT_SECONDS) -> Any:
    """What ``check`` gives once it gives anything."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, "it does not come true"
        time.sleep(0.02)  # there is no event to wait for across processes
    return found


def small_pair(number: int) -> list[File]:
    """A pair unlike those of other numbers, so that no cache knows it."""
    reference = annotation((1.0, 5.0 + number / 100, "seiz")).encode()
    return [
        ("reference", ("a.csv_bi", reference)),
        ("hypothesis", ("a.csv_bi", annotation((2.0, 6.0, "seiz")).encode())),
    ]


def accept(server: Server, files: list[File], **data: Any) -> str:
    answer = post(server, files, headers={}, **data)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


def show(server: Server, job_id: str) -> httpx.Response:
    return server.client.get(f"/api/v1/evaluate/{job_id}")


def status(server: Server, job_id: str) -> str:
    return str(show(server, job_id).json()["status"])


def ended(server: Server, job_id: str) -> dict[str, Any]:
    """The job once it has ended."""
    until(lambda: status(server, job_id) in {"completed", "failed"})
    job: dict[str, Any] = show(server, job_id).json()
    return job


def entered(server: Server, state: str) -> float:
    """How many jobs have entered a state, as this replica counts."""
    return counted(server, "nedc_jobs_total", state=state)


def counted(server: Server, name: str, **labels: str) -> float:
    text = server.client.get("/metrics", headers={"Accept": "*/*"}).text
    return next(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    )


def test_golden_figures_cold_and_warm(replica: Start) -> None:
    expected = json.loads(json.dumps(EXAMPLE.result.to_dict()))
    first, second = replica(), replica()
    for server, cached in ((first, False), (second, True)):
        job = post(server, parts(EXAMPLE)).json()
        assert (job["status"], job["cached"], job["error"]) == ("completed", cached, None)
        assert job["progress"] == {"done": len(EXAMPLE.pairing.pairs), "total": len(EXAMPLE.pairing.pairs)}
        assert job["result"]["algorithms"] == expected["algorithms"]


def test_a_job_of_one_replica_is_seen_by_another(replica: Start) -> None:
    first, second = replica(), replica()
    job_id = accept(first, parts(EXAMPLE))
    with watch(second, job_id) as socket:
        messages = list(received(socket))
    assert messages[0]["type"] == "initial"
    assert messages[-2]["job"]["status"] == "completed"
    assert messages[-1] == {"closed": 1000}
    done = [message["job"]["progress"]["done"] for message in messages[:-1]]
    assert done == sorted(done)
    assert show(first, job_id).json() == show(second, job_id).json()
    page = second.client.get("/api/v1/evaluate", params={"status": "completed"}).json()
    assert [(job["job_id"], job["result"]) for job in page["jobs"]] == [(job_id, None)]
    assert page["total"] == 1
    report = second.client.get(f"/api/v1/evaluate/{job_id}/reports/summary_taes.txt", headers={"Accept": "text/plain"})
    assert (report.status_code, "TAES" in report.text or "(Hit: " in report.text) == (200, True)


def test_refused_input_is_a_failed_job(replica: Start) -> None:
    (name, (file, _)), other = one_pair()
    job = post(replica(), [(name, (file, b"nonsense")), other]).json()
    assert (job["status"], job["result"], job["error"]["status"]) == ("failed", None, 422)
    assert job["error"]["errors"][0]["file"] == file


def test_a_running_job_is_cancelled_from_another_replica(
    replica: Start, redis: RedisServer, stop_workers: Stop
) -> None:
    first = replica()
    stop_workers(first)
    job_id = accept(first, small_pair(99))
    until(lambda: status(first, job_id) == "running")
    second = replica()
    with watch(second, job_id) as socket:
        states = received(socket)
        next(states)
        assert second.client.delete(f"/api/v1/evaluate/{job_id}").status_code == 204
        *_, end, closed = states
    assert (end["job"]["status"], end["job"]["error"]["status"], closed) == ("failed", 404, {"closed": 1000})
    for server in (first, second):
        assert show(server, job_id).status_code == 404
    until(lambda: evaluations(first, "cancelled") == 1, 5)
    assert not any(job_id in key for key in jobs_keys(redis))
    assert redis.ask(lambda client: client.xlen("nedc:v1:jobs:stream")) == 0


class Workers:
    """The worker processes of a replica, stopped: what runs there is not done before they `go_on`."""

    def __init__(self, server: Server) -> None:
        children = psutil.Process(server.process.pid).children(recursive=True)
        self.processes = [process for process in children if not process.children()]
        for process in self.processes:
            process.suspend()

    def go_on(self) -> None:
        for process in self.processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


@pytest.fixture
def stop_workers() -> Iterator[Callable[[Server], Workers]]:
    stopped: list[Workers] = []

    def stop(server: Server) -> Workers:
        stopped.append(Workers(server))
        return stopped[-1]

    yield stop
    for workers in stopped:
        workers.go_on()


Stop = Callable[[Server], Workers]


def evaluations(server: Server, ended_as: str) -> float:
    text = server.client.get("/metrics", headers={"Accept": "*/*"}).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "nedc_evaluations_total" and sample.labels["status"] == ended_as
    )


def test_an_idempotency_key_holds_over_replicas(replica: Start) -> None:
    first, second = replica(), replica()
    headers = {"Idempotency-Key": "abc", "Prefer": "wait=60"}
    jobs = [post(server, one_pair(), headers).json()["job_id"] for server in (first, second)]
    assert jobs[0] == jobs[1]
    assert post(second, one_pair(), headers, algorithms="taes").status_code == 422
    assert second.client.delete(f"/api/v1/evaluate/{jobs[0]}").status_code == 204
    assert post(first, one_pair(), headers, algorithms="taes").json()["job_id"] != jobs[0]


def test_the_queue_is_bounded_over_replicas(replica: Start, redis: RedisServer, stop_workers: Stop) -> None:
    first, second = replicas = [replica(MAX_QUEUED_JOBS="2") for _ in range(2)]
    workers = [stop_workers(server) for server in replicas]
    running = []
    for number in range(4):
        running.append(accept(replicas[number % 2], small_pair(number)))
        until(lambda: status(first, running[-1]) == "running")
    waiting = [accept(server, small_pair(10)) for server in replicas]
    refused = post(first, small_pair(11), headers={})
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    assert counted(first, "nedc_unavailable_responses_total", reason="queue_full") == 1
    assert second.client.get("/api/v1/evaluate", params={"status": "pending"}).json()["total"] == len(waiting)
    assert "nedc_queue_depth 2.0" in second.client.get("/metrics", headers={"Accept": "*/*"}).text
    for stopped in workers:
        stopped.go_on()
    assert [ended(second, job_id)["status"] for job_id in running + waiting] == ["completed"] * 6
    assert redis.ask(lambda client: client.zcard("nedc:v1:jobs:pending")) == 0


def test_the_jobs_of_a_killed_replica_complete_on_another(
    replica: Start, redis: RedisServer, stop_workers: Stop
) -> None:
    first = replica()
    stop_workers(first)
    jobs = [accept(first, small_pair(number)) for number in range(50)]
    until(lambda: {status(first, job_id) for job_id in jobs[:2]} == {"running"})
    first.stop(signal.SIGKILL)
    second = replica()
    assert [ended(second, job_id)["status"] for job_id in jobs] == ["completed"] * 50
    assert entered(second, "completed") == 50
    assert redis.ask(lambda client: client.xlen("nedc:v1:jobs:stream")) == 0


def test_replicas_that_are_killed_in_turn_make_one_result_a_job(replica: Start, redis: RedisServer) -> None:
    first, second = replica(), replica()
    jobs = [accept(server, small_pair(number)) for number in range(25) for server in (first, second)]
    first.stop(signal.SIGKILL)
    third = replica()
    assert [ended(third, job_id)["status"] for job_id in jobs] == ["completed"] * 50
    assert entered(second, "completed") + entered(third, "completed") <= 50
    assert redis.ask(lambda client: client.zcard("nedc:v1:jobs:completed")) == 50
    until(lambda: redis.ask(lambda client: client.xlen("nedc:v1:jobs:stream")) == 0)


def test_a_job_stays_with_the_living_and_leaves_the_paused(replica: Start, stop_workers: Stop) -> None:
    first = replica()
    workers = stop_workers(first)
    job_id = accept(first, small_pair(0))
    until(lambda: status(first, job_id) == "running")
    second = replica()
    until_idle = time.monotonic() + 1.3 * IDLE_SECONDS
    until(lambda: time.monotonic() > until_idle)
    assert entered(second, "running") == 0
    first.process.send_signal(signal.SIGSTOP)
    until(lambda: status(second, job_id) == "completed")
    first.process.send_signal(signal.SIGCONT)
    workers.go_on()
    assert ended(first, job_id) == ended(second, job_id)
    assert [entered(server, "completed") for server in (first, second)] == [0, 1]


def completed_lines(*servers: Server) -> list[str]:
    """The ids of the jobs that the logs tell of as completed."""
    lines = [json.loads(line) for server in servers for line in server.log.read_text().splitlines() if line[0] == "{"]
    return [line["job_id"] for line in lines if line["event"] == "job completed"]


def test_a_job_that_ends_the_processes_is_given_up(replica: Start, redis: RedisServer, stop_workers: Stop) -> None:
    server = replica()
    workers = stop_workers(server)
    jobs = [accept(server, small_pair(number)) for number in range(3)]
    redis.ask(methodcaller("hset", f"nedc:v1:job:{jobs[2]}", "starts", MAX_STARTS))
    workers.go_on()
    assert [ended(server, job_id)["status"] for job_id in jobs] == ["completed", "completed", "failed"]
    assert "the processes that ran the job ended" in show(server, jobs[2]).json()["error"]["detail"]


def test_ended_jobs_leave_nothing_behind_once_their_time_is_over(replica: Start, redis: RedisServer) -> None:
    server = replica(JOB_TTL_SECONDS="1", CACHE_TTL_SECONDS="1")
    headers = {"Idempotency-Key": "abc", "Prefer": "wait=60"}
    job = post(server, small_pair(0), headers).json()
    assert job["status"] == "completed"
    until(lambda: show(server, job["job_id"]).status_code == 404, 5)
    until(lambda: jobs_keys(redis) == ["nedc:v1:jobs:stream"], 10)
    assert server.client.get("/api/v1/evaluate").json() == {"jobs": [], "total": 0, "limit": 20, "offset": 0}


def jobs_keys(redis: RedisServer) -> list[str]:
    keys: list[bytes] = redis.ask(lambda client: list(client.scan_iter("nedc:v1:*")))
    return sorted(key.decode() for key in keys if not key.startswith(b"nedc:v1:rate:"))


def test_sigterm_hands_back_what_has_not_ended(replica: Start, stop_workers: Stop) -> None:
    first = replica(SHUTDOWN_GRACE_SECONDS="1")
    stop_workers(first)
    jobs = [accept(first, small_pair(99)), *(accept(first, small_pair(number)) for number in range(5))]
    until(lambda: status(first, jobs[0]) == "running")
    second = replica()
    began = time.monotonic()
    assert first.stop() == 0
    assert time.monotonic() - began < 5
    until(lambda: entered(second, "completed") == 6, 5)
    assert {status(second, job_id) for job_id in jobs} == {"completed"}


def test_sigterm_lets_running_jobs_end(replica: Start, redis: RedisServer, stop_workers: Stop) -> None:
    first = replica()
    workers = stop_workers(first)
    job_id = accept(first, small_pair(0))
    until(lambda: status(first, job_id) == "running")
    first.process.send_signal(signal.SIGTERM)
    until(lambda: '"draining"' in first.log.read_text())
    assert counted(first, "nedc_ready") == 0
    workers.go_on()
    assert first.stop(0) == 0
    assert completed_lines(first) == [job_id]
    assert redis.ask(lambda client: client.xinfo_consumers("nedc:v1:jobs:stream", "replicas")) == []


def test_accepted_jobs_outlive_a_restart_of_redis(replica: Start, redis: RedisServer, stop_workers: Stop) -> None:
    server = replica()
    workers = stop_workers(server)
    jobs = [accept(server, small_pair(100 + number)) for number in range(2)]
    jobs += [accept(server, small_pair(number)) for number in range(10)]
    until(lambda: status(server, jobs[0]) == "running")
    redis.stop()
    refused = show(server, jobs[0])
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    workers.go_on()
    until(lambda: len(completed_lines(server)) == 2)  # whose ends wait for Redis
    redis.start()
    until(lambda: show(server, jobs[0]).status_code == 200, 10)
    assert [ended(server, job_id)["status"] for job_id in jobs] == ["completed"] * len(jobs)
    assert entered(server, "completed") == len(jobs)


def test_a_redis_that_lost_everything_is_used_again(replica: Start, redis: RedisServer) -> None:
    server = replica()
    job_id = post(server, small_pair(0)).json()["job_id"]
    redis.ask(lambda client: client.flushall())
    assert show(server, job_id).status_code == 404
    assert post(server, small_pair(1)).json()["status"] == "completed"


def test_a_frozen_redis_is_a_503_in_time_and_no_lost_job(
    replica: Start, redis: RedisServer, stop_workers: Stop
) -> None:
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
        began = time.monotonic()
        answer = request()
        assert time.monotonic() - began < 2
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert counted(server, "nedc_unavailable_responses_total", reason="redis") == len(requests)
    with pytest.raises(InvalidStatus, match="503"), watch(server, job_id):
        pass
    assert server.client.get("/api/v1/ready").status_code == 200
    workers.go_on()
    until(lambda: completed_lines(server) == [job_id])
    redis.thaw()
    until(lambda: post(server, small_pair(8), headers={}).status_code == 202, 10)
    assert ended(server, job_id)["status"] == "completed"
    # the refused one was read by Redis when it went on, and is gone again
    until(lambda: server.client.get("/api/v1/evaluate").json()["total"] == 2, 10)
    assert "error" not in levels(server)


def levels(server: Server) -> set[str]:
    return {json.loads(line)["level"] for line in server.log.read_text().splitlines() if line[0] == "{"}


def test_a_full_redis_refuses_new_jobs_and_stores_the_end_later(
    replica: Start, redis: RedisServer, stop_workers: Stop
) -> None:
    server = replica()
    workers = stop_workers(server)
    job_id = accept(server, small_pair(0))
    until(lambda: status(server, job_id) == "running")
    redis.fill()
    refused = post(server, small_pair(0), headers={})
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    workers.go_on()
    until(lambda: completed_lines(server) == [job_id])
    assert status(server, job_id) == "running"
    redis.ask(lambda client: client.config_set("maxmemory", 0))
    assert ended(server, job_id)["status"] == "completed"


@pytest.mark.parametrize("content", [b"garbage", b""])
def test_garbage_under_our_keys_is_no_failure(replica: Start, redis: RedisServer, content: bytes) -> None:
    server = replica()
    job_id = post(server, small_pair(0)).json()["job_id"]
    for damaged in ("result", "end", "record"):
        redis.ask(methodcaller("hset", f"nedc:v1:job:{job_id}", damaged, content))
        assert show(server, job_id).status_code in {404, 503}
    redis.ask(lambda client: client.set(f"nedc:v1:input:{job_id}", content))
    assert server.client.get(f"/api/v1/evaluate/{job_id}/reports/summary.txt").status_code == 404
    redis.ask(lambda client: client.set("nedc:v1:jobs", content))
    assert server.client.get("/api/v1/evaluate").status_code == 503
    redis.ask(lambda client: client.delete("nedc:v1:jobs"))
    redis.ask(lambda client: client.xadd("nedc:v1:jobs:stream", {"data": content}))
    assert post(server, small_pair(1)).json()["status"] == "completed"
