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
# What can't be changed in an object that exists, so that an upgrade would fail.
IMMUTABLE = {
    "Deployment": ("spec.selector",),
    "Service": ("spec.clusterIP",),
    "Secret": ("immutable", "type"),
    "ConfigMap": ("immutable",),
}


def files() -> dict[str, str]:
    """The text of each golden file."""
    found = {}
    for case, values in CASES.items():
        objects = [_without_files(manifest) for manifest in render(values)]
        found[f"{case}.yaml"] = yaml.safe_dump_all(objects, sort_keys=False, width=120)
        found[f"{case}.txt"] = notes(values)
    return found


def immutable() -> dict[str, Any]:
    """The immutable fields of the objects that stay from release to release, by case, kind and name."""
    return {
        case: {
            f"{manifest['kind']}/{manifest['metadata']['name']}": {
                path: _field(manifest, path) for path in IMMUTABLE.get(manifest["kind"], ())
            }
            for manifest in render(values)
            if "helm.sh/hook" not in manifest["metadata"].get("annotations", {})
        }
        for case, values in CASES.items()
    }


def _without_files(manifest: Manifest) -> Manifest:
    field = FROM_FILES.get(manifest["kind"])
    return manifest if field is None else manifest | {field: dict.fromkeys(manifest[field], "...")}


def _field(manifest: Any, path: str) -> Any:
    for key in path.split("."):
        manifest = manifest.get(key) if manifest is not None else None
    return manifest


if __name__ == "__main__":
    for name, text in files().items():
        (GOLDEN / name).write_text(text)
