"""docs/emergency-argocd.md, followed at night: a closed prod is still rolled back, scaled, and run without Redis.

A release is rolled back however its sync ended, and a second time changes nothing.
"""

from __future__ import annotations

import pytest
import yaml

from e2e.gitops.argo import Argo, health, operation
from e2e.gitops.conftest import REPOSITORY
from e2e.gitops.documents import follow
from e2e.gitops.images import FIRST, NEVER_READY, SECOND, WRONG
from e2e.gitops.service import pods, ready_images
from e2e.gitops.team import Team
from e2e.kube import CommandError, until

pytestmark = [pytest.mark.gitops, pytest.mark.timeout(1500)]

PAGE = "emergency-argocd.md"
CLOSED = {"kind": "deny", "schedule": "* * * * *", "duration": "1h", "applications": ["nedc-bench-prod"]}


@pytest.mark.parametrize(("tag", "phase"), [(WRONG, "Failed"), (NEVER_READY, "Running")])
def test_prod_is_rolled_back_from_a_sync_that_has_not_succeeded(argo: Argo, team: Team, tag: str, phase: str) -> None:
    prod = argo.namespace("prod")
    good = ready_images(prod)
    team.deliver("prod", team.release("prod")["chart"], team.pinned(tag))
    team.push()
    argo.refresh()
    argo.awaited("prod", lambda found: found["status"]["sync"]["status"] == "OutOfSync", "prod waits for a person")
    argo.argocd("app", "sync", "nedc-bench-prod", "--async")
    argo.awaited("prod", lambda found: operation(found).get("phase") == phase, f"the sync of the bad release: {phase}")
    for _ in range(2):
        assert "self-check  ok" in follow(team.root, PAGE, "Roll back", 0)
        until(lambda: ready_images(prod) == good, "prod runs the release before")
    team.revert()
    argo.refresh()
    argo.awaited("prod", health, "prod follows git")  # else the bad release is synced again
    argo.argocd("app", "sync", "nedc-bench-prod")
    argo.deployed("prod")


def test_prod_is_rolled_back_scaled_and_freed_of_redis_in_a_closed_window(argo: Argo, team: Team) -> None:
    prod = argo.namespace("prod")
    argo.argocd("app", "sync", "nedc-bench-prod")  # a sync to roll back to, if the Application is new
    argo.deployed("prod")
    for environment in ("dev", "staging", "prod"):
        team.deliver(environment, team.release("dev")["chart"], team.pinned(SECOND))
    team.push()
    argo.refresh()
    argo.awaited("prod", lambda found: found["status"]["sync"]["status"] == "OutOfSync", "prod waits for a person")
    argo.argocd("app", "sync", "nedc-bench-prod")
    argo.deployed("prod")
    _close(argo, team)
    with pytest.raises(CommandError, match="blocked by sync window"):
        argo.argocd("app", "sync", "nedc-bench-prod")

    assert "self-check  ok" in follow(team.root, PAGE, "Look", 0)
    follow(team.root, PAGE, "Open the window", 0)
    follow(team.root, PAGE, "Roll back", 0)
    until(lambda: ready_images(prod) == {f"{REPOSITORY}:{team.pinned(FIRST)}"}, "prod runs the first release")
    follow(team.root, PAGE, "Scale", 0)
    until(lambda: len(pods(prod)) == 4, "four replicas")
    assert "standalone" in follow(team.root, PAGE, "Take Redis away", 0)
    until(lambda: len(pods(prod)) == 1, "one replica")

    follow(team.root, PAGE, "Roll back", 1)  # the same in git
    team.push()
    argo.refresh()
    argo.awaited("prod", lambda found: health(found) != "Missing", "prod follows git")
    follow(team.root, PAGE, "Take Redis away", 1)
    argo.deployed("prod")
    follow(team.root, PAGE, "Open the window", 1)
    with pytest.raises(CommandError, match="blocked by sync window"):
        argo.argocd("app", "sync", "nedc-bench-prod")
    argo.argocd("proj", "windows", "delete", "nedc-bench", "0")


def _close(argo: Argo, team: Team) -> None:
    """Close prod now, as a weekend would."""
    project = team.argocd("project.yaml")
    always_open = project.read_text()
    closed = yaml.safe_load(always_open)
    closed["spec"]["syncWindows"] = [CLOSED | {"manualSync": False}]
    project.write_text(yaml.safe_dump(closed))
    argo.apply("project.yaml")
    project.write_text(always_open)
