"""Jobs without Redis: ids that cannot be guessed, cancellation, a bounded queue, timeouts and expiry."""

from __future__ import annotations

import uuid

import pytest

from helpers import until
from nedc_bench import ALGORITHMS
from serving import (
    File,
    Server,
    Start,
    Stop,
    accept,
    check_problem,
    ended,
    one_pair,
    post,
    received,
    show,
    small_pair,
    status,
    watch,
)


def test_the_id_of_a_job_cannot_be_guessed(server: Server) -> None:
    ids = {accept(server, one_pair()) for _ in range(10)}
    assert len(ids) == 10
    assert {uuid.UUID(job_id).version for job_id in ids} == {4}


def test_deleting_a_running_job_cancels_its_evaluation(start_server: Start, stop_workers: Stop) -> None:
    server = start_server(MAX_WORKERS="1")
    workers = stop_workers(server)
    stopped = {worker.pid for worker in workers.processes}
    job_id = accept(server, small_pair(0))
    until(lambda: status(server, job_id) == "running")
    with watch(server, job_id) as socket:
        assert server.client.delete(f"/api/v1/evaluate/{job_id}").status_code == 204
        *_, end, closed = received(socket)
    assert (end["job"]["status"], end["job"]["error"]["status"], closed) == ("failed", 404, {"closed": 1000})
    check_problem(show(server, job_id), 404)
    until(lambda: server.count("nedc_evaluations_total", status="cancelled") == len(ALGORITHMS))
    assert server.count("nedc_active_evaluations") == 0
    until(lambda: {process.pid for process in server.workers()} - stopped)  # the worker that was scoring it is replaced
    workers.go_on()
    assert post(server, small_pair(1)).json()["status"] == "completed"


def test_the_queue_is_bounded(start_server: Start, stop_workers: Stop) -> None:
    server = start_server(MAX_WORKERS="1", MAX_QUEUED_JOBS="3")
    workers = stop_workers(server)
    jobs: list[str] = []
    while (answer := post(server, small_pair(len(jobs)), headers={})).status_code == 202:
        jobs.append(answer.json()["job_id"])
        assert len(jobs) < 20
    check_problem(answer, 503)
    assert answer.headers["Retry-After"] == "2"
    assert server.count("nedc_queue_depth") == 3
    assert server.count("nedc_unavailable_responses_total", reason="queue_full") == 1
    workers.go_on()
    assert [ended(server, job_id)["status"] for job_id in jobs] == ["completed"] * len(jobs)


def test_an_evaluation_that_times_out_fails_no_other_job(start_server: Start, stop_workers: Stop) -> None:
    server = start_server(MAX_WORKERS="1", EVALUATION_TIMEOUT_SECONDS="0.5")
    stop_workers(server)
    job = post(server, small_pair(0)).json()
    assert (job["status"], job["error"]["status"]) == ("failed", 500)
    assert "took longer than 0.5 s" in job["error"]["detail"]
    assert post(server, small_pair(1)).json()["status"] == "completed"


def test_a_finished_job_expires(start_server: Start) -> None:
    server = start_server(JOB_TTL_SECONDS="1")
    job_id = post(server, one_pair(), {"Prefer": "wait=60", "Idempotency-Key": "a"}).json()["job_id"]
    until(lambda: show(server, job_id).status_code == 404)
    assert server.client.get("/api/v1/evaluate").json()["total"] == 0
    assert post(server, one_pair(), {"Idempotency-Key": "a"}, algorithms="taes").status_code == 202


HOSTILE = {
    "deep arrays": ("parameters", b"a = " + b"[" * 400_000),
    "deep tables": ("parameters", b"a." * 200_000 + b"a = 1"),
    "400,000 brackets": ("reference", b"{[" * 400_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_content_is_refused(server: Server, name: str) -> None:
    part, content = HOSTILE[name]
    files: list[File] = [(part, ("hostile", content)), *(file for file in one_pair() if file[0] != part)]
    error = check_problem(post(server, files), 422)
    assert error["errors"][0]["file"] == "hostile"


@pytest.mark.parametrize("wait", ["nan", "-1", "inf", "1e400", "", "soon", '"'])
def test_an_invalid_wait_is_ignored(server: Server, wait: str) -> None:
    answer = post(server, one_pair(), {"Prefer": f"wait={wait}"})
    assert (answer.status_code, "Preference-Applied" in answer.headers) == (202, False)
