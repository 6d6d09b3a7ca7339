"""An environment's folder, and its ``release.yaml``: what is promoted from one environment to the next.

A release is two lines: the git revision of the chart (the tag of a release, or a full commit id), and the image as
``tag@digest``. Whatever can change its content afterwards (a branch, a tag of an image alone) is *mutable*; an
environment may run it before there is a first release, but it is never promoted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from repository import RefusedError, Repository

FOLDER = "environments"
BRANCH = "main"

_IMAGE = re.compile(r"\w[\w.-]{0,127}(@sha256:[0-9a-f]{64})?", re.ASCII)
_PINNED_CHART = re.compile(r"v\d+\.\d+\.\d+(-[\w.]+)?|[0-9a-f]{40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Release:
    """What an environment runs.

    Attributes:
        chart: the git revision of the chart.
        image: the image's tag, and its digest.
    """

    chart: str
    image: str

    @classmethod
    def parse(cls, text: str, source: str) -> Release:
        """The release that a ``release.yaml`` names; refused where it is another thing."""
        try:
            return cls.of(**yaml.safe_load(text)["release"], source=source)
        except (yaml.YAMLError, TypeError, KeyError):
            raise RefusedError(f"{source}: expected `release:` with `chart:` and `image:` and nothing else") from None

    @classmethod
    def of(cls, chart: object, image: object, source: str) -> Release:
        """A release of what somebody wrote; refused where it can be none."""
        if not isinstance(image, str) or not _IMAGE.fullmatch(image):
            raise RefusedError(f"{source}: image is {image!r}; expected TAG@sha256:DIGEST")
        if not isinstance(chart, str) or not (chart == BRANCH or _PINNED_CHART.fullmatch(chart)):
            raise RefusedError(f"{source}: chart is {chart!r}; expected a release's tag or a full commit id")
        return cls(chart, image)

    def write(self, path: Path) -> None:
        """Change the two lines of a ``release.yaml``; all else, comments too, stays."""
        text = path.read_text(encoding="utf-8")
        for key, value in (("chart", self.chart), ("image", self.image)):
            text = re.sub(rf"(?m)^(  {key}: +)\S+", rf"\g<1>{value}", text)
        path.write_text(text, encoding="utf-8")

    def need_pinned(self, source: str) -> None:
        """Refuse what could become another thing under the same name."""
        if "@" not in self.image:
            raise RefusedError(
                f"{source} runs the image {self.image}, a tag that can be moved; "
                "write TAG@sha256:DIGEST, as the release workflow's summary shows it"
            )
        if not _PINNED_CHART.fullmatch(self.chart):
            raise RefusedError(f"{source} runs the chart of {self.chart}, which changes; write the release's tag")


@dataclass(frozen=True, slots=True)
class Environment:
    """A folder of ``environments/``, as it is in the working tree.

    Attributes:
        name: the folder's name.
        config: the content of its ``config.yaml``.
    """

    repository: Repository
    name: str
    config: dict[str, Any]

    @classmethod
    def named(cls, repository: Repository, name: str) -> Environment:
        """An environment by its name."""
        path = repository.root / FOLDER / name / "config.yaml"
        if not path.is_file():
            known = ", ".join(environment.name for environment in environments(repository))
            raise RefusedError(f"there is no environment {name!r}; there are: {known}")
        return cls(repository, name, yaml.safe_load(path.read_text(encoding="utf-8"))["environment"])

    @property
    def namespace(self) -> str:
        """Where it lies in its cluster."""
        return str(self.config["namespace"])

    @property
    def source(self) -> str | None:
        """The environment that releases come from; none for the first."""
        found: str | None = self.config.get("promotesFrom")
        return found

    def path(self, file: str) -> str:
        """One of its files, from the repository's top."""
        return f"{FOLDER}/{self.name}/{file}"

    def read(self, file: str) -> str:
        """The text of one of its files."""
        return (self.repository.root / self.path(file)).read_text(encoding="utf-8")

    def write(self, file: str, text: str) -> None:
        """Write one of its files."""
        (self.repository.root / self.path(file)).write_text(text, encoding="utf-8")

    @property
    def release(self) -> Release:
        """What it runs."""
        return Release.parse(self.read("release.yaml"), self.path("release.yaml"))

    def releases(self) -> list[tuple[str, Release]]:
        """All that it ever ran, by git's history, newest first: the commit and the release."""
        path = self.path("release.yaml")
        return [
            (commit, Release.parse(text, f"{commit[:12]}:{path}")) for commit, text in self.repository.history(path)
        ]

    def need_carried(self, release: Release) -> None:
        """Refuse what never ran here."""
        if all(release != carried for _, carried in self.releases()):
            raise RefusedError(
                f"{self.name} never carried {release.image} with the chart of {release.chart}; "
                f"promote it to {self.name} first{self.repository.shallow_hint()}"
            )


def environments(repository: Repository) -> list[Environment]:
    """All of them, by name."""
    found = sorted(path.parent.name for path in (repository.root / FOLDER).glob("*/config.yaml"))
    return [Environment.named(repository, name) for name in found]
