"""The chart's monitoring objects: the real CRDs accept them, and a real Prometheus finds the pods by them."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from e2e.cluster.prometheus import Prometheus, custom_objects
from e2e.cluster.release import NAME, Release
from e2e.kube import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1500)]


@pytest.mark.parametrize("kind", ["ServiceMonitor", "PrometheusRule"])
def test_the_custom_resources_know_every_field(release: Release, kind: str) -> None:
    manifests = yaml.safe_load_all(release.namespace.helm("get", "manifest", NAME))
    rendered = {item["metadata"]["name"]: item for item in manifests if item and item["kind"] == kind}
    assert rendered
    release.namespace.apply(*rendered.values(), dry_run=True)  # an unknown field is an error
    kept = {item["metadata"]["name"]: item for item in custom_objects(release.namespace, f"{kind.lower()}s")}
    assert kept.keys() == rendered.keys()
    for name, item in rendered.items():
        assert_holds(kept[name]["spec"], item["spec"])


def assert_holds(kept: Any, asked: Any) -> None:
    """Assert that the cluster dropped or changed nothing; it may have added defaults."""
    if isinstance(asked, dict):
        for key, value in asked.items():
            assert_holds(kept[key], value)
    elif isinstance(asked, list):
        for one, other in zip(kept, asked, strict=True):
            assert_holds(one, other)
    else:
        assert kept == asked


def test_prometheus_scrapes_every_pod(release: Release, prometheus: Prometheus) -> None:
    def up() -> dict[str, str]:
        return {found["metric"]["pod"]: found["value"][1] for found in prometheus.query('up{job="nedc-bench-api"}')}

    names = {pod.metadata.name for pod in release.pods}
    until(lambda: up() == dict.fromkeys(names, "1"), "both pods are scraped")
    assert {found["metric"]["pod"] for found in prometheus.query("nedc_redis_up == 1")} == names


def test_prometheus_takes_every_rule(prometheus: Prometheus) -> None:
    def unevaluated() -> list[Any]:
        rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
        return [rule["name"] for rule in rules if rule["health"] == "unknown"]

    until(lambda: not unevaluated(), "every rule has been evaluated")
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert rules
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []
