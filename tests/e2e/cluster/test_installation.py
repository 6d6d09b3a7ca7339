"""Installing and uninstalling: with the chart's defaults, and with a Redis that starts late."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from e2e.cluster.release import NAME, SELECTOR, SERVICE_PROCESS, Release, is_ready, restarts
from e2e.kube import HELM_TIMEOUT, Namespace, until
from nedc_bench.version import __version__

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1500)]

EVERYTHING = {
    "apiTokens": {"hashes": ["0" * 64]},
    "dashboards": {"enabled": True},
    "ingress": {"enabled": True, "hosts": ["nedc.example.org"]},
    "prometheusRule": {"enabled": True},
    "redis": {"url": "redis://redis:6379/0"},
    "serviceMonitor": {"enabled": True},
}


@pytest.fixture(scope="module")
def standalone(namespace: Namespace, loaded: str) -> Release:
    """The chart's defaults: only the image is set."""
    release = Release(namespace, loaded)
    release.install({}, "--wait", "--timeout", HELM_TIMEOUT)
    return release


def test_a_plain_install_is_one_ready_replica_that_passes_its_test(standalone: Release, record_property: Any) -> None:
    (pod,) = standalone.pods
    assert (is_ready(pod), restarts([pod])) == (True, 0)
    ready_at = next(c.last_transition_time for c in pod.status.conditions if c.type == "Ready")
    record_property("seconds_to_ready", (ready_at - pod.metadata.creation_timestamp).total_seconds())
    assert standalone.get("/api/v1/ready").json() == {"status": "ready", "version": __version__}
    assert "probe passed: every figure is the original's" in standalone.test()


def test_a_process_that_hangs_is_unready_and_then_restarted(standalone: Release) -> None:
    probes = {"periodSeconds": 2, "timeoutSeconds": 2, "failureThreshold": 3}
    standalone.upgrade(
        {
            "livenessProbe": probes | {"failureThreshold": 6, "terminationGracePeriodSeconds": 1},
            "readinessProbe": probes | {"failureThreshold": 1},
        }
    )
    (pod,) = standalone.await_ready(1)
    standalone.namespace.exec(pod.metadata.name, "sh", "-c", f"kill -STOP {SERVICE_PROCESS}")
    listing = standalone.namespace.cluster.core.list_namespaced_pod
    standalone.namespace.awaited(listing, lambda pods: not any(map(is_ready, pods)), "the pod is unready")
    assert restarts(standalone.pods) == 0
    (again,) = standalone.await_ready(1, "the pod is ready again")
    assert (again.metadata.name, restarts([again])) == (pod.metadata.name, 1)
    assert again.status.container_statuses[0].last_state.terminated.exit_code == 137


def everything_in(namespace: Namespace) -> set[str]:
    """All objects of a namespace, except events, pod metrics and those that every namespace has."""
    kinds = namespace.kubectl("api-resources", "--namespaced", "--verbs=list", "--output=name").split()
    kinds = [kind for kind in kinds if not kind.startswith(("events", "pods.metrics"))]
    found = namespace.kubectl("get", ",".join(kinds), "--output=name", "--ignore-not-found").split()
    return set(found) - {"serviceaccount/default", "configmap/kube-root-ca.crt"}


def test_uninstalling_leaves_nothing(standalone: Release) -> None:
    namespace = standalone.namespace
    namespace.helm("uninstall", NAME, "--wait", "--timeout", HELM_TIMEOUT)
    until(lambda: not everything_in(namespace), "the plain installation has gone")
    standalone.install(EVERYTHING)
    assert {name.partition("/")[0] for name in everything_in(namespace)} > {
        "configmap",
        "deployment.apps",
        "horizontalpodautoscaler.autoscaling",
        "ingress.networking.k8s.io",
        "networkpolicy.networking.k8s.io",
        "poddisruptionbudget.policy",
        "secret",
        "service",
        "serviceaccount",
        "servicemonitor.monitoring.coreos.com",
    }
    namespace.helm("uninstall", NAME, "--wait", "--timeout", HELM_TIMEOUT)
    until(lambda: not everything_in(namespace), "the whole installation has gone")


def misses_redis_alone(release: Release, pod: str) -> bool:
    answer = release.get("/api/v1/ready", pod)
    detail = str(answer.json().get("detail"))
    return (
        answer.status_code == 503
        and detail.startswith("redis: ")
        and "workers" not in detail
        and "parity" not in detail
    )


def test_replicas_wait_for_redis_and_need_no_restart(release_without_redis: Release) -> None:
    release = release_without_redis
    core, name = release.namespace.cluster.core, release.namespace.name

    def started(pods: list[Any]) -> list[str]:
        ours = [pod for pod in pods if pod.status.container_statuses and pod.status.container_statuses[0].started]
        return [pod.metadata.name for pod in ours] if len(ours) == 2 else []

    pods = release.namespace.awaited(core.list_namespaced_pod, started, "both processes are up")
    for pod in pods:
        assert release.get("/api/v1/health", pod).status_code == 200
        until(partial(misses_redis_alone, release, pod), f"{pod} misses Redis alone")
    found = core.list_namespaced_pod(name, label_selector=SELECTOR).items
    assert [is_ready(pod) for pod in found] == [False, False]
    release.namespace.start_redis()
    ready = release.await_ready(2, "both replicas are ready once Redis is there")
    assert sorted(pod.metadata.name for pod in ready) == sorted(pods)
    assert restarts(ready) == 0
    assert "probe passed: every figure is the original's" in release.test()
