"""Nothing is named that is not there, and nothing is there that is not used: live, after real traffic."""

from __future__ import annotations

import math
import re
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

from monitoring.conftest import Stack
from monitoring.files import ALERTS, RECORDED, Query, names, panel_queries, rule_queries, selectors

pytestmark = [pytest.mark.integration]

VARIABLES = {"$job": ".*", "$namespace": ".*", "$service": ".*", "$instance": ".*", "$__rate_interval": "15s"}
# Made by Prometheus itself.
ITS_OWN = {"up", "ALERTS"}
# What the service has and neither rule nor panel uses, and why.
UNUSED = {"nedc_api_tokens": "for whoever rotates tokens: docs/runbook.md"}

# What the traffic must have moved: a series that is there and stays 0 shows nothing.
MOVED = [
    *(
        f'nedc_evaluations_total{{algorithm="{name}", status="success"}}'
        for name in ("dp", "epoch", "overlap", "taes", "ira")
    ),
    *(
        f'nedc_evaluations_total{{status="{status}"}}' for status in ("refused", "error")
    ),  # with Redis none is cancelled
    *(f'nedc_cache_requests_total{{result="{result}"}}' for result in ("hit", "miss", "error", "corrupt")),
    *(f'nedc_jobs_total{{state="{state}"}}' for state in ("pending", "running", "completed", "failed", "cancelled")),
    *(f'nedc_worker_restarts_total{{reason="{reason}"}}' for reason in ("died", "timeout")),
    *(f'nedc_rate_limited_requests_total{{limit="{limit}"}}' for limit in ("default", "status")),
    *(f'nedc_http_requests_total{{status="{status}"}}' for status in ("200", "202", "204", "404", "422", "429", "503")),
    'nedc_unavailable_responses_total{reason="redis"}',
    "nedc_rate_limiter_errors_total",
    "nedc_event_loop_lag_seconds_count",
    "namespace_job_service:nedc_api_errors:ratio_rate3d",
    "namespace_job_service_algorithm:nedc_evaluation_duration_seconds:p99_rate5m",
]


def substituted(expression: str) -> str:
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression
    return expression


def exposed(stack: Stack) -> dict[str, str]:
    """The metrics of the service, as they are exposed, and their types."""
    return {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in text_string_to_metric_families(stack.server.exposition())
    }


def named() -> set[str]:
    return {name for query in (*rule_queries(), *panel_queries()) for name in names(substituted(query.expression))}


@pytest.mark.parametrize("selector", MOVED)
def test_the_traffic_moved(stack: Stack, selector: str) -> None:
    assert any(value > 0 for value in stack.prometheus.range(selector))


def test_every_metric_that_is_named_is_exposed_or_recorded(stack: Stack) -> None:
    assert named() - RECORDED - ITS_OWN <= set(exposed(stack))


def test_every_metric_of_ours_is_used_or_named_with_a_reason(stack: Stack) -> None:
    ours = {name for name in exposed(stack) if name.startswith("nedc_")}
    assert ours - named() == set(UNUSED)


def test_every_recorded_series_is_used() -> None:
    assert named() >= RECORDED


@pytest.mark.parametrize("query", [*panel_queries()], ids=lambda query: query.place)
def test_every_panel_shows_something(stack: Stack, query: Query) -> None:
    found = any(map(math.isfinite, stack.prometheus.range(substituted(query.expression))))
    if query.place == "process: CPU limit reached A" and not stack.prometheus.values(
        "nedc_cgroup_cpu_periods_total > 0"
    ):
        assert not found  # without a CPU limit, which the panel says
    else:
        assert found


@pytest.mark.parametrize("query", [*rule_queries()], ids=lambda query: query.place)
def test_every_series_that_a_rule_selects_is_there(stack: Stack, query: Query) -> None:
    found = selectors(query.expression)
    assert found or query.expression == "vector(1)"
    assert [selector for selector in found if not any(map(math.isfinite, stack.prometheus.range(selector)))] == []


def test_every_rule_is_healthy(stack: Stack) -> None:
    found = [rule for group in stack.prometheus.ask("rules")["groups"] for rule in group["rules"]]
    assert [rule["name"] for rule in found if rule["health"] != "ok"] == []
    assert {rule["name"] for rule in found} == RECORDED | {rule["alert"] for rule in ALERTS}


def test_recorded_series_keep_the_installation_they_are_of(stack: Stack) -> None:
    for name in RECORDED:
        for series in stack.prometheus.ask("query", query=name)["result"]:
            assert series["metric"]["job"] == "nedc-bench-api"
            assert series["metric"]["namespace"] == "compose"
            level = {"namespace", "job", *name.partition(":")[0].split("_")}
            assert set(series["metric"]) - {"__name__"} == level - {"service"}  # which the Prometheus operator sets


def test_a_damaged_entry_is_told(stack: Stack) -> None:
    told = stack.prometheus.values('ALERTS{alertname="NedcBenchCacheCorrupt", alertstate="firing", severity="warning"}')
    assert told == [1]


def test_the_exposition_is_clean(stack: Stack) -> None:
    text = stack.server.exposition()
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_labels_are_few(stack: Stack) -> None:
    series = re.findall(r"^nedc_", stack.server.exposition(), re.MULTILINE)
    assert len(series) < 700
