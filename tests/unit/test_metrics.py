"""The service's metrics: their buckets, and what each is at the start.

tests/monitoring compares all of them with docs/metrics.md, and promtool checks their names there.
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families as parse

from nedc_bench import ALGORITHMS, __version__
from nedc_bench.monitoring import Metrics
from sampling import all_metrics, durations, statuses, value


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


# -- names


def test_beside_ours_the_metrics_are_those_of_the_process() -> None:
    names = re.findall(r"^# TYPE (\S+) ", all_metrics().render()[0].decode(), re.MULTILINE)
    assert len(names) == len(set(names))
    others = {name for name in names if not name.startswith("nedc_")}
    assert {"process_resident_memory_bytes", "process_cpu_seconds_total", "python_info"} <= others
    assert all(name.startswith(("process_", "python_")) for name in others)


def test_ours_are_described_by_a_sentence_and_shares_are_no_percentages() -> None:
    for family in parse(all_metrics().render()[0].decode()):
        if family.name.startswith("nedc_"):
            assert family.documentation.endswith(".")
            assert "percent" not in family.name


def test_redis_is_not_mentioned_where_there_is_none(metrics: Metrics) -> None:
    assert b"nedc_redis" not in metrics.render()[0]
    assert b'backend="redis"' not in metrics.render()[0]
    metrics.redis_up.set(1)


def test_the_buckets_of_evaluations_are_from_a_millisecond_to_ten_seconds(metrics: Metrics) -> None:
    (family,) = (
        family for family in parse(metrics.render()[0].decode()) if family.name == "nedc_evaluation_duration_seconds"
    )
    bounds = [sample.labels.get("le") for sample in family.samples if sample.labels["algorithm"] == "dp"]
    expected = ["0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.5", "1.0", "2.5", "5.0", "10.0"]
    assert [bound for bound in bounds if bound] == [*expected, "+Inf"]


# -- at the start


def test_known_label_sets_start_at_zero(metrics: Metrics) -> None:
    for algorithm in ALGORITHMS:
        assert set(statuses(metrics, algorithm).values()) == {0}
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


def test_build_info_names_version_commit_and_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEDC_BENCH_COMMIT", "0123abc")
    labels = {"version": __version__, "commit": "0123abc", "python": platform.python_version()}
    assert value(Metrics(), "nedc_build_info", **labels) == 1


def test_each_service_has_a_registry_of_its_own(metrics: Metrics) -> None:
    metrics.rate_limiter_errors.inc()
    assert value(Metrics(), "nedc_rate_limiter_errors_total") == 0
    assert not [family.name for family in REGISTRY.collect() if family.name.startswith("nedc_")]


def test_nothing_is_made_at_import() -> None:
    code = """
import gc, nedc_bench.monitoring as monitoring
from prometheus_client import REGISTRY
from aioprometheus import REGISTRY as OTHER
assert not [m for m in gc.get_objects() if isinstance(m, monitoring.Metrics)]
assert not [f.name for f in REGISTRY.collect() if f.name.startswith("nedc")]
assert not OTHER.get_all()
"""
    subprocess.run([sys.executable, "-c", code], check=True)
