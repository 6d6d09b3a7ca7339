"""HTTP at the edge: what is counted under which labels; tests/api/test_service.py has the service's own routes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from nedc_bench.monitoring import EdgeMiddleware, Metrics, set_route, set_waited
from sampling import value

ATTACK = '/x"} 1\nfake 1'

Scope = dict[str, Any]
App = Callable[[Any, Any, Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Scope]]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def answering(status: int = 200, rule: str | None = None) -> App:
    """An app that answers with ``status`` on the route ``rule``."""

    async def app(scope: Scope, _receive: object, send: Callable[[Scope], Awaitable[None]]) -> None:
        if rule is not None:
            set_route(scope, rule)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return app


async def nothing_to_receive() -> Scope:
    return {"type": "http.disconnect"}


async def to_nobody(_message: Scope) -> None:
    pass


def call(app: App, path: str = "/", method: str = "GET", kind: str = "http") -> None:
    async def scenario() -> None:
        await app({"type": kind, "method": method, "path": path, "root_path": ""}, nothing_to_receive, to_nobody)

    asyncio.run(scenario())


def requests(metrics: Metrics) -> dict[tuple[str, str, str], float]:
    """Counts by method, route and status, read from the exposition."""
    return {
        (sample.labels["method"], sample.labels["route"], sample.labels["status"]): sample.value
        for family in parse_text(metrics.render()[0].decode())
        for sample in family.samples
        if sample.name == "nedc_http_requests_total"
    }


def in_progress(metrics: Metrics) -> float | None:
    return value(metrics, "nedc_http_requests_in_progress")


def durations(metrics: Metrics, method: str, route: str) -> float | None:
    return value(metrics, "nedc_http_request_duration_seconds_count", method=method, route=route)


def test_a_request_is_counted_by_method_route_and_status(metrics: Metrics) -> None:
    call(EdgeMiddleware(answering(202, "/api/v1/evaluate"), metrics.registry), method="POST")
    assert requests(metrics) == {("POST", "/api/v1/evaluate", "202"): 1}
    assert durations(metrics, "POST", "/api/v1/evaluate") == 1
    assert in_progress(metrics) == 0


def test_an_announced_route_starts_at_zero(metrics: Metrics) -> None:
    app = EdgeMiddleware(answering(503, "/jobs/<uuid:job_id>"), metrics.registry)
    app.start_at_zero("GET", "/jobs/<uuid:job_id>")
    assert requests(metrics) == {("GET", "/jobs/{job_id}", "500"): 0, ("GET", "/jobs/{job_id}", "503"): 0}
    assert durations(metrics, "GET", "/jobs/{job_id}") == 0
    call(app)
    assert requests(metrics) == {("GET", "/jobs/{job_id}", "500"): 0, ("GET", "/jobs/{job_id}", "503"): 1}
    assert durations(metrics, "GET", "/jobs/{job_id}") == 1


def test_a_route_is_counted_by_its_template(metrics: Metrics) -> None:
    app = EdgeMiddleware(answering(200, "/api/v1/evaluate/<uuid:job_id>/reports/<name>"), metrics.registry)
    for number in range(100):
        call(app, f"/api/v1/evaluate/{number}/reports/{number}")
    assert requests(metrics) == {("GET", "/api/v1/evaluate/{job_id}/reports/{name}", "200"): 100}


def test_converters_with_arguments_are_left_out_of_the_template(metrics: Metrics) -> None:
    app = EdgeMiddleware(answering(200, "/<any(a, b):kind>/<path:rest>/<string(length=2):lang>"), metrics.registry)
    call(app)
    assert set(requests(metrics)) == {("GET", "/{kind}/{rest}/{lang}", "200")}


@pytest.mark.parametrize("path", [ATTACK, "/\u0000\ud800", "/" + "x" * 100_000, ""])
def test_a_path_that_matches_no_route_never_becomes_a_label(metrics: Metrics, path: str) -> None:
    call(EdgeMiddleware(answering(404), metrics.registry), path)
    assert requests(metrics) == {("GET", "unmatched", "404"): 1}
    assert b"fake" not in metrics.render()[0]


def test_a_label_with_quotes_and_line_breaks_stays_one_label(metrics: Metrics) -> None:
    rule = ATTACK + "\\"
    call(EdgeMiddleware(answering(200, rule), metrics.registry))
    assert requests(metrics) == {("GET", rule, "200"): 1}
    lines = metrics.render()[0].decode().splitlines()
    assert not [line for line in lines if line.startswith("fake")]
    assert [line for line in lines if line.startswith("nedc_http_requests_total")] == [
        r'nedc_http_requests_total{method="GET",route="/x\"} 1\nfake 1\\",status="200"} 1.0'
    ]


@pytest.mark.parametrize("method", ["BREW", "get", 'X"} 1\nfake 1', "", "TRACE"])
def test_methods_that_no_route_has_are_one(metrics: Metrics, method: str) -> None:
    call(EdgeMiddleware(answering(405), metrics.registry), method=method)
    assert requests(metrics) == {("other", "unmatched", "405"): 1}


def test_hostile_requests_make_a_bounded_number_of_series(metrics: Metrics) -> None:
    app = EdgeMiddleware(answering(404), metrics.registry)
    call(app)
    before = len(metrics.render()[0].splitlines())
    for number in range(1000):
        call(app, f"/{number}", f"M{number}")
    series_of_one_label_set = 1 + 2 * (15 + 2)  # the counter; buckets, sum and count of both histograms
    assert len(metrics.render()[0].splitlines()) == before + series_of_one_label_set


def test_an_app_that_fails_is_counted_as_500_and_its_error_goes_on(metrics: Metrics) -> None:
    async def failing(*_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call(EdgeMiddleware(failing, metrics.registry))
    assert requests(metrics) == {("GET", "unmatched", "500"): 1}
    assert in_progress(metrics) == 0


def test_a_client_that_leaves_before_the_response_is_counted_as_499(metrics: Metrics) -> None:
    async def waiting(scope: Scope, *_: object) -> None:
        set_route(scope, "/slow")
        await asyncio.Event().wait()

    async def scenario() -> None:
        app = EdgeMiddleware(waiting, metrics.registry)
        task = asyncio.ensure_future(app({"type": "http", "method": "GET"}, nothing_to_receive, to_nobody))
        await asyncio.sleep(0)
        assert in_progress(metrics) == 1
        assert requests(metrics) == {}
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    assert requests(metrics) == {("GET", "/slow", "499"): 1}
    assert in_progress(metrics) == 0


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_other_scopes_pass_through_untouched(metrics: Metrics, kind: str) -> None:
    seen: list[tuple[object, ...]] = []

    async def behind(*connection: object) -> None:
        seen.append(connection)

    scope = {"type": kind}
    asyncio.run(run(EdgeMiddleware(behind, metrics.registry), scope))
    assert seen == [(scope, nothing_to_receive, to_nobody)]
    assert seen[0][0] is scope
    assert requests(metrics) == {}
    assert in_progress(metrics) == 0


async def run(app: App, scope: Scope) -> None:
    await app(scope, nothing_to_receive, to_nobody)


def test_both_expositions_can_be_parsed_and_hold_cumulative_buckets(metrics: Metrics) -> None:
    app = EdgeMiddleware(answering(200, "/fast"), metrics.registry)
    for _ in range(3):
        call(app)
    for found in (
        parse_text(metrics.render()[0].decode()),
        parse_openmetrics(metrics.render("application/openmetrics-text")[0].decode()),  # type: ignore[no-untyped-call]
    ):
        (family,) = (family for family in found if family.name == "nedc_http_request_duration_seconds")
        buckets = [sample.value for sample in family.samples if sample.name.endswith("_bucket")]
        assert (family.type, len(buckets), buckets[-1]) == ("histogram", 15, 3)
        assert buckets == sorted(buckets)


def delays(body_seconds: float, wait: float, status: int = 200) -> list[float]:
    """The delay of one request, by a clock that only its body and its wait advance."""
    metrics = Metrics()
    clock = iter((0.0, body_seconds, body_seconds + wait + 0.25, body_seconds + wait + 99.0))

    async def app(scope: Scope, receive: Receive, send: Callable[[Scope], Awaitable[None]]) -> None:
        await receive()
        set_waited(scope, wait)
        await send({"type": "http.response.start", "status": status, "headers": []})

    async def body() -> Scope:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def scenario() -> None:
        scope = {"type": "http", "method": "POST", "path": "/", "root_path": ""}
        await EdgeMiddleware(app, metrics.registry)(scope, body, to_nobody)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nedc_bench.monitoring.edge.time.perf_counter", lambda: next(clock, 1e6))
        asyncio.run(scenario())
    families = parse_text(metrics.render()[0].decode())
    return [
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == "nedc_http_response_delay_seconds_sum"
    ]


def test_a_slow_upload_and_a_chosen_wait_are_no_delay() -> None:
    assert delays(body_seconds=40.0, wait=30.0) == [0.25]


def test_a_body_that_never_came_has_no_delay() -> None:
    assert delays(body_seconds=60.0, wait=0.0, status=408) == []
