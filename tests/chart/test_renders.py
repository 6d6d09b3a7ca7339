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
    EVERY_CASE,
    REDIS,
    ROOT,
    container,
    merged,
    notes,
    of_kind,
    one,
    pods,
    render,
    templates,
)
from home import IMAGE
from nedc_bench.version import __version__

EACH_CASE = pytest.mark.parametrize("values", EVERY_CASE.values(), ids=EVERY_CASE)
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


def test_the_network_policy_opens_the_port_to_clients_scrapers_and_the_probe() -> None:
    values = CASES["everything"]
    api = policy("api", values)
    assert api["policyTypes"] == ["Ingress", "Egress"]
    named = values["networkPolicy"]
    ingress, extra_ingress = api["ingress"]
    assert ingress["from"][:-1] == [*named["clients"], *named["scrapers"]]
    probe = ingress["from"][-1]["podSelector"]["matchLabels"].items()
    let_in = [
        kind for kind in ("Pod", "Job", "Deployment") for pod in pods(of_kind(kind, values)) if probe <= _labels(pod)
    ]
    assert let_in == ["Pod", "Job"]
    dns, redis, extra_egress = api["egress"]
    assert (dns["to"], {port["port"] for port in dns["ports"]}) == (named["dns"], {5353})
    assert (redis["to"], [port["port"] for port in redis["ports"]]) == (named["redis"], [6380, 26379])
    assert ([extra_ingress], [extra_egress]) == (named["extraIngress"], named["extraEgress"])


def policy(component: str, values: Any = None) -> Any:
    """The specification of the NetworkPolicy of the service's pods, or of the probe's."""
    (found,) = (
        found["spec"]
        for found in of_kind("NetworkPolicy", values)
        if found["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == component
    )
    return found


def test_the_probe_reaches_dns_and_the_service_in_a_namespace_that_denies_all_by_default() -> None:
    values = CASES["everything"]
    probe = policy("probe", values)
    assert (probe["policyTypes"], probe.get("ingress", [])) == (["Ingress", "Egress"], [])
    dns, service = probe["egress"]
    assert (dns["to"], {port["port"] for port in dns["ports"]}) == (values["networkPolicy"]["dns"], {5353})
    (port,) = container(values)["ports"]
    assert service["ports"] == [{"port": port["containerPort"], "protocol": "TCP"}]
    assert service["to"] == [{"podSelector": policy("api", values)["podSelector"]}]


@pytest.mark.parametrize(
    ("url", "ports"),
    [
        ("redis://redis", [6379]),
        ("redis://:a%40b@redis.example.org:6380/0", [6380]),
        ("rediss://user:1234@redis.example.org:6380", [6380]),
        ("redis://[fd00::1]:6381/0", [6381]),
        ("redis+sentinel://a,b:26380/primary?sentinel_password=x:1", [6379, 26379, 26380]),
        ("rediss+cluster://:secret@a:7000,b:7001,c", [7000, 7001, 6379]),
    ],
)
def test_the_policy_opens_the_ports_that_the_url_names(url: str, ports: list[int]) -> None:
    _, redis = policy("api", {"redis": {"url": url}})["egress"]
    assert redis["ports"] == [{"port": port, "protocol": "TCP"} for port in ports]


def test_the_policy_opens_the_given_ports_whatever_the_url_names() -> None:
    values = {"redis": {"url": "redis://redis:6380"}, "networkPolicy": {"redisPorts": [16379]}}
    _, redis = policy("api", values)["egress"]
    assert redis["ports"] == [{"port": 16379, "protocol": "TCP"}]


def test_a_redis_at_a_unix_socket_needs_no_port() -> None:
    assert len(policy("api", {"redis": {"url": "unix:///run/redis.sock"}})["egress"]) == 1


def _labels(found: Any) -> Any:
    return found["metadata"]["labels"].items()


def test_standalone_pods_reach_nothing_but_dns() -> None:
    (dns,) = policy("api")["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}


def test_the_probe_is_a_helm_test_and_the_same_pod_after_a_sync() -> None:
    (job,) = of_kind("Job", CASES["everything"])
    (test,) = of_kind("Pod", CASES["everything"])
    assert job["spec"]["template"]["spec"] == test["spec"]
    assert job["metadata"]["annotations"]["argocd.argoproj.io/hook"] == "PostSync"
    assert test["metadata"]["annotations"]["helm.sh/hook"] == "test"


@pytest.mark.parametrize(
    ("release", "name"),
    [("nedc", "nedc-nedc-bench"), ("nedc-bench", "nedc-bench"), ("eeg.nedc-bench", "eeg-nedc-bench")],
)
def test_what_the_runbook_calls_service_has_one_name_and_the_releases_labels(release: str, name: str) -> None:
    labels = {"app.kubernetes.io/instance": release, "app.kubernetes.io/component": "api"}
    objects = render(REDIS, name=release)
    found = [
        each["metadata"]["name"]
        for each in objects
        if each["kind"] == "Deployment" and labels.items() <= each["metadata"]["labels"].items()
    ]
    assert found == [name]
    named = {each["kind"] for each in objects if each["metadata"]["name"] == name}
    assert named >= {"Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget"}


@pytest.mark.parametrize("release", ["nedc-bench", "r" * 53, "a", "123", "true", "1e3", "0x1f", "my.release", "null"])
def test_names_fit_whatever_the_release_is_called(release: str) -> None:
    values = CASES["everything"] | {"nameOverride": "n" * 63}
    for found in [*render(name=release), *render(values, name=release), *render(CASES["inline"], name=release)]:
        labels, name = found["metadata"].get("labels", {}), found["metadata"]["name"]
        assert re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", name), name
        assert all(isinstance(value, str) and len(value) <= 63 for value in labels.values())
        if "helm.sh/chart" in labels:
            assert labels["app.kubernetes.io/instance"] == release


@pytest.mark.parametrize("name", ["true", "null", "yes"])
def test_a_name_that_yaml_reads_as_something_else_stays_a_name(name: str) -> None:
    values = {
        "fullnameOverride": name,
        "nameOverride": name,
        "redis": {"url": "redis://a"},
        "serviceAccount": {"name": name},
    }
    assert {one(kind, values)["metadata"]["name"] for kind in ("Deployment", "Service", "ServiceAccount")} == {name}
    assert one("HorizontalPodAutoscaler", values)["spec"]["scaleTargetRef"]["name"] == name
    assert one("Deployment", values)["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] == name
