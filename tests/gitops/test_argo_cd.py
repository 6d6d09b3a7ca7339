"""What Argo CD is given: the project and its windows, the ApplicationSet, notifications, and the one file by hand."""

from __future__ import annotations

import re

import yaml

import home
from gitops.committed import FOLDER, NAMES, load, objects
from gitops.conftest import PROJECT

URL = f"{home.REPOSITORY}.git"
SECRET_SOURCES = {"external-secrets.io/ExternalSecret", "bitnami.com/SealedSecret"}


def test_the_project_allows_what_is_rendered_and_no_more() -> None:
    project = load("argocd/project.yaml")["spec"]
    kinds = {(found["apiVersion"], found["kind"]) for name in NAMES for found in objects(name)}
    rendered = {("/" + version).split("/")[-2] + "/" + kind for version, kind in kinds}
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
    (window,) = load("argocd/project.yaml")["spec"]["syncWindows"]
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
    spec = load("argocd/applicationset.yaml")["spec"]
    assert spec["syncPolicy"] == {"preserveResourcesOnDeletion": True}
    assert "finalizers" not in spec["template"]["metadata"]
    only_deleted = spec["templatePatch"].partition('eq .environment.onRemoval "delete"')[2].partition("end }}")[0]
    assert "finalizers: [resources-finalizer.argocd.argoproj.io]" in only_deleted


def test_notifications_touch_nothing_of_other_teams() -> None:
    """Argo CD reads one ConfigMap for all; its keys are ours by name, and are applied as ours."""
    assert all(key.split(".")[-1].startswith("nedc-bench") for key in load("notifications.yaml")["data"])
    commands = re.findall(r"kubectl apply .*notifications.*", (PROJECT / "docs/deployment.md").read_text())
    assert commands
    assert all("--field-manager=nedc-bench " in command and "--force" not in command for command in commands)


def test_the_application_set_makes_an_application_of_every_folder() -> None:
    spec = load("argocd/applicationset.yaml")["spec"]
    assert (spec["goTemplate"], spec["goTemplateOptions"]) == (True, ["missingkey=error"])
    template = spec["template"]["spec"]
    assert template["project"] == load("argocd/project.yaml")["metadata"]["name"]
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
    spec = load("argocd/applicationset.yaml")["spec"]
    annotations = spec["template"]["metadata"]["annotations"]
    assert annotations["argocd.argoproj.io/compare-options"] == "ServerSideDiff=true"
    policy = spec["template"]["spec"]["syncPolicy"]
    assert {"ServerSideApply=true", "PruneLast=true", "RespectIgnoreDifferences=true"} <= set(policy["syncOptions"])
    assert policy["retry"]["backoff"]["factor"] == 2
    assert "automated" not in policy  # that depends on the environment
    only_automated = spec["templatePatch"].partition('if eq .environment.sync "automated"')[2]
    for setting in ("prune: true", "selfHeal: true", "allowEmpty: false"):
        assert setting in only_automated


def test_every_subscription_has_its_trigger_and_template() -> None:
    notifications = load("notifications.yaml")["data"]
    annotations = load("argocd/applicationset.yaml")["spec"]["template"]["metadata"]["annotations"]
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
