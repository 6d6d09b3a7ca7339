"""A git repository of its own for each test: the project's charts and environments, released twice."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from promote import main

PROJECT = Path(__file__).parents[2]
FIRST = "0.1.0@sha256:" + "1" * 64
SECOND = "0.2.0@sha256:" + "2" * 64
THIRD = "0.3.0@sha256:" + "3" * 64


@dataclass(frozen=True)
class Clone:
    """A clone in which people work."""

    root: Path

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.root), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """The command in this clone: its exit status, and what it prints."""
        out, errors = io.StringIO(), io.StringIO()
        with contextlib.chdir(self.root), contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            status = main(list(arguments))
        return status, out.getvalue(), errors.getvalue()

    def done(self, *arguments: str) -> str:
        status, out, errors = self.run(*arguments)
        assert (status, errors) == (0, "")
        return out

    def refused(self, *arguments: str) -> str:
        """The words of a refusal, after which nothing has changed."""
        before = self.git("rev-parse", "HEAD"), self.git("status", "--porcelain")
        status, out, errors = self.run(*arguments)
        assert (status, out) == (1, "")
        assert (self.git("rev-parse", "HEAD"), self.git("status", "--porcelain")) == before
        assert errors.startswith("refused: ")
        return errors.removeprefix("refused: ").strip()

    def path(self, environment: str, file: str = "release.yaml") -> Path:
        return self.root / "environments" / environment / file

    def edit(self, path: Path, old: str, new: str) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def commit(self, message: str) -> None:
        self.done("renders")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def deliver(self, environment: str, chart: str, image: str) -> None:
        """What a person writes into an environment by hand."""
        path = self.path(environment)
        text = re.sub(r"(?m)^  chart: .*$", f"  chart: {chart} # why this one", path.read_text())
        path.write_text(re.sub(r"(?m)^  image: .*$", f"  image: {image}", text))
        self.commit(f"{environment} runs {image}")

    def image(self, environment: str) -> str:
        return str(re.findall(r"(?m)^  image: (\S+)", self.path(environment).read_text())[0])

    def changed(self) -> list[str]:
        """The files of the last commit."""
        return self.git("show", "--name-only", "--format=").split()


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
