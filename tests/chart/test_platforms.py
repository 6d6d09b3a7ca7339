"""What clusters, tools and people do that the chart's authors do not: each of these was refused, lost or broke once."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import helm_python as helm
import pytest
import yaml

from chart.rendering import CHART, CI, REDIS, Manifest, container, env, notes, of_kind, one, pods, render, templates

PARENT = {
    "apiVersion": "v2",
    "name": "parent",
    "version": "1.0.0",
    "dependencies": [
        {"name": "nedc-bench", "version": "*", "repository": "", "condition": "nedc-bench.enabled"},
    ],
}


# -- Redis


def test_the_ca_of_redis_is_mounted_and_named_to_the_service() -> None:
    values = {"redis": {"existingSecret": "redis-url", "caSecret": "redis-ca", "caSecretKey": "tls.crt"}}
    (mount,) = (mount for mount in container(values)["volumeMounts"] if mount["name"] == "redis-ca")
    assert env(values)["REDIS_CA_FILE"]["value"] == f"{mount['mountPath']}/tls.crt"
    (volume,) = (v for v in one("Deployment", values)["spec"]["template"]["spec"]["volumes"] if v["name"] == "redis-ca")
    assert volume["secret"]["items"] == [{"key": "tls.crt", "path": "tls.crt"}]  # never a key beside the certificate


def test_releases_that_share_a_database_have_a_prefix_each() -> None:
    assert "REDIS_PREFIX" not in env(REDIS)
    assert env({"redis": {"existingSecret": "redis-url", "prefix": "nedc-b"}})["REDIS_PREFIX"]["value"] == "nedc-b"


# -- workers


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, None),  # the chart's limit: the service counts it
        ({"limits": {"cpu": None}}, {"resourceFieldRef": {"resource": "requests.cpu", "divisor": "1"}}),
        ({"limits": {"cpu": None}, "requests": {"cpu": None}}, "2"),
        ({"limits": None, "requests": None}, "2"),
    ],
)
def test_a_pod_without_a_limit_of_its_cpu_has_no_worker_for_each_cpu_of_the_node(resources: Any, expected: Any) -> None:
    found = env({"resources": resources}).get("MAX_WORKERS", {})
    assert found.get("value", found.get("valueFrom")) == expected


def test_a_chosen_number_of_workers_is_kept() -> None:
    values = {"resources": {"limits": None}, "config": {"maxWorkers": 7}}
    assert [entry["value"] for entry in container(values)["env"] if entry["name"] == "MAX_WORKERS"] == ["7"]


# -- probes and spreading


@pytest.mark.parametrize("name", ["livenessProbe", "readinessProbe", "startupProbe"])
def test_a_null_probe_is_none(name: str) -> None:
    kinds = {"livenessProbe", "readinessProbe", "startupProbe"}
    assert kinds & container({name: None}).keys() == kinds - {name}


def test_a_selector_of_ones_own_spreads_the_pods() -> None:
    own = {
        "maxSkew": 1,
        "topologyKey": "zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"a": "b"}},
    }
    (found,) = one("Deployment", {"topologySpreadConstraints": [own]})["spec"]["template"]["spec"][
        "topologySpreadConstraints"
    ]
    assert found == own


# -- a mesh


def test_the_probe_has_labels_and_annotations_of_its_own_in_both_its_pods() -> None:
    values = {
        "postSync": {"enabled": True},
        "podAnnotations": {"a": "service"},
        "probe": {"podAnnotations": {"a": "probe"}, "podLabels": {"b": "probe"}},
    }
    (test,) = of_kind("Pod", values)
    (job,) = pods(of_kind("Job", values))
    for pod in (test, job):
        assert (pod["metadata"]["annotations"]["a"], pod["metadata"]["labels"]["b"]) == ("probe", "probe")
    assert test["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert one("Deployment", values)["spec"]["template"]["metadata"]["annotations"]["a"] == "service"


def test_labels_that_select_cannot_be_taken_away() -> None:
    values = {"commonLabels": {"app.kubernetes.io/name": "a"}, "podLabels": {"app.kubernetes.io/component": "b"}}
    selector = one("Deployment", values)["spec"]["selector"]["matchLabels"]
    (pod,) = pods(of_kind("Deployment", values))
    assert selector.items() <= pod["metadata"]["labels"].items()


def test_common_labels_and_annotations_are_on_every_object_and_pod() -> None:
    values = REDIS | {"commonLabels": {"a": "1"}, "commonAnnotations": {"b": "2"}, "postSync": {"enabled": True}}
    for found in [*render(values), *pods(render(values))]:
        assert found["metadata"]["labels"]["a"] == "1"
        assert found["metadata"]["annotations"]["b"] == "2"


# -- alerts


def all_rules(**values: Any) -> list[dict[str, Any]]:
    groups = [
        g
        for found in of_kind("PrometheusRule", {"prometheusRule": {"enabled": True} | values})
        for g in found["spec"]["groups"]
    ]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def rules(**values: Any) -> dict[str, Any]:
    """The alerts by their name; of those with one name, the last."""
    return {rule["alert"]: rule for rule in all_rules(**values)}


def test_an_alert_can_be_switched_off_and_take_another_severity() -> None:
    before = rules()
    after = rules(disabled=["NedcBenchReplicaDown"], severities={"NedcBenchDown": "info"})
    assert before.keys() - after.keys() == {"NedcBenchReplicaDown"}
    assert after["NedcBenchDown"]["labels"]["severity"] == "info"
    assert {name for name, rule in after.items() if rule != before[name]} <= {"NedcBenchDown"}


SCHEMA = json.loads((CHART / "values.schema.json").read_text())
THRESHOLDS = SCHEMA["properties"]["prometheusRule"]["properties"]["thresholds"]["propertyNames"]["enum"]


@pytest.mark.parametrize("alert", THRESHOLDS)
def test_a_warning_can_take_another_threshold(alert: str) -> None:
    changed = [
        (before, after)
        for before, after in zip(all_rules(), all_rules(thresholds={alert: 0.123}), strict=True)
        if before != after
    ]
    ((before, after),) = changed
    assert (after["alert"], after["labels"]["severity"]) == (alert, "warning")
    assert re.fullmatch(re.escape(re.sub(r"[0-9.]+\s*$", "", before["expr"])) + r"0\.123", after["expr"])
    assert before | {"expr": after["expr"]} == after


def test_alerts_carry_labels_for_their_routing_and_links_to_ones_own_runbook() -> None:
    for name, rule in rules(additionalLabels={"team": "eeg"}, runbookBaseUrl="https://wiki/runbook").items():
        assert rule["labels"]["team"] == "eeg"
        assert rule["labels"]["severity"]
        assert re.fullmatch(r"https://wiki/runbook#\w+", rule["annotations"]["runbook_url"]), name


# -- NOTES


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "port-forward service/nedc-nedc-bench 8000:80"),
        ({"service": {"type": "LoadBalancer"}}, "{.status.loadBalancer.ingress[0].ip}"),
        ({"service": {"type": "NodePort"}}, "{.spec.ports[0].nodePort}"),
        (
            {"ingress": {"enabled": True, "hosts": ["a.example.org"], "path": "/nedc/"}},
            "NEDC=http://a.example.org/nedc\n",
        ),
        (REDIS, "lets it reach Redis at port 6379. This is the port of Redis' pods"),
        (REDIS | {"autoscaling": {"external": True}}, "another autoscaler sets its replicas"),
    ],
)
def test_the_notes_say_how_to_reach_it(values: Any, said: str) -> None:
    assert said in notes(values)


# -- a subchart


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    folder = tmp_path / "parent"
    shutil.copytree(CHART, folder / "charts/nedc-bench")
    (folder / "Chart.yaml").write_text(yaml.safe_dump(PARENT))
    return folder


def _rendered(parent: Path, values: Manifest) -> list[Manifest]:
    with helm.Chart.load(parent) as chart:
        texts = chart.render({"nedc-bench": values}, name="umbrella", namespace="scoring").items()
    return [found for path, text in texts if path.endswith(".yaml") for found in yaml.safe_load_all(text) if found]


def test_a_parent_chart_switches_it_on_and_off_and_sets_its_values(parent: Path) -> None:
    names = {found["metadata"]["name"] for found in _rendered(parent, CI["sub-chart"]) if found["kind"] == "Deployment"}
    assert names == {"scorer"}
    assert _rendered(parent, CI["sub-chart"] | {"enabled": False}) == []


# -- the platforms of ci/


def test_there_are_values_for_each_platform_and_each_says_what_it_is_for() -> None:
    assert CI.keys() == {"external-autoscaler", "flux", "ipv6", "managed-redis", "mesh", "openshift", "sub-chart"}
    for path in (CHART / "ci").iterdir():
        assert path.read_text().startswith("# ")


def test_openshift_chooses_user_and_group() -> None:
    context = pods(of_kind("Deployment", CI["openshift"]))[0]["spec"]["securityContext"]
    assert context.keys().isdisjoint({"runAsUser", "runAsGroup", "fsGroup"})
    assert context["runAsNonRoot"] is True


def test_extra_objects_may_hold_templates() -> None:
    data = [found["data"] for found in of_kind("ConfigMap", CI["external-autoscaler"])]
    assert {"scaleTargetRef": "nedc-nedc-bench"} in data


# -- how the templates are written


def test_helpers_are_one_level_deep() -> None:
    """What a helper includes includes nothing itself."""
    text = (CHART / "templates/_helpers.tpl").read_text()
    bodies = dict(re.findall(r'define "([\w.-]+)" -}}(.*?)\n{{- end }}\n', text, re.DOTALL))
    included = {name: re.findall(r'include "([\w.-]+)"', body) for name, body in bodies.items()}
    assert included
    assert [(name, inner) for name, found in included.items() for inner in found if included[inner]] == []


def test_what_is_off_renders_to_nothing() -> None:
    assert not templates()["nedc-bench/templates/extra.yaml"].strip()
