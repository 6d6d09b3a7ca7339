"""What is committed in environments/ is whole, minimal, current, and no more than the project allows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from ipaddress import IPv4Network
from typing import Any

import helm_python as helm
import pytest
import yaml

import home
from gitops.checks import check_render, check_source
from gitops.conftest import PROJECT
from release import Environment, environments
from repository import Repository

REPOSITORY = Repository(PROJECT)
FOLDER = PROJECT / "environments"
FOLDERS = sorted(
    path.name for path in FOLDER.iterdir() if path.is_dir() and path.name not in {"argocd", "examples", "__pycache__"}
)
NAMES = [environment.name for environment in environments(REPOSITORY)]
URL = f"{home.REPOSITORY}.git"
SECRET_SOURCES = {"external-secrets.io/ExternalSecret", "bitnami.com/SealedSecret"}


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
    assert _superfluous(defaults, {name: _load(f"{name}/values.yaml") for name in NAMES}) == []


def test_superfluous_values_are_found() -> None:
    defaults = {"a": {"b": 1, "c": None}, "d": []}
    environments = {"dev": {"a": {"b": 1}, "e": 2}, "prod": {"a": {"c": 1}, "d": [], "e": 2}}
    assert _superfluous(defaults, environments) == ["dev: a.b", "prod: d", "all: e"]


def test_no_secret_is_in_git() -> None:
    assert [name for name in NAMES for found in _objects(name) if found["kind"] == "Secret"] == []


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


def test_the_project_allows_what_is_rendered_and_no_more() -> None:
    project = _load("argocd/project.yaml")["spec"]
    objects = [found for name in NAMES for found in _objects(name)]
    rendered = {("/" + found["apiVersion"]).split("/")[-2] + "/" + found["kind"] for found in objects}
    allowed = {f"{kind['group']}/{kind['kind']}" for kind in project["namespaceResourceWhitelist"]}
    assert rendered | SECRET_SOURCES <= allowed
    assert allowed <= rendered | SECRET_SOURCES | _kinds_of_the_chart()
    assert "/Secret" not in allowed
    assert project["clusterResourceWhitelist"] == [{"group": "", "kind": "Namespace"}]
    assert project["sourceRepos"] == [URL]
    assert project["destinations"] == [{"name": "*", "namespace": "nedc-bench-*"}]


def test_examples_of_secrets_are_of_kinds_that_the_project_allows_and_name_what_prod_reads() -> None:
    made = {}
    for file in ("external-secret.yaml", "sealed-secret.yaml"):
        for document in yaml.safe_load_all((FOLDER / "examples" / file).read_text()):
            assert document["apiVersion"].partition("/")[0] + "/" + document["kind"] in SECRET_SOURCES
            keys = [entry["secretKey"] for entry in document["spec"].get("data", [])]
            made[document["metadata"]["name"]] = keys or [*document["spec"]["encryptedData"]]
    assert made == {"nedc-bench-redis": ["redis-url"], "nedc-bench-tokens": ["tokens"], "nedc-bench-probe": ["token"]}
    text = (FOLDER / "prod/rendered.yaml").read_text()
    assert all(name in text for name in made)


def test_the_project_closes_prod_at_times() -> None:
    (window,) = _load("argocd/project.yaml")["spec"]["syncWindows"]
    assert window["kind"] == "deny"
    assert window["applications"] == ["nedc-bench-prod", "nedc-bench-prod-*"]
    assert window["manualSync"] is False


def test_one_file_is_applied_by_hand_and_brings_the_rest() -> None:
    project, application = yaml.safe_load_all((FOLDER / "root.yaml").read_text())
    assert (project["kind"], application["kind"]) == ("AppProject", "Application")
    spec = application["spec"]
    assert spec["project"] == project["metadata"]["name"]
    assert project["spec"]["sourceRepos"] == [spec["source"]["repoURL"]] == [URL]
    kept = [yaml.safe_load(path.read_text()) for path in (PROJECT / spec["source"]["path"]).glob("*.yaml")]
    allowed = [f"{kind['group']}/{kind['kind']}" for kind in project["spec"]["namespaceResourceWhitelist"]]
    assert {found["apiVersion"].partition("/")[0] + "/" + found["kind"] for found in kept} == set(allowed)
    assert {found["metadata"]["namespace"] for found in kept} == {spec["destination"]["namespace"]}
    waves = {d["kind"]: d["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-wave") for d in kept}
    assert waves == {"AppProject": "-1", "ApplicationSet": None}
    # An emergency changes the window in the cluster, and a lost file must not take the environments with it.
    assert spec["syncPolicy"]["automated"] == {"prune": False, "selfHeal": False}
    assert "finalizers" not in application["metadata"]


def test_what_an_environment_made_stays_unless_its_folder_says_otherwise() -> None:
    spec = _load("argocd/applicationset.yaml")["spec"]
    assert spec["syncPolicy"] == {"preserveResourcesOnDeletion": True}
    assert "finalizers" not in spec["template"]["metadata"]
    only_deleted = spec["templatePatch"].partition('eq .environment.onRemoval "delete"')[2].partition("end }}")[0]
    assert "finalizers: [resources-finalizer.argocd.argoproj.io]" in only_deleted


def test_notifications_touch_nothing_of_other_teams() -> None:
    """Argo CD reads one ConfigMap for all; its keys are ours by name, and are applied as ours."""
    assert all(key.split(".")[-1].startswith("nedc-bench") for key in _load("notifications.yaml")["data"])
    commands = re.findall(r"kubectl apply .*notifications.*", (PROJECT / "docs/deployment.md").read_text())
    assert commands
    assert all("--field-manager=nedc-bench " in command and "--force" not in command for command in commands)


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
    notifications = _load("notifications.yaml")["data"]
    annotations = _load("argocd/applicationset.yaml")["spec"]["template"]["metadata"]["annotations"]
    triggers = []
    for annotation in (name for name in annotations if name.startswith("notifications")):
        _, trigger, service = annotation.split("/")[1].split(".")
        assert f"service.webhook.{service}" in notifications
        sent = [name for condition in yaml.safe_load(notifications[f"trigger.{trigger}"]) for name in condition["send"]]
        assert sent == [service]
        assert f"template.{service}" in notifications
        triggers.append(trigger)
    assert triggers == ["nedc-bench-deployed", "nedc-bench-degraded", "nedc-bench-sync-failed"]
    assert [f"trigger.{name}" for name in triggers] == [name for name in notifications if name.startswith("trigger.")]


def test_no_application_is_written_by_hand_but_the_root() -> None:
    texts = [path.read_text() for path in FOLDER.rglob("*.yaml")]
    documents = [document for text in texts for document in yaml.load_all(text, yaml.CSafeLoader)]
    found = [document for document in documents if document and "kind" in document]
    assert {"AppProject", "ApplicationSet", "Deployment"} <= {document["kind"] for document in found}
    assert [d["metadata"]["name"] for d in found if d["kind"] == "Application"] == ["nedc-bench-root"]


def _kinds_of_the_chart() -> set[str]:
    """Group and kind of all that the chart can render."""
    texts = [path.read_text() for path in (PROJECT / "charts/nedc-bench/templates").glob("*.yaml")]
    found = re.findall(r"(?m)^apiVersion: (\S+)\nkind: (\w+)$", "\n".join(texts))
    return {("/" + version).split("/")[-2] + "/" + kind for version, kind in found}


def _load(path: str) -> Any:
    return yaml.safe_load((FOLDER / path).read_text())


@cache
def _objects(environment: str) -> list[Any]:
    text = (FOLDER / environment / "rendered.yaml").read_text()
    return [found for found in yaml.load_all(text, yaml.CSafeLoader) if found]


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
