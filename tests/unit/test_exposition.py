"""The two formats in which Prometheus gets the metrics."""

from __future__ import annotations

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from nedc_bench.monitoring import Metrics
from sampling import all_metrics


@pytest.fixture
def metrics() -> Metrics:
    return all_metrics()


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
def test_plain_text_is_the_default(metrics: Metrics, accept: str) -> None:
    body, content_type = metrics.render(accept)
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
def test_openmetrics_for_who_asks_for_it(metrics: Metrics, accept: str) -> None:
    body, content_type = metrics.render(accept)
    assert content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert body.endswith(b"# EOF\n")


def test_both_say_the_same(metrics: Metrics) -> None:
    metrics.evaluations.labels("taes", "beta", "success").inc(3)
    metrics.evaluation_duration.labels("taes", "beta").observe(0.3)
    text = parse_text(metrics.render()[0].decode())
    parsed = parse_openmetrics(metrics.render("application/openmetrics-text")[0].decode())  # type: ignore[no-untyped-call]
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


def test_no_series_is_spent_on_times_of_creation(metrics: Metrics) -> None:
    assert b"_created" not in metrics.render()[0]
    assert b"_created" not in metrics.render("application/openmetrics-text")[0]
