"""A platform with three environments that Argo CD keeps as a git repository says.

Beside what the tests of the cluster need: Argo CD's controllers in or beside the cluster, the ``argocd`` command on the
PATH with an environment that lets it in, ``GITOPS_REPO``: a git URL that the tests push to and Argo CD reads, and
``LOAD_ARCHIVE``: the command that loads an image archive into the cluster (`kind load image-archive`).
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.gitops.archive import write_archive
from e2e.gitops.argo import Argo
from e2e.gitops.images import FIRST, build_all
from e2e.gitops.receiver import Receiver
from e2e.gitops.team import ENVIRONMENTS, Team
from e2e.kube import REDIS_IMAGE, Cluster, Namespace, command, load_image, until

REPOSITORY = "ghcr.io/nedc-bench/nedc-bench"
TOKEN = "the-token-of-the-tests"
REDIS_PASSWORD = "the-first-password"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    connection = Cluster()
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def digests(image: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digest of each image, which the cluster's nodes hold as if they had pulled it."""
    folder = tmp_path_factory.mktemp("images")
    archive = folder / "images.tar"
    found = write_archive(archive, REPOSITORY, build_all(image, folder))
    command(*shlex.split(os.environ.get("LOAD_ARCHIVE", "kind load image-archive")), str(archive))
    archive.unlink()
    load_image(REDIS_IMAGE)
    return found


@pytest.fixture(scope="session")
def team(digests: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Team:
    """The repository, in which every environment runs the first release."""
    made = Team.clone(tmp_path_factory.mktemp("team") / "clone", os.environ["GITOPS_REPO"], digests)
    chart = f"v{FIRST}-{uuid.uuid4().hex[:8]}"
    made.tag_chart(chart)
    for environment in ENVIRONMENTS:
        made.deliver(environment, chart, made.pinned(FIRST))
    made.push()
    return made


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


@pytest.fixture(scope="session")
def argo(cluster: Cluster, team: Team, receiver: Receiver) -> Iterator[Argo]:
    """Argo CD, as docs/deployment.md sets it up: three environments, each deployed and healthy."""
    for program in ("argocd", "git"):
        assert shutil.which(program), f"{program} is not on the PATH"
    found = Argo(cluster, team)
    _remove(found)
    try:
        _set_up(found, receiver)
        yield found
    finally:
        receiver.unsubscribe()
        _remove(found)


def _set_up(argo: Argo, receiver: Receiver) -> None:
    for environment in ENVIRONMENTS:
        _prepare(argo.namespace(environment), environment)
    receiver.subscribe()
    for file in ("notifications.yaml", "project.yaml", "applicationset.yaml"):
        argo.apply(file)
    until(lambda: argo.applications() == sorted(ENVIRONMENTS), "three Applications")
    argo.awaited("prod", lambda application: application.get("status", {}).get("sync"), "compared")
    argo.argocd("app", "sync", "nedc-bench-prod", "--async")
    play_the_load_balancer(argo.namespace("prod"))
    for environment in ENVIRONMENTS:
        argo.deployed(environment)


def _prepare(namespace: Namespace, environment: str) -> None:
    """What is not in git: Secrets, and the Redis that other charts bring."""
    command("kubectl", "create", "namespace", namespace.name)
    if environment == "dev":
        return
    namespace.start_redis()
    namespace.kubectl("exec", "deployment/redis", "--", "redis-cli", "CONFIG", "SET", "requirepass", REDIS_PASSWORD)
    url = f"redis://:{REDIS_PASSWORD}@redis:6379/0"
    namespace.kubectl("create", "secret", "generic", "nedc-bench-redis", f"--from-literal=redis-url={url}")
    if environment == "prod":
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        namespace.kubectl("create", "secret", "generic", "nedc-bench-tokens", f"--from-literal=tokens={digest}")
        namespace.kubectl("create", "secret", "generic", "nedc-bench-probe", f"--from-literal=token={TOKEN}")


def _remove(argo: Argo) -> None:
    """Leave nothing; the project goes last, without it Argo CD can't delete what its Applications made."""
    quiet = ("--ignore-not-found", "--namespace=argocd")
    command("kubectl", "delete", "applicationset", "nedc-bench", *quiet)
    until(lambda: argo.applications() == [], "the Applications are gone")
    command("kubectl", "delete", "appproject", "nedc-bench", *quiet)
    names = [f"nedc-bench-{environment}" for environment in (*ENVIRONMENTS, "preview")]
    command("kubectl", "delete", "namespace", *names, "--ignore-not-found", "--timeout=180s")


def play_the_load_balancer(namespace: Namespace) -> None:
    """Do what a cloud does for a Service of that type: give it an address."""
    core = namespace.cluster.core

    def service() -> Any:
        return [
            found for found in core.list_namespaced_service(namespace.name).items if found.spec.type == "LoadBalancer"
        ]

    (found,) = until(service, "the Service")
    address: dict[str, Any] = {"status": {"loadBalancer": {"ingress": [{"hostname": "prod.example.org"}]}}}
    core.patch_namespaced_service_status(found.metadata.name, namespace.name, address)
