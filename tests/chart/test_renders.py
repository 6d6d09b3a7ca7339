"""What the chart renders to: as the golden files have it, each time the same, and right in both modes."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from chart import golden
from chart.rendering import (
    CASES,
    CHART,
    EACH_CASE,
    REDIS,
    ROOT,
    container,
    merged,
    notes,
    of_kind,
    one,
    pods,
    policy,
    render,
    templates,
)
from home import IMAGE
from nedc_bench.version import __version__

RECOMMENDED = {"name", "instance", "version", "component", "part-of", "managed-by"}


def test_renders_are_the_golden_ones() -> None:
    kept = {path.name: path.read_text() for path in golden.GOLDEN.iterdir()}
    assert golden.files() == kept, "see what changes, then: make golden"


@EACH_CASE
def test_a_render_depends_on_the_values_alone(values: Any) -> None:
    once = templates(values)
    assert templates(values) == once
    assert templates(values, is_upgrade=True, revision=7) == once


def test_templates_ask_neither_chance_nor_the_clock_nor_the_cluster() -> None:
    asks = re.compile(r"\b(lookup|rand\w+|uuidv4|now|date\w*|gen[A-Z]\w+|derivePassword|htpasswd|env|getHostByName)\b")
    for path in sorted((CHART / "templates").rglob("*.*")):
        actions = re.findall(r"{{.*?}}", re.sub(r'"[^"]*"', "", path.read_text()), re.DOTALL)
        assert not [action for action in actions if asks.search(action) or ".Capabilities" in action], path


@EACH_CASE
def test_all_objects_have_the_labels_that_kubernetes_recommends(values: Any) -> None:
    objects = render({key: value for key, value in values.items() if key != "extraObjects"})
    for found in [*objects, *pods(objects)]:
        names = {label.removeprefix("app.kubernetes.io/") for label in found["metadata"]["labels"]}
        assert names >= RECOMMENDED, found
        if found.get("kind") not in {"ServiceMonitor", "PrometheusRule"}:
            assert "namespace" not in found["metadata"]


def test_standalone_is_one_replica_without_autoscaler_or_disruption_budget() -> None:
    kinds = [found["kind"] for found in render()]
    assert sorted(set(kinds)) == ["ConfigMap", "Deployment", "NetworkPolicy", "Pod", "Service", "ServiceAccount"]
    assert one("Deployment")["spec"]["replicas"] == 1


@pytest.mark.parametrize("redis", [{"existingSecret": "redis-url"}, {"url": "redis://redis:6379"}])
def test_with_redis_the_autoscaler_keeps_2_to_10_replicas_at_70_percent(redis: Any) -> None:
    values = {"redis": redis}
    spec = one("HorizontalPodAutoscaler", values)["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 10)
    assert spec["metrics"][0]["resource"] == {
        "name": "cpu",
        "target": {"type": "Utilization", "averageUtilization": 70},
    }
    assert spec["scaleTargetRef"]["name"] == one("Deployment", values)["metadata"]["name"]
    assert one("PodDisruptionBudget", values)["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


@EACH_CASE
def test_replicas_are_set_where_no_autoscaler_sets_them(values: Any) -> None:
    scaled = merged(values)["autoscaling"]["external"] or of_kind("HorizontalPodAutoscaler", values)
    assert ("replicas" in one("Deployment", values)["spec"]) != bool(scaled)


def test_with_redis_and_without_autoscaler_there_are_2_replicas_unless_told() -> None:
    for told, replicas in ((None, 2), (1, 1), (5, 5)):
        values = REDIS | {"autoscaling": {"enabled": False}, "replicaCount": told}
        assert one("Deployment", values)["spec"]["replicas"] == replicas


def test_a_rollout_takes_no_pod_before_its_successor_is_ready() -> None:
    assert one("Deployment", REDIS)["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


@EACH_CASE
def test_selectors_find_the_pods_of_the_service_and_no_others(values: Any) -> None:
    (api,) = pods(of_kind("Deployment", values))
    others = [pod["metadata"]["labels"] for pod in [*pods(of_kind("Job", values)), *of_kind("Pod", values)]]
    selectors = [
        one("Deployment", values)["spec"]["selector"]["matchLabels"],
        one("Service", values)["spec"]["selector"],
    ]
    for kind in ("PodDisruptionBudget", "ServiceMonitor"):
        selectors += [found["spec"]["selector"]["matchLabels"] for found in of_kind(kind, values)]
    if merged(values)["networkPolicy"]["enabled"]:
        selectors.append(policy("api", values)["podSelector"]["matchLabels"])
    for selector in selectors:
        assert selector.items() <= api["metadata"]["labels"].items()
        assert not [labels for labels in others if selector.items() <= labels.items()]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({}, f"{IMAGE}:{__version__}"),
        ({"tag": "1.2.3"}, f"{IMAGE}:1.2.3"),
        ({"tag": "1.2.3", "digest": f"sha256:{'0' * 64}"}, f"{IMAGE}@sha256:{'0' * 64}"),
        ({"tag": f"1.2.3@sha256:{'0' * 64}"}, f"{IMAGE}:1.2.3@sha256:{'0' * 64}"),
    ],
)
def test_the_image_is_the_one_of_the_digest_or_tag(image: Any, expected: str) -> None:
    values = {"image": image, "postSync": {"enabled": True}}
    assert {spec["containers"][0]["image"] for spec in (pod["spec"] for pod in pods(render(values)))} == {expected}


def test_pods_are_replaced_when_what_they_read_at_start_changes() -> None:
    def annotations(**redis: Any) -> Any:
        return one("Deployment", {"redis": redis})["spec"]["template"]["metadata"]["annotations"]

    assert annotations(url="redis://a") != annotations(url="redis://b")
    first, second = (annotations(existingSecret="a", secretVersion=version) for version in ("1", 20260102))
    assert first["nedc-bench/redis-secret-version"] == "1"
    assert second["nedc-bench/redis-secret-version"] == "20260102"


def test_tokens_are_mounted_as_a_folder_so_that_a_change_is_seen() -> None:
    for tokens in ({"existingSecret": "tokens", "existingSecretKey": "hashes"}, {"hashes": ["0" * 64]}):
        values = {"apiTokens": tokens}
        (mount,) = (mount for mount in container(values)["volumeMounts"] if mount["name"] == "tokens")
        assert "subPath" not in mount
        assert {
            "name": "API_TOKENS_FILE",
            "value": f"{mount['mountPath']}/{tokens.get('existingSecretKey', 'tokens')}",
        } in (container(values)["env"])


def test_secrets_are_made_for_what_is_given_inline_alone() -> None:
    assert of_kind("Secret", CASES["everything"]) == []
    secrets = {found["metadata"]["name"]: found["stringData"] for found in of_kind("Secret", CASES["inline"])}
    assert secrets == {
        "scorer-redis": {"redis-url": CASES["inline"]["redis"]["url"]},
        "scorer-tokens": {"tokens": "".join(f"{text}\n" for text in CASES["inline"]["apiTokens"]["hashes"])},
    }


def test_no_password_is_written_outside_a_secret() -> None:
    for found in render(CASES["inline"]):
        assert found["kind"] == "Secret" or ":secret@" not in str(found)
    assert ":secret@" not in notes(CASES["inline"])


def test_alerts_and_dashboards_are_the_files_of_monitoring() -> None:
    values = {"prometheusRule": {"enabled": True}, "dashboards": {"enabled": True}}
    groups = [found["spec"] for found in of_kind("PrometheusRule", values)]
    assert groups == [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "monitoring/rules").glob("*.yml"))]
    assert groups
    shown = [
        found["data"] for found in of_kind("ConfigMap", values) if "grafana_dashboard" in found["metadata"]["labels"]
    ]
    assert shown == [{path.name: path.read_text()} for path in sorted((ROOT / "monitoring/dashboards").glob("*.json"))]
    assert shown


def test_prometheus_knows_the_pods_under_the_job_of_rules_and_dashboards() -> None:
    (endpoint,) = one("ServiceMonitor", {"serviceMonitor": {"enabled": True}})["spec"]["endpoints"]
    assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": "nedc-bench-api"}]
    assert endpoint["port"] == one("Service")["spec"]["ports"][0]["name"]


def test_the_probe_is_a_helm_test_and_the_same_pod_after_a_sync() -> None:
    (job,) = of_kind("Job", CASES["everything"])
    (test,) = of_kind("Pod", CASES["everything"])
    assert job["spec"]["template"]["spec"] == test["spec"]
    assert job["metadata"]["annotations"]["argocd.argoproj.io/hook"] == "PostSync"
    assert test["metadata"]["annotations"]["helm.sh/hook"] == "test"
