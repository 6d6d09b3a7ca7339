"""What the promotion needs of git: is the tree clean, what did a file hold before, what is in a revision, a commit."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


class RefusedError(Exception):
    """What was asked for is not done; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Repository:
    """The git repository around the current folder.

    Attributes:
        root: its top folder.
    """

    root: Path

    @classmethod
    def here(cls) -> Repository:
        """The repository of the current folder."""
        return cls(Path(_git(Path.cwd(), "rev-parse", "--show-toplevel").decode().strip()))

    def git(self, *arguments: str) -> str:
        """What a git command prints."""
        return _git(self.root, *arguments).decode()

    def need_clean_tree(self) -> None:
        """Refuse while something is not committed: it would be mixed up with the change."""
        if changed := self.git("status", "--porcelain").rstrip():
            raise RefusedError(f"the working tree is not clean; commit or stash first:\n{changed}")

    def has(self, revision: str) -> bool:
        """Whether a revision is here."""
        try:
            self.git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        except RefusedError:
            return False
        return True

    def need_commit(self, revision: str) -> None:
        """Refuse a revision that is not here."""
        if not self.has(revision):
            raise RefusedError(f"there is no revision {revision} here; if it was released: git fetch --tags")

    def history(self, path: str, until: str = "HEAD") -> Iterator[tuple[str, str]]:
        """The commits that changed a file, newest first, and what it held after each."""
        for commit in self.git("log", "--format=%H", "--diff-filter=AM", until, "--", path).split():
            yield commit, self.git("show", f"{commit}:{path}")

    def is_shallow(self) -> bool:
        """Whether a part of the history is not here."""
        return self.git("rev-parse", "--is-shallow-repository").strip() == "true"

    def shallow_hint(self) -> str:
        """What to add to a message that something is not in the history."""
        return "; this clone lacks a part of the history: git fetch --unshallow" if self.is_shallow() else ""

    def committed(self, path: str) -> str:
        """What a file holds in the newest commit; nothing where it is not there."""
        found = self.git("ls-tree", "--name-only", "HEAD", "--", path)
        return self.git("show", f"HEAD:{path}") if found else ""

    def unpack(self, revision: str, path: str, folder: str) -> None:
        """Put what a revision has at a path into a folder."""
        with tarfile.open(fileobj=io.BytesIO(_git(self.root, "archive", revision, "--", path))) as archive:
            archive.extractall(folder, filter="data")

    def commit(self, paths: list[str], message: str) -> None:
        """Commit a few files."""
        self.git("add", "--", *paths)
        self.git("commit", "--quiet", "--message", message, "--", *paths)


def _git(folder: Path, *arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False)  # noqa: S603, S607
    if done.returncode:
        raise RefusedError(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
