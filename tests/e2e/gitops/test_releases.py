"""A commit promotes a release, a revert rolls it back, and a bad release does no harm."""

from __future__ import annotations

import re

import pytest

from e2e.gitops import neighbours
from e2e.gitops.argo import Argo, health, is_synced, operation
from e2e.gitops.conftest import REPOSITORY, TOKEN
from e2e.gitops.documents import follow
from e2e.gitops.images import FIRST, NEVER_READY, SECOND, WRONG
from e2e.gitops.receiver import Receiver
from e2e.gitops.releasing import SYNC_PROD, TO_PROD, bring_to_staging, publish
from e2e.gitops.service import deployment, load, ready_images
from e2e.gitops.team import Team

pytestmark = [pytest.mark.gitops, pytest.mark.timeout(1500)]


def test_a_second_release_goes_to_prod_and_back_by_the_documents_alone_and_no_request_fails(
    argo: Argo, team: Team, receiver: Receiver
) -> None:
    """The first release was promoted by the same commands when the environments were set up."""
    first, second = (f"{REPOSITORY}:{team.pinned(tag)}" for tag in (FIRST, SECOND))
    theirs = neighbours.seen(argo)
    publish(team, SECOND)
    bring_to_staging(argo, SECOND)
    prod = argo.namespace("prod")
    with load(prod, TOKEN) as running:
        shown = follow(team.root, "runbook.md", "Promotion", TO_PROD)
        assert re.search(rf'(?m)^\+ +image: "{re.escape(second)}"$', shown)
        argo.refresh()
        argo.awaited("prod", lambda found: found["status"]["sync"]["status"] == "OutOfSync", "prod waits for a person")
        assert ready_images(prod) == {first}
        assert team.pinned(SECOND) in follow(team.root, "runbook.md", "What runs", 0)
        follow(team.root, "runbook.md", "Promotion", SYNC_PROD)
        argo.deployed("prod")
        assert ready_images(prod) == {second}
        running.go_on(5)
        receiver.awaited(
            "nedc-bench-prod", image=team.pinned(SECOND), sync="Synced", health="Healthy", operation="Succeeded"
        )

        follow(team.root, "runbook.md", "Rolling back", 0)
        follow(team.root, "runbook.md", "Promotion", SYNC_PROD)
        argo.deployed("prod")
        assert ready_images(prod) == {first}
        assert team.release("prod") == {"chart": f"v{FIRST}", "image": team.pinned(FIRST)}
        running.go_on(5)
    assert running.failures == []
    assert neighbours.seen(argo) == theirs


def test_a_release_that_never_becomes_ready_is_degraded_while_the_old_one_serves_and_a_revert_heals_it(
    argo: Argo, team: Team, receiver: Receiver
) -> None:
    namespace = argo.namespace("dev")
    good = ready_images(namespace)
    with load(namespace) as running:
        _deliver(argo, team, NEVER_READY)
        argo.awaited("dev", lambda found: operation(found).get("phase") == "Running", "the sync waits")
        assert "Running" in follow(team.root, "runbook.md", "A sync that hangs", 0)
        follow(team.root, "runbook.md", "A sync that hangs", 1)
        argo.awaited("dev", lambda found: operation(found).get("phase") == "Failed", "the sync is ended")

        team.set_values("dev", {"progressDeadlineSeconds": 10})
        team.commit("less patience")
        team.push()
        argo.refresh()
        argo.awaited("dev", lambda found: health(found) == "Degraded", "degraded")
        assert ready_images(namespace) == good
        receiver.awaited("nedc-bench-dev", image=team.pinned(NEVER_READY), health="Degraded")
        running.go_on(5)

        team.git("revert", "--no-edit", "HEAD", "HEAD~1")
        team.push()
        argo.refresh()
        argo.awaited("dev", lambda found: is_synced(found) and health(found) == "Healthy", "healed")
        running.go_on(5)
    assert running.failures == []
    assert ready_images(namespace) == good
    assert deployment(namespace).status.updated_replicas == 1


def test_a_release_that_scores_wrongly_fails_its_sync_visibly(argo: Argo, team: Team, receiver: Receiver) -> None:
    namespace = argo.namespace("dev")
    good = ready_images(namespace)
    _deliver(argo, team, WRONG)
    failed = argo.awaited("dev", lambda found: operation(found).get("phase") == "Failed" and found, "the sync fails")
    (probe,) = [found for found in operation(failed)["syncResult"]["resources"] if found.get("hookPhase") == "Failed"]
    assert (probe["kind"], probe["name"]) == ("Job", "nedc-bench-postsync")
    assert "the original's is" in follow(team.root, "runbook.md", "A bad release", 0)
    receiver.awaited("nedc-bench-dev", image=team.pinned(WRONG), operation="Failed")
    team.revert()
    argo.refresh()
    argo.deployed("dev")
    assert ready_images(namespace) == good


def _deliver(argo: Argo, team: Team, tag: str) -> None:
    """Deliver an image to dev."""
    team.deliver("dev", team.release("dev")["chart"], team.pinned(tag))
    team.push()
    argo.refresh()
