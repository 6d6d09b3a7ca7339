"""A real cluster for the tests: the one that KUBECONFIG names, used through the Kubernetes client, kubectl and helm.

A `Cluster` is the connection; a `Namespace` holds the objects of one test module, and is deleted with them afterwards.
The tests watch what they wait for: `Namespace.awaited` checks at every change of an object. Deadlines are generous,
since the machine may be busy; they detect hangs and measure nothing.
"""

from __future__ import annotations

import os
import shlex
import shutil
import ssl
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import httpx
import kubernetes
import yaml

T = TypeVar("T")

PROJECT = Path(__file__).parents[2]
CHART = PROJECT / "charts/nedc-bench"
MANIFESTS = Path(__file__).parent / "manifests"
REDIS_IMAGE = "redis:7-alpine"
PROMETHEUS_IMAGE = "prom/prometheus:v3.5.0"

WAIT_SECONDS = 180.0
HELM_TIMEOUT = "180s"


class CommandError(AssertionError):
    """A command has failed."""


def command(*words: str, given: str | None = None, seconds: float = 2 * WAIT_SECONDS) -> str:
    """The output of a command.

    Raises:
        CommandError: the command has failed; the message has its output.
    """
    done = subprocess.run(words, input=given, capture_output=True, text=True, check=False, timeout=seconds)
    if done.returncode:
        raise CommandError(f"{shlex.join(words)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def until(check: Callable[[], T], what: str, seconds: float = WAIT_SECONDS) -> T:
    """The first truthy result of ``check``; polls, for conditions without an event."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.2)
    return found


def load_image(name: str) -> None:
    """Load an image of the Docker engine on the cluster's nodes, with the command in LOAD_IMAGE."""
    if subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False).returncode:
        command("docker", "pull", "--quiet", name)
    command(*shlex.split(os.environ.get("LOAD_IMAGE", "kind load docker-image")), name)


@cache
def rollback_flag() -> str:
    """The option with which this helm restores the last release if an upgrade fails."""
    version = command("helm", "version", "--template", "{{.Version}}")
    return "--atomic" if version.startswith("v3.") else "--rollback-on-failure"


class Cluster:
    """The cluster that KUBECONFIG names."""

    def __init__(self) -> None:
        for name in ("helm", "kubectl"):
            assert shutil.which(name), f"{name} is not on the PATH"
        assert os.environ.get("KUBECONFIG"), "KUBECONFIG is not set: the tests never take a cluster by chance"
        kubernetes.config.load_kube_config()
        self.api = kubernetes.client.ApiClient()
        self.core = kubernetes.client.CoreV1Api(self.api)
        self.apps = kubernetes.client.AppsV1Api(self.api)
        self.custom = kubernetes.client.CustomObjectsApi(self.api)
        self.http = _api_server(kubernetes.client.Configuration.get_default_copy())

    def close(self) -> None:
        self.http.close()
        self.api.rest_client.pool_manager.clear()

    @contextmanager
    def namespace(self, prefix: str, pod_security: str = "restricted") -> Iterator[Namespace]:
        """A new namespace that enforces a Pod Security level; deleted with its contents afterwards."""
        name = f"{prefix}-{uuid.uuid4().hex[:8]}"
        labels = {f"pod-security.kubernetes.io/{mode}": pod_security for mode in ("enforce", "warn")}
        self.core.create_namespace({"metadata": {"name": name, "labels": labels}})
        try:
            yield Namespace(self, name)
        finally:
            self.core.delete_namespace(name)


def _api_server(configuration: Any) -> httpx.Client:
    """A client for the API server itself, for its proxies to pods and Services."""
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    token = configuration.get_api_key_with_prefix("authorization") or ""
    headers = {"Authorization": token} if token else {}
    return httpx.Client(base_url=configuration.host, verify=context, headers=headers, timeout=90.0, trust_env=False)


@dataclass(frozen=True)
class Namespace:
    """A namespace for tests."""

    cluster: Cluster
    name: str

    # -- helm and kubectl

    def helm(self, *words: str, values: dict[str, Any] | None = None, seconds: float = 2 * WAIT_SECONDS) -> str:
        """The output of ``helm``."""
        given = None if values is None else yaml.safe_dump(values)
        options = [] if values is None else ["--values", "-"]
        return command("helm", "--namespace", self.name, *words, *options, given=given, seconds=seconds)

    def kubectl(self, *words: str, given: str | None = None, seconds: float = 2 * WAIT_SECONDS) -> str:
        """The output of ``kubectl``."""
        return command("kubectl", "--namespace", self.name, *words, given=given, seconds=seconds)

    def apply(self, *manifests: dict[str, Any], dry_run: bool = False) -> None:
        """Apply manifests, or only validate them (``dry_run``); an unknown field is an error."""
        options = [
            "--server-side",
            "--force-conflicts",
            "--validate=strict",
            *(["--dry-run=server"] if dry_run else []),
        ]
        self.kubectl("apply", *options, "--filename=-", given=yaml.safe_dump_all(manifests))

    def start_redis(self) -> None:
        """Run a Redis named ``redis`` at ``redis_url``, and wait until it is ready."""
        self.apply(*yaml.safe_load_all((MANIFESTS / "redis.yaml").read_text()))
        self.kubectl("rollout", "status", "deployment/redis", f"--timeout={HELM_TIMEOUT}")

    @property
    def redis_url(self) -> str:
        return f"redis://redis.{self.name}.svc:6379/0"

    # -- objects

    def pods(self, selector: str) -> list[Any]:
        """The pods that match a label selector, oldest first."""
        found = self.cluster.core.list_namespaced_pod(self.name, label_selector=selector).items
        return sorted(found, key=lambda pod: (pod.metadata.creation_timestamp, pod.metadata.name))

    def awaited(
        self, listing: Callable[..., Any], wanted: Callable[[list[Any]], T], what: str, seconds: float = WAIT_SECONDS
    ) -> T:
        """The first truthy result of ``wanted`` on the objects that ``listing`` lists.

        ``listing`` is a method of the client, such as ``core.list_namespaced_pod``. Every change of an object is
        checked, so that no intermediate state is missed.
        """
        deadline = time.monotonic() + seconds
        while True:
            listed = listing(self.name)
            objects = {item.metadata.name: item for item in listed.items}
            if found := wanted(list(objects.values())):
                return found
            left = deadline - time.monotonic()
            assert left > 0, f"not within {seconds:g} s: {what}; there is {_summary(objects.values())}"
            version, seconds_left = listed.metadata.resource_version, int(left) + 1
            changes = kubernetes.watch.Watch().stream(
                listing, self.name, resource_version=version, timeout_seconds=seconds_left
            )
            with closing(changes):
                for change in changes:
                    item = change["object"]
                    objects[item.metadata.name] = item
                    if change["type"] == "DELETED":
                        del objects[item.metadata.name]
                    if found := wanted(list(objects.values())):
                        return found

    def exec(self, pod: str, *words: str) -> str:
        """The output of a command in a pod's (first) container."""
        return self.kubectl("exec", pod, "--", *words)

    def url(self, kind: str, name: str, port: int | str, path: str = "") -> str:
        """The path of a Service or a pod (``services`` or ``pods``) in the API server's proxy; for `Cluster.http`."""
        return f"/api/v1/namespaces/{self.name}/{kind}/{name}:{port}/proxy{path}"


def _summary(objects: Sequence[Any] | Any) -> str:
    return "; ".join(f"{item.metadata.name} {item.status}" for item in objects)[:4000] or "none"
