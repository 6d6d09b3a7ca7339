"""The dashboards, as files: what Grafana needs, and what a reader needs."""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any

import pytest
import yaml

from home import PAGES
from monitoring.files import DASHBOARDS, FOLDER, RECORDS, panels

every_dashboard = pytest.mark.parametrize("dashboard", [*DASHBOARDS.values()], ids=[*DASHBOARDS])
UNITS = {"short", "s", "bytes", "percentunit", "ops", "reqps"}
RUNBOOK = f"{PAGES}/docs/runbook.md#alerts"


def test_these_are_the_dashboards() -> None:
    uids = {name: dashboard["uid"] for name, dashboard in DASHBOARDS.items()}
    assert uids == {name: f"nedc-bench-{name}" for name in ("evaluations", "jobs", "overview", "process")}
    assert len({dashboard["title"] for dashboard in DASHBOARDS.values()}) == len(DASHBOARDS)


@every_dashboard
def test_it_is_for_grafana_11_and_newer_and_belongs_to_no_installation(dashboard: dict[str, Any]) -> None:
    assert dashboard["schemaVersion"] >= 39
    assert "id" not in dashboard
    assert "__inputs" not in dashboard
    assert dashboard["description"]


@every_dashboard
def test_its_variables(dashboard: dict[str, Any]) -> None:
    source, namespace, job = dashboard["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", "prometheus")
    assert (namespace["name"], job["name"]) == ("namespace", "job")
    assert '{namespace=~"$namespace"}' in job["query"]["query"]
    for variable in (namespace, job):
        assert variable["includeAll"]
        assert variable["allValue"] == ".*"  # matches series that lack the label, too
        assert variable["refresh"] == 2


@every_dashboard
def test_it_leads_to_the_others_and_to_the_runbook(dashboard: dict[str, Any]) -> None:
    others, runbook = dashboard["links"]
    assert (others["type"], others["includeVars"], others["keepTime"]) == ("dashboards", True, True)
    assert set(others["tags"]) <= set(dashboard["tags"])
    assert runbook["url"] == RUNBOOK


@every_dashboard
def test_every_panel_says_what_it_shows_and_in_which_unit(dashboard: dict[str, Any]) -> None:
    for panel in panels(dashboard):
        assert panel["type"] in {"timeseries", "stat", "heatmap"}
        assert panel["description"].endswith("."), panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        if panel["type"] == "heatmap":
            assert panel["options"]["yAxis"]["unit"] in UNITS


@every_dashboard
def test_panels_lie_beside_each_other_within_the_grid(dashboard: dict[str, Any]) -> None:
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    titles = [panel["title"] for panel in panels(dashboard)]
    assert len(set(titles)) == len(titles)
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)


@every_dashboard
def test_every_query_keeps_to_the_variables(dashboard: dict[str, Any]) -> None:
    for panel in panels(dashboard):
        assert [target["refId"] for target in panel["targets"]] == list("ABCDEFGH"[: len(panel["targets"])])
        for target in panel["targets"]:
            selected = re.findall(r"\{[^}]*\}", target["expr"])
            assert selected
            assert all(found.startswith('{job=~"$job", namespace=~"$namespace"') for found in selected)
            assert target["legendFormat"]


@every_dashboard
def test_ranges_follow_what_is_looked_at(dashboard: dict[str, Any]) -> None:
    for panel in panels(dashboard):
        for target in panel["targets"]:
            assert set(re.findall(r"\[([^\]]*)\]", target["expr"])) <= {"$__rate_interval"}


def test_what_is_recorded_is_not_asked_for_anew() -> None:
    recorded = {re.sub(r"\s+|\{[^}]*\}|\[[^\]]*\]", "", rule["expr"]) for rule in RECORDS}
    asked = {
        re.sub(r"\s+|\{[^}]*\}|\[[^\]]*\]", "", target["expr"])
        for dashboard in DASHBOARDS.values()
        for panel in panels(dashboard)
        for target in panel["targets"]
    }
    assert recorded & asked == set()


def test_grafana_is_told_of_prometheus_and_the_dashboards() -> None:
    (source,) = yaml.safe_load((FOLDER / "grafana/datasources/prometheus.yml").read_text())["datasources"]
    assert (source["type"], source["url"], source["isDefault"]) == ("prometheus", "http://prometheus:9090", True)
    scraped = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scraped
    (provider,) = yaml.safe_load((FOLDER / "grafana/dashboards/nedc-bench.yml").read_text())["providers"]
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards"
