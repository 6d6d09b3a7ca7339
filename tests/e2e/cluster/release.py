"""A release of the chart in a namespace, and a client pod that puts load on it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from e2e.kube import CHART, HELM_TIMEOUT, PROJECT, WAIT_SECONDS, Namespace, until

NAME = "nedc"
FULL_NAME = f"{NAME}-nedc-bench"
GOLDEN = PROJECT / "service/nedc_bench/monitoring/golden"
SELECTOR = f"app.kubernetes.io/instance={NAME},app.kubernetes.io/component=api"
SERVICE_PROCESS = "$(cat /proc/1/task/1/children)"  # in a shell: the child of PID 1, the image's init
UNLIMITED = {"rateLimit": "1000000/minute", "statusRateLimit": "1000000/minute"}


@dataclass(frozen=True)
class Release:
    """The chart installed as ``nedc``, with an image loaded on the cluster."""

    namespace: Namespace
    image: str

    @property
    def values(self) -> dict[str, Any]:
        """The values that every installation of the tests sets: the image."""
        repository, _, tag = self.image.rpartition(":")
        return {"image": {"repository": repository, "tag": tag}}

    def install(self, values: dict[str, Any], *options: str) -> None:
        self.namespace.helm("install", NAME, str(CHART), *options, values=self.values | values)

    def upgrade(self, values: dict[str, Any], *options: str) -> None:
        """Change some values of the running release, and wait until all pods have them."""
        waiting = ("--wait", "--timeout", HELM_TIMEOUT) if "--timeout" not in options else options
        self.namespace.helm("upgrade", NAME, str(CHART), "--reuse-values", *waiting, values=values)

    def test(self) -> str:
        """The output of ``helm test``, with its pod's log."""
        return self.namespace.helm("test", NAME, "--logs", "--timeout", HELM_TIMEOUT)

    @property
    def pods(self) -> list[Any]:
        """The pods that are not terminating, oldest first."""
        return [pod for pod in self.namespace.pods(SELECTOR) if not pod.metadata.deletion_timestamp]

    def get(self, path: str, pod: str | None = None) -> httpx.Response:
        """Send a GET request to a pod, or to the Service."""
        where = ("services", FULL_NAME, 80) if pod is None else ("pods", pod, 8000)
        return self.namespace.cluster.http.get(self.namespace.url(*where, path))

    def post(self, files: list[tuple[str, tuple[str, bytes]]], **data: str) -> httpx.Response:
        """Submit an evaluation through the Service."""
        url = self.namespace.url("services", FULL_NAME, 80, "/api/v1/evaluate")
        return self.namespace.cluster.http.post(url, files=files, data=data)

    def await_ready(self, count: int, what: str = "the pods are ready") -> list[Any]:
        """The release's pods, once exactly ``count`` are ready and no others are left."""

        def ready(found: list[Any]) -> list[Any]:
            ours = [pod for pod in found if (pod.metadata.labels or {}).get("app.kubernetes.io/component") == "api"]
            return ours if len(ours) == count and all(map(is_ready, ours)) else []

        return self.namespace.awaited(self.namespace.cluster.core.list_namespaced_pod, ready, what)


def is_ready(pod: Any) -> bool:
    """Whether a pod is ready and not terminating."""
    conditions = {condition.type: condition.status for condition in pod.status.conditions or []}
    return conditions.get("Ready") == "True" and not pod.metadata.deletion_timestamp


def restarts(pods: list[Any]) -> int:
    """The number of container restarts in these pods."""
    return sum(status.restart_count for pod in pods for status in pod.status.container_statuses or [])


@dataclass
class Load:
    """A running client pod; ``report`` has its counts once it has ended."""

    report: dict[str, Any] = field(default_factory=dict)

    def assert_no_failure(self) -> None:
        """Assert that every request succeeded, and that every figure was the original's."""
        assert self.report["failed"] == 0, self.report
        assert self.report["refused"] == 0, self.report
        assert self.report["evaluated"] > 0, self.report


def client_files() -> dict[str, str]:
    """The client, and the pairs and original figures of the chart's own probe."""
    files = {"client.py": (Path(__file__).parent / "client.py").read_text()}
    for expected in json.loads((GOLDEN / "expected.json").read_text()):
        if expected["parameters"] is None:
            name = expected["name"]
            files[f"{name}.json"] = json.dumps(expected["algorithms"])
            files[f"{name}.ref"] = (GOLDEN / f"ref/{name}.csv_bi").read_text()
            files[f"{name}.hyp"] = (GOLDEN / f"hyp/{name}.csv_bi").read_text()
    return files


def client_pod(release: Release, name: str, *options: str) -> dict[str, Any]:
    """The manifest of a client pod."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "client"}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "client",
                    "image": release.image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["python", "/client/client.py", f"http://{FULL_NAME}", "/client", *options],
                    "resources": {"requests": {"cpu": "100m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "readOnlyRootFilesystem": True,
                    },
                    "volumeMounts": [{"name": "client", "mountPath": "/client", "readOnly": True}],
                }
            ],
            "volumes": [{"name": "client", "configMap": {"name": "client"}}],
        },
    }


@contextmanager
def load(release: Release, *options: str) -> Iterator[Load]:
    """Load from within the cluster while the block runs: from the first answers until the block has ended."""
    namespace, core = release.namespace, release.namespace.cluster.core
    name = f"client-{time.monotonic_ns()}"
    data = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "client"}, "data": client_files()}
    namespace.apply(data, client_pod(release, name, *options))
    until(lambda: "begun" in log_of(namespace, name), "the client has had its first answers")
    found = Load()
    yield found
    if phase_of(core.read_namespaced_pod(name, namespace.name)) == "Running":
        namespace.exec(name, "sh", "-c", "kill -TERM 1")

    def ended(pods: list[Any]) -> bool:
        return any(pod.metadata.name == name and phase_of(pod) in {"Succeeded", "Failed"} for pod in pods)

    namespace.awaited(core.list_namespaced_pod, ended, "the client has ended", WAIT_SECONDS)
    lines = log_of(namespace, name).splitlines()
    found.report = json.loads(lines[-1])
    core.delete_namespaced_pod(name, namespace.name, grace_period_seconds=0)


def phase_of(pod: Any) -> str:
    return str(pod.status.phase)


def log_of(namespace: Namespace, pod: str) -> str:
    """The log of a pod; empty until its container has started."""
    answer = namespace.cluster.http.get(f"/api/v1/namespaces/{namespace.name}/pods/{pod}/log")
    return answer.text if answer.status_code == 200 else ""
