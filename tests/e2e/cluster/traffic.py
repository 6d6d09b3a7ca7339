"""Who can reach whom in the cluster: pods that connect on demand, and a Redis with TLS and the tests' own CA."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from e2e.kube import HELM_TIMEOUT, MANIFESTS, Namespace, command

DENY_ALL = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "default-deny"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
}
# A denied packet is dropped: only the time-out shows it. An open port answers in milliseconds, on a busy machine in
# less than a second; tests that expect an open port try again.
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3).close()
except OSError as error:
    print("closed:", error)
else:
    print("open")
"""


@dataclass(frozen=True)
class Place:
    """A pod from which connections are tried: made by `start`, or any pod with Python."""

    namespace: Namespace
    pod: str

    @classmethod
    def start(cls, namespace: Namespace, image: str, name: str, **labels: str) -> Place:
        """Start a pod that does nothing, and wait until it runs."""
        namespace.apply(_idle_pod(image, name, labels))
        namespace.kubectl("wait", f"pod/{name}", "--for=condition=Ready", f"--timeout={HELM_TIMEOUT}")
        return cls(namespace, name)

    @property
    def address(self) -> str:
        return str(self.namespace.cluster.core.read_namespaced_pod(self.pod, self.namespace.name).status.pod_ip)

    def reaches(self, host: str, port: int) -> bool:
        """Whether a connection can be made; ``host`` is an IP address unless DNS is tested too."""
        return self.namespace.exec(self.pod, "python", "-c", CONNECT, host, str(port)).strip() == "open"

    def resolves(self, name: str) -> bool:
        code = "import socket, sys; print(bool(socket.getaddrinfo(sys.argv[1], 80)))"
        return self.namespace.exec(self.pod, "python", "-c", code, name).strip() == "True"


def _idle_pod(image: str, name: str, labels: dict[str, str]) -> dict[str, Any]:
    context = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    narrow = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
    container = {
        "name": "idle",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["tini", "--", "python", "-m", "http.server", "9000", "--directory", "/app"],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
        "readinessProbe": {"tcpSocket": {"port": 9000}, "periodSeconds": 1, "timeoutSeconds": 5},
        "securityContext": narrow,
    }
    spec = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": context,
        "containers": [container],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}


def service_address(namespace: Namespace, name: str) -> str:
    return str(namespace.cluster.core.read_namespaced_service(name, namespace.name).spec.cluster_ip)


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")


def make_authority(folder: Path) -> str:
    """Make a CA, ``ca.key`` and ``ca.crt``. Returns its certificate."""
    files = ("-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.crt")
    command("openssl", "req", "-x509", *_KEY, "-subj", "/CN=a CA", *files)
    return (folder / "ca.crt").read_text()


def start_redis_with_tls(namespace: Namespace, folder: Path) -> str:
    """Run a Redis with a certificate from a new CA. Returns the CA's certificate."""
    authority = make_authority(folder)
    ca, certificate = folder / "ca", folder / "tls"
    names = f"subjectAltName=DNS:redis.{namespace.name}.svc"
    signed = ["-subj", "/CN=redis", "-addext", names, "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key"]
    command("openssl", "req", "-x509", *_KEY, *signed, "-keyout", f"{certificate}.key", "-out", f"{certificate}.crt")
    data = {
        path.name: base64.b64encode(path.read_bytes()).decode()
        for path in (ca.with_suffix(".crt"), certificate.with_suffix(".crt"), certificate.with_suffix(".key"))
    }
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "redis-tls"}, "data": data}
    namespace.apply(secret, *yaml.safe_load_all((MANIFESTS / "redis-tls.yaml").read_text()))
    namespace.kubectl("rollout", "status", "deployment/redis", f"--timeout={HELM_TIMEOUT}")
    return authority
