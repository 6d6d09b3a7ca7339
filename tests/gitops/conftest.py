"""A git repository of its own for each test: the project's charts and environments, released twice."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from gitops.clone import Clone

PROJECT = Path(__file__).parents[2]
FIRST = "0.1.0@sha256:" + "1" * 64
SECOND = "0.2.0@sha256:" + "2" * 64
THIRD = "0.3.0@sha256:" + "3" * 64
ENVIRONMENTS = ("dev", "staging", "prod")


def _release(clone: Clone, version: str) -> None:
    chart = clone.root / "charts/nedc-bench/Chart.yaml"
    chart.write_text(re.sub(r"(?m)^version: .*$", f"version: {version}", chart.read_text()))
    clone.git("commit", "--quiet", "--allow-empty", "--all", "--message", version)
    clone.git("tag", f"v{version}")


def _folders() -> list[str]:
    return [path.parent.name for path in (PROJECT / "environments").glob("*/config.yaml")]


def _before_the_first_release(line: re.Match[str]) -> str:
    return f"  {line[1]}: {'main' if line[1] == 'chart' else '0.1.0'}"


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """0.1.0 and 0.2.0 are released; every environment runs the first."""
    clone = Clone(tmp_path_factory.mktemp("released"))
    others = [name for name in _folders() if name not in ENVIRONMENTS]
    for folder in ("charts", "environments"):
        shutil.copytree(PROJECT / folder, clone.root / folder, ignore=shutil.ignore_patterns("__pycache__", *others))
    (clone.root / ".gitignore").write_text("__pycache__/\n")
    for environment in ENVIRONMENTS:  # what the project runs by now is not here
        path = clone.path(environment)
        path.write_text(re.sub(r"(?m)^  (chart|image): .*$", _before_the_first_release, path.read_text()))
    clone.git("init", "--quiet", "--initial-branch", "main")
    clone.introduce()
    clone.git("add", "--all")
    for version in ("0.1.0", "0.2.0"):
        _release(clone, version)
    for environment in ENVIRONMENTS:
        clone.write_release(environment, "v0.1.0", FIRST)
    clone.commit("all run the first release")
    return clone


@pytest.fixture(scope="session")
def promoted_once(released: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """Then 0.2.0 came to dev, and from there to staging."""
    clone = released.copy(tmp_path_factory.mktemp("promoted") / "clone")
    clone.deliver("dev", "v0.2.0", SECOND)
    clone.done("promote", "dev", "staging", "--unasked")
    return clone


# What Argo CD's command prints: an environment runs what it should and is well, unless a file says otherwise.
ARGOCD = r"""#!/bin/sh
set -eu
[ "$1 $2 $4 $5 $6" = "app get --refresh --output json" ]
name=${3#nedc-bench-}
[ ! -f "$STATES/$name.refusal" ] || { cat "$STATES/$name.refusal" >&2; exit 20; }
[ ! -f "$STATES/$name.json" ] || { cat "$STATES/$name.json"; exit 0; }
line() { sed -n "s/^  $1: *\([^ ]*\).*/\1/p" "environments/$name/release.yaml"; }
cat <<END
{"spec": {"source": {"targetRevision": "$(line chart)",
                     "helm": {"parameters": [{"name": "image.tag", "value": "$(line image)"}]}}},
 "status": {"sync": {"status": "Synced"}, "health": {"status": "Healthy"},
            "operationState": {"phase": "Succeeded", "finishedAt": "2026-11-26T12:00:00Z"}}}
END
"""


@pytest.fixture(autouse=True)
def argo_cd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder: NAME.json there is what Argo CD says of an environment, NAME.refusal why it says nothing."""
    states = tmp_path / "argo-cd"
    states.mkdir()
    command = states / "argocd"
    command.write_text(ARGOCD)
    command.chmod(0o755)
    monkeypatch.setenv("STATES", str(states))
    monkeypatch.setenv("ARGOCD", str(command))
    return states


@pytest.fixture
def clone(released: Clone, tmp_path: Path) -> Clone:
    return released.copy(tmp_path / "clone")


@pytest.fixture
def second_in_staging(promoted_once: Clone, tmp_path: Path) -> Clone:
    return promoted_once.copy(tmp_path / "clone")


@pytest.fixture
def ranges_renamed(clone: Clone) -> Clone:
    """Staging runs 0.3.0, which has another name for a value of prod's."""
    for file in ("values.schema.json", "values.yaml"):
        clone.edit(clone.root / "charts/nedc-bench" / file, "loadBalancerSourceRanges", "allowedRanges")
    clone.git("commit", "--quiet", "--all", "--message", "another name")
    clone.git("tag", "v0.3.0")
    clone.deliver("dev", "v0.3.0", THIRD)
    clone.done("promote", "dev", "staging")
    return clone
