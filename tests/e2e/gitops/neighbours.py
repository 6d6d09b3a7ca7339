"""Another team on the same Argo CD: an Application, and its part of the shared notifications ConfigMap."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from e2e.gitops.argo import KINDS, Argo, health, operation
from e2e.kube import command, until

NAME = "others"  # their Application, its namespace, and their branch of the tests' repository
CONFIG_MAP = "argocd-notifications-cm"
NOTIFICATIONS = {
    "template.others": "message: theirs",
    "trigger.on-deployed": "- send: [others]\n  when: app.status.health.status == 'Healthy'\n",
}
QUIET = ("--ignore-not-found", "--namespace=argocd")


def move_in(folder: Path) -> None:
    """Deploy their Application and notifications.

    Args:
        folder: the parent folder of their clone.
    """
    url = os.environ["GITOPS_REPO"]
    clone = folder / NAME
    clone.mkdir()
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs"}, "data": {"owner": "others"}}
    (clone / "theirs.yaml").write_text(yaml.safe_dump(theirs))
    git = ["git", "-C", str(clone), "-c", "user.name=others", "-c", "user.email=others@localhost"]
    for words in (
        ("init", "--quiet"),
        ("add", "--all"),
        ("commit", "--quiet", "--message", "ours"),
        ("push", "--quiet", "--force", url, f"HEAD:refs/heads/{NAME}"),
    ):
        subprocess.run([*git, *words], check=True)
    application = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": NAME, "namespace": "argocd"},
        "spec": {
            "project": "default",
            "source": {"repoURL": url, "targetRevision": NAME, "path": "."},
            "destination": {"name": "in-cluster", "namespace": NAME},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}, "syncOptions": ["CreateNamespace=true"]},
        },
    }
    metadata = {"name": CONFIG_MAP, "namespace": "argocd"}
    shared = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": NOTIFICATIONS}
    given = yaml.safe_dump_all([application, shared])
    command("kubectl", "apply", "--server-side", "--field-manager=others", "--filename=-", given=given)


def move_out() -> None:
    """Remove everything that exists of theirs."""
    command("kubectl", "delete", "application", NAME, *QUIET)
    command("kubectl", "delete", "namespace", NAME, "--ignore-not-found", "--timeout=180s")
    if command("kubectl", "get", "configmap", CONFIG_MAP, *QUIET, "--output=name"):
        gone = json.dumps({"data": dict.fromkeys(NOTIFICATIONS)})
        command("kubectl", "patch", "configmap", CONFIG_MAP, QUIET[1], "--type=merge", f"--patch={gone}")


def seen(argo: Argo) -> dict[str, Any]:
    """The state that they see: their Application, its last sync, its objects, and their notifications."""

    def settled() -> Any:
        found = argo.cluster.custom.get_namespaced_custom_object(*KINDS, "applications", NAME)
        return found if operation(found).get("phase") == "Succeeded" and health(found) == "Healthy" else None

    application = until(settled, "their Application is synced and healthy")
    theirs = argo.cluster.core.read_namespaced_config_map("theirs", NAME).metadata
    shared = argo.cluster.core.read_namespaced_config_map(CONFIG_MAP, "argocd").data
    return {
        "application": (application["metadata"]["uid"], application["spec"]),
        "syncs": [entry["id"] for entry in application["status"]["history"]],
        "object": (theirs.uid, theirs.resource_version),
        "notifications": {key: shared.get(key) for key in NOTIFICATIONS},
    }
