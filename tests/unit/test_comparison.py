"""Two systems on the same references: paired differences, McNemar's test, and words that do not overclaim."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers import annotation, late, refusal, run, write_corpus
from nedc_bench import InputError, Parameters, Recording, Result, score_corpus
from nedc_bench.reports.comparison import verdict
from nedc_bench.statistics import Settings, compare
from nedc_bench.statistics.bootstrap import replicate
from nedc_bench.statistics.comparison import McNemar, mcnemar
from nedc_bench.statistics.groups import Subjects
from nedc_bench.statistics.tally import Tally

FAST = Settings(replicates=400, seed=5)
EVENTS = [(1_000.0 * k, 1_000.0 * k + 20) for k in range(1, 5)]


def system(finds: str) -> Result:
    """Score a system on thirty subjects with four seizures each; ``finds`` says which of each subject's it finds."""
    pairs = []
    for k in range(30):
        own = finds[k % 2 :] + finds[: k % 2]  # subjects differ
        found = [event for event, is_found in zip(EVENTS, own, strict=True) if is_found == "1" and (k + event[0]) % 3]
        name = f"sub-{k:02}_events.tsv"
        pairs.append((Recording.from_events(6_000.0, EVENTS, name), Recording.from_events(6_000.0, found, name)))
    return score_corpus(pairs, algorithms=["overlap", "taes", "szcore-event"])


@pytest.fixture(scope="module")
def first() -> Result:
    return system("1100")


@pytest.fixture(scope="module")
def second() -> Result:
    return system("1110")


def test_differences_are_those_of_the_figures(first: Result, second: Result) -> None:
    own = compare(first, second, settings=FAST).differences["overlap"]["seiz"]["sensitivity"]
    one, other = (result.overlap.labels["seiz"].sensitivity for result in (first, second))
    assert (own.first, own.second, own.difference) == (one, other, other - one)
    assert own.bounds.bca is not None
    assert own.bounds.bca.lower < other - one < own.bounds.bca.upper


def test_both_systems_are_scored_on_the_same_drawn_subjects(first: Result, second: Result) -> None:
    found = compare(first, second, settings=FAST).differences["taes"]["seiz"]["f1"].bounds.percentile
    tallies = [Tally.of("taes", r.parameters, Subjects.of(r.scores).members) for r in (first, second)]
    drawn = [replicate([tally], 400, 5)[0][:, 0, tally.figures.index("f1")] for tally in tallies]
    ordered = sorted((drawn[1] - drawn[0]).tolist())
    assert found is not None
    assert ordered[9] <= found.lower <= ordered[10]
    assert ordered[389] <= found.upper <= ordered[390]


def test_a_system_does_not_differ_from_itself(first: Result) -> None:
    found = compare(first, first, settings=FAST)
    for labels in found.differences.values():
        for figures in labels.values():
            assert {own.difference for own in figures.values()} <= {0, None}
            assert {own.bounds.bca for own in figures.values()} == {None}
    assert found.events["overlap"]["seiz"].p == 1.0


def test_mcnemar_counts_reference_events_by_who_finds_them(first: Result, second: Result) -> None:
    found = compare(first, second, settings=FAST).events
    assert list(found) == ["overlap", "szcore-event"]  # taes finds parts of events
    hits = [
        {
            (verdict.recording, verdict.event): verdict.verdict == "hit"
            for verdict in result.events("overlap")
            if verdict.side == "reference" and verdict.label == "seiz"
        }
        for result in (first, second)
    ]
    pairs = [(hits[0][key], hits[1][key]) for key in hits[0]]
    assert len(pairs) == 120
    both, one, other, neither = (pairs.count((one, other)) for one in (True, False) for other in (True, False))
    assert found["overlap"]["seiz"] == McNemar(both, one, other, neither, mcnemar(one, other))


@pytest.mark.parametrize(("one", "other"), [(0, 0), (0, 1), (5, 5), (1, 9), (12, 30), (143, 139), (0, 60)])
def test_mcnemars_test_is_statsmodels(one: int, other: int) -> None:
    theirs = late("statsmodels.stats.contingency_tables").mcnemar([[7, one], [other, 3]], exact=True)
    assert mcnemar(one, other) == pytest.approx(float(theirs.pvalue), rel=1e-11)


def test_other_references_are_refused(first: Result) -> None:
    pair = [(Recording.from_events(6_000.0, EVENTS, "night"), Recording.from_events(6_000.0, [], "night"))]
    caught = refusal(lambda: compare(first, score_corpus(pair, algorithms=tuple(first.algorithms))))
    assert [finding.code for finding in caught.findings] == ["compare"] * 2
    assert "were scored on 30 and 1 recordings" in str(caught)
    assert "sub-00_events.tsv: has night in its place for the second system" in str(caught)


def test_other_parameters_or_algorithms_are_refused(first: Result) -> None:
    pairs = [(Recording.from_events(6_000.0, EVENTS, "night"), Recording.from_events(6_000.0, [], "night"))]
    for other in (
        score_corpus(pairs, algorithms="overlap"),
        score_corpus(pairs, algorithms=tuple(first.algorithms), parameters=Parameters(epoch_duration=1.0)),
    ):
        with pytest.raises(InputError, match="scored with different parameters or algorithms; score both alike"):
            compare(first, other)


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"difference": 0.1, "bca": [0.0, 0.2]}, "includes 0: these data do not show that the systems differ"),
        ({"difference": 0.1, "bca": [0.05, 0.2]}, "excludes 0; the second system's figure is higher"),
        ({"difference": -0.1, "bca": [-0.3, -0.01]}, "excludes 0; the second system's figure is lower"),
        ({"difference": 0.1, "bca": None, "note": "x"}, "No interval, since x: these data do not show whether"),
        ({"difference": None, "bca": None}, "A system has no such figure: there is nothing to compare"),
    ],
)
def test_the_words_say_no_more_than_the_interval(own: dict[str, object], said: str) -> None:
    assert said in verdict(own)


def test_the_command_compares(tmp_path: Path) -> None:
    references = [annotation((2, 4, "seiz"), (6, 7, "seiz")) for _ in range(3)]
    one = [annotation((2, 3, "seiz")), annotation((2, 3, "seiz"), (6, 7, "seiz")), annotation()]
    other = [annotation((2, 3, "seiz"), (6, 7, "seiz"))] * 3
    write_corpus(tmp_path / "one", references, one)
    write_corpus(tmp_path / "other", references, other)
    command = ("compare", "one/ref", "one/hyp", "other/hyp", "--algorithm", "overlap", "--replicates", "200")
    ran = run(*command, cwd=tmp_path)
    assert ran.status == 0, ran.stderr
    assert "3 recordings of 3 subjects; differences are the second system minus the first" in ran.stdout
    assert "caution: intervals of fewer than 50 subjects are too narrow" in ran.stdout
    found = "overlap seiz: reference events found by the first system alone 0, by the second alone 3, by both 3, "
    assert f"overlap seiz: McNemar's exact p = 0.25 (it assumes independent events)\n{found}by neither 0" in ran.stdout
    document = json.loads(run(*command, "--format", "json", cwd=tmp_path).stdout)
    assert (document["schema"], document["warnings"]) == ("nedc-bench/comparison/1", [])
    assert document["algorithms"]["overlap"]["seiz"]["sensitivity"]["difference"] == 0.5
    assert document["mcnemar"]["overlap"]["seiz"] == {
        "both": 3,
        "first_only": 0,
        "second_only": 3,
        "neither": 0,
        "p": 0.25,
    }
