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


def _release(clone: Clone, version: str) -> None:
    chart = clone.root / "charts/nedc-bench/Chart.yaml"
    chart.write_text(re.sub(r"(?m)^version: .*$", f"version: {version}", chart.read_text()))
    clone.git("commit", "--quiet", "--allow-empty", "--all", "--message", version)
    clone.git("tag", f"v{version}")


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """0.1.0 and 0.2.0 are released; every environment runs the first."""
    clone = Clone(tmp_path_factory.mktemp("released"))
    links = [path.resolve().relative_to(PROJECT) for path in (PROJECT / "charts").rglob("*") if path.is_symlink()]
    for path in (Path("charts"), Path("environments"), *links):
        if (PROJECT / path).is_file():
            shutil.copy(PROJECT / path, clone.root / path)
        else:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(PROJECT / path, clone.root / path, symlinks=True, ignore=ignored)
    (clone.root / ".gitignore").write_text("__pycache__/\n")
    clone.git("init", "--quiet", "--initial-branch", "main")
    for name, value in (("user.name", "test"), ("user.email", "test@localhost"), ("commit.gpgsign", "false")):
        clone.git("config", name, value)
    clone.git("add", "--all")
    for version in ("0.1.0", "0.2.0"):
        _release(clone, version)
    for environment in ("dev", "staging", "prod"):
        clone.deliver(environment, "v0.1.0", FIRST)
    return clone


@pytest.fixture
def clone(released: Clone, tmp_path: Path) -> Clone:
    root = tmp_path / "clone"
    shutil.copytree(released.root, root, symlinks=True)
    return Clone(root)


@pytest.fixture
def second_in_staging(clone: Clone) -> Clone:
    clone.deliver("dev", "v0.2.0", SECOND)
    clone.done("promote", "dev", "staging")
    return clone


@pytest.fixture(scope="session")
def environment_names() -> list[str]:
    return sorted(path.parent.name for path in (PROJECT / "environments").glob("*/config.yaml"))
