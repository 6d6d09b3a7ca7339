"""What environments/ holds of other projects' kinds is what their CRDs take: misspelt, an operator would ignore it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from gitops.committed import FOLDER

SCHEMAS = {path.stem: json.loads(path.read_text()) for path in (Path(__file__).parent / "crds").glob("*.json")}
FILES = sorted([FOLDER / "root.yaml", *(FOLDER / "argocd").glob("*.yaml"), *(FOLDER / "examples").glob("*.yaml")])


def refused(found: dict[str, Any]) -> list[str]:
    """What the CRD of an object's kind finds wrong with it."""
    validator = jsonschema.Draft7Validator(SCHEMAS[found["kind"].lower()])
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(found)]


def objects(*paths: Path) -> Iterator[dict[str, Any]]:
    for path in paths:
        yield from (found for found in yaml.safe_load_all(path.read_text()) if found)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_crds_accept_it(path: Path) -> None:
    assert [refused(found) for found in objects(path)] == [[]] * len([*objects(path)])


def test_these_are_the_kinds() -> None:
    assert {found["kind"].lower() for found in objects(*FILES)} == set(SCHEMAS)


@pytest.mark.parametrize(
    ("file", "break_it", "expected"),
    [
        ("external-secret.yaml", lambda spec: spec["target"].update(nmae="x"), "'nmae' was unexpected"),
        ("sealed-secret.yaml", lambda spec: spec.update(encryptedData=[]), "[] is not of type 'object'"),
        ("previews.yaml", lambda spec: pull_request(spec)["github"].pop("repo"), "'repo' is a required property"),
        ("previews.yaml", lambda spec: pull_request(spec).update(requeue=1), "'requeue' was unexpected"),
    ],
)
def test_what_they_would_not_take_is_found(file: str, break_it: Any, expected: str) -> None:
    found = next(objects(FOLDER / "examples" / file))
    break_it(found["spec"])
    (problem,) = refused(found)
    assert expected in problem


def pull_request(spec: Any) -> Any:
    return spec["generators"][0]["matrix"]["generators"][0]["pullRequest"]
