"""What stands around evaluations: probes, metrics, documentation, access, WebSockets, shutdown."""

from __future__ import annotations

import hashlib
import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from api.conftest import Server
from api.test_evaluate import EXAMPLE, one_pair, parts, post
from nedc_bench.version import __version__

Start = Callable[..., Server]


def test_probes(server: Server) -> None:
    assert server.client.get("/api/v1/health").json() == {"status": "ok", "version": __version__}
    assert server.client.get("/api/v1/ready").json() == {"status": "ready", "version": __version__}


def test_metrics_count_evaluations_by_status_and_requests_by_route(start_server: Start) -> None:
    server = start_server()
    post(server, one_pair(), algorithms="taes")
    (name, (file, _)), other = one_pair()
    post(server, [(name, (file, b"nonsense")), other], algorithms="taes")
    server.client.get("/x%22%7D%201%0Afake%201")
    text = server.client.get("/metrics").text
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }

    def value(metric: str, **labels: str) -> float:
        return samples[metric, *sorted(labels.items())]

    taes = {"algorithm": "taes", "pipeline": "beta"}
    assert value("nedc_evaluations_total", status="success", **taes) == 1
    assert value("nedc_evaluations_total", status="refused", **taes) == 1
    assert value("nedc_evaluation_duration_seconds_count", **taes) == 2
    assert value("nedc_active_evaluations") == 0
    assert value("nedc_jobs_total", state="completed") == 1
    assert value("nedc_http_requests_total", method="POST", route="/api/v1/evaluate", status="200") == 2
    assert value("nedc_http_requests_total", method="GET", route="unmatched", status="404") == 1
    assert "fake" not in text


def test_metrics_show_the_routes_and_the_state_of_the_service_from_the_start(start_server: Start) -> None:
    text = start_server(MAX_WORKERS="2").client.get("/metrics").text
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
    assert "http" not in page.text.replace("http-equiv", "")
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js"):
        assert f"/docs/{name}" in page.text
        assert server.client.get(f"/docs/{name}").status_code == 200
    assert server.client.get("/docs/../settings.py").status_code == 404


def test_a_burst_passes_exactly_the_limit(start_server: Start) -> None:
    server = start_server(RATE_LIMIT="10/minute")
    answers = [post(server, one_pair(), headers={}) for _ in range(25)]
    assert [answer.status_code for answer in answers].count(202) == 10
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert 0 < int(refused.headers["Retry-After"]) <= 61
    assert (refused.headers["RateLimit-Limit"], refused.headers["RateLimit-Remaining"]) == ("10", "0")
    assert server.client.get("/api/v1/ready").status_code == 200
    assert server.client.get("/api/v1/evaluate").status_code == 200


def test_tokens(start_server: Start, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"# alice\n{hashlib.sha256(b'secret').hexdigest()}\n")
    server = start_server(API_TOKENS_FILE=str(tokens), METRICS_NEED_TOKEN="true")
    known = {"Authorization": "Bearer secret"}
    for path in ("/api/v1/evaluate", "/metrics", "/openapi.json"):
        refused = server.client.get(path)
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, 'Bearer realm="nedc-bench"')
        assert server.client.get(path, headers=known | {"Accept": "*/*"}).status_code == 200
    assert server.client.get("/api/v1/health").status_code == 200
    tokens.write_text(f"{hashlib.sha256(b'other').hexdigest()}\n")
    assert server.client.get("/api/v1/evaluate", headers=known).status_code == 401
    assert server.client.get("/api/v1/evaluate", headers={"Authorization": "Bearer other"}).status_code == 200


def test_origins(start_server: Start) -> None:
    server = start_server(CORS_ORIGINS="https://lab.example.org")
    allowed = server.client.get("/api/v1/health", headers={"Origin": "https://lab.example.org"})
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://lab.example.org"
    other = server.client.get("/api/v1/health", headers={"Origin": "https://other.example.org"})
    assert "Access-Control-Allow-Origin" not in other.headers


@pytest.mark.parametrize(
    ("setting", "value"), [("PORT", "http"), ("RATE_LIMIT", "many"), ("REDIS_URL", "localhost"), ("MAX_WORKERS", "-1")]
)
def test_a_bad_setting_stops_the_start_and_is_named(setting: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=f"{setting} is "):
        Server(tmp_path / "log", **{setting: value})


def watch(server: Server, job_id: str, origin: str | None = None) -> ClientConnection:
    return connect(
        server.url.replace("http", "ws") + f"/ws/{job_id}", origin=None if origin is None else Origin(origin)
    )


def received(socket: ClientConnection) -> Iterator[dict[str, Any]]:
    yield from map(json.loads, socket)
    with pytest.raises(ConnectionClosed):
        socket.recv()
    yield {"closed": socket.close_code}


def test_a_websocket_shows_a_job_to_its_end(server: Server) -> None:
    job = post(server, parts(EXAMPLE), headers={}).json()
    with watch(server, job["job_id"]) as socket:
        messages = list(received(socket))
    assert messages[0]["type"] == "initial"
    assert messages[-2]["job"]["status"] == "completed"
    assert messages[-2]["job"]["result"] is None
    assert messages[-1] == {"closed": 1000}
    done = [message["job"]["progress"]["done"] for message in messages[:-1]]
    assert done == sorted(done)
    with watch(server, job["job_id"]) as late:
        assert [message.get("type", message) for message in received(late)] == ["initial", {"closed": 1000}]


def test_a_websocket_of_an_unknown_job_or_origin_is_refused(server: Server) -> None:
    with pytest.raises(InvalidStatus, match="404"), watch(server, "unknown"):
        pass
    job = post(server, one_pair()).json()
    with pytest.raises(InvalidStatus, match="403"), watch(server, job["job_id"], origin="https://evil.example.org"):
        pass


def test_sigterm_lets_accepted_jobs_end_and_refuses_new_ones(start_server: Start) -> None:
    server = start_server()
    waiting = [post(server, parts(EXAMPLE), headers={}, algorithms=name).json() for name in ("dp", "epoch", "taes")]
    server.process.send_signal(signal.SIGTERM)
    while (probe := status_of(server, "/api/v1/ready")) == 200:
        pass
    assert probe in {503, None}
    assert server.process.wait(timeout=30) == 0
    log = server.log.read_text()
    assert log.count('"job completed"') == len(waiting)


def test_what_is_refused_while_draining_is_counted_as_such(start_server: Start) -> None:
    server = start_server(SHUTDOWN_DELAY_SECONDS="5")
    server.process.send_signal(signal.SIGTERM)
    while status_of(server, "/api/v1/ready") == 200:
        pass
    assert post(server, one_pair(), headers={}).status_code == 503
    lines = server.client.get("/metrics").text.splitlines()
    assert 'nedc_unavailable_responses_total{reason="draining"} 1.0' in lines
    assert "nedc_ready 0.0" in lines


def status_of(server: Server, path: str) -> int | None:
    try:
        return server.client.get(path).status_code
    except httpx.TransportError:
        return None


def test_no_process_is_left_after_the_end(start_server: Start) -> None:
    server = start_server()
    children = descendants(server.process.pid)
    assert children
    assert server.stop() == 0
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in children) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def descendants(pid: int) -> list[int]:
    import psutil  # noqa: PLC0415

    return [process.pid for process in psutil.Process(pid).children(recursive=True)]
