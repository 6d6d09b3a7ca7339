"""The service around evaluations: probes, metrics, documentation, logs, settings."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from corpora import EXAMPLE
from helpers import run, until
from nedc_bench import ALGORITHMS
from nedc_bench.version import __version__
from redis_server import RedisServer
from serving import Server, Start, check_problem, one_pair, parts, post, received, watch

OTHERS = set(ALGORITHMS) - {"taes"}


def test_probes(server: Server) -> None:
    assert server.client.get("/api/v1/health").json() == {"status": "ok", "version": __version__}
    assert server.client.get("/api/v1/ready").json() == {"status": "ready", "version": __version__}


def test_a_port_in_use_is_named_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = run("serve", HOST="127.0.0.1", PORT=str(port), MAX_WORKERS="1")
    assert ran.status == 3
    said = f"error: cannot listen on port {port} of 127.0.0.1: Address already in use; set PORT (or HOST) to another"
    assert said in ran.stderr.splitlines()


@pytest.mark.integration
@pytest.mark.parametrize("grace", ["stay", "0"])
def test_without_redis_the_service_stays_ready_for_a_grace_period(
    replica: Start, redis: RedisServer, grace: str
) -> None:
    server = replica(REDIS_GRACE_SECONDS=grace)
    redis.kill()
    until(lambda: server.count("nedc_redis_up") == 0)
    (line,) = server.lines("redis unavailable")
    assert (line["level"], line["cause"]) == ("warning", "the connection is refused")
    ready = server.client.get("/api/v1/ready")
    assert server.client.get("/api/v1/health").status_code == 200
    if grace == "stay":
        assert ready.status_code == 200
    else:
        assert "redis: the connection is refused" in check_problem(ready, 503)["detail"]
    redis.start()
    until(lambda: server.count("nedc_redis_up") == 1)
    assert server.client.get("/api/v1/ready").status_code == 200


def test_metrics_count_evaluations_by_status_and_requests_by_route(start_server: Start) -> None:
    server = start_server()
    job_id = post(server, one_pair(), algorithms="taes").json()["job_id"]
    for method in ("GET", "GET", "HEAD"):
        server.client.request(method, f"/api/v1/evaluate/{job_id}")
    server.client.delete("/api/v1/evaluate")
    with watch(server, job_id) as watched:
        assert list(received(watched))[-1] == {"closed": 1000}
    (name, (file, _)), other = one_pair()
    post(server, [(name, (file, b"nonsense")), other], algorithms="taes")
    server.client.get("/x%22%7D%201%0Afake%201")
    samples = server.samples()

    def value(metric: str, **labels: str) -> float:
        return samples[metric, *sorted(labels.items())]

    taes = {"algorithm": "taes", "pipeline": "beta"}
    assert value("nedc_evaluations_total", status="success", **taes) == 1
    assert value("nedc_evaluations_total", status="refused", **taes) == 1
    assert value("nedc_evaluation_duration_seconds_count", **taes) == 2
    assert value("nedc_evaluation_duration_seconds_sum", **taes) > 0
    assert not any(value("nedc_evaluations_total", status="success", **taes | {"algorithm": name}) for name in OTHERS)
    assert value("nedc_active_evaluations") == 0
    assert value("nedc_jobs_total", state="completed") == 1
    for method, route, status, count in (
        ("POST", "/api/v1/evaluate", "200", 1),
        ("POST", "/api/v1/evaluate", "422", 1),
        ("GET", "/api/v1/evaluate/{job_id}", "200", 2),
        ("HEAD", "/api/v1/evaluate/{job_id}", "200", 1),
        ("DELETE", "unmatched", "405", 1),
        ("GET", "unmatched", "404", 1),
    ):
        assert value("nedc_http_requests_total", method=method, route=route, status=status) == count
    assert job_id not in str(samples)
    assert "/ws" not in str(samples)
    assert "fake" not in str(samples)


def test_metrics_have_routes_and_state_from_the_start(start_server: Start) -> None:
    text = start_server(MAX_WORKERS="2").exposition()
    for line in (
        'nedc_http_requests_total{method="POST",route="/api/v1/evaluate",status="500"} 0.0',
        'nedc_http_requests_total{method="GET",route="/api/v1/evaluate/{job_id}",status="503"} 0.0',
        'nedc_http_request_duration_seconds_count{method="DELETE",route="/api/v1/evaluate/{job_id}"} 0.0',
        "nedc_ready 1.0",
        'nedc_workers{state="busy"} 0.0',
        'nedc_workers{state="idle"} 2.0',
    ):
        assert line in text.splitlines()
    assert "/ws/" not in text


def test_the_document_describes_every_route(server: Server) -> None:
    document = server.client.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    described = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item if method != "parameters"
    }
    assert described == {
        ("POST", "/api/v1/evaluate"),
        ("GET", "/api/v1/evaluate"),
        ("GET", "/api/v1/evaluate/{job_id}"),
        ("DELETE", "/api/v1/evaluate/{job_id}"),
        ("GET", "/api/v1/evaluate/{job_id}/reports/{name}"),
        ("GET", "/api/v1/health"),
        ("GET", "/api/v1/ready"),
        ("GET", "/metrics"),
    }


def test_the_page_loads_nothing_from_elsewhere(server: Server) -> None:
    page = server.client.get("/docs", headers={"Accept": "text/html"})
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert (page.headers["X-Frame-Options"], page.headers["X-Content-Type-Options"]) == ("DENY", "nosniff")
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "http" not in page.text.replace("http-equiv", "")
    check_problem(server.client.get("/docs/../settings.py"), 404)
    check_problem(server.client.get("/docs/settings.py"), 404)


def test_logs_name_requests_and_jobs_by_id_and_show_no_content(start_server: Start) -> None:
    server = start_server(LOG_LEVEL="debug")
    (name, (file, data)), other = one_pair()
    headers = {"Prefer": "wait=60", "X-Request-ID": "abc-1"}
    job_id = post(server, one_pair(), headers).json()["job_id"]
    refused = post(server, [(name, (file, data + b"TERM,5.0,unheard-of,seiz,1.0\n")), other], headers).json()
    assert "unheard-of" in refused["detail"]
    assert [line["job_id"] for line in server.lines("job completed")] == [job_id]
    for event in ("job completed", "job refused"):
        assert [line["request_id"] for line in server.lines(event)] == ["abc-1"]
    assert "unheard-of" not in server.log.read_text()


def test_a_bad_setting_stops_the_start_and_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="RATE_LIMIT is "):
        Server(tmp_path / "log", RATE_LIMIT="many")


def test_a_corpus_may_have_no_more_pairs_than_the_limit(start_server: Start) -> None:
    server = start_server(MAX_PAIRS="58")
    assert "more than 58 parts" in check_problem(post(server, parts(EXAMPLE)), 413)["detail"]
