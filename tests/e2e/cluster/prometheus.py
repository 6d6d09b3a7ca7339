"""A Prometheus in the cluster that follows the chart's ServiceMonitor and PrometheusRules.

`start_prometheus` configures it as the operator would, but with short intervals, so that tests see changes within
seconds; `operated_prometheus` leaves this to the operator itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from e2e.kube import HELM_TIMEOUT, MANIFESTS, Namespace

GROUP, VERSION = "monitoring.coreos.com", "v1"
INTERVAL = "2s"  # replaces the objects' own, so that tests see changes soon


@dataclass(frozen=True)
class Prometheus:
    """The running server."""

    namespace: Namespace
    service: str = "prometheus"

    def get(self, path: str, **parameters: str) -> Any:
        """The data in its API's response."""
        url = self.namespace.url("services", self.service, 9090, f"/api/v1/{path}")
        answer = self.namespace.cluster.http.get(url, params=parameters).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The current samples of an expression."""
        found: list[dict[str, Any]] = self.get("query", query=expression)["result"]
        return found

    def alert_state(self, name: str) -> str:
        """``inactive``; ``pending`` while its expression is true, and then ``firing``."""
        states = [
            rule["state"] for group in self.get("rules")["groups"] for rule in group["rules"] if rule["name"] == name
        ]
        assert len(states) == 1, f"{name}: {states}"
        return str(states[0])


def custom_objects(namespace: Namespace, plural: str) -> list[dict[str, Any]]:
    """The monitoring objects of a namespace, as stored in the cluster."""
    found = namespace.cluster.custom.list_namespaced_custom_object(GROUP, VERSION, namespace.name, plural)
    objects: list[dict[str, Any]] = found["items"]
    return objects


def start_prometheus(namespace: Namespace) -> Prometheus:
    """Run a Prometheus for the namespace's monitoring objects."""
    rules = custom_objects(namespace, "prometheusrules")
    groups = [group | {"interval": INTERVAL} for rule in rules for group in rule["spec"]["groups"]]
    config = {
        "global": {"scrape_interval": INTERVAL, "scrape_timeout": INTERVAL, "evaluation_interval": INTERVAL},
        "rule_files": ["/etc/prometheus/rules.yml"],
        "scrape_configs": [
            _scrape_config(namespace.name, monitor, endpoint)
            for monitor in custom_objects(namespace, "servicemonitors")
            for endpoint in monitor["spec"]["endpoints"]
        ],
    }
    data = {"prometheus.yml": yaml.safe_dump(config), "rules.yml": yaml.safe_dump({"groups": groups})}
    namespace.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "prometheus"}, "data": data},
        *yaml.safe_load_all((MANIFESTS / "prometheus.yaml").read_text()),
    )
    namespace.kubectl("rollout", "status", "deployment/prometheus", f"--timeout={HELM_TIMEOUT}")
    return Prometheus(namespace)


def operated_prometheus(namespace: Namespace, watched: Namespace) -> Prometheus:
    """Let the Prometheus operator run a Prometheus in a namespace, for the monitoring objects of another."""
    label = f"nedc-bench-test/watched-by={namespace.name}"
    namespace.kubectl("label", "namespace", watched.name, label, "--overwrite")
    watched.apply(*_discovery(namespace))
    namespace.apply(*yaml.safe_load_all((MANIFESTS / "operator.yaml").read_text().replace("NAMESPACE", namespace.name)))
    namespace.kubectl("wait", "prometheus/main", "--for=condition=Available", f"--timeout={HELM_TIMEOUT}")
    return Prometheus(namespace, "prometheus-operated")


def _discovery(namespace: Namespace) -> list[dict[str, Any]]:
    """The Role and RoleBinding that let the Prometheus of ``namespace`` find targets where they are applied."""
    group = "rbac.authorization.k8s.io"
    rules = [
        {
            "apiGroups": ["", "discovery.k8s.io"],
            "resources": ["pods", "services", "endpoints", "endpointslices"],
            "verbs": ["get", "list", "watch"],
        }
    ]
    role = {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": {"name": "discovery"}, "rules": rules}
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "discovery"},
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "discovery"},
        "subjects": [{"kind": "ServiceAccount", "name": "prometheus", "namespace": namespace.name}],
    }
    return [role, binding]


def _scrape_config(namespace: str, monitor: dict[str, Any], endpoint: dict[str, Any]) -> dict[str, Any]:
    """The operator's scrape configuration: Services by label, their port, then the monitor's own relabelings."""
    service = "__meta_kubernetes_service_label_"
    keep = [
        {"action": "keep", "source_labels": [service + _identifier(label)], "regex": value}
        for label, value in monitor["spec"]["selector"]["matchLabels"].items()
    ]
    port = {
        "action": "keep",
        "source_labels": ["__meta_kubernetes_endpointslice_port_name"],
        "regex": endpoint["port"],
    }
    targets = [
        {"source_labels": [f"__meta_kubernetes_{source}"], "target_label": target}
        for source, target in (("namespace", "namespace"), ("pod_name", "pod"), ("service_name", "service"))
    ]
    relabelings = [
        {_identifier_of_field(name): value for name, value in relabeling.items()}
        for relabeling in endpoint.get("relabelings", [])
    ]
    return {
        "job_name": f"serviceMonitor/{namespace}/{monitor['metadata']['name']}",
        "metrics_path": endpoint.get("path", "/metrics"),
        "kubernetes_sd_configs": [{"role": "endpointslice", "namespaces": {"names": [namespace]}}],
        "relabel_configs": [*keep, port, *targets, *relabelings],
    }


def _identifier(label: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in label)


def _identifier_of_field(name: str) -> str:
    """``targetLabel`` in Prometheus' own notation: ``target_label``."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
