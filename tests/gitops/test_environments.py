"""The environments as committed: whole, minimal, current, and each with what it is meant to have."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Any

import helm_python as helm
import pytest

import home
from gitops.checks import check_render, check_source
from gitops.committed import FOLDER, NAMES, REPOSITORY, load, objects
from gitops.conftest import PROJECT
from release import Environment

FOLDERS = sorted(
    path.name for path in FOLDER.iterdir() if path.is_dir() and path.name not in {"argocd", "examples", "__pycache__"}
)


@pytest.mark.parametrize("name", NAMES)
def test_golden_renders_are_current(name: str) -> None:
    check_render(Environment.named(REPOSITORY, name))


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_has_all_its_files(folder: str) -> None:
    """One that is lost would take the Application with it."""
    found = {path.name for path in (FOLDER / folder).iterdir()}
    assert {"config.yaml", "release.yaml", "rendered.yaml", "values.yaml"} <= found
    assert found <= {"config.yaml", "release.yaml", "rendered.yaml", "values.yaml", "secrets"}


def test_releases_come_from_one_first_environment_along_a_tree() -> None:
    sources = {name: Environment.named(REPOSITORY, name).source for name in NAMES}
    assert list(sources.values()).count(None) == 1
    for name in NAMES:
        way = [name]
        while source := sources[way[-1]]:
            assert source in NAMES, f"{way[-1]} promotes from {source}, which has no folder"
            assert source not in way, f"releases go round in a circle: {way}"
            way.append(source)


def test_a_folder_tells_environment_and_namespace() -> None:
    for name in NAMES:
        config = Environment.named(REPOSITORY, name).config
        assert config["name"] == name
        assert config["namespace"] == f"nedc-bench-{name}"
        assert config["sync"] in {"automated", "manual"}
        assert config.get("onRemoval", "keep") in {"keep", "delete"}
        assert set(config) <= {"name", "cluster", "namespace", "sync", "promotesFrom", "onRemoval"}


def test_what_a_person_syncs_outlives_its_folder() -> None:
    for name in NAMES:
        config = Environment.named(REPOSITORY, name).config
        assert config["sync"] == "automated" or "onRemoval" not in config


@pytest.mark.parametrize("name", NAMES)
def test_an_environment_runs_what_the_one_before_it_carried(name: str) -> None:
    check_source(Environment.named(REPOSITORY, name))


def test_values_are_what_differs() -> None:
    with helm.Chart.load(PROJECT / "charts/nedc-bench") as chart:
        defaults = chart.values
    assert _superfluous(defaults, {name: load(f"{name}/values.yaml") for name in NAMES}) == []


def test_superfluous_values_are_found() -> None:
    defaults = {"a": {"b": 1, "c": None}, "d": []}
    environments = {"dev": {"a": {"b": 1}, "e": 2}, "prod": {"a": {"c": 1}, "d": [], "e": 2}}
    assert _superfluous(defaults, environments) == ["dev: a.b", "prod: d", "all: e"]


def test_no_secret_is_in_git() -> None:
    assert [name for name in NAMES for found in objects(name) if found["kind"] == "Secret"] == []


def test_dev_is_standalone() -> None:
    deployment = _object("dev", "Deployment")["spec"]
    assert deployment["replicas"] == 1
    assert "REDIS_URL" not in _variables(deployment)
    assert not {"HorizontalPodAutoscaler", "PodDisruptionBudget"} & {found["kind"] for found in objects("dev")}


@pytest.mark.parametrize(("environment", "most"), [("staging", 4), ("prod", 10)])
def test_staging_and_prod_have_redis_and_an_autoscaler_from_two_replicas(environment: str, most: int) -> None:
    scaler = _object(environment, "HorizontalPodAutoscaler")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, most)
    deployment = _object(environment, "Deployment")["spec"]
    assert "replicas" not in deployment
    secret = {"name": "nedc-bench-redis", "key": "redis-url"}
    assert _variables(deployment)["REDIS_URL"]["valueFrom"]["secretKeyRef"] == secret


def test_prod_is_reached_through_a_load_balancer_by_named_networks_with_a_token() -> None:
    service = _object("prod", "Service")["spec"]
    assert service["type"] == "LoadBalancer"
    assert [(port["port"], port["targetPort"]) for port in service["ports"]] == [(80, "http")]
    assert service["loadBalancerSourceRanges"]
    assert all(IPv4Network(network).prefixlen for network in service["loadBalancerSourceRanges"])
    deployment = _object("prod", "Deployment")["spec"]
    (container,) = deployment["template"]["spec"]["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": 8000, "protocol": "TCP"}]
    assert "API_TOKENS_FILE" in _variables(deployment)


def test_prod_keeps_a_pod_through_drains_and_may_use_more_cpu() -> None:
    assert _object("prod", "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    (container,) = _object("prod", "Deployment")["spec"]["template"]["spec"]["containers"]
    (usual,) = _object("staging", "Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["requests"] == usual["resources"]["requests"]
    assert container["resources"]["limits"] == usual["resources"]["limits"] | {"cpu": "2"}


def test_every_environment_is_probed_after_a_sync() -> None:
    for name in NAMES:
        probe = _object(name, "Job")
        assert probe["metadata"]["annotations"]["argocd.argoproj.io/hook"] == "PostSync"
        image = Environment.named(REPOSITORY, name).release.image
        assert probe["spec"]["template"]["spec"]["containers"][0]["image"] == f"{home.IMAGE}:{image}"


def test_values_and_an_environments_own_keys_are_told_apart() -> None:
    with helm.Chart.load(PROJECT / "charts/nedc-bench") as chart:
        assert not {"path", "environment", "release"} & set(chart.values)


def _object(environment: str, kind: str) -> Any:
    (found,) = (found for found in objects(environment) if found["kind"] == kind)
    return found


def _variables(deployment: Any) -> dict[str, Any]:
    (container,) = deployment["template"]["spec"]["containers"]
    return {entry["name"]: entry for entry in container["env"]}


def _leaves(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _superfluous(defaults: dict[str, Any], environments: dict[str, dict[str, Any]]) -> list[str]:
    """The keys that say what the chart says, and those that every environment says alike."""
    known = dict(_leaves(defaults))
    leaves = {name: dict(_leaves(values)) for name, values in environments.items()}
    found = [f"{name}: {key}" for name, own in leaves.items() for key in own if (key, own[key]) in known.items()]
    first, *others = leaves.values()
    return found + [f"all: {key}" for key in first if all((key, first[key]) in own.items() for own in others)]
