"""The service in an environment: its pods, its URL, and load on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from e2e.kube import Namespace
from e2e.load import Load

SELECTOR = "app.kubernetes.io/name=nedc-bench,app.kubernetes.io/component=api"


def deployment(namespace: Namespace) -> Any:
    """The Deployment, or None."""
    found = namespace.cluster.apps.list_namespaced_deployment(namespace.name, label_selector=SELECTOR).items
    return found[0] if found else None


def pods(namespace: Namespace) -> list[Any]:
    """The pods that are not terminating."""
    return [pod for pod in namespace.pods(SELECTOR) if not pod.metadata.deletion_timestamp]


def ready_images(namespace: Namespace) -> set[str]:
    """The images of the ready pods."""
    return {
        pod.spec.containers[0].image
        for pod in pods(namespace)
        if any(status.type == "Ready" and status.status == "True" for status in pod.status.conditions or [])
    }


def url(namespace: Namespace) -> str:
    """The URL of the service: its node port, to which a load balancer would forward."""
    core = namespace.cluster.core
    (port,) = core.read_namespaced_service("nedc-bench", namespace.name).spec.ports
    addresses = core.list_node().items[0].status.addresses
    (host,) = [address.address for address in addresses if address.type == "InternalIP"]
    return f"http://{host}:{port.node_port}"


@contextmanager
def load(namespace: Namespace, token: str = "", per_second: float = 3) -> Iterator[Load]:
    """Put load on the service during the block, which begins when the first jobs are done."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with Load(url(namespace), per_second=per_second, headers=headers) as running:
        running.go_on(3)
        yield running
