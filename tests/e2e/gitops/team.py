"""The team's repository: a clone of the project, adapted to the tests' cluster, and pushed where Argo CD reads it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from e2e.gitops.images import FIRST
from e2e.kube import PROJECT
from gitops.clone import Clone
from home import REPOSITORY
from release import BRANCH

URL = f"{REPOSITORY}.git"
ENVIRONMENTS = ("dev", "staging", "prod")

# All three fit on one small node, can be reached from outside it, and handle the tests' load.
COMMON: dict[str, Any] = {
    "config": {"rateLimit": "100000/minute", "statusRateLimit": "100000/minute"},
    "resources": {"requests": {"cpu": "50m"}},
}
ADAPTED: dict[str, dict[str, Any]] = {
    "dev": COMMON | {"service": {"type": "NodePort"}},
    "staging": COMMON | {"service": {"type": "NodePort"}, "autoscaling": {"maxReplicas": 3}},
    "prod": COMMON | {"autoscaling": {"maxReplicas": 2}},
}


@dataclass(frozen=True)
class Team(Clone):
    """A team that deploys by pushing to ``main``."""

    url: str
    images: Mapping[str, str]

    @classmethod
    def clone(cls, root: Path, url: str, images: Mapping[str, str]) -> Team:
        """Clone the project's last commit, adapted, in the state of a fork before its first release.

        Args:
            root: the folder of the clone.
            url: the URL that it is pushed to.
            images: the digest of each tag.
        """
        subprocess.run(["git", "clone", "--quiet", str(PROJECT), str(root)], check=True)
        team = cls(root, url, images)
        team.git("checkout", "--quiet", "-B", "main")
        team.git("remote", "set-url", "origin", url)
        for name, value in (("user.name", "team"), ("user.email", "team@localhost"), ("commit.gpgsign", "false")):
            team.git("config", name, value)
        team._adapt()
        team._lend_the_environment()
        for environment in ENVIRONMENTS:
            team.deliver(environment, BRANCH, FIRST)
        team.git("push", "--quiet", "--force", url, "HEAD:main")
        return team

    def _adapt(self) -> None:
        for path in sorted((self.root / "environments").rglob("*.yaml")):
            path.write_text(path.read_text().replace(URL, self.url))
        # Failed syncs are not retried, and prod's sync windows are removed, so that the weekday does not matter.
        self.edit(self.argocd("applicationset.yaml"), "limit: 3\n", "limit: 0\n")
        project = self.argocd("project.yaml")
        project.write_text(re.sub(r"(?s)\n  # No change of prod .*", "\n", project.read_text()))
        for folder in self.root.glob("environments/*/config.yaml"):
            if folder.parent.name not in ENVIRONMENTS:
                self.git("rm", "-r", "--quiet", str(folder.parent))
        for environment, values in ADAPTED.items():
            self.set_values(environment, values)

    def _lend_the_environment(self) -> None:
        """Give make the project's own .venv, so that it does not create one."""
        lent = self.root / ".venv"
        lent.mkdir()
        for path in Path(sys.prefix).iterdir():
            (lent / path.name).symlink_to(path)
        (lent / ".ready").unlink(missing_ok=True)
        (lent / ".ready").touch()

    def argocd(self, file: str) -> Path:
        return self.path("argocd", file)

    def values(self, environment: str) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load(self.path(environment, "values.yaml").read_text())
        return found

    def release(self, environment: str) -> dict[str, str]:
        found: dict[str, str] = yaml.safe_load(self.path(environment).read_text())["release"]
        return found

    def set_values(self, environment: str, values: Mapping[str, Any]) -> None:
        """Set some values of an environment; the others stay."""
        merged = _merged(self.values(environment), values)
        self.path(environment, "values.yaml").write_text(yaml.safe_dump(merged))

    def pinned(self, tag: str) -> str:
        """An image in the form that release.yaml uses."""
        return f"{tag}@{self.images[tag]}"

    def push(self) -> None:
        self.git("push", "--quiet", self.url, "HEAD:main")

    def revert(self) -> None:
        """Revert the last commit."""
        self.git("revert", "--no-edit", "HEAD")
        self.push()


def _merged(values: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(values)
    for key, value in others.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if both else value
    return merged
