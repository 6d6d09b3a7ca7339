"""Secrets change while prod serves: the password of Redis and the tokens, as docs/runbook.md does it."""

from __future__ import annotations

import hashlib

import httpx
import pytest

from e2e.gitops.argo import Argo
from e2e.gitops.conftest import REDIS_PASSWORD, TOKEN
from e2e.gitops.service import load, pods, url
from e2e.gitops.team import Team
from e2e.kube import Namespace, command, until

pytestmark = [pytest.mark.gitops, pytest.mark.timeout(400)]

NEW_PASSWORD = "the-second-password"
NEW_TOKEN = "the-next-token-of-the-tests"


def test_the_password_of_redis_is_rotated_without_a_failed_request(argo: Argo, team: Team) -> None:
    namespace = argo.namespace("prod")
    with load(namespace, TOKEN) as running:
        _redis(namespace, REDIS_PASSWORD, "ACL", "SETUSER", "default", f">{NEW_PASSWORD}")
        _put_secret(namespace, "nedc-bench-redis", "redis-url", f"redis://:{NEW_PASSWORD}@redis:6379/0")
        team.set_values("prod", {"redis": {"secretVersion": "2"}})
        team.commit("prod has a new password for Redis")
        team.push()
        argo.refresh()
        argo.awaited("prod", lambda found: found["status"]["sync"]["status"] == "OutOfSync", "prod waits for a person")
        argo.argocd("app", "sync", "nedc-bench-prod")
        argo.deployed("prod")
        _redis(namespace, NEW_PASSWORD, "ACL", "SETUSER", "default", f"<{REDIS_PASSWORD}")
        assert "WRONGPASS" in _redis(namespace, REDIS_PASSWORD, "PING")
        running.go_on(10)
    assert running.failures == []


def test_a_token_is_rotated_without_a_failed_request(argo: Argo) -> None:
    namespace = argo.namespace("prod")
    old, new = (hashlib.sha256(token.encode()).hexdigest() for token in (TOKEN, NEW_TOKEN))
    with load(namespace, TOKEN) as before:
        _put_secret(namespace, "nedc-bench-tokens", "tokens", f"{old}\n{new}")
        _await_tokens(namespace, [old, new])
        before.go_on(5)
    with load(namespace, NEW_TOKEN) as after:  # those who call have changed over
        _put_secret(namespace, "nedc-bench-probe", "token", NEW_TOKEN)
        _put_secret(namespace, "nedc-bench-tokens", "tokens", new)
        _await_tokens(namespace, [new])
        assert httpx.get(f"{url(namespace)}/api/v1/evaluate", headers=_bearer(TOKEN)).status_code == 401
        after.go_on(10)
    assert (before.failures, after.failures) == ([], [])
    argo.argocd("app", "sync", "nedc-bench-prod")  # the probe has the new token, too
    argo.deployed("prod")


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _redis(namespace: Namespace, password: str, *words: str) -> str:
    """What Redis answers; the password is not among a process's arguments."""
    client = f"REDISCLI_AUTH={password}"
    return namespace.kubectl("exec", "deployment/redis", "--", "env", client, "redis-cli", *words)


def _put_secret(namespace: Namespace, name: str, key: str, value: str) -> None:
    made = namespace.kubectl(
        "create", "secret", "generic", name, f"--from-literal={key}={value}", "--dry-run=client", "--output=yaml"
    )
    command("kubectl", "apply", "--server-side", "--force-conflicts", "--filename=-", given=made)


def _await_tokens(namespace: Namespace, expected: list[str]) -> None:
    """Until every pod sees the file's new content; a change of the pod has its node look at once."""
    digest = hashlib.sha256("".join(expected).encode()).hexdigest()
    for pod in pods(namespace):
        namespace.kubectl("annotate", "--overwrite", "pod", pod.metadata.name, f"tokens={digest}")

        def seen(name: str = pod.metadata.name) -> bool:
            return namespace.kubectl("exec", name, "--", "cat", "/etc/nedc-bench/tokens/tokens").split() == expected

        until(seen, f"{pod.metadata.name} sees the tokens")
