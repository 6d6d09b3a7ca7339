"""Argo CD for the tests: the Applications' state, and the ``argocd`` command."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from kubernetes.client.exceptions import ApiException

from e2e.gitops.team import Team
from e2e.kube import WAIT_SECONDS, Cluster, Namespace, command, until

T = TypeVar("T")

NAMESPACE = "argocd"
REFRESH_SECONDS = 15
KINDS = ("argoproj.io", "v1alpha1", NAMESPACE)


@dataclass(frozen=True)
class Argo:
    """The Argo CD that deploys a team's repository."""

    cluster: Cluster
    team: Team

    # -- actions

    def apply(self, file: str) -> None:
        """Apply one of the files of environments/argocd."""
        command("kubectl", "apply", "--server-side", "--force-conflicts", f"--filename={self.team.argocd(file)}")

    def refresh(self) -> None:
        """Make the application set read the repository now, not at its next interval."""
        annotation = "argocd.argoproj.io/application-set-refresh=true"
        where = f"--namespace={NAMESPACE}"
        command("kubectl", where, "annotate", "--overwrite", "applicationset", "nedc-bench", annotation)

    def argocd(self, *words: str) -> str:
        """The output of the command."""
        return command("argocd", *words)

    # -- state

    def namespace(self, environment: str) -> Namespace:
        return Namespace(self.cluster, f"nedc-bench-{environment}")

    def application(self, environment: str) -> Any:
        """An environment's Application, or None."""
        try:
            return self.cluster.custom.get_namespaced_custom_object(*KINDS, "applications", f"nedc-bench-{environment}")
        except ApiException as error:
            if error.status != 404:
                raise
            return None

    def applications(self) -> list[str]:
        """The environments that have an Application."""
        found = self.cluster.custom.list_namespaced_custom_object(*KINDS, "applications")["items"]
        names = [item["metadata"]["name"] for item in found if item["spec"]["project"] == "nedc-bench"]
        return sorted(name.removeprefix("nedc-bench-") for name in names)

    def awaited(self, environment: str, wanted: Callable[[Any], T], what: str, seconds: float = WAIT_SECONDS) -> T:
        """The first truthy result of ``wanted`` on an Application that follows the team's last commit."""
        last: Any = None
        asked = time.monotonic()

        def look() -> T | None:
            nonlocal last, asked
            last = self.application(environment)
            if last and self._follows(last, environment):
                return wanted(last)
            if time.monotonic() > asked + REFRESH_SECONDS:  # a busy application set may miss the request
                self.refresh()
                asked = time.monotonic()
            return None

        try:
            return until(look, what, seconds)  # type: ignore[return-value]  # it is not None
        except AssertionError as error:
            raise AssertionError(f"{environment}: {error}; {last and self._told(last, environment)}") from None

    def _follows(self, application: Any, environment: str) -> bool:
        """Whether the Application has the release and values in the team's repository."""
        source = application["spec"]["source"]
        release = self.team.release(environment)
        parameters = {parameter["name"]: parameter["value"] for parameter in source["helm"]["parameters"]}
        return (source["targetRevision"], parameters["image.tag"], source["helm"]["valuesObject"]) == (
            release["chart"],
            release["image"],
            self.team.values(environment),
        )

    def _told(self, application: Any, environment: str) -> str:
        """Its state in one line."""
        follows = "has" if self._follows(application, environment) else "has not"
        last = operation(application)
        state = f"health {health(application)}, last sync {last.get('phase')}: {last.get('message')}"
        return f"it {follows} what the team's repository says; {state}; {conditions(application)}"

    def deployed(self, environment: str) -> Any:
        """The Application, once it is healthy and synced with the team's last commit, including hooks."""
        return self.awaited(environment, lambda found: found if is_deployed(found) else None, "deployed")


def is_synced(application: Any) -> bool:
    """Whether the cluster matches the Application's current source."""
    sync = application.get("status", {}).get("sync", {})
    return bool(sync.get("status") == "Synced" and sync["comparedTo"]["source"] == application["spec"]["source"])


def health(application: Any) -> str:
    return str(application.get("status", {}).get("health", {}).get("status"))


def operation(application: Any) -> Any:
    """The last sync, or the running one."""
    return application.get("status", {}).get("operationState", {})


def is_deployed(application: Any) -> bool:
    last = operation(application)
    return (
        is_synced(application)
        and health(application) == "Healthy"
        and last.get("phase") == "Succeeded"
        and last["syncResult"]["source"] == application["spec"]["source"]
    )


def conditions(application: Any) -> str:
    """The Application's conditions: Argo CD's complaints."""
    return "; ".join(f"{c['type']}: {c['message']}" for c in application.get("status", {}).get("conditions", []))
