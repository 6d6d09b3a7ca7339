"""What the chart renders to, kept in ``golden/``: a change of the chart shows there what it changes in a cluster.

``make golden`` writes the files anew. Contents that come from files of the project are left out; other tests compare
them with those files.
"""

from __future__ import annotations

from typing import Any

import yaml

from chart.rendering import CASES, HERE, Manifest, notes, render

GOLDEN = HERE / "golden"
FROM_FILES = {"ConfigMap": "data", "PrometheusRule": "spec"}
# What can't be changed in an object that exists: an upgrade that tries to fails.
IMMUTABLE = {"Deployment": "selector", "Service": "clusterIP", "Secret": "type"}


def files() -> dict[str, str]:
    """The text of each golden file."""
    found = {}
    for case, values in CASES.items():
        objects = [_without_files(manifest) for manifest in render(values)]
        found[f"{case}.yaml"] = yaml.safe_dump_all(objects, sort_keys=False, width=120)
        found[f"{case}.txt"] = notes(values)
    return found


def immutable() -> dict[str, Any]:
    """The immutable fields, by case, kind and name; null where the chart leaves them to the cluster."""
    found: dict[str, Any] = {case: {} for case in CASES}
    for case, values in CASES.items():
        for manifest in render(values):
            kind, name = manifest["kind"], manifest["metadata"]["name"]
            if kind in IMMUTABLE:
                found[case][f"{kind}/{name}"] = manifest.get("spec", manifest).get(IMMUTABLE[kind])
    return found


def _without_files(manifest: Manifest) -> Manifest:
    field = FROM_FILES.get(manifest["kind"])
    return manifest if field is None else manifest | {field: dict.fromkeys(manifest[field], "...")}


if __name__ == "__main__":
    for name, text in files().items():
        (GOLDEN / name).write_text(text)
