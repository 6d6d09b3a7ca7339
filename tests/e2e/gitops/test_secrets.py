"""Secrets are rotated while prod serves: the Redis password and the tokens, as in docs/runbook.md."""

from __future__ import annotations

import hashlib

import pytest

from e2e.gitops.argo import Argo
from e2e.gitops.conftest import REDIS_PASSWORD, TOKEN
from e2e.gitops.documents import follow
from e2e.gitops.service import load, pods, url
from e2e.gitops.team import Team
from e2e.kube import Namespace, until

pytestmark = [pytest.mark.gitops, pytest.mark.timeout(1500)]

NEW_PASSWORD = "the-second/p@ss:word#%2F"  # in a URL it must be encoded
NEW_TOKEN = "the-next-token-of-the-tests"
ADD_PASSWORD, DROP_PASSWORD, TOKENS, ADD_TOKEN, PROBE, LAST_USE, DROP_TOKEN, REFUSED = range(8)  # blocks of the runbook


def test_the_password_of_redis_is_rotated_without_a_failed_request(argo: Argo, team: Team) -> None:
    namespace = argo.namespace("prod")
    given = {"NAMESPACE": namespace.name, "REDIS_POD": "deployment/redis", "OLD": REDIS_PASSWORD, "NEW": NEW_PASSWORD}
    with load(namespace, TOKEN) as running:
        follow(team.root, "runbook.md", "Rotating secrets", ADD_PASSWORD, **given)
        team.set_values("prod", {"redis": {"secretVersion": "2"}})
        team.commit("prod has a new password for Redis")
        team.push()
        argo.refresh()
        argo.awaited("prod", lambda found: found["status"]["sync"]["status"] == "OutOfSync", "prod waits for a person")
        argo.argocd("app", "sync", "nedc-bench-prod")
        argo.deployed("prod")
        follow(team.root, "runbook.md", "Rotating secrets", DROP_PASSWORD, **given)
        refused = namespace.kubectl(
            "exec", "deployment/redis", "--", "env", f"REDISCLI_AUTH={REDIS_PASSWORD}", "redis-cli", "PING"
        )
        assert "NOAUTH" in refused
        running.go_on(10)
    assert running.failures == []


def test_a_token_is_rotated_without_a_failed_request(argo: Argo, team: Team) -> None:
    namespace = argo.namespace("prod")
    old, new = (hashlib.sha256(token.encode()).hexdigest() for token in (TOKEN, NEW_TOKEN))
    given = {"NAMESPACE": namespace.name, "NEDC": url(namespace), "OLD": TOKEN, "NEW": NEW_TOKEN, "NAME": "probe"}
    with load(namespace, TOKEN) as before:
        follow(team.root, "runbook.md", "Rotating secrets", TOKENS, ADD_TOKEN, **given)
        assert _tokens(namespace) == [[f"{old}  probe", f"{new}  probe"]] * len(pods(namespace))
        before.go_on(5)
        assert int(follow(team.root, "runbook.md", "Rotating secrets", TOKENS, LAST_USE, **given)) >= 5
    with load(namespace, NEW_TOKEN) as after:  # clients have switched to the new token
        follow(team.root, "runbook.md", "Rotating secrets", TOKENS, PROBE, DROP_TOKEN, **given)
        until(lambda: _tokens(namespace) == [[f"{new}  probe"]] * len(pods(namespace)), "every pod sees the tokens")
        assert follow(team.root, "runbook.md", "Rotating secrets", REFUSED, **given) == "401\n"
        after.go_on(10)
    assert (before.failures, after.failures) == ([], [])
    argo.argocd("app", "sync", "nedc-bench-prod")  # the probe uses the new token, too
    argo.deployed("prod")


def _tokens(namespace: Namespace) -> list[list[str]]:
    """The lines of the file that each pod sees."""
    return [
        namespace.kubectl("exec", pod.metadata.name, "--", "cat", "/etc/nedc-bench/tokens/tokens").splitlines()
        for pod in pods(namespace)
    ]
