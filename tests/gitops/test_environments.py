"""What is committed in environments/ is whole, minimal, current, and no more than the project allows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import helm_python as helm
import pytest
import yaml

from gitops.conftest import PROJECT
from release import Environment
from rendering import render
from repository import Repository

REPOSITORY = Repository(PROJECT)
FOLDER = PROJECT / "environments"
URL = "https://github.com/nedc-bench/nedc-bench.git"


def test_golden_renders_are_current(environment_names: list[str]) -> None:
    found = [Environment.named(REPOSITORY, name) for name in environment_names]
    stale = [each.name for each in found if each.read("rendered.yaml") != render(each, each.release)]
    assert stale == [], "run `make renders` and commit what it changes"


def test_there_are_three_environments_in_a_row(environment_names: list[str]) -> None:
    sources = {name: Environment.named(REPOSITORY, name).source for name in environment_names}
    assert sources == {"dev": None, "staging": "dev", "prod": "staging"}


def test_a_folder_tells_environment_and_namespace(environment_names: list[str]) -> None:
    for name in environment_names:
        config = Environment.named(REPOSITORY, name).config
        assert config["name"] == name
        assert config["namespace"] == f"nedc-bench-{name}"
        assert config["sync"] == ("manual" if name == "prod" else "automated")
        assert set(config) <= {"name", "cluster", "namespace", "sync", "promotesFrom"}


def test_every_environment_runs_what_the_one_before_it_carried(environment_names: list[str]) -> None:
    for environment in (Environment.named(REPOSITORY, name) for name in environment_names):
        if environment.source:
            source = Environment.named(REPOSITORY, environment.source)
            carried = [release for _, release in source.releases()]
            assert environment.release in [source.release, *carried]


def test_values_are_what_differs(environment_names: list[str]) -> None:
    with helm.Chart.load(PROJECT / "charts/nedc-bench") as chart:
        defaults = chart.values
    assert _superfluous(defaults, {name: _load(f"{name}/values.yaml") for name in environment_names}) == []


def test_superfluous_values_are_found() -> None:
    defaults = {"a": {"b": 1, "c": None}, "d": []}
    environments = {"dev": {"a": {"b": 1}, "e": 2}, "prod": {"a": {"c": 1}, "d": [], "e": 2}}
    assert _superfluous(defaults, environments) == ["dev: a.b", "prod: d", "all: e"]


def test_no_secret_is_in_git(environment_names: list[str]) -> None:
    assert [name for name in environment_names for found in _objects(name) if found["kind"] == "Secret"] == []


def test_dev_is_standalone() -> None:
    deployment = _object("dev", "Deployment")["spec"]
    assert deployment["replicas"] == 1
    assert "REDIS_URL" not in _variables(deployment)
    assert not {"HorizontalPodAutoscaler", "PodDisruptionBudget"} & {found["kind"] for found in _objects("dev")}


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
    assert service["loadBalancerSourceRanges"] == ["192.0.2.0/24", "198.51.100.0/24"]
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


def test_every_environment_is_probed_after_a_sync(environment_names: list[str]) -> None:
    for name in environment_names:
        probe = _object(name, "Job")
        assert probe["metadata"]["annotations"]["argocd.argoproj.io/hook"] == "PostSync"
        image = Environment.named(REPOSITORY, name).release.image
        assert probe["spec"]["template"]["spec"]["containers"][0]["image"] == f"ghcr.io/nedc-bench/nedc-bench:{image}"


def test_the_project_allows_what_is_rendered_and_no_more(environment_names: list[str]) -> None:
    project = _load("argocd/project.yaml")["spec"]
    objects = [found for name in environment_names for found in _objects(name)]
    rendered = {("/" + found["apiVersion"]).split("/")[-2] + "/" + found["kind"] for found in objects}
    assert sorted(f"{kind['group']}/{kind['kind']}" for kind in project["namespaceResourceWhitelist"]) == sorted(
        rendered
    )
    assert project["clusterResourceWhitelist"] == [{"group": "", "kind": "Namespace"}]
    assert project["sourceRepos"] == [URL]
    assert project["destinations"] == [{"name": "in-cluster", "namespace": "nedc-bench-*"}]


def test_the_project_closes_prod_at_times() -> None:
    (window,) = _load("argocd/project.yaml")["spec"]["syncWindows"]
    assert window["kind"] == "deny"
    assert window["applications"] == ["nedc-bench-prod"]
    assert window["manualSync"] is False


def test_the_application_set_makes_an_application_of_every_folder() -> None:
    spec = _load("argocd/applicationset.yaml")["spec"]
    assert (spec["goTemplate"], spec["goTemplateOptions"]) == (True, ["missingkey=error"])
    template = spec["template"]["spec"]
    assert template["project"] == _load("argocd/project.yaml")["metadata"]["name"]
    assert template["source"]["repoURL"] == URL
    assert template["source"]["targetRevision"] == "{{ .release.chart }}"
    inner, values = spec["generators"][0]["matrix"]["generators"]
    read = [found["git"] for found in (*inner["matrix"]["generators"], values)]
    assert [(found["repoURL"], found["revision"]) for found in read] == [(URL, "main")] * 3
    assert [found["files"] for found in read] == [
        [{"path": "environments/*/config.yaml"}],
        [{"path": "{{ .path.path }}/release.yaml"}],
        [{"path": "{{ .path.path }}/values.yaml"}],
    ]


def test_syncs_are_careful() -> None:
    spec = _load("argocd/applicationset.yaml")["spec"]
    annotations = spec["template"]["metadata"]["annotations"]
    assert annotations["argocd.argoproj.io/compare-options"] == "ServerSideDiff=true"
    policy = spec["template"]["spec"]["syncPolicy"]
    assert {"ServerSideApply=true", "PruneLast=true", "RespectIgnoreDifferences=true"} <= set(policy["syncOptions"])
    assert policy["retry"]["backoff"]["factor"] == 2
    assert "automated" not in policy  # that depends on the environment
    only_automated = spec["templatePatch"].partition('if eq .environment.sync "automated"')[2]
    for setting in ("prune: true", "selfHeal: true", "allowEmpty: false"):
        assert setting in only_automated


def test_values_and_an_environments_own_keys_are_told_apart() -> None:
    with helm.Chart.load(PROJECT / "charts/nedc-bench") as chart:
        assert not {"path", "environment", "release"} & set(chart.values)


def test_every_subscription_has_its_trigger_and_template() -> None:
    notifications = _load("argocd/notifications.yaml")["data"]
    annotations = _load("argocd/applicationset.yaml")["spec"]["template"]["metadata"]["annotations"]
    triggers = []
    for annotation in (name for name in annotations if name.startswith("notifications")):
        _, trigger, service = annotation.split("/")[1].split(".")
        assert f"service.webhook.{service}" in notifications
        sent = [name for condition in yaml.safe_load(notifications[f"trigger.{trigger}"]) for name in condition["send"]]
        assert sent == [service]
        assert f"template.{service}" in notifications
        triggers.append(trigger)
    assert triggers == ["on-deployed", "on-health-degraded", "on-sync-failed"]
    assert [f"trigger.{name}" for name in triggers] == [name for name in notifications if name.startswith("trigger.")]


def test_no_application_is_written_by_hand() -> None:
    documents = [document for path in FOLDER.rglob("*.yaml") for document in yaml.safe_load_all(path.read_text())]
    kinds = {document["kind"] for document in documents if document and "kind" in document}
    assert {"AppProject", "ApplicationSet", "Deployment"} <= kinds
    assert "Application" not in kinds


def _load(path: str) -> Any:
    return yaml.safe_load((FOLDER / path).read_text())


def _objects(environment: str) -> list[Any]:
    return [found for found in yaml.safe_load_all((FOLDER / environment / "rendered.yaml").read_text()) if found]


def _object(environment: str, kind: str) -> Any:
    (found,) = (found for found in _objects(environment) if found["kind"] == kind)
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
