"""Brings a release to prod with the documented commands alone."""

from __future__ import annotations

from e2e.gitops.argo import Argo
from e2e.gitops.documents import follow
from e2e.gitops.team import Team

VERSION, TAG, DELIVER = range(3)  # blocks of deployment.md, Releases
TO_STAGING, FOLLOWED, TO_PROD, SYNC_PROD = range(4)  # blocks of runbook.md, Promotion


def publish(team: Team, version: str) -> None:
    """Name and tag a release; the tests replace the workflow, which builds and pushes the image."""
    follow(team.root, "deployment.md", "Releases", VERSION, TAG, VERSION=version)


def bring_to_staging(argo: Argo, version: str) -> None:
    """Deliver a release to dev, and promote it to staging."""
    root, digest = argo.team.root, argo.team.images[version]
    follow(root, "deployment.md", "Releases", DELIVER, VERSION=version, DIGEST=digest)
    follow(root, "runbook.md", "Promotion", FOLLOWED, ENVIRONMENT="dev")
    follow(root, "runbook.md", "Promotion", TO_STAGING)
    follow(root, "runbook.md", "Promotion", FOLLOWED)


def bring_to_prod(argo: Argo) -> None:
    """Promote the release on staging to prod."""
    follow(argo.team.root, "runbook.md", "Promotion", TO_PROD, SYNC_PROD)
    argo.deployed("prod")
