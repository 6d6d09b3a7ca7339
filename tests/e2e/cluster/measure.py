"""Measures the chart on a cluster: time to ready, requests per second by replicas, latency by CPU limit; prints JSON.

    IMAGE=nedc-bench:dev PYTHONPATH=tests python -m e2e.cluster.measure

The client runs in a pod beside the service; every caller waits for its evaluation, and no pair is cached. The machine's
CPUs limit everything, so read the figures together with their number.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from e2e.cluster.release import UNLIMITED, Release, load
from e2e.kube import HELM_TIMEOUT, REDIS_IMAGE, Cluster, load_image

SECONDS = 15
CALLERS = 8


def measured(release: Release) -> dict[str, Any]:
    """The counts of a client after some seconds at full speed."""
    evaluating = ("--rate", "0", "--callers", str(CALLERS), "--waits")
    with load(release, *evaluating) as full, load(release, "--health", "--rate", "20", "--callers", "2") as health:
        time.sleep(SECONDS)
    full.assert_no_failure()
    health.assert_no_failure()
    return {
        "evaluations_per_second": round(full.report["evaluated"] / full.report["seconds"], 1),
        "evaluate_milliseconds": milliseconds(full.report),
        "health_milliseconds": milliseconds(health.report),
    }


def milliseconds(report: dict[str, Any]) -> dict[str, float]:
    return {name: round(1000 * value, 1) for name, value in report["latency_seconds"].items()}


def main() -> None:
    """Measure, and print the results."""
    cluster, image = Cluster(), os.environ["IMAGE"]
    for name in (image, REDIS_IMAGE):
        load_image(name)
    found: dict[str, Any] = {"cpus": os.cpu_count()}
    with cluster.namespace("cluster-measure") as namespace:
        release = Release(namespace, image)
        began = time.monotonic()
        release.install({"config": UNLIMITED}, "--wait", "--timeout", HELM_TIMEOUT)
        found["seconds_from_install_to_ready"] = round(time.monotonic() - began, 1)
        namespace.start_redis()
        found["replicas"] = {}
        one = {"redis": {"url": namespace.redis_url}, "autoscaling": {"enabled": False}}
        for replicas in (1, 2, 4):
            release.upgrade(one | {"replicaCount": replicas})
            release.await_ready(replicas)
            found["replicas"][replicas] = measured(release)
        found["cpu_limit"] = {}
        for limit in ("250m", "500m", "1", "2"):
            resources = {"requests": {"cpu": "250m"}, "limits": {"cpu": limit}}
            release.upgrade(one | {"replicaCount": 1, "resources": resources})
            release.await_ready(1)
            found["cpu_limit"][limit] = measured(release)
    cluster.close()
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
