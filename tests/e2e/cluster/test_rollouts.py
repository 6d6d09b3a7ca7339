"""Versions are rolled out and back under constant load, and no request fails; a bad one is rolled back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from e2e.cluster.release import FULL_NAME, NAME, Release, load
from e2e.kube import HELM_TIMEOUT, CommandError, rollback_flag

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1500)]


def container(release: Release) -> Any:
    """The service's container in the Deployment."""
    deployment = release.namespace.cluster.apps.read_namespaced_deployment(FULL_NAME, release.namespace.name)
    return deployment.spec.template.spec.containers[0]


def log_level(release: Release) -> str | None:
    return next((variable.value for variable in container(release).env if variable.name == "LOG_LEVEL"), None)


def names(release: Release) -> set[str]:
    return {pod.metadata.name for pod in release.pods}


def test_an_upgrade_and_its_rollback_lose_no_request(release: Release) -> None:
    before = names(release)
    with load(release) as found:
        release.upgrade({"config": {"logLevel": "warning"}})
        between = names(release)
        assert log_level(release) == "warning"
        release.namespace.helm("rollback", NAME, "--wait", "--timeout", HELM_TIMEOUT)
        assert log_level(release) is None
    after = {pod.metadata.name for pod in release.await_ready(2)}
    assert not before & between
    assert not between & after
    found.assert_no_failure()


def no_image(_: Release) -> dict[str, Any]:
    return {"image": {"tag": "no-such-tag"}}


def never_ready(release: Release) -> dict[str, Any]:
    return {"redis": {"url": f"redis://nowhere.{release.namespace.name}.svc:6379/0"}}


@pytest.mark.parametrize("values", [no_image, never_ready])
def test_a_bad_version_is_taken_back_and_the_old_one_serves(
    release: Release, values: Callable[[Release], dict[str, Any]]
) -> None:
    before, image = names(release), container(release).image
    with load(release) as found, pytest.raises(CommandError, match="upgrade"):
        release.upgrade(values(release), "--wait", rollback_flag(), "--timeout", "20s")
    assert container(release).image == image
    assert {pod.metadata.name for pod in release.await_ready(2)} == before
    assert release.get("/api/v1/ready").status_code == 200
    found.assert_no_failure()
