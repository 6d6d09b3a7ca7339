"""The values in the chart's ``ci/``: the cluster accepts each object, and installations score correctly."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from e2e.cluster.release import FULL_NAME, NAME, Release
from e2e.kube import CHART, HELM_TIMEOUT, Cluster, Namespace

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1500)]

PLATFORMS = {
    path.name.removesuffix("-values.yaml"): yaml.safe_load(path.read_text())
    for path in sorted((CHART / "ci").glob("*-values.yaml"))
}
# The others need what a test cluster lacks: OpenShift's DNS, IPv6, a managed Redis.
RUN = ("external-autoscaler", "flux", "mesh", "sub-chart")


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_cluster_takes_every_object(namespace: Namespace, platform: str) -> None:
    rendered = namespace.helm("template", NAME, str(CHART), "--skip-tests", values=PLATFORMS[platform])
    objects = [found for found in yaml.safe_load_all(rendered) if found]
    if platform == "ipv6":  # a cluster without IPv6 refuses an IPv6 Service
        objects = [found for found in objects if found["kind"] != "Service"]
    assert objects
    namespace.apply(*objects, dry_run=True)


@pytest.mark.parametrize("platform", RUN)
def test_it_runs_and_scores(cluster: Cluster, loaded: str, platform: str) -> None:
    values: dict[str, Any] = dict(PLATFORMS[platform])
    with cluster.namespace("platform") as namespace:
        if "redis" in values:
            namespace.start_redis()
            values["redis"] = {"url": namespace.redis_url}
        release = Release(namespace, loaded)
        release.install(values, "--wait", "--timeout", HELM_TIMEOUT)
        assert "probe passed: every figure is the original's" in release.test()


def test_an_upgrade_leaves_the_replicas_that_another_autoscaler_has_set(cluster: Cluster, loaded: str) -> None:
    with cluster.namespace("platform") as namespace:
        namespace.start_redis()
        release = Release(namespace, loaded)
        release.install({"redis": {"url": namespace.redis_url}, "autoscaling": {"external": True}})
        release.await_ready(1)
        namespace.kubectl("scale", f"deployment/{FULL_NAME}", "--replicas=2")
        release.await_ready(2)
        release.upgrade({"podLabels": {"changed": "yes"}})
        release.await_ready(2)
