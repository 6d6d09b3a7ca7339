"""What Argo CD will apply for an environment: the chart of its release, rendered with its values.

As the application set does it: the values of ``values.yaml``, over them the set's Helm parameters, no Helm tests.
"""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

from release import BRANCH, FOLDER, Environment, Release
from repository import RefusedError, Repository

CHART = "charts/nedc-bench"
HEADER = (
    "# Made by `make renders`: what is applied to {name}. A change here is what a change in git does to the cluster.\n"
)


def render(environment: Environment, release: Release) -> str:
    """The manifests of an environment with a release; refused when the chart does not take the values."""
    helm_source = _application_set(environment.repository)["spec"]["template"]["spec"]["source"]["helm"]
    values = yaml.safe_load(environment.read("values.yaml")) or {}
    for parameter in helm_source["parameters"]:
        value = parameter["value"].replace("{{ .release.image }}", release.image)
        _set(values, parameter["name"].split("."), value if parameter.get("forceString") else yaml.safe_load(value))
    with _chart(environment.repository, release.chart) as folder:
        try:
            with _loaded(folder) as chart:
                rendered = chart.render(values, name=helm_source["releaseName"], namespace=environment.namespace)
        except helm.HelmError as error:
            raise RefusedError(
                f"the chart of {release.chart} does not take {environment.path('values.yaml')}:\n{error}"
            ) from None
    return HEADER.format(name=environment.name) + "".join(_documents(rendered))


def difference(old: str, new: str, name: str) -> str:
    """How two renders of an environment differ; empty where they don't."""
    lines = difflib.unified_diff(old.splitlines(True), new.splitlines(True), f"{name} now", f"{name} then")
    return "".join(lines)


def _documents(rendered: dict[str, str]) -> Iterator[str]:
    """Each object with the template that it comes from, in the order of their names."""
    for path in sorted(rendered):
        if path.endswith("NOTES.txt"):
            continue
        for text in rendered[path].split("\n---\n"):
            document = yaml.load(text, yaml.CSafeLoader)  # in C: most of the time went there
            if document and document["metadata"].get("annotations", {}).get("helm.sh/hook") != "test":
                yield f"---\n# Source: {path}\n{text.removeprefix('---').strip()}\n"


def _application_set(repository: Repository) -> Any:
    return yaml.safe_load((repository.root / FOLDER / "argocd/applicationset.yaml").read_text(encoding="utf-8"))


def _set(values: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        values = values.setdefault(key, {})
    values[path[-1]] = value


def _loaded(folder: Path) -> helm.Chart:
    """The chart in a folder; without the notice that Helm writes to stderr for each symbolic link."""
    stderr = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        return helm.Chart.load(folder)
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


@contextmanager
def _chart(repository: Repository, revision: str) -> Iterator[Path]:
    """The folder of the chart at a revision; the branch's is the working tree's."""
    if revision == BRANCH:
        yield repository.root / CHART
        return
    repository.need_commit(revision)
    with tempfile.TemporaryDirectory() as folder:
        repository.unpack(revision, CHART, folder)
        yield Path(folder) / CHART
