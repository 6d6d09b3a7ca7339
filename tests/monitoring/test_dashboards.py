"""The dashboards, as files: what Grafana needs, and what a reader needs."""

from __future__ import annotations

import copy
import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from home import PAGES
from monitoring.files import DASHBOARDS, FOLDER, RECORDS, panels

every_dashboard = pytest.mark.parametrize("dashboard", [*DASHBOARDS.values()], ids=[*DASHBOARDS])
UNITS = {"short", "s", "bytes", "percentunit", "ops", "reqps"}
RUNBOOK = f"{PAGES}/docs/runbook.md#alerts"
SCHEMAS = {path.stem: json.loads(path.read_text()) for path in (Path(__file__).parent / "schemas").glob("*.json")}


def refused_by_grafana(dashboard: dict[str, Any]) -> list[str]:
    """What Grafana's published schemas find wrong with a dashboard, its panels' options and its queries."""
    found = list(_refused("dashboard", "Dashboard", dashboard))
    for panel in panels(dashboard):
        found += _refused(panel["type"], "Options", panel["options"])
        if custom := panel["fieldConfig"]["defaults"].get("custom"):
            found += _refused(panel["type"], "FieldConfig", custom)
        for target in panel["targets"]:
            found += _refused("prometheus", "Dataquery", target)
    return found


def _refused(schema: str, definition: str, instance: Any) -> list[str]:
    checked = SCHEMAS[schema] | {"$ref": f"#/definitions/{definition}"}
    errors = jsonschema.Draft7Validator(checked).iter_errors(instance)
    return [f"{schema} {'/'.join(map(str, error.absolute_path))}: {error.message}" for error in errors]


@every_dashboard
def test_grafanas_schemas_accept_it(dashboard: dict[str, Any]) -> None:
    assert refused_by_grafana(dashboard) == []


@pytest.mark.parametrize(
    ("break_it", "expected"),
    [
        (lambda found: found.pop("templating"), "'templating' is a required property"),
        (lambda found: found.update(tittle="x"), "'tittle' was unexpected"),
        (lambda found: found["links"][0].pop("tooltip"), "'tooltip' is a required property"),
        (lambda found: panels(found)[0]["options"].update(colour="x"), "'colour' was unexpected"),
        (lambda found: panels(found)[0]["targets"][0].update(expr=1), "1 is not of type 'string'"),
    ],
)
def test_what_grafana_would_refuse_is_found(break_it: Any, expected: str) -> None:
    broken = copy.deepcopy(DASHBOARDS["overview"])
    break_it(broken)
    (found,) = refused_by_grafana(broken)
    assert expected in found


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
    source, namespace, job, service, instance = dashboard["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", "prometheus")
    names = [variable["name"] for variable in (namespace, job, service, instance)]
    assert names == ["namespace", "job", "service", "instance"]
    assert 'service=~"$service"' in instance["query"]
    assert '{namespace=~"$namespace"}' in job["query"]
    for variable in (namespace, job, service, instance):
        assert variable["includeAll"]
        assert variable["allValue"] == ".*"  # matches series that lack the label, too
        assert variable["refresh"] == 2


@every_dashboard
def test_it_leads_to_the_others_and_to_the_runbook(dashboard: dict[str, Any]) -> None:
    others, runbook, alerts = dashboard["links"]
    assert (others["type"], others["includeVars"], others["keepTime"]) == ("dashboards", True, True)
    assert set(others["tags"]) <= set(dashboard["tags"])
    assert runbook["url"] == RUNBOOK
    assert alerts["url"] == "/alerting/list?search=NedcBench"


@every_dashboard
def test_it_marks_deployments_and_alerts(dashboard: dict[str, Any]) -> None:
    deployments, alerts = dashboard["annotations"]["list"]
    assert "nedc_build_info" in deployments["expr"]
    assert "ALERTS{" in alerts["expr"]
    assert all(found["enable"] and "$namespace" in found["expr"] for found in (deployments, alerts))


@every_dashboard
def test_no_panel_shows_nan_and_one_that_may_be_empty_says_why(dashboard: dict[str, Any]) -> None:
    """A share of nothing, and a quantile of nothing, are NaN; on a fresh install nothing has been done."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            may_be_nan = re.search(r"histogram_quantile| / |ratio|remaining|:p\d\d_", target["expr"])
            assert bool(may_be_nan) == target["expr"].endswith(" > -Inf"), panel["title"]
            assert not may_be_nan or panel["fieldConfig"]["defaults"]["noValue"]


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
            assert all(
                found.startswith('{job=~"$job", namespace=~"$namespace", service=~"$service"') for found in selected
            )
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


def test_grafana_is_told_of_prometheus() -> None:
    (source,) = yaml.safe_load((FOLDER / "grafana/datasources/prometheus.yml").read_text())["datasources"]
    assert (source["type"], source["url"], source["isDefault"]) == ("prometheus", "http://prometheus:9090", True)
    scraped = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scraped
