"""The chart as Helm renders it, without a cluster.

The sets of values that its tests render are in ``cases/``, and in the chart's ``ci/`` those of the platforms that it is
made for.
"""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import helm_python as helm
import pytest
import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHART = ROOT / "charts/nedc-bench"
CASES = {path.stem: yaml.safe_load(path.read_text()) or {} for path in sorted((HERE / "cases").glob("*.yaml"))}
CI = {
    path.name.removesuffix("-values.yaml"): yaml.safe_load(path.read_text())
    for path in sorted((CHART / "ci").glob("*-values.yaml"))
}
EACH_CASE = pytest.mark.parametrize("values", (CASES | CI).values(), ids=CASES | CI)

RELEASE, NAMESPACE = "nedc", "scoring"
REDIS = {"redis": {"existingSecret": "redis-url"}}

Manifest = dict[str, Any]


def templates(values: Manifest | None = None, chart: Path = CHART, **release: Any) -> dict[str, str]:
    """What each template renders to, rendered now."""
    return _load(chart).render(values, **({"name": RELEASE, "namespace": NAMESPACE} | release))


def render(values: Manifest | None = None, chart: Path = CHART, **release: Any) -> list[Manifest]:
    """The objects that are applied, in the order of kind and name; the same values are rendered once."""
    return copy.deepcopy(_render(json.dumps([values, release]), chart))


@cache
def _render(key: str, chart: Path) -> list[Manifest]:
    values, release = json.loads(key)
    texts = (text for path, text in templates(values, chart, **release).items() if path.endswith(".yaml"))
    objects = [found for text in texts for found in yaml.load_all(text, yaml.CSafeLoader) if found]
    return sorted(objects, key=lambda found: (found["kind"], found["metadata"]["name"]))


def notes(values: Manifest | None = None) -> str:
    return templates(values)["nedc-bench/templates/NOTES.txt"]


def of_kind(kind: str, values: Manifest | None = None) -> list[Manifest]:
    return [found for found in render(values) if found["kind"] == kind]


def one(kind: str, values: Manifest | None = None) -> Manifest:
    (found,) = of_kind(kind, values)
    return found


def pods(objects: list[Manifest]) -> list[Manifest]:
    """The pods and pod templates among the objects."""
    bare = [found for found in objects if found["kind"] == "Pod"]
    return bare + [found["spec"]["template"] for found in objects if found["kind"] in {"Deployment", "Job"}]


def policy(component: str, values: Manifest | None = None) -> Manifest:
    """The specification of the NetworkPolicy of the service's pods, or of the probe's."""
    (found,) = (
        found["spec"]
        for found in of_kind("NetworkPolicy", values)
        if found["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == component
    )
    return dict(found)


def container(values: Manifest | None = None) -> Manifest:
    """The service's container."""
    containers = one("Deployment", values)["spec"]["template"]["spec"]["containers"]
    (found,) = (container for container in containers if container["name"] == "api")
    return dict(found)


def env(values: Manifest | None = None) -> Manifest:
    """The environment variables of the service's container, by name."""
    return {entry["name"]: entry for entry in container(values)["env"]}


def merged(values: Manifest | None = None) -> Manifest:
    """The values with the chart's defaults."""
    return _load(CHART).merge_values(values)


@cache
def _load(chart: Path) -> helm.Chart:
    return helm.Chart.load(chart)
