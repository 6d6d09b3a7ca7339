"""An environment goes back to what it ran before, on real git repositories; unsafe moves are refused."""

from __future__ import annotations

import re

import pytest

from gitops.clone import Clone
from gitops.conftest import FIRST, SECOND, THIRD
from home import IMAGE

pytestmark = pytest.mark.slow


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


def test_a_rollback_to_a_tag_without_digest_is_refused(clone: Clone) -> None:
    refusal = clone.refused("rollback", "prod")
    assert refusal.startswith("prod, before its last promotion, runs the image 0.1.0, a tag that can be moved")


def test_a_rollback_to_what_the_source_never_carried_is_refused(clone: Clone) -> None:
    clone.deliver("prod", "v0.2.0", THIRD)
    clone.deliver("prod", "v0.2.0", SECOND)
    refusal = clone.refused("rollback", "prod")
    assert refusal == f"staging never carried {THIRD} with the chart of v0.2.0; promote it to staging first"


def test_a_rollback_from_the_first_release_is_refused(clone: Clone) -> None:
    clone.git("checkout", "--quiet", "--orphan", "new")
    clone.git("commit", "--quiet", "--message", "a new history")
    assert clone.refused("rollback", "prod") == "prod has carried one release only: there is none to go back to"


def test_a_rollback_takes_the_values_with_it_where_the_earlier_chart_refuses_todays(ranges_renamed: Clone) -> None:
    clone = ranges_renamed
    before = clone.path("prod", "values.yaml").read_text()
    since = clone.git("log", "-1", "--format=%H", "--", "environments/prod/values.yaml")
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


def test_a_rollback_that_no_values_allow_is_refused(ranges_renamed: Clone) -> None:
    clone = ranges_renamed
    clone.git("checkout", "--quiet", "--orphan", "new")  # a history in which prod never had the old name
    clone.edit(clone.path("prod", "values.yaml"), "loadBalancerSourceRanges", "allowedRanges")
    clone.git("commit", "--quiet", "--all", "--message", "a new history")
    clone.path("prod").write_text(clone.path("staging").read_text())
    clone.commit("prod as staging")
    clone.path("staging").write_text(
        clone.path("staging").read_text().replace("v0.3.0", "v0.1.0").replace(THIRD, FIRST)
    )
    clone.commit("staging has run what prod ran")
    refusal = clone.refused("rollback", "prod")
    assert refusal.startswith("the chart of v0.1.0 does not take environments/prod/values.yaml:\n")
    assert "additional properties 'allowedRanges' not allowed" in refusal
