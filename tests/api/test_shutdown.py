"""Shutdown: announced in time, accepted jobs completed or handed over, no process left."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from corpora import EXAMPLE
from helpers import WAIT_SECONDS, until
from serving import (
    Start,
    Stop,
    accept,
    check_problem,
    completed_lines,
    entered,
    parts,
    post,
    received,
    show,
    small_pair,
    status,
    watch,
)


def test_a_terminating_service_is_not_ready_but_still_answers(start_server: Start, stop_workers: Stop) -> None:
    server = start_server(SHUTDOWN_DELAY_SECONDS="3", MAX_WORKERS="1")
    workers = stop_workers(server)
    job_id = accept(server, small_pair(0))
    with watch(server, job_id) as socket:
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.client.get("/api/v1/ready").status_code == 503)
        detail = check_problem(server.client.get("/api/v1/ready"), 503)["detail"]
        assert detail == "draining: the process was asked to end"
        shown = show(server, job_id)
        assert (shown.status_code, shown.headers["Connection"]) == (200, "close")
        assert server.client.get("/api/v1/health").status_code == 200
        refused = post(server, small_pair(1))
        check_problem(refused, 503)
        assert refused.headers["Retry-After"] == "1"
        assert server.count("nedc_unavailable_responses_total", reason="draining") == 1
        assert server.count("nedc_ready") == 0
        *_, closed = received(socket)
        assert closed == {"closed": 1001}
    workers.go_on()
    assert server.process.wait(timeout=WAIT_SECONDS) == 0
    assert completed_lines(server) == [job_id]


@pytest.mark.integration
def test_with_redis_a_terminating_service_still_accepts_jobs(replica: Start) -> None:
    first, second = replica(SHUTDOWN_DELAY_SECONDS="2"), replica()
    first.process.send_signal(signal.SIGTERM)
    until(lambda: first.client.get("/api/v1/ready").status_code == 503)
    jobs = [accept(first, small_pair(0))]
    job = post(first, small_pair(1)).json()
    assert job["status"] == "completed"
    assert first.process.wait(timeout=WAIT_SECONDS) == 0
    until(lambda: {status(second, job_id) for job_id in (*jobs, job["job_id"])} == {"completed"})
    until(lambda: entered(second, "completed") + len(completed_lines(first)) == 2)


def test_accepted_jobs_complete_before_the_service_ends(start_server: Start) -> None:
    server = start_server()
    waiting = [accept(server, parts(EXAMPLE), algorithms=name) for name in ("dp", "epoch", "taes")]
    assert server.stop() == 0
    assert sorted(completed_lines(server)) == sorted(waiting)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_jobs_and_requests_beyond_the_grace_period_are_ended(
    start_server: Start, stop_workers: Stop, number: signal.Signals
) -> None:
    server = start_server(SHUTDOWN_GRACE_SECONDS="1", SHUTDOWN_DELAY_SECONDS="600", MAX_WORKERS="1")
    stop_workers(server)
    job_id = accept(server, small_pair(0))
    until(lambda: status(server, job_id) == "running")
    children = server.children()
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"POST /api/v1/evaluate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345")
        assert status(server, job_id) == "running"  # so the partial request has arrived
        assert server.stop(number) == 0
    check_gone(children)
    assert "Traceback" not in server.log.read_text()


def test_a_second_signal_ends_the_service_at_once(start_server: Start, stop_workers: Stop) -> None:
    server = start_server(SHUTDOWN_GRACE_SECONDS="600", MAX_WORKERS="1")
    stopped = stop_workers(server)
    accept(server, small_pair(0))
    children = server.children()
    server.process.send_signal(signal.SIGTERM)
    until(lambda: server.lines("draining"))
    assert server.process.poll() is None
    assert server.stop() == 128 + signal.SIGTERM
    stopped.go_on()  # a stopped process cannot notice that its parent has gone
    check_gone(children)


def test_a_killed_service_leaves_no_process(start_server: Start) -> None:
    server = start_server()
    children = server.children()
    assert server.workers()
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL
    check_gone(children)


def check_gone(processes: list[psutil.Process]) -> None:
    _, left = psutil.wait_procs(processes, timeout=WAIT_SECONDS)
    assert not left


def test_a_client_that_waits_for_its_job_is_answered(start_server: Start, stop_workers: Stop) -> None:
    server = start_server(MAX_WORKERS="1")
    workers = stop_workers(server)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, server, small_pair(0))
        until(lambda: server.count("nedc_active_evaluations") == 1)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.lines("draining"))
        workers.go_on()
        assert (answer.result().status_code, answer.result().json()["status"]) == (200, "completed")
        assert answer.result().headers["Connection"] == "close"
    assert server.process.wait(timeout=WAIT_SECONDS) == 0


def test_a_body_that_is_complete_after_sigterm_is_refused(start_server: Start) -> None:
    server = start_server()

    def body() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="reference"; filename="a"\r\n\r\n'
        until(lambda: server.count("nedc_http_requests_in_progress") == 2)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.lines("draining"))
        yield b"x\r\n--b--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    with httpx.Client(base_url=server.url) as client:
        refused = client.post("/api/v1/evaluate", content=body(), headers=headers)
    check_problem(refused, 503)
    assert server.process.wait(timeout=WAIT_SECONDS) == 0
