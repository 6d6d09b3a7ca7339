"""The Pod Security Standard `restricted`, in one function.

https://kubernetes.io/docs/concepts/security/pod-security-standards
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
}
SELINUX_TYPES = {None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
PROFILES = {"RuntimeDefault", "Localhost"}


def violations(pod: dict[str, Any]) -> list[str]:
    """What `restricted` forbids in a pod or pod template."""
    return list(_violations(pod["spec"], pod.get("metadata", {}).get("annotations", {})))


def _violations(spec: dict[str, Any], annotations: dict[str, str]) -> Iterator[str]:
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name):
            yield name
    for volume in spec.get("volumes", []):
        for kind in set(volume) - {"name"} - VOLUMES:
            yield f"volume {kind}"
    for sysctl in spec.get("securityContext", {}).get("sysctls", []):
        if sysctl["name"] not in SYSCTLS:
            yield f"sysctl {sysctl['name']}"
    for name, value in annotations.items():
        if name.startswith("container.apparmor.security.beta.kubernetes.io/") and value == "unconfined":
            yield "AppArmor unconfined"
    yield from _everywhere("pod", spec.get("securityContext", {}))
    for container in [*spec.get("initContainers", []), *spec["containers"], *spec.get("ephemeralContainers", [])]:
        yield from _in_container(container, spec.get("securityContext", {}))


def _everywhere(where: str, context: dict[str, Any]) -> Iterator[str]:
    """What is forbidden in the security context of a pod and of a container."""
    if context.get("runAsUser") == 0:
        yield f"{where}: runAsUser 0"
    if context.get("appArmorProfile", {}).get("type", "RuntimeDefault") not in PROFILES:
        yield f"{where}: AppArmor {context['appArmorProfile']['type']}"
    if context.get("windowsOptions", {}).get("hostProcess"):
        yield f"{where}: hostProcess"
    options = context.get("seLinuxOptions", {})
    if options.get("type") not in SELINUX_TYPES or options.get("user") or options.get("role"):
        yield f"{where}: seLinuxOptions"


def _in_container(container: dict[str, Any], pod_context: dict[str, Any]) -> Iterator[str]:
    where, context = container["name"], container.get("securityContext", {})
    yield from _everywhere(where, context)
    if context.get("privileged"):
        yield f"{where}: privileged"
    if context.get("allowPrivilegeEscalation") is not False:
        yield f"{where}: allowPrivilegeEscalation"
    if (pod_context | context).get("runAsNonRoot") is not True:
        yield f"{where}: runAsNonRoot"
    if (pod_context | context).get("seccompProfile", {}).get("type") not in PROFILES:
        yield f"{where}: seccompProfile"
    if "ALL" not in context.get("capabilities", {}).get("drop", []):
        yield f"{where}: capabilities are not dropped"
    if set(context.get("capabilities", {}).get("add", [])) - {"NET_BIND_SERVICE"}:
        yield f"{where}: capabilities are added"
    if context.get("procMount", "Default") != "Default":
        yield f"{where}: procMount"
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield f"{where}: hostPort"
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        for action in ("httpGet", "tcpSocket"):
            if container.get(name, {}).get(action, {}).get("host"):
                yield f"{where}: {name} names a host"
