"""A platform with three environments, which Argo CD keeps in sync with a git repository.

In addition to the needs of the cluster tests: Argo CD's controllers in or beside the cluster, the ``argocd`` command on
the PATH with an environment that grants it access, ``GITOPS_REPO``: a git URL that the tests push to and Argo CD reads,
and ``LOAD_ARCHIVE``: the command that loads an image archive into the cluster (`kind load image-archive`).
"""

from __future__ import annotations

import os
import shlex
import shutil
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.gitops import neighbours
from e2e.gitops.archive import write_archive
from e2e.gitops.argo import Argo, operation
from e2e.gitops.documents import follow
from e2e.gitops.images import FIRST, build_all
from e2e.gitops.receiver import Receiver
from e2e.gitops.releasing import bring_to_prod, bring_to_staging, publish
from e2e.gitops.team import ENVIRONMENTS, Team
from e2e.kube import HELM_TIMEOUT, REDIS_IMAGE, WAIT_SECONDS, Cluster, Namespace, command, load_image, until
from home import IMAGE

REPOSITORY = IMAGE
TOKEN = "the-token-of-the-tests"
REDIS_PASSWORD = "the-first-password"
SECRETS, TAKE_OVER = 0, 1  # blocks of deployment.md's first set-up


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    connection = Cluster()
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def digests(image: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digest of each image; the images are loaded on the cluster's nodes as if pulled."""
    folder = tmp_path_factory.mktemp("images")
    archive = folder / "images.tar"
    found = write_archive(archive, REPOSITORY, build_all(image, folder))
    command(*shlex.split(os.environ.get("LOAD_ARCHIVE", "kind load image-archive")), str(archive))
    archive.unlink()
    load_image(REDIS_IMAGE)
    return found


@pytest.fixture(scope="session")
def team(digests: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Team:
    """The repository with the first release tagged and its image published; no environment is pinned yet."""
    made = Team.clone(tmp_path_factory.mktemp("team") / "clone", os.environ["GITOPS_REPO"], digests)
    publish(made, FIRST)
    return made


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


@pytest.fixture(scope="session")
def argo(cluster: Cluster, team: Team, receiver: Receiver) -> Iterator[Argo]:
    """Argo CD, set up as documented: the first release was promoted through all environments, which are healthy."""
    for program in ("argocd", "git"):
        assert shutil.which(program), f"{program} is not on the PATH"
    found = Argo(cluster, team)
    _need_a_cluster_for_tests()
    _remove(found)
    try:
        _set_up(found, receiver)
        yield found
    finally:
        receiver.forget()
        _remove(found)


def _set_up(argo: Argo, receiver: Receiver) -> None:
    folder = argo.team.root
    given = {"REDIS_PASSWORD": REDIS_PASSWORD, "TOKEN": TOKEN, "WEBHOOK_URL": receiver.url}
    follow(folder, "deployment.md", "First set-up", SECRETS, **given)
    for environment in ("staging", "prod"):
        namespace = argo.namespace(environment)
        namespace.start_redis()
        # Without CPU on a busy machine, Redis answers too late; the refusals that follow are not a rollout's fault.
        namespace.kubectl("set", "resources", "deployment/redis", "--requests=cpu=250m")
        namespace.kubectl("rollout", "status", "deployment/redis", f"--timeout={HELM_TIMEOUT}")
        namespace.kubectl("exec", "deployment/redis", "--", "redis-cli", "CONFIG", "SET", "requirepass", REDIS_PASSWORD)
    cloud = threading.Thread(target=play_the_load_balancer, args=(argo.namespace("prod"),), name="load balancer")
    cloud.start()
    neighbours.move_in(folder.parent)
    follow(folder, "deployment.md", "First set-up", TAKE_OVER)
    cloud.join()
    for environment in ENVIRONMENTS:
        argo.deployed(environment)
    bring_to_staging(argo, FIRST)
    bring_to_prod(argo)


def _need_a_cluster_for_tests() -> None:
    """Protect a real installation: the tests begin by removing the environments, which have the same names."""
    found = command(
        "kubectl", "get", "applicationset", "--namespace=argocd", "--output=jsonpath={..repoURL}", "--ignore-not-found"
    )
    foreign = set(found.split()) - {os.environ["GITOPS_REPO"]}
    assert not foreign, (
        f"Argo CD keeps {foreign}; these tests remove its environments: give KUBECONFIG of another cluster"
    )


def _remove(argo: Argo) -> None:
    """Remove everything; the project last, since Argo CD needs it to delete the Applications' objects."""
    quiet = ("--ignore-not-found", "--namespace=argocd")
    command("kubectl", "delete", "application", "nedc-bench-root", *quiet)
    command("kubectl", "delete", "applicationset", "nedc-bench", "nedc-bench-secrets", *quiet)
    for environment in argo.applications():
        found = argo.application(environment)  # None if its application set has deleted it by now
        if found and operation(found).get("phase") == "Running":  # a syncing Application is not deleted
            argo.argocd("app", "terminate-op", f"nedc-bench-{environment}")
    until(lambda: argo.applications() == [], "the Applications are gone")
    command("kubectl", "delete", "appproject", "nedc-bench", "nedc-bench-root", *quiet)
    neighbours.move_out()
    names = [f"nedc-bench-{environment}" for environment in (*ENVIRONMENTS, "preview")]
    command("kubectl", "delete", "namespace", *names, "--ignore-not-found", "--timeout=180s")


def play_the_load_balancer(namespace: Namespace) -> None:
    """Do what a cloud does for a LoadBalancer Service: give it an address."""
    core = namespace.cluster.core

    def service() -> Any:
        return [
            found for found in core.list_namespaced_service(namespace.name).items if found.spec.type == "LoadBalancer"
        ]

    (found,) = until(service, "the Service", 3 * WAIT_SECONDS)
    address: dict[str, Any] = {"status": {"loadBalancer": {"ingress": [{"hostname": "prod.example.org"}]}}}
    core.patch_namespaced_service_status(found.metadata.name, namespace.name, address)
