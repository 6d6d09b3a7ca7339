"""What holds for every render: Kubernetes takes it, Pod Security `restricted` lets it run, its figures fit together."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from chart.rendering import (
    CASES,
    CHART,
    EACH_CASE,
    HERE,
    REDIS,
    ROOT,
    container,
    env,
    merged,
    of_kind,
    one,
    pods,
    render,
)
from chart.restricted import violations
from everything import of
from nedc_bench.server import START_SECONDS

KUBERNETES = of(("1.30", "1.34", "1.37"), ("1.30", "1.37"))
CUSTOM = {path.stem: json.loads(path.read_text()) for path in (HERE / "crds").glob("*.json")}
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


@EACH_CASE
@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_knows_every_field(values: Any, version: str) -> None:
    for found in render(values):
        if found["kind"].lower() in CUSTOM:
            jsonschema.validate(found, CUSTOM[found["kind"].lower()])
        else:
            kubernetes_validate.validate(found, version, strict=True)


def test_a_field_that_kubernetes_does_not_know_is_found() -> None:
    values = CASES["everything"]
    for kind in ("ServiceMonitor", "HTTPRoute"):
        with pytest.raises(jsonschema.ValidationError, match="'misspelt' was unexpected"):
            jsonschema.validate(_misspelt(one(kind, values)), CUSTOM[kind.lower()])
    for version in KUBERNETES:
        with pytest.raises(kubernetes_validate.ValidationError, match="'misspelt' was unexpected"):
            kubernetes_validate.validate(_misspelt(one("Deployment", values)), version, strict=True)


def _misspelt(found: Any) -> Any:
    return found | {"spec": found["spec"] | {"misspelt": 1}}


def test_the_oldest_kubernetes_that_is_checked_is_the_oldest_that_the_chart_takes() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["kubeVersion"] == f">={KUBERNETES[0]}.0-0"
    assert f"on Kubernetes {KUBERNETES[0]} or newer" in (CHART / "README.md").read_text()


@EACH_CASE
def test_every_pod_may_run_where_pod_security_is_restricted(values: Any) -> None:
    for pod in pods(render(values)):
        assert violations(pod) == []
        assert pod["spec"]["automountServiceAccountToken"] is False
        for found in pod["spec"]["containers"]:
            assert found["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"podSecurityContext": {"runAsNonRoot": False}}, ["api: runAsNonRoot"]),
        ({"podSecurityContext": {"runAsUser": 0}}, ["pod: runAsUser 0"]),
        ({"podSecurityContext": {"seccompProfile": {"type": "Unconfined"}}}, ["api: seccompProfile"]),
        ({"podSecurityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}, ["sysctl kernel.msgmax"]),
        ({"securityContext": {"privileged": True}}, ["api: privileged"]),
        ({"securityContext": {"allowPrivilegeEscalation": True}}, ["api: allowPrivilegeEscalation"]),
        ({"securityContext": {"capabilities": {"drop": []}}}, ["api: capabilities are not dropped"]),
        ({"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}, ["api: capabilities are added"]),
        ({"securityContext": {"procMount": "Unmasked"}}, ["api: procMount"]),
        ({"securityContext": {"seLinuxOptions": {"type": "spc_t"}}}, ["api: seLinuxOptions"]),
    ],
)
def test_what_restricted_forbids_is_found(values: Any, expected: list[str]) -> None:
    (pod,) = pods(of_kind("Deployment", values))
    assert violations(pod) == expected


def test_what_restricted_forbids_in_the_pod_itself_is_found() -> None:
    (pod,) = pods(of_kind("Deployment"))
    pod["spec"] |= {"hostNetwork": True, "volumes": [{"name": "host", "hostPath": {"path": "/"}}]}
    pod["spec"]["containers"][0] |= {"ports": [{"containerPort": 1, "hostPort": 1}]}
    assert violations(pod) == ["hostNetwork", "volume hostPath", "api: hostPort"]


@EACH_CASE
def test_a_pod_has_time_to_leave_the_service_and_to_end_its_work(values: Any) -> None:
    spec = one("Deployment", values)["spec"]["template"]["spec"]
    before = container(values)["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert before > 0
    assert spec["terminationGracePeriodSeconds"] > before + float(env(values)["SHUTDOWN_GRACE_SECONDS"]["value"])


@pytest.mark.parametrize("budget", [1, 2, "1%", "50%"])
def test_the_disruption_budget_lets_a_drain_through_at_the_fewest_replicas(budget: int | str) -> None:
    values = REDIS | {"podDisruptionBudget": {"maxUnavailable": budget}}
    allowed = one("PodDisruptionBudget", values)["spec"]["maxUnavailable"]
    fewest = one("HorizontalPodAutoscaler", values)["spec"]["minReplicas"]
    # Kubernetes rounds a share up.
    assert (allowed if isinstance(allowed, int) else -(-fewest * int(allowed.removesuffix("%")) // 100)) >= 1


def test_rates_have_four_scrapes_at_least() -> None:
    rules = "".join(path.read_text() for path in (ROOT / "monitoring/rules").glob("*.yml"))
    shortest = min(_seconds(window) for window in re.findall(r"\[([0-9a-z]+)(?::[0-9a-z]*)?\]", rules))
    compose = yaml.safe_load((ROOT / "monitoring/prometheus.yml").read_text())
    intervals = [merged()["serviceMonitor"]["interval"], compose["global"]["scrape_interval"]]
    intervals += [job["scrape_interval"] for job in compose["scrape_configs"] if "scrape_interval" in job]
    for interval in intervals:
        assert _seconds(interval) <= shortest / 4


def _seconds(duration: str) -> float:
    return sum(int(number) * UNITS[unit] for number, unit in re.findall(r"([0-9]+)(ms|[smhd])", duration))


def test_a_slow_start_is_not_taken_for_a_dead_process() -> None:
    startup = container()["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] > START_SECONDS


def test_probes_ask_as_often_as_planned() -> None:
    liveness, readiness = container()["livenessProbe"], container()["readinessProbe"]
    assert (liveness["httpGet"]["path"], liveness["periodSeconds"]) == ("/api/v1/health", 10)
    assert (readiness["httpGet"]["path"], readiness["periodSeconds"]) == ("/api/v1/ready", 5)
    for probe in (liveness, readiness):
        assert probe["timeoutSeconds"] <= probe["periodSeconds"]


def test_resources_are_those_planned_and_the_autoscaler_has_a_request_to_go_by() -> None:
    assert container()["resources"] == {
        "requests": {"cpu": "250m", "memory": "256Mi"},
        "limits": {"cpu": "500m", "memory": "512Mi"},
    }
