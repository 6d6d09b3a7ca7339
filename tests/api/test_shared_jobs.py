"""Jobs in a Redis shared by replicas: any replica accepts them, any runs them, all show them."""

from __future__ import annotations

import httpx
import pytest

from corpora import EXAMPLE
from helpers import until
from nedc_bench.api.app import LEAST_WORKERS
from nedc_bench.jobs.model import JobStatus
from redis_names import CHANGES, CHUNKS, PENDING, PROBE, key, of_nobody
from redis_server import RedisServer
from serving import (
    Start,
    Stop,
    accept,
    check_problem,
    ended,
    one_pair,
    parts,
    post,
    received,
    show,
    small_pair,
    status,
    watch,
)

CHUNKS_AT_ONCE = 2 * LEAST_WORKERS  # per replica

pytestmark = pytest.mark.integration


def test_a_job_of_one_replica_is_shown_by_another(replica: Start) -> None:
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


def test_refused_input_is_a_problem_if_the_client_waits_and_else_a_failed_job(replica: Start) -> None:
    server = replica()
    (name, (file, _)), other = one_pair()
    files = [(name, (file, b"nonsense")), other]
    problem = check_problem(post(server, files), 422)
    assert problem["errors"][0]["file"] == file
    job = ended(server, accept(server, files))
    assert (job["status"], job["result"], job["error"]) == ("failed", None, problem)


def test_a_running_job_is_cancelled_from_another_replica(
    replica: Start, redis: RedisServer, stop_workers: Stop
) -> None:
    first = replica()
    workers = stop_workers(first)
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
    workers.go_on()
    until(lambda: redis.ask(lambda client: client.xlen(CHUNKS)) == 0)
    assert not any(job_id in key for key in jobs_keys(redis))  # nor are its scores left


def test_a_job_goes_on_when_its_waiting_client_leaves(replica: Start, stop_workers: Stop) -> None:
    server = replica()
    workers = stop_workers(server)
    with pytest.raises(httpx.ReadTimeout):
        server.client.post(
            "/api/v1/evaluate", files=small_pair(98), headers={"Prefer": "wait=60"}, timeout=httpx.Timeout(60, read=0.5)
        )
    until(lambda: [line for line in server.lines("request") if line["ended"] == "client left"])
    workers.go_on()
    until(lambda: post(server, small_pair(98)).json()["cached"])
    assert server.count("nedc_worker_restarts_total", reason="cancelled") == 0


def test_an_idempotency_key_holds_on_all_replicas(replica: Start) -> None:
    first, second = replica(), replica()
    headers = {"Idempotency-Key": "abc", "Prefer": "wait=60"}
    jobs = [post(server, one_pair(), headers).json()["job_id"] for server in (first, second)]
    assert jobs[0] == jobs[1]
    assert post(second, one_pair(), headers, algorithms="taes").status_code == 422
    assert second.client.delete(f"/api/v1/evaluate/{jobs[0]}").status_code == 204
    assert post(first, one_pair(), headers, algorithms="taes").json()["job_id"] != jobs[0]


def test_replicas_share_one_bound_on_the_queue(replica: Start, redis: RedisServer, stop_workers: Stop) -> None:
    first, second = replicas = [replica(MAX_QUEUED_JOBS="2") for _ in range(2)]
    workers = [stop_workers(server) for server in replicas]
    running = []
    for number in range(2 * CHUNKS_AT_ONCE):
        running.append(accept(replicas[number % 2], small_pair(number)))
        until(lambda: status(first, running[-1]) == "running")
    waiting = [accept(server, small_pair(10)) for server in replicas]
    refused = post(first, small_pair(11), headers={})
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    assert first.count("nedc_unavailable_responses_total", reason="queue_full") == 1
    assert second.client.get("/api/v1/evaluate", params={"status": "pending"}).json()["total"] == len(waiting)
    assert second.count("nedc_queue_depth") == 2
    for stopped in workers:
        stopped.go_on()
    assert [ended(second, job_id)["status"] for job_id in running + waiting] == ["completed"] * len(running + waiting)
    until(lambda: redis.ask(lambda client: client.zcard(PENDING)) == 0)


def test_a_retry_queues_a_job_again_whose_message_redis_lost(
    replica: Start, redis: RedisServer, stop_workers: Stop
) -> None:
    server = replica()
    workers = stop_workers(server)
    for number in range(CHUNKS_AT_ONCE):
        running = accept(server, small_pair(number))
        until(lambda: status(server, running) == "running")  # noqa: B023  # called at once
    headers = {"Idempotency-Key": "lost"}
    job_id = post(server, small_pair(99), headers).json()["job_id"]
    queued: list[tuple[bytes, dict[bytes, bytes]]] = redis.ask(lambda client: client.xrange(CHUNKS))
    lost = [message for message, fields in queued if fields[b"job"] == job_id.encode()]
    assert redis.ask(lambda client: client.xdel(CHUNKS, *lost)) == 1
    workers.go_on()
    assert ended(server, running)["status"] == "completed"
    assert status(server, job_id) == "pending"
    assert post(server, small_pair(99), headers).json()["job_id"] == job_id
    assert ended(server, job_id)["status"] == "completed"


def test_expired_jobs_leave_nothing_in_redis(replica: Start, redis: RedisServer) -> None:
    server = replica(JOB_TTL_SECONDS="1", CACHE_TTL_SECONDS="1")
    headers = {"Idempotency-Key": "abc", "Prefer": "wait=60"}
    job = post(server, small_pair(0), headers).json()
    assert job["status"] == "completed"
    until(lambda: show(server, job["job_id"]).status_code == 404)
    kept = {CHANGES, CHUNKS, PROBE, of_nobody(), of_nobody(JobStatus.COMPLETED)}
    until(lambda: set(jobs_keys(redis)) <= kept)
    assert server.client.get("/api/v1/evaluate").json() == {"jobs": [], "total": 0, "limit": 20, "offset": 0}


def jobs_keys(redis: RedisServer) -> list[str]:
    keys: list[bytes] = redis.ask(lambda client: list(client.scan_iter(key("*"))))
    return sorted(found.decode() for found in keys if not found.decode().startswith(key("rate:")))
