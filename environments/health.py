"""Whether an environment is well, as its Argo CD says: what is promoted must not only have been committed, but work.

Asks ``argocd app get``, with whatever login and server the command has by itself.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from typing import Any

from release import Environment, Release
from repository import RefusedError

APPLICATION = "nedc-bench-{name}"
SECONDS = 60
OVERRIDE = "; to promote without asking, and have the commit say so: UNASKED=1"


def need_healthy(environment: Environment, release: Release) -> str:
    """What Argo CD says of a release in an environment; refused where it is not synced, probed and healthy.

    Args:
        environment: where it runs, or ran.
        release: the release to promote. If another one runs by now, its last sync must have succeeded.

    Returns:
        A line for the commit's message.
    """
    application = _application(APPLICATION.format(name=environment.name))
    if _release(application["spec"]["source"]) != release:
        return _need_deployed_once(environment, release, application)
    status = application.get("status", {})
    operation = status.get("operationState", {})
    found = {
        "sync": status.get("sync", {}).get("status", "unknown"),
        "health": status.get("health", {}).get("status", "unknown"),
        "last operation": operation.get("phase", "none"),
    }
    if found != {"sync": "Synced", "health": "Healthy", "last operation": "Succeeded"}:
        said = ", ".join(f"{key} {value}" for key, value in found.items())
        why = operation.get("message") or status.get("health", {}).get("message") or ""
        raise RefusedError(
            f"{environment.name} is not well: {said}{f' ({why})' if why else ''}; "
            f"look at `argocd app get {APPLICATION.format(name=environment.name)}`{OVERRIDE}"
        )
    return f"Argo CD: {environment.name} is Synced and Healthy, and its probe passed at {operation['finishedAt']}."


def _need_deployed_once(environment: Environment, release: Release, application: dict[str, Any]) -> str:
    """An earlier release: one of the syncs that succeeded."""
    for entry in application.get("status", {}).get("history", []):
        if _release(entry.get("source", {})) == release:
            return f"Argo CD: {environment.name} was deployed with it at {entry['deployedAt']}."
    raise RefusedError(
        f"{environment.name} does not run {release.image} with the chart of {release.chart}, and Argo CD knows no sync "
        f"of it that succeeded: wait for the sync, or look why it failed{OVERRIDE}"
    )


def _release(source: dict[str, Any]) -> Release:
    parameters = {each["name"]: each["value"] for each in source.get("helm", {}).get("parameters", [])}
    return Release(source.get("targetRevision", ""), parameters.get("image.tag", ""))


def _application(name: str) -> dict[str, Any]:
    command = [*shlex.split(os.environ.get("ARGOCD", "argocd")), "app", "get", name, "--refresh", "--output", "json"]
    try:
        done = subprocess.run(  # noqa: S603  # the command is the user's own
            command, capture_output=True, text=True, check=False, timeout=SECONDS, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        raise RefusedError(f"cannot ask Argo CD about {name}: {command[0]} is not installed{OVERRIDE}") from None
    except subprocess.TimeoutExpired:
        raise RefusedError(f"cannot ask Argo CD about {name}: no answer within {SECONDS} s{OVERRIDE}") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise RefusedError(f"cannot ask Argo CD about {name}: {said[0]} (argocd login HOST){OVERRIDE}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
