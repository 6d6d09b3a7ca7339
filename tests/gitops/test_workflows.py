"""The workflows: what they check out, what must pass before anything is published, and who may do what."""

from __future__ import annotations

import json
import re
from itertools import chain
from typing import Any

import pytest
import yaml

from gitops.conftest import PROJECT

WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in (PROJECT / ".github/workflows").glob("*.yaml")}
JOBS = {f"{name}/{job}": spec for name, found in WORKFLOWS.items() for job, spec in found["jobs"].items()}
NEEDS_HISTORY = re.compile(r"make (test|deliver|promote|rollback|renders|golden)\b")
PUBLISHES = ("helm push", "docker push", "cosign sign", "push: true", "git push", "gh pr")


def steps(job: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = job.get("steps", [])
    return found


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_who_reads_releases_checks_out_history_and_tags(job: dict[str, Any]) -> None:
    if any(NEEDS_HISTORY.search(step.get("run", "")) for step in steps(job)):
        (checkout,) = [step for step in steps(job) if step.get("uses", "").startswith("actions/checkout@")]
        assert (checkout["with"]["fetch-depth"], checkout["with"]["fetch-tags"]) == (0, True)


def test_some_job_reads_releases() -> None:
    runs = [step.get("run", "") for step in chain.from_iterable(map(steps, JOBS.values()))]
    assert {match[1] for run in runs if (match := NEEDS_HISTORY.search(run))} >= {"test", "deliver"}


def test_nothing_is_published_before_the_image_was_built_and_the_chart_installed() -> None:
    jobs = WORKFLOWS["release"]["jobs"]
    (install,) = [job for job in WORKFLOWS["check"]["jobs"].values() if "helm install" in yaml.safe_dump(job)]
    commands = "\n".join(step.get("run", "") for step in steps(install))
    for command in ("make image", "kind load docker-image", "helm install", "helm test"):
        assert command in commands
    assert jobs["check"]["uses"] == "./.github/workflows/check.yaml"
    for name, job in jobs.items():
        if any(word in yaml.safe_dump(job, width=1000) for word in PUBLISHES):
            assert "check" in _ancestors(jobs, name), name


def test_each_change_is_checked_in_the_same_way_as_a_release() -> None:
    assert WORKFLOWS["ci"]["jobs"]["check"]["uses"] == "./.github/workflows/check.yaml"


def test_a_release_is_for_both_architectures_and_names_its_base_by_digest() -> None:
    (build,) = [step for step in steps(JOBS["release/image"]) if step.get("with", {}).get("push") is True]
    assert build["with"]["platforms"] == "linux/amd64,linux/arm64"
    assert "PYTHON_IMAGE=${{ needs.names.outputs.base }}" in build["with"]["build-args"]
    base = (PROJECT / "service/image/base.txt").read_text().strip()
    name, _, digest = base.partition("@")
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest)
    assert f"ARG PYTHON_IMAGE={name}\n" in (PROJECT / "Dockerfile.api").read_text()


def test_arm64_scores_known_pairs_before_it_is_pushed() -> None:
    names = [step.get("name", "") for step in steps(JOBS["release/image"])]
    assert names.index("Compare arm64's figures with the original's") < names.index(
        "Build and push, with SBOM and provenance"
    )


def test_the_bot_finds_the_base_image_and_leaves_the_environments_alone() -> None:
    config = json.loads((PROJECT / ".github/renovate.json").read_text())
    assert "environments/**" in config["ignorePaths"]
    (manager,) = config["customManagers"]
    (path,) = manager["managerFilePatterns"]
    assert re.fullmatch(path.strip("/"), "service/image/base.txt")
    (pattern,) = manager["matchStrings"]
    found = re.match(pattern.replace("(?<", "(?P<"), (PROJECT / "service/image/base.txt").read_text())
    assert found
    assert set(found.groupdict()) == {"depName", "currentValue", "currentDigest"}


def test_what_runs_is_scanned_by_a_schedule() -> None:
    triggers = WORKFLOWS["scan"][True]  # YAML's `on`
    assert triggers["schedule"]
    assert "environments/*/release.yaml" in yaml.safe_dump(JOBS["scan/images"], width=1000)


def test_actions_are_named_by_commit_and_permissions_are_none_but_a_jobs_own() -> None:
    for found in WORKFLOWS.values():
        assert found["permissions"] == {}
    for step in chain.from_iterable(map(steps, JOBS.values())):
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])


def _ancestors(jobs: dict[str, Any], name: str) -> set[str]:
    needs = jobs[name].get("needs", [])
    needed = {needs} if isinstance(needs, str) else set(needs)
    return needed.union(*(_ancestors(jobs, other) for other in needed))
