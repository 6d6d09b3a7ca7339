"""A promotion asks Argo CD whether the source runs its release and is healthy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gitops.clone import Clone
from gitops.conftest import FIRST, SECOND, THIRD

pytestmark = pytest.mark.slow


def test_an_unhealthy_source_is_refused_and_the_way_round_is_named(second_in_staging: Clone, argo_cd: Path) -> None:
    _say(argo_cd, _state("v0.2.0", SECOND, health="Degraded", message="Deployment exceeded its progress deadline"))
    refusal = second_in_staging.refused("promote", "staging", "prod")
    assert refusal == (
        "staging is not well: sync Synced, health Degraded, last operation Succeeded "
        "(Deployment exceeded its progress deadline); look at `argocd app get nedc-bench-staging`; "
        "to promote without asking, and have the commit say so: UNASKED=1"
    )


def test_a_source_whose_probe_failed_is_refused(second_in_staging: Clone, argo_cd: Path) -> None:
    _say(argo_cd, _state("v0.2.0", SECOND, phase="Failed"))
    assert "last operation Failed" in second_in_staging.refused("promote", "staging", "prod")


def test_a_source_that_does_not_run_its_release_yet_is_refused(second_in_staging: Clone, argo_cd: Path) -> None:
    _say(argo_cd, _state("v0.1.0", FIRST))
    refusal = second_in_staging.refused("promote", "staging", "prod")
    assert refusal.startswith(f"staging does not run {SECOND} with the chart of v0.2.0")


def test_a_promotion_is_refused_when_argo_cd_cannot_be_asked(
    second_in_staging: Clone, argo_cd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (argo_cd / "staging.refusal").write_text("FATA[0000] Argo CD server address unspecified\n")
    refusal = second_in_staging.refused("promote", "staging", "prod")
    assert refusal.startswith(
        "cannot ask Argo CD about nedc-bench-staging: FATA[0000] Argo CD server address unspecified (argocd login HOST)"
    )
    monkeypatch.setenv("ARGOCD", str(argo_cd / "none"))
    refusal = second_in_staging.refused("promote", "staging", "prod")
    assert refusal.startswith(f"cannot ask Argo CD about nedc-bench-staging: {argo_cd / 'none'} is not installed")


def test_the_commit_says_what_argo_cd_said_or_that_it_was_not_asked(second_in_staging: Clone, argo_cd: Path) -> None:
    clone = second_in_staging
    clone.done("promote", "staging", "prod")
    assert clone.git("log", "-1", "--format=%b") == (
        "Argo CD: staging is Synced and Healthy, and its probe passed at 2026-11-26T12:00:00Z."
    )
    clone.git("reset", "--quiet", "--hard", "HEAD^")
    _say(argo_cd, _state("v0.2.0", SECOND, health="Degraded"))
    clone.done("promote", "staging", "prod", "--unasked")
    assert clone.git("log", "-1", "--format=%b") == "Argo CD was not asked whether staging is healthy."


def test_an_earlier_release_that_the_source_was_deployed_with_can_be_promoted(
    second_in_staging: Clone, argo_cd: Path
) -> None:
    clone = second_in_staging
    clone.deliver("dev", "v0.2.0", THIRD)
    clone.done("promote", "dev", "staging")
    state = _state("v0.2.0", THIRD, health="Degraded")
    _say(argo_cd, state)
    refusal = clone.refused("promote", "staging", "prod", "--image", SECOND)
    assert "Argo CD knows no sync of it that succeeded" in refusal
    state["status"]["history"] = [_source("v0.2.0", SECOND) | {"deployedAt": "2026-11-25T08:00:00Z"}]
    _say(argo_cd, state)
    clone.done("promote", "staging", "prod", "--image", SECOND)
    assert clone.image("prod") == SECOND


def _say(argo_cd: Path, state: dict[str, Any]) -> None:
    """Have Argo CD say this of staging."""
    (argo_cd / "staging.json").write_text(json.dumps(state))


def _source(chart: str, image: str) -> dict[str, Any]:
    return {"source": {"targetRevision": chart, "helm": {"parameters": [{"name": "image.tag", "value": image}]}}}


def _state(
    chart: str, image: str, health: str = "Healthy", phase: str = "Succeeded", message: str = ""
) -> dict[str, Any]:
    operation = {"phase": phase, "finishedAt": "2026-11-26T12:00:00Z", "message": message}
    status = {"sync": {"status": "Synced"}, "health": {"status": health}, "operationState": operation}
    return {"spec": _source(chart, image), "status": status}
