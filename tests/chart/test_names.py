"""The names of the chart's objects fit whatever the release is called, and are those of the runbook."""

from __future__ import annotations

import re

import pytest

from chart.rendering import CASES, REDIS, one, render


@pytest.mark.parametrize(
    ("release", "name"),
    [("nedc", "nedc-nedc-bench"), ("nedc-bench", "nedc-bench"), ("eeg.nedc-bench", "eeg-nedc-bench")],
)
def test_what_the_runbook_calls_service_has_one_name_and_the_releases_labels(release: str, name: str) -> None:
    labels = {"app.kubernetes.io/instance": release, "app.kubernetes.io/component": "api"}
    objects = render(REDIS, name=release)
    found = [
        each["metadata"]["name"]
        for each in objects
        if each["kind"] == "Deployment" and labels.items() <= each["metadata"]["labels"].items()
    ]
    assert found == [name]
    named = {each["kind"] for each in objects if each["metadata"]["name"] == name}
    assert named >= {"Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget"}


@pytest.mark.parametrize("release", ["nedc-bench", "r" * 53, "a", "123", "true", "1e3", "0x1f", "my.release", "null"])
def test_names_fit_whatever_the_release_is_called(release: str) -> None:
    values = CASES["everything"] | {"nameOverride": "n" * 63}
    for found in [*render(name=release), *render(values, name=release), *render(CASES["inline"], name=release)]:
        labels, name = found["metadata"].get("labels", {}), found["metadata"]["name"]
        assert re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", name), name
        assert all(isinstance(value, str) and len(value) <= 63 for value in labels.values())
        if "helm.sh/chart" in labels:
            assert labels["app.kubernetes.io/instance"] == release


@pytest.mark.parametrize("name", ["true", "null", "yes"])
def test_a_name_that_yaml_reads_as_something_else_stays_a_name(name: str) -> None:
    values = {
        "fullnameOverride": name,
        "nameOverride": name,
        "redis": {"url": "redis://a"},
        "serviceAccount": {"name": name},
    }
    assert {one(kind, values)["metadata"]["name"] for kind in ("Deployment", "Service", "ServiceAccount")} == {name}
    assert one("HorizontalPodAutoscaler", values)["spec"]["scaleTargetRef"]["name"] == name
    assert one("Deployment", values)["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] == name
