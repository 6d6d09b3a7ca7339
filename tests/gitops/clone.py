"""A clone of a repository with environments, in which people work."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from promote import main


@dataclass(frozen=True)
class Clone:
    """The clone; `run` and what builds on it is the promotion, as the make targets call it."""

    root: Path

    def copy(self, root: Path) -> Clone:
        """The same in a folder of its own."""
        shutil.copytree(self.root, root, symlinks=True)
        return Clone(root)

    def introduce(self) -> None:
        """Say who commits here."""
        for name, value in (("user.name", "test"), ("user.email", "test@localhost"), ("commit.gpgsign", "false")):
            self.git("config", name, value)

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

    def write_release(self, environment: str, chart: str, image: str) -> bool:
        """Write into an environment by hand what it is to run; whether that is something else than before."""
        path = self.path(environment)
        text = re.sub(r"(?m)^  chart: .*$", f"  chart: {chart} # why this one", path.read_text())
        text = re.sub(r"(?m)^  image: .*$", f"  image: {image}", text)
        changed = text != path.read_text()
        path.write_text(text)
        return changed

    def deliver(self, environment: str, chart: str, image: str) -> None:
        """Commit what a person writes into an environment by hand."""
        if self.write_release(environment, chart, image):
            self.commit(f"{environment} runs {image}")

    def image(self, environment: str) -> str:
        return str(re.findall(r"(?m)^  image: (\S+)", self.path(environment).read_text())[0])

    def changed(self) -> list[str]:
        """The files of the last commit."""
        return self.git("show", "--name-only", "--format=").split()
