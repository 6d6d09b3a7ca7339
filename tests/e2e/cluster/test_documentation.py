"""The Kubernetes commands in the pages on deployment, tokens, operation and emergencies work exactly as written."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.cluster.documents import Shell, commands
from e2e.cluster.release import FULL_NAME, NAME, Release
from e2e.kube import HELM_TIMEOUT, Namespace

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1500)]


def test_the_documented_commands(namespace: Namespace, loaded: str, tmp_path: Path) -> None:
    namespace.start_redis()
    shell = Shell(tmp_path, Release(namespace, loaded).values | {"resources": {"requests": {"cpu": "50m"}}})
    given = {"NAMESPACE": namespace.name, "REDIS_URL": namespace.redis_url, "RELEASE": NAME, "SERVICE": FULL_NAME}
    installing, *deploying, removing = commands("docs/deployment.md")
    said = ""
    pages = ("docs/tokens.md", "docs/runbook.md", "docs/emergency-helm.md")
    for block in (installing, *deploying, *(block for page in pages for block in commands(page)), removing):
        if block != installing:  # rollouts by the previous block or the autoscaler must finish first
            namespace.kubectl("rollout", "status", f"deployment/{FULL_NAME}", f"--timeout={HELM_TIMEOUT}")
        said += shell.run(block, **given)
    assert said.count("probe passed: every figure is the original's") == 3
    assert said.count('"status":"ready"') >= 2  # one per pod; the autoscaler may have added some
    assert "nedc_redis_up 1.0" in said
    assert said.splitlines().count(FULL_NAME) == 2  # both pages look it up
