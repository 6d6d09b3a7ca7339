"""The metrics: names, initial zeros, what `track_evaluation` counts, and both exposition formats."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import inspect
import platform
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest
from prometheus_client import REGISTRY, Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from nedc_bench import ALGORITHMS, __version__
from nedc_bench.monitoring import EdgeMiddleware, Metrics

# Every name that the service's rules, dashboards and documentation may rely on.
OURS = {
    "nedc_active_evaluations": "gauge",
    "nedc_api_tokens": "gauge",
    "nedc_build_info": "gauge",
    "nedc_cache_requests_total": "counter",
    "nedc_evaluation_duration_seconds": "histogram",
    "nedc_evaluations_total": "counter",
    "nedc_event_loop_lag_seconds": "histogram",
    "nedc_http_request_duration_seconds": "histogram",
    "nedc_http_response_delay_seconds": "histogram",
    "nedc_cgroup_memory_bytes": "gauge",
    "nedc_cgroup_memory_limit_bytes": "gauge",
    "nedc_cgroup_cpu_periods_total": "counter",
    "nedc_cgroup_cpu_throttled_periods_total": "counter",
    "nedc_cgroup_cpu_throttled_seconds_total": "counter",
    "nedc_http_requests_in_progress": "gauge",
    "nedc_http_requests_total": "counter",
    "nedc_jobs_total": "counter",
    "nedc_parity_failures_total": "counter",
    "nedc_queue_depth": "gauge",
    "nedc_queue_oldest_age_seconds": "gauge",
    "nedc_rate_limited_requests_total": "counter",
    "nedc_rate_limiter_errors_total": "counter",
    "nedc_ready": "gauge",
    "nedc_redis_memory_bytes": "gauge",
    "nedc_redis_up": "gauge",
    "nedc_unavailable_responses_total": "counter",
    "nedc_worker_restarts_total": "counter",
    "nedc_workers": "gauge",
}


async def nothing_behind(*_: object) -> None:
    pass


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def everything() -> Metrics:
    """The metrics of a service that uses Redis."""
    metrics = Metrics(redis=True)
    EdgeMiddleware(nothing_behind, metrics.registry)
    return metrics


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def statuses(metrics: Metrics, algorithm: str = "taes") -> tuple[float | None, ...]:
    """Counts of success, error and cancelled."""
    return tuple(
        value(metrics, "nedc_evaluations_total", algorithm=algorithm, pipeline="beta", status=status)
        for status in ("success", "error", "cancelled")
    )


def durations(metrics: Metrics, algorithm: str = "taes") -> float | None:
    return value(metrics, "nedc_evaluation_duration_seconds_count", algorithm=algorithm, pipeline="beta")


def families(metrics: Metrics) -> list[Metric]:
    return list(parse_text(metrics.render()[0].decode()))


class TestNames:
    def test_text_has_exactly_these_metrics_beside_those_of_the_process(self, everything: Metrics) -> None:
        types = re.findall(r"^# TYPE (\S+) (\S+)$", everything.render()[0].decode(), re.MULTILINE)
        assert len(types) == len(dict(types))
        assert {name: kind for name, kind in types if name.startswith("nedc_")} == OURS
        others = {name for name, _ in types if not name.startswith("nedc_")}
        assert {"process_resident_memory_bytes", "process_cpu_seconds_total", "python_info"} <= others
        assert all(name.startswith(("process_", "python_")) for name in others)

    def test_names_follow_the_rules_of_promtool(self, everything: Metrics) -> None:
        for family in families(everything):
            name = family.name
            assert family.documentation.endswith(".") or not name.startswith("nedc_")
            assert family.documentation
            assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
            assert not set(name.split("_")) & {"ms", "us", "ns", "s", "milliseconds", "kb", "mb", "b", "percent"}
            assert not set(name.split("_")) & {"counter", "gauge", "histogram", "summary"}
            assert not name.endswith(("_total", "_bucket", "_count", "_sum"))  # the parser strips a counter's suffix
            if family.type != "histogram":
                assert all("le" not in sample.labels for sample in family.samples)

    def test_redis_is_not_mentioned_where_there_is_none(self, metrics: Metrics) -> None:
        assert b"nedc_redis" not in metrics.render()[0]
        assert b'backend="redis"' not in metrics.render()[0]
        metrics.redis_up.set(1)

    def test_bucket_bounds(self, metrics: Metrics) -> None:
        (family,) = (family for family in families(metrics) if family.name == "nedc_evaluation_duration_seconds")
        bounds = [sample.labels.get("le") for sample in family.samples if sample.labels["algorithm"] == "dp"]
        expected = ["0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.5", "1.0", "2.5", "5.0", "10.0"]
        assert [bound for bound in bounds if bound] == [*expected, "+Inf"]


class TestStart:
    def test_known_label_sets_start_at_zero(self, metrics: Metrics) -> None:
        for algorithm in ALGORITHMS:
            assert statuses(metrics, algorithm) == (0, 0, 0)
            assert durations(metrics, algorithm) == 0
        assert [value(metrics, "nedc_parity_failures_total", algorithm=name) for name in ALGORITHMS] == [0] * 5
        for result in ("hit", "miss", "error", "corrupt"):
            assert value(metrics, "nedc_cache_requests_total", backend="memory", result=result) == 0
        for state in ("pending", "running", "completed", "failed", "cancelled"):
            assert value(metrics, "nedc_jobs_total", state=state) == 0
        for limit in ("default", "status"):
            assert value(metrics, "nedc_rate_limited_requests_total", limit=limit) == 0
        for reason in ("died", "timeout", "cancelled"):
            assert value(metrics, "nedc_worker_restarts_total", reason=reason) == 0
        for reason in ("draining", "queue_full", "redis", "saturated", "uploads"):
            assert value(metrics, "nedc_unavailable_responses_total", reason=reason) == 0
        for name in ("nedc_active_evaluations", "nedc_queue_depth", "nedc_queue_oldest_age_seconds", "nedc_ready"):
            assert value(metrics, name) == 0

    def test_build_info(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NEDC_BENCH_COMMIT", "0123abc")
        labels = {"version": __version__, "commit": "0123abc", "python": platform.python_version()}
        assert value(Metrics(), "nedc_build_info", **labels) == 1

    def test_each_has_a_registry_of_its_own(self, metrics: Metrics) -> None:
        metrics.rate_limiter_errors.inc()
        assert value(Metrics(), "nedc_rate_limiter_errors_total") == 0
        assert not [family.name for family in REGISTRY.collect() if family.name.startswith("nedc_")]

    def test_nothing_is_made_at_import(self) -> None:
        code = """
import gc, nedc_bench.monitoring as monitoring
from prometheus_client import REGISTRY
from aioprometheus import REGISTRY as OTHER
assert not [m for m in gc.get_objects() if isinstance(m, monitoring.Metrics)]
assert not [f.name for f in REGISTRY.collect() if f.name.startswith("nedc")]
assert not OTHER.get_all()
"""
        subprocess.run([sys.executable, "-c", code], check=True)


class TestTrackEvaluation:
    def test_success_is_counted_timed_and_returned(self, metrics: Metrics) -> None:
        @metrics.track_evaluation("taes", "beta")
        def evaluate(left: int, *, right: int) -> int:
            assert value(metrics, "nedc_active_evaluations") == 1
            return left + right

        assert evaluate(1, right=2) == 3
        assert statuses(metrics) == (1, 0, 0)
        assert durations(metrics) == 1
        assert value(metrics, "nedc_active_evaluations") == 0
        assert statuses(metrics, "dp") == (0, 0, 0)

    def test_an_error_is_counted_timed_and_raised(self, metrics: Metrics) -> None:
        @metrics.track_evaluation("taes", "beta")
        def evaluate() -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            evaluate()
        assert statuses(metrics) == (0, 1, 0)
        assert durations(metrics) == 1
        assert value(metrics, "nedc_active_evaluations") == 0

    def test_a_coroutine_is_timed_until_it_ends(self, metrics: Metrics) -> None:
        async def scenario() -> None:
            go_on = asyncio.Event()

            @metrics.track_evaluation("taes", "beta")
            async def evaluate() -> str:
                await go_on.wait()
                return "done"

            running = [asyncio.ensure_future(evaluate()) for _ in range(3)]
            await asyncio.sleep(0)
            assert value(metrics, "nedc_active_evaluations") == 3
            assert statuses(metrics) == (0, 0, 0)
            go_on.set()
            assert await asyncio.gather(*running) == ["done"] * 3

        asyncio.run(scenario())
        assert statuses(metrics) == (3, 0, 0)
        assert durations(metrics) == 3
        assert value(metrics, "nedc_active_evaluations") == 0

    def test_an_error_in_a_coroutine(self, metrics: Metrics) -> None:
        @metrics.track_evaluation("taes", "beta")
        async def evaluate() -> None:
            raise TimeoutError

        with pytest.raises(TimeoutError):
            asyncio.run(evaluate())
        assert statuses(metrics) == (0, 1, 0)

    def test_cancellation_of_a_task_is_no_error(self, metrics: Metrics) -> None:
        @metrics.track_evaluation("taes", "beta")
        async def evaluate() -> None:
            await asyncio.Event().wait()

        async def scenario() -> None:
            task = asyncio.ensure_future(evaluate())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(scenario())
        assert statuses(metrics) == (0, 0, 1)
        assert durations(metrics) == 1
        assert value(metrics, "nedc_active_evaluations") == 0

    def test_cancellation_of_a_future_is_no_error(self, metrics: Metrics) -> None:
        future: concurrent.futures.Future[int] = concurrent.futures.Future()
        future.cancel()
        with pytest.raises(concurrent.futures.CancelledError):
            metrics.track_evaluation("taes", "beta")(future.result)()
        assert statuses(metrics) == (0, 0, 1)

    def test_the_gauge_comes_back_when_the_process_is_interrupted(self, metrics: Metrics) -> None:
        @metrics.track_evaluation("taes", "beta")
        def evaluate() -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            evaluate()
        assert value(metrics, "nedc_active_evaluations") == 0
        assert statuses(metrics) == (0, 1, 0)

    def test_a_coroutine_that_is_never_awaited_is_not_counted(self, metrics: Metrics) -> None:
        @metrics.track_evaluation("taes", "beta")
        async def evaluate() -> None:
            """Never awaited."""

        evaluate().close()
        gc.collect()
        assert statuses(metrics) == (0, 0, 0)
        assert value(metrics, "nedc_active_evaluations") == 0

    def test_signature_name_docstring_and_kind_are_kept(self, metrics: Metrics) -> None:
        def plain(left: int, *, right: str = "x") -> bool:
            """Doc."""
            return bool(left or right)

        async def awaited(left: int, *, right: str = "x") -> bool:
            """Doc."""
            return bool(left or right)

        for function in (plain, awaited):
            tracked = metrics.track_evaluation("dp", "beta")(function)
            assert inspect.signature(tracked) == inspect.signature(function)
            assert (tracked.__name__, tracked.__doc__) == (function.__name__, "Doc.")
            assert inspect.iscoroutinefunction(tracked) == inspect.iscoroutinefunction(function)

    def test_types_are_kept(self, metrics: Metrics) -> None:
        @metrics.track_evaluation("dp", "beta")
        def plain(left: int) -> str:
            return str(left)

        @metrics.track_evaluation("dp", "beta")
        async def awaited(left: int) -> str:
            return str(left)

        checked_by_mypy: Callable[[int], str] = plain
        awaited_checked_by_mypy: Callable[[int], Awaitable[str]] = awaited
        assert checked_by_mypy(1) == "1"
        assert asyncio.run(awaited(1)) == "1"
        assert awaited_checked_by_mypy is awaited

    def test_a_method_can_be_tracked(self, metrics: Metrics) -> None:
        class Scorer:
            @metrics.track_evaluation("ira", "beta")
            def evaluate(self, pair: str) -> str:
                return f"{type(self).__name__} {pair}"

        assert Scorer().evaluate("x") == "Scorer x"
        assert statuses(metrics, "ira") == (1, 0, 0)

    def test_a_block_can_be_tracked(self, metrics: Metrics) -> None:
        with metrics.evaluating("dp", "beta"):
            assert value(metrics, "nedc_active_evaluations") == 1
        assert statuses(metrics, "dp") == (1, 0, 0)

    def test_a_request_counts_under_each_of_its_algorithms_with_the_time_of_each(self, metrics: Metrics) -> None:
        metrics.evaluated({"dp": 0.25, "taes": 4.0}, "beta", "success")
        assert [statuses(metrics, name) for name in ALGORITHMS] == [
            (1, 0, 0) if name in {"dp", "taes"} else (0, 0, 0) for name in ALGORITHMS
        ]
        for name, seconds in (("dp", 0.25), ("taes", 4.0), ("ira", 0.0)):
            spent = value(metrics, "nedc_evaluation_duration_seconds_sum", algorithm=name, pipeline="beta")
            assert spent == seconds


class TestRender:
    @pytest.mark.parametrize(
        "accept",
        [
            "",
            "*/*",
            "text/html,application/xhtml+xml",
            "text/plain;version=0.0.4",
            "text/plain;version=1.0.0;escaping=allow-utf-8",
            "text/plain;version=x.y",
            "application/openmetrics-text;version=1.0.0;q=0, text/plain",
            "application/openmetrics-textile",
            ";;;,,,q=",
        ],
    )
    def test_plain_text_is_the_default(self, everything: Metrics, accept: str) -> None:
        body, content_type = everything.render(accept)
        assert content_type == "text/plain; version=0.0.4; charset=utf-8"
        assert b"# TYPE nedc_evaluations_total counter\n" in body
        assert not body.endswith(b"# EOF\n")

    @pytest.mark.parametrize(
        "accept",
        [
            "application/openmetrics-text",
            "Application/OpenMetrics-Text; version=x.y",
            # what Prometheus 3 sends
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
                "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
                "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
            ),
        ],
    )
    def test_openmetrics_for_who_asks_for_it(self, everything: Metrics, accept: str) -> None:
        body, content_type = everything.render(accept)
        assert content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        assert body.endswith(b"# EOF\n")

    def test_both_say_the_same(self, everything: Metrics) -> None:
        everything.evaluations.labels("taes", "beta", "success").inc(3)
        everything.evaluation_duration.labels("taes", "beta").observe(0.3)
        text = parse_text(everything.render()[0].decode())
        parsed = parse_openmetrics(everything.render("application/openmetrics-text")[0].decode())  # type: ignore[no-untyped-call]
        ours, theirs = (
            {
                (sample.name, *sorted(sample.labels.items())): sample.value
                for family in found
                for sample in family.samples
                if sample.name.startswith("nedc_") and "cgroup" not in sample.name  # the kernel keeps counting
            }
            for found in (text, parsed)
        )
        assert ours == theirs
        success = ("nedc_evaluations_total", ("algorithm", "taes"), ("pipeline", "beta"), ("status", "success"))
        assert ours[success] == 3

    def test_no_series_is_spent_on_times_of_creation(self, everything: Metrics) -> None:
        assert b"_created" not in everything.render()[0]
        assert b"_created" not in everything.render("application/openmetrics-text")[0]
