"""The commands of docs/deployment.md and docs/runbook.md for Kubernetes do what they say, as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from e2e.cluster.release import FULL_NAME, NAME, Release
from e2e.kube import HELM_TIMEOUT, PROJECT, Namespace, rollback_flag

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1500)]

# The documents install an image that is published; the tests' own takes its place, and Helm 3 has another flag.
PRELUDE = """
helm() {
    case "$1" in
    install | upgrade) command helm "${@/--rollback-on-failure/$ROLLBACK_FLAG}" --values "$IMAGE_VALUES" ;;
    *) command helm "$@" ;;
    esac
}
"""


def commands(document: str) -> list[str]:
    """The blocks of a document that are marked to be run, in their order."""
    text = (PROJECT / "docs" / document).read_text()
    found = re.findall(r"^<!-- run: cluster -->\n```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert found
    return found


def test_the_documented_commands(namespace: Namespace, loaded: str, tmp_path: Path) -> None:
    namespace.start_redis()
    values = tmp_path / "image.yaml"
    small = {"resources": {"requests": {"cpu": "50m"}}}  # a test's node may have little left
    values.write_text(yaml.safe_dump(Release(namespace, loaded).values | small))
    environment = os.environ | {
        "IMAGE_VALUES": str(values),
        "NAMESPACE": namespace.name,
        "REDIS_URL": namespace.redis_url,
        "RELEASE": NAME,
        "ROLLBACK_FLAG": rollback_flag(),
    }
    installing, *deploying, removing = commands("deployment.md")
    said = ""
    for block in (installing, *deploying, *commands("runbook.md"), *commands("emergency-helm.md"), removing):
        if block != installing:  # what the block before, or the autoscaler after it, has begun is to end first
            namespace.kubectl("rollout", "status", f"deployment/{FULL_NAME}", f"--timeout={HELM_TIMEOUT}")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", PRELUDE + block],
            cwd=PROJECT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}"
        said += done.stdout
    assert said.count("probe passed: every figure is the original's") == 2
    assert said.count('"status":"ready"') == 2
    assert "nedc_redis_up 1.0" in said
