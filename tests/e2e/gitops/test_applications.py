"""The environments run what is in git: folders, drift, the autoscaler, and refused objects."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from e2e.gitops.argo import Argo, conditions, is_deployed, is_synced, operation
from e2e.gitops.documents import follow
from e2e.gitops.images import FIRST
from e2e.gitops.neighbours import CONFIG_MAP, NOTIFICATIONS
from e2e.gitops.service import deployment, load, ready_images
from e2e.gitops.team import COMMON, ENVIRONMENTS, Team
from e2e.kube import CommandError, command, until
from home import IMAGE

pytestmark = [pytest.mark.gitops, pytest.mark.timeout(1500)]


def test_three_applications_are_synced_and_healthy(argo: Argo, team: Team) -> None:
    assert argo.applications() == sorted(ENVIRONMENTS)
    for environment in ENVIRONMENTS:
        argo.deployed(environment)
        assert ready_images(argo.namespace(environment)) == {f"{IMAGE}:{team.pinned(FIRST)}"}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_argo_cd_renders_what_the_golden_file_shows(argo: Argo, team: Team, environment: str) -> None:
    golden = _objects(team.path(environment, "rendered.yaml").read_text())
    applied = _objects(argo.argocd("app", "manifests", f"nedc-bench-{environment}", "--source=git"))
    for found in applied.values():  # Argo CD adds the namespace and its tracking id
        assert found["metadata"].pop("namespace") == f"nedc-bench-{environment}"
        del found["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"]
        if not found["metadata"]["annotations"]:
            del found["metadata"]["annotations"]
    assert applied == {key: found for key, found in golden.items() if key in applied}
    assert {kind for kind, _ in golden.keys() - applied.keys()} == {"Job"}  # hooks are not compared


def test_namespaces_enforce_pod_security(argo: Argo) -> None:
    for environment in ENVIRONMENTS:
        labels = argo.cluster.core.read_namespace(f"nedc-bench-{environment}").metadata.labels
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_a_folder_more_is_an_application_more_and_its_removal_prunes(argo: Argo, team: Team) -> None:
    namespace = argo.namespace("preview")
    _add_folder(team, "preview", "nedc-bench-preview")
    argo.refresh()
    argo.deployed("preview")
    assert ready_images(namespace) == {f"{IMAGE}:{team.pinned(FIRST)}"}

    # Tokens in the values add a Secret, a kind that the project does not allow.
    team.set_values("preview", {"apiTokens": {"hashes": ["0" * 64]}, "probe": {"tokenSecret": {"name": "probe"}}})
    team.commit("preview with a token in git")
    team.push()
    argo.refresh()
    refused = "resource :Secret is not permitted in project nedc-bench"
    argo.awaited("preview", lambda found: refused in json.dumps(operation(found)), "the Secret is refused")
    assert argo.cluster.core.list_namespaced_secret(namespace.name).items == []
    assert ready_images(namespace) == {f"{IMAGE}:{team.pinned(FIRST)}"}

    team.git("rm", "-r", "--quiet", "environments/preview")
    team.git("commit", "--quiet", "--message", "preview is over")
    team.push()
    argo.refresh()
    until(lambda: argo.applications() == sorted(ENVIRONMENTS), "the Application is gone")
    assert deployment(namespace) is None
    assert namespace.kubectl("get", "service,configmap,networkpolicy", "--output=name").split() == [
        "configmap/kube-root-ca.crt"
    ]


def test_what_another_team_has_in_the_notifications_stays(argo: Argo) -> None:
    found = argo.cluster.core.read_namespaced_config_map(CONFIG_MAP, "argocd").data
    assert NOTIFICATIONS.items() <= found.items()
    assert "trigger.nedc-bench-deployed" in found


def test_prod_outlives_a_lost_file_and_is_taken_over_again(argo: Argo, team: Team) -> None:
    namespace = argo.namespace("prod")
    before = deployment(namespace).metadata.uid
    team.git("rm", "--quiet", "environments/prod/release.yaml")
    team.git("commit", "--quiet", "--message", "a merge that loses a file")
    team.push()
    argo.refresh()
    until(lambda: "prod" not in argo.applications(), "the Application is gone")
    team.revert()
    argo.refresh()
    until(lambda: "prod" in argo.applications(), "the Application is back")
    argo.awaited("prod", is_synced, "what serves is as in git")
    found = deployment(namespace)
    assert (found.metadata.uid, found.status.ready_replicas >= 1) == (before, True)


def test_a_destination_outside_the_project_is_refused(argo: Argo, team: Team) -> None:
    _add_folder(team, "preview", "kube-public")
    argo.refresh()
    refused = "namespace 'kube-public' do not match any of the allowed destinations in project 'nedc-bench'"
    argo.awaited("preview", lambda found: refused in conditions(found), "the namespace is refused")
    assert argo.cluster.apps.list_namespaced_deployment("kube-public").items == []
    team.revert()
    argo.refresh()
    until(lambda: argo.applications() == sorted(ENVIRONMENTS), "the Application is gone")


def test_a_misspelt_value_fails_at_render_in_the_schemas_words_and_changes_nothing(argo: Argo, team: Team) -> None:
    before = deployment(argo.namespace("dev"))
    path = team.path("dev", "values.yaml")
    path.write_text(path.read_text() + "replicaCuont: 1\n")
    team.git("commit", "--quiet", "--all", "--message", "without a look at make diff")
    team.push()
    argo.refresh()
    message = argo.awaited("dev", lambda found: "replicaCuont" in conditions(found) and conditions(found), "refused")
    assert "ComparisonError" in str(message)
    assert "additional properties 'replicaCuont' not allowed" in str(message).lower().replace(
        "replicacuont", "replicaCuont"
    )
    after = deployment(argo.namespace("dev"))
    assert (after.metadata.generation, after.status.ready_replicas) == (before.metadata.generation, 1)
    team.revert()
    argo.refresh()
    argo.awaited("dev", lambda found: is_synced(found) and not conditions(found), "the error is gone")


def test_drift_is_healed(argo: Argo) -> None:
    namespace = argo.namespace("dev")
    service = argo.cluster.core.read_namespaced_service("nedc-bench", namespace.name)
    namespace.kubectl("delete", "service", "nedc-bench")
    namespace.kubectl("set", "env", "deployment/nedc-bench", "LOG_LEVEL=critical")

    def service_is_back() -> bool:
        found = argo.cluster.core.list_namespaced_service(namespace.name, field_selector="metadata.name=nedc-bench")
        return [item.metadata.uid for item in found.items] not in ([], [service.metadata.uid])

    until(service_is_back, "the Service is back")
    until(lambda: _variable(deployment(namespace), "LOG_LEVEL") == "debug", "the Deployment is as in git")
    argo.deployed("dev")


def test_a_scaled_deployment_is_drift_where_nothing_scales_it(argo: Argo) -> None:
    namespace = argo.namespace("dev")
    namespace.kubectl("scale", "deployment/nedc-bench", "--replicas=0")
    until(lambda: deployment(namespace).spec.replicas == 1, "one replica again")
    argo.deployed("dev")


def test_a_namespace_that_was_deleted_is_filled_again_once_it_is_made_anew(argo: Argo, team: Team) -> None:
    namespace = argo.namespace("dev")
    lost = deployment(namespace).metadata.uid
    command("kubectl", "delete", "namespace", namespace.name, "--timeout=180s")
    follow(team.root, "runbook.md", "Losing the cluster", 0)
    until(lambda: ready_images(namespace), "it serves again")
    argo.deployed("dev")
    assert deployment(namespace).metadata.uid != lost


def test_the_autoscalers_replicas_are_left_to_it(argo: Argo) -> None:
    namespace = argo.namespace("staging")
    finished = operation(argo.deployed("staging"))["finishedAt"]
    with load(namespace, per_second=15) as running:
        until(lambda: deployment(namespace).status.ready_replicas == 3, "the autoscaler has added a replica")
        for _ in range(2):  # each refresh compares with git
            argo.argocd("app", "get", "nedc-bench-staging", "--refresh")
            running.go_on(5)
    assert running.failures == []
    assert deployment(namespace).spec.replicas == 3
    found = argo.application("staging")
    assert (is_deployed(found), operation(found)["finishedAt"]) == (True, finished)


def test_prod_shows_drift_which_a_sync_heals_outside_of_a_deny_window(argo: Argo, team: Team) -> None:
    namespace = argo.namespace("prod")
    namespace.kubectl("label", "--overwrite", "service", "nedc-bench", "app.kubernetes.io/part-of=another")
    project = team.argocd("project.yaml")
    open_always = project.read_text()
    window = {"kind": "deny", "schedule": "* * * * *", "duration": "1h", "applications": ["nedc-bench-prod"]}
    closed = yaml.safe_load(open_always)
    closed["spec"]["syncWindows"] = [window | {"manualSync": False}]
    project.write_text(yaml.safe_dump(closed))
    argo.apply("project.yaml")
    with pytest.raises(CommandError, match="blocked by sync window"):
        argo.argocd("app", "sync", "nedc-bench-prod")
    project.write_text(open_always)
    argo.apply("project.yaml")
    assert "part-of: another" in follow(team.root, "runbook.md", "Drift", 0)
    labels = argo.cluster.core.read_namespaced_service("nedc-bench", namespace.name).metadata.labels
    assert labels["app.kubernetes.io/part-of"] == "nedc-bench"
    assert "another" not in follow(team.root, "runbook.md", "Drift", 1)


def _add_folder(team: Team, name: str, namespace: str) -> None:
    folder = team.path(name).parent
    folder.mkdir()
    config = {"name": name, "cluster": "in-cluster", "namespace": namespace, "sync": "automated", "onRemoval": "delete"}
    (folder / "config.yaml").write_text(yaml.safe_dump({"environment": config}))
    (folder / "values.yaml").write_text(yaml.safe_dump(COMMON))
    (folder / "release.yaml").write_text(team.path("dev").read_text())
    team.commit(f"one more environment: {name}")
    team.push()


def _objects(text: str) -> dict[tuple[str, str], Any]:
    found = [document for document in yaml.safe_load_all(text) if document]
    return {(document["kind"], document["metadata"]["name"]): document for document in found}


def _variable(found: Any, name: str) -> str | None:
    (container,) = found.spec.template.spec.containers
    return {entry.name: entry.value for entry in container.env}.get(name)
