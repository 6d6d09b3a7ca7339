"""Releases move from one environment to the next, on real git repositories; unsafe moves are refused."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gitops.clone import Clone
from gitops.conftest import FIRST, PROJECT, SECOND, THIRD
from home import IMAGE

pytestmark = pytest.mark.slow

PIN_THE_IMAGE = "write TAG@sha256:DIGEST, as the release workflow's summary shows it"


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


def test_an_image_that_the_source_never_carried_is_refused(second_in_staging: Clone) -> None:
    refusal = second_in_staging.refused("promote", "staging", "prod", "--image", THIRD)
    assert refusal == f"staging never carried {THIRD}; it must run there before it goes on"


def test_a_clone_without_history_is_told_to_fetch_it(second_in_staging: Clone, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    url = f"file://{second_in_staging.root}"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", url, str(shallow)], check=True)
    refusal = Clone(shallow).refused("promote", "staging", "prod", "--image", FIRST)
    assert refusal.endswith("this clone lacks a part of the history: git fetch --unshallow")


@pytest.mark.parametrize(
    ("chart", "image", "refusal"),
    [
        ("v0.2.0", "0.2.0", f"the image 0.2.0, a tag that can be moved; {PIN_THE_IMAGE}"),
        ("main", SECOND, "the chart of main, which changes; write the release's tag"),
    ],
    ids=["a tag without digest", "the chart of a branch"],
)
def test_what_can_change_is_refused(clone: Clone, chart: str, image: str, refusal: str) -> None:
    clone.deliver("dev", chart, image)
    assert clone.refused("promote", "dev", "staging") == f"dev runs {refusal}"


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


def test_a_chart_whose_schema_rejects_the_values_of_the_target_is_refused(ranges_renamed: Clone) -> None:
    refusal = ranges_renamed.refused("promote", "staging", "prod")
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
