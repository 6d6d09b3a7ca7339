"""The autoscaler adds replicas under load and removes them again, and no request fails."""

from __future__ import annotations

import time
from typing import Any

import pytest

from e2e.cluster.release import FULL_NAME, Release, load

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1500)]

FAST = {
    "scaleUp": {"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 2, "periodSeconds": 5}]},
    "scaleDown": {"stabilizationWindowSeconds": 20, "policies": [{"type": "Pods", "value": 4, "periodSeconds": 5}]},
}
TARGET_PERCENT = 40  # of the CPU request; reached even on a busy machine, where pods get less CPU than they could use
DEADLINE_SECONDS = 420.0  # by default, a cluster decides every 15 s, on metrics that are a minute old


def test_replicas_follow_the_load(release: Release, record_property: Any) -> None:
    apps = release.namespace.cluster.apps

    def ready_replicas(wanted: int) -> None:
        def reached(deployments: list[Any]) -> bool:
            ours = [item for item in deployments if item.metadata.name == FULL_NAME]
            return [item.status.ready_replicas for item in ours] == [wanted]

        release.namespace.awaited(apps.list_namespaced_deployment, reached, f"{wanted} are ready", DEADLINE_SECONDS)

    release.upgrade(
        {"autoscaling": {"maxReplicas": 3, "targetCPUUtilizationPercentage": TARGET_PERCENT, "behavior": FAST}}
    )
    with load(release, "--rate", "0", "--callers", "8", "--seconds", str(DEADLINE_SECONDS)) as found:
        began = time.monotonic()
        ready_replicas(3)
        record_property("seconds_to_scale_out", time.monotonic() - began)
    found.assert_no_failure()
    with load(release, "--rate", "2", "--seconds", str(DEADLINE_SECONDS)) as found:
        began = time.monotonic()
        ready_replicas(2)
        record_property("seconds_to_scale_in", time.monotonic() - began)
    found.assert_no_failure()
    release.upgrade({"autoscaling": {"maxReplicas": 2, "targetCPUUtilizationPercentage": 70}})
    release.await_ready(2)
