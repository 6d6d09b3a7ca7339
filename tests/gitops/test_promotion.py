"""Releases move from one environment to the next and back, on real git repositories; what is unsafe is refused."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gitops.clone import Clone
from gitops.conftest import FIRST, PROJECT, SECOND, THIRD
from home import IMAGE

pytestmark = pytest.mark.slow


def test_a_promotion_changes_the_two_lines_of_the_release_and_its_render(second_in_staging: Clone) -> None:
    clone = second_in_staging
    before = clone.path("prod").read_text()
    shown = clone.done("promote", "staging", "prod")
    assert clone.changed() == ["environments/prod/release.yaml", "environments/prod/rendered.yaml"]
    after = before.replace("chart: v0.1.0", "chart: v0.2.0").replace(FIRST, SECOND)
    assert "v0.2.0 # why this one" in after
    assert clone.path("prod").read_text() == after
    assert clone.git("show", "--format=", "--numstat", "--", "environments/prod/release.yaml").startswith("2\t2\t")
    assert f'-          image: "{IMAGE}:{FIRST}"' in shown
    assert f'+          image: "{IMAGE}:{SECOND}"' in shown
    assert "+    helm.sh/chart: nedc-bench-0.2.0" in shown
    assert clone.git("log", "-1", "--format=%s") == "Promote 0.2.0 from staging to prod"
    assert clone.git("status", "--porcelain") == ""


def test_an_earlier_release_that_the_source_was_deployed_with_can_be_promoted(
    second_in_staging: Clone, argo_cd: Path
) -> None:
    clone = second_in_staging
    clone.deliver("dev", "v0.2.0", THIRD)
    clone.done("promote", "dev", "staging")
    state = _state("v0.2.0", THIRD, health="Degraded")
    (argo_cd / "staging.json").write_text(json.dumps(state))
    refusal = clone.refused("promote", "staging", "prod", "--image", SECOND)
    assert "Argo CD knows no sync of it that succeeded" in refusal
    state["status"]["history"] = [_source("v0.2.0", SECOND) | {"deployedAt": "2026-11-25T08:00:00Z"}]
    (argo_cd / "staging.json").write_text(json.dumps(state))
    clone.done("promote", "staging", "prod", "--image", SECOND)
    assert clone.image("prod") == SECOND


def test_an_image_that_the_source_never_carried_is_refused(second_in_staging: Clone) -> None:
    refusal = second_in_staging.refused("promote", "staging", "prod", "--image", THIRD)
    assert refusal == f"staging never carried {THIRD}; it must run there before it goes on"


def test_a_clone_without_history_is_told_to_fetch_it(second_in_staging: Clone, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    url = f"file://{second_in_staging.root}"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", url, str(shallow)], check=True)
    refusal = Clone(shallow).refused("promote", "staging", "prod", "--image", FIRST)
    assert refusal.endswith("this clone lacks a part of the history: git fetch --unshallow")


def test_a_tag_without_digest_is_refused(clone: Clone) -> None:
    clone.deliver("dev", "v0.2.0", "0.2.0")
    refusal = clone.refused("promote", "dev", "staging")
    assert refusal == (
        "dev runs the image 0.2.0, a tag that can be moved; "
        "write TAG@sha256:DIGEST, as the release workflow's summary shows it"
    )


def test_the_chart_of_a_branch_is_refused(clone: Clone) -> None:
    clone.deliver("dev", "main", SECOND)
    refusal = clone.refused("promote", "dev", "staging")
    assert refusal == "dev runs the chart of main, which changes; write the release's tag"


def test_a_full_commit_id_pins_the_chart_too(clone: Clone) -> None:
    clone.deliver("dev", clone.git("rev-parse", "v0.2.0"), SECOND)
    clone.done("promote", "dev", "staging")
    assert "helm.sh/chart: nedc-bench-0.2.0" in clone.path("staging", "rendered.yaml").read_text()


def test_a_chart_that_is_not_here_is_refused(clone: Clone) -> None:
    clone.deliver("dev", "v0.2.0", SECOND)
    clone.git("tag", "--delete", "v0.2.0")
    refusal = clone.refused("promote", "dev", "staging")
    assert refusal == "there is no revision v0.2.0 here; if it was released: git fetch --tags"


def test_a_dirty_tree_is_refused_and_what_is_dirty_named(second_in_staging: Clone) -> None:
    second_in_staging.path("prod", "values.yaml").write_text("replicaCount: 1\n")
    refusal = second_in_staging.refused("promote", "staging", "prod")
    assert refusal == "the working tree is not clean; commit or stash first:\n M environments/prod/values.yaml"
    assert second_in_staging.refused("rollback", "prod") == refusal


def test_an_untracked_file_makes_the_tree_dirty_too(second_in_staging: Clone) -> None:
    (second_in_staging.root / "notes.txt").touch()
    assert "?? notes.txt" in second_in_staging.refused("promote", "staging", "prod")


def test_skipping_an_environment_is_refused(second_in_staging: Clone) -> None:
    refusal = second_in_staging.refused("promote", "dev", "prod")
    assert refusal == "dev is not the environment before prod: releases come to prod from staging"
    refusal = second_in_staging.refused("promote", "staging", "dev")
    assert refusal == "staging is not the environment before dev: it is the first"


def test_an_unknown_environment_is_refused_and_the_known_ones_named(clone: Clone) -> None:
    refusal = clone.refused("rollback", "production")
    assert refusal == "there is no environment 'production'; there are: dev, prod, staging"


def test_what_already_runs_is_refused(clone: Clone) -> None:
    assert clone.refused("promote", "staging", "prod") == f"prod already runs {FIRST} with the chart of v0.1.0"


def test_a_chart_whose_schema_rejects_the_values_of_the_target_is_refused(clone: Clone) -> None:
    _release_with_another_name_for_the_ranges(clone)
    refusal = clone.refused("promote", "staging", "prod")
    assert refusal.startswith("the chart of v0.3.0 does not take environments/prod/values.yaml:\n")
    assert "additional properties 'loadBalancerSourceRanges' not allowed" in refusal


def test_a_release_file_with_something_else_in_it_is_refused(clone: Clone) -> None:
    path = clone.path("prod")
    path.write_text(path.read_text() + "  replicas: 3\n")
    refusal = clone.refused("diff", "prod")
    assert refusal == "environments/prod/release.yaml: expected `release:` with `chart:` and `image:` and nothing else"
    path.write_text("release:\n  chart: v0.1.0\n  image: latest@sha256:beef\n")
    refusal = clone.refused("diff", "prod")
    assert refusal == "environments/prod/release.yaml: image is 'latest@sha256:beef'; expected TAG@sha256:DIGEST"
    path.write_text(f"release:\n  chart: 0.1\n  image: {FIRST}\n")
    refusal = clone.refused("diff", "prod")
    assert refusal == "environments/prod/release.yaml: chart is 0.1; expected a release's tag or a full commit id"


def test_a_rollback_takes_the_promotion_back_and_nothing_else(second_in_staging: Clone) -> None:
    clone = second_in_staging
    before = clone.path("prod").read_text()
    clone.done("promote", "staging", "prod")
    promotion = clone.git("rev-parse", "HEAD")
    clone.edit(clone.path("prod", "values.yaml"), 'cpu: "2"', 'cpu: "3"')
    clone.commit("a change that came afterwards")
    shown = clone.done("rollback", "prod")
    assert clone.path("prod").read_text() == before
    assert clone.changed() == ["environments/prod/release.yaml", "environments/prod/rendered.yaml"]
    assert 'cpu: "3"' in clone.path("prod", "values.yaml").read_text()
    assert f'+          image: "{IMAGE}:{FIRST}"' in shown
    assert clone.git("log", "-1", "--format=%B") == (
        f'Revert "Promote 0.2.0 from staging to prod" in prod\n\nThis reverts the release of commit {promotion}.'
    )


def test_a_second_rollback_goes_further_back_not_forth(second_in_staging: Clone) -> None:
    clone = second_in_staging
    clone.done("promote", "staging", "prod")
    clone.deliver("dev", "v0.2.0", THIRD)
    clone.done("promote", "dev", "staging")
    clone.done("promote", "staging", "prod")
    images = [clone.image("prod")]
    for _ in range(2):
        clone.done("rollback", "prod")
        images.append(clone.image("prod"))
    assert images == [THIRD, SECOND, FIRST]


def test_a_plain_git_revert_counts_as_a_rollback(second_in_staging: Clone) -> None:
    clone = second_in_staging
    clone.done("promote", "staging", "prod")
    clone.deliver("staging", "v0.2.0", THIRD)
    clone.done("promote", "staging", "prod")
    clone.git("revert", "--no-edit", "HEAD")
    assert clone.image("prod") == SECOND
    clone.done("rollback", "prod")
    assert clone.image("prod") == FIRST


def test_there_is_no_way_back_to_what_was_not_pinned(clone: Clone) -> None:
    refusal = clone.refused("rollback", "prod")
    assert refusal.startswith("prod, before its last promotion, runs the image 0.1.0, a tag that can be moved")


def test_there_is_no_way_back_to_what_the_source_never_carried(clone: Clone) -> None:
    clone.deliver("prod", "v0.2.0", THIRD)
    clone.deliver("prod", "v0.2.0", SECOND)
    refusal = clone.refused("rollback", "prod")
    assert refusal == f"staging never carried {THIRD} with the chart of v0.2.0; promote it to staging first"


def test_there_is_no_way_back_from_the_first_release(clone: Clone) -> None:
    clone.git("checkout", "--quiet", "--orphan", "new")
    clone.git("commit", "--quiet", "--message", "all anew")
    assert clone.refused("rollback", "prod") == "prod has carried one release only: there is none to go back to"


def test_a_rollback_takes_the_values_with_it_where_the_earlier_chart_refuses_todays(clone: Clone) -> None:
    before = clone.path("prod", "values.yaml").read_text()
    since = clone.git("log", "-1", "--format=%H", "--", "environments/prod/values.yaml")
    _release_with_another_name_for_the_ranges(clone)
    clone.edit(clone.path("prod", "values.yaml"), "loadBalancerSourceRanges", "allowedRanges")
    clone.path("prod").write_text(clone.path("staging").read_text())
    clone.commit("prod, with its values as the new chart takes them")
    clone.edit(clone.path("prod", "values.yaml"), 'cpu: "2"', 'cpu: "3"')
    clone.commit("a change that came afterwards, and is lost")
    shown = clone.done("rollback", "prod")
    assert clone.path("prod", "values.yaml").read_text() == before
    assert clone.image("prod") == FIRST
    assert re.findall(r"(?m)^[+-] .*cpu.*", shown.partition("+++")[2].partition("+++")[0]) == [
        '-    cpu: "3"',
        '+    cpu: "2"',
    ]
    assert f"The values are those of commit {since}" in clone.git("log", "-1", "--format=%B")
    assert "environments/prod/values.yaml" in clone.changed()


def test_a_rollback_that_no_values_allow_is_refused(clone: Clone) -> None:
    _release_with_another_name_for_the_ranges(clone)
    clone.git("checkout", "--quiet", "--orphan", "new")  # a history in which prod never had the old name
    clone.edit(clone.path("prod", "values.yaml"), "loadBalancerSourceRanges", "allowedRanges")
    clone.git("commit", "--quiet", "--all", "--message", "all anew")
    clone.path("prod").write_text(clone.path("staging").read_text())
    clone.commit("prod as staging")
    clone.path("staging").write_text(
        clone.path("staging").read_text().replace("v0.3.0", "v0.1.0").replace(THIRD, FIRST)
    )
    clone.commit("staging has run what prod ran")
    refusal = clone.refused("rollback", "prod")
    assert refusal.startswith("the chart of v0.1.0 does not take environments/prod/values.yaml:\n")
    assert "additional properties 'allowedRanges' not allowed" in refusal


def test_the_make_targets_run_the_same(second_in_staging: Clone) -> None:
    clone = second_in_staging
    shutil.copy(PROJECT / "Makefile", clone.root)
    shutil.copy(PROJECT / "pyproject.toml", clone.root)
    clone.commit("with the make targets")
    bin_folder = Path(sys.executable).parent
    commands = ("diff ENV=prod FROM=staging", "promote FROM=staging TO=prod", "rollback ENV=prod", "renders")
    for command in commands:
        line = ["make", "--assume-old=venv", f"BIN={bin_folder}", *command.split()]
        subprocess.run(line, cwd=clone.root, check=True, capture_output=True)
    subjects = clone.git("log", "-2", "--format=%s").splitlines()
    assert subjects == [
        'Revert "Promote 0.2.0 from staging to prod" in prod',
        "Promote 0.2.0 from staging to prod",
    ]
    assert clone.git("status", "--porcelain") == ""


def test_a_diff_shows_what_the_working_tree_changes_and_changes_nothing(clone: Clone) -> None:
    assert clone.done("diff", "prod").strip() == "nothing changes in prod"
    clone.edit(clone.path("prod", "values.yaml"), 'cpu: "2"', 'cpu: "3"')
    shown = clone.done("diff", "prod")
    assert re.findall(r"(?m)^[+-] .*", shown) == ['-              cpu: "2"', '+              cpu: "3"']
    assert clone.git("status", "--porcelain") == "M environments/prod/values.yaml"


def test_a_diff_with_a_source_shows_what_a_promotion_would_change(second_in_staging: Clone) -> None:
    clone = second_in_staging
    would = clone.done("diff", "prod", "--source", "staging")
    assert f'+          image: "{IMAGE}:{SECOND}"' in would
    assert would.strip() in clone.done("promote", "staging", "prod")


def test_a_fourth_environment_is_a_folder(second_in_staging: Clone) -> None:
    clone = second_in_staging
    folder = clone.path("prod-eu").parent
    folder.mkdir()
    for file in ("config.yaml", "values.yaml", "release.yaml"):
        text = clone.path("prod", file).read_text()
        (folder / file).write_text(text.replace("name: prod\n", "name: prod-eu\n"))
    clone.commit("one more")
    clone.done("promote", "staging", "prod-eu")
    assert clone.image("prod-eu") == SECOND
    assert clone.image("prod") == FIRST


def test_a_source_that_is_not_well_is_refused_and_the_way_round_named(second_in_staging: Clone, argo_cd: Path) -> None:
    state = _state("v0.2.0", SECOND, health="Degraded", message="Deployment exceeded its progress deadline")
    (argo_cd / "staging.json").write_text(json.dumps(state))
    refusal = second_in_staging.refused("promote", "staging", "prod")
    assert refusal == (
        "staging is not well: sync Synced, health Degraded, last operation Succeeded "
        "(Deployment exceeded its progress deadline); look at `argocd app get nedc-bench-staging`; "
        "to promote without asking, and have the commit say so: UNASKED=1"
    )


def test_a_source_whose_probe_failed_is_refused(second_in_staging: Clone, argo_cd: Path) -> None:
    (argo_cd / "staging.json").write_text(json.dumps(_state("v0.2.0", SECOND, phase="Failed")))
    assert "last operation Failed" in second_in_staging.refused("promote", "staging", "prod")


def test_a_source_that_does_not_run_its_release_yet_is_refused(second_in_staging: Clone, argo_cd: Path) -> None:
    (argo_cd / "staging.json").write_text(json.dumps(_state("v0.1.0", FIRST)))
    refusal = second_in_staging.refused("promote", "staging", "prod")
    assert refusal.startswith(f"staging does not run {SECOND} with the chart of v0.2.0")


def test_an_argo_cd_that_cannot_be_asked_is_no_yes(
    second_in_staging: Clone, argo_cd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (argo_cd / "staging.refusal").write_text("FATA[0000] Argo CD server address unspecified\n")
    refusal = second_in_staging.refused("promote", "staging", "prod")
    assert refusal.startswith(
        "cannot ask Argo CD about nedc-bench-staging: FATA[0000] Argo CD server address unspecified (argocd login HOST)"
    )
    monkeypatch.setenv("ARGOCD", str(argo_cd / "none"))
    refusal = second_in_staging.refused("promote", "staging", "prod")
    assert refusal.startswith(f"cannot ask Argo CD about nedc-bench-staging: {argo_cd / 'none'} is not installed")


def test_the_commit_says_what_argo_cd_said_or_that_it_was_not_asked(second_in_staging: Clone, argo_cd: Path) -> None:
    clone = second_in_staging
    clone.done("promote", "staging", "prod")
    assert clone.git("log", "-1", "--format=%b") == (
        "Argo CD: staging is Synced and Healthy, and its probe passed at 2026-11-26T12:00:00Z."
    )
    clone.git("reset", "--quiet", "--hard", "HEAD^")
    (argo_cd / "staging.json").write_text(json.dumps(_state("v0.2.0", SECOND, health="Degraded")))
    clone.done("promote", "staging", "prod", "--unasked")
    assert clone.git("log", "-1", "--format=%b") == "Argo CD was not asked whether staging is healthy."


def test_a_release_is_delivered_to_the_first_environment_by_one_commit(clone: Clone) -> None:
    clone.done("deliver", "dev", "--chart", "v0.2.0", "--image", SECOND)
    assert clone.image("dev") == SECOND
    assert clone.changed() == ["environments/dev/release.yaml", "environments/dev/rendered.yaml"]
    assert clone.git("log", "-1", "--format=%s") == "Deliver 0.2.0 to dev"
    assert clone.refused("deliver", "dev", "--chart", "v0.2.0", "--image", SECOND).startswith("dev already runs")


def test_a_delivery_elsewhere_or_of_what_can_change_is_refused(clone: Clone) -> None:
    refusal = clone.refused("deliver", "staging", "--chart", "v0.2.0", "--image", SECOND)
    assert refusal == "releases come to staging from dev: make promote"
    assert "a tag that can be moved" in clone.refused("deliver", "dev", "--chart", "v0.2.0", "--image", "0.2.0")
    assert "expected a release's tag" in clone.refused("deliver", "dev", "--chart", "next", "--image", SECOND)


def _source(chart: str, image: str) -> dict[str, Any]:
    return {"source": {"targetRevision": chart, "helm": {"parameters": [{"name": "image.tag", "value": image}]}}}


def _state(
    chart: str, image: str, health: str = "Healthy", phase: str = "Succeeded", message: str = ""
) -> dict[str, Any]:
    operation = {"phase": phase, "finishedAt": "2026-11-26T12:00:00Z", "message": message}
    status = {"sync": {"status": "Synced"}, "health": {"status": health}, "operationState": operation}
    return {"spec": _source(chart, image), "status": status}


def _release_with_another_name_for_the_ranges(clone: Clone) -> None:
    """0.3.0, which staging runs, has another name for a value of prod's."""
    schema = clone.root / "charts/nedc-bench/values.schema.json"
    clone.edit(schema, '"loadBalancerSourceRanges"', '"allowedRanges"')
    defaults = clone.root / "charts/nedc-bench/values.yaml"
    clone.edit(defaults, "loadBalancerSourceRanges", "allowedRanges")
    clone.git("commit", "--quiet", "--all", "--message", "another name")
    clone.git("tag", "v0.3.0")
    clone.deliver("dev", "v0.3.0", THIRD)
    clone.done("promote", "dev", "staging")
