"""What is checked of an environment where git's history is at hand; a shallow clone lacks a part of it."""

from __future__ import annotations

import os

import pytest

from release import BRANCH, Environment
from rendering import render


def check_render(environment: Environment) -> None:
    """The golden render is what the chart and the values render to today."""
    release = environment.release
    if release.chart != BRANCH and not environment.repository.has(release.chart):
        _left_out(f"{environment.name} runs the chart of {release.chart}, which this clone lacks: git fetch --tags")
    assert environment.read("rendered.yaml") == render(environment, release), (
        "run `make renders` and commit what it changes"
    )


def check_source(environment: Environment) -> None:
    """The environment before it runs the same release, or ran it once."""
    if environment.source is None:
        return
    source = Environment.named(environment.repository, environment.source)
    if environment.release == source.release:
        return
    if environment.repository.is_shallow():
        _left_out("this clone lacks a part of the history: git fetch --unshallow")
    assert environment.release in [release for _, release in source.releases()]


def _left_out(why: str) -> None:
    """Skip what a shallow clone cannot check; CI has all of the history, and must check it."""
    if "CI" in os.environ:
        pytest.fail(f"{why}; a workflow checks out with fetch-depth: 0")
    pytest.skip(why)
