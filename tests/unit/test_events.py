"""Verdicts on events: which rule decides, the CSV file, the JSON of the result document, and ``explain``."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

from corpora import EXAMPLE
from helpers import annotation, run
from nedc_bench import InputError, LabelMap, Parameters, Recording, Result, score
from nedc_bench.reports.events import COLUMNS
from nedc_bench.scoring import ALGORITHM
from nedc_bench.scoring.verdicts import RULES, described

Intervals = list[tuple[float, float]]
DEFAULTS = Parameters()
HALF = Parameters(szcore_min_overlap=0.5)


class Case(NamedTuple):
    """An hour's seizures on both sides, and an algorithm's verdict, share and rule for each."""

    algorithm: str
    reference: Intervals
    hypothesis: Intervals
    of_reference: list[tuple[str, float, str]]
    of_hypothesis: list[tuple[str, float, str]]
    parameters: Parameters = DEFAULTS


HIT, MISS, ALARM = ("hit", 1.0), ("miss", 0.0), ("false alarm", 0.0)
CASES = {
    "they overlap": Case(
        "overlap", [(10, 20)], [(15, 40), (50, 60)], [(*HIT, "overlap")], [(*HIT, "overlap"), (*ALARM, "no overlap")]
    ),
    "touching is no overlap": Case(
        "overlap", [(10, 20)], [(20, 40)], [(*MISS, "no overlap")], [(*ALARM, "no overlap")]
    ),
    "aligned in order": Case(
        "dp", [(10, 20)], [(900, 910), (990, 999)], [(*HIT, "aligned")], [(*ALARM, "insertion"), (*HIT, "aligned")]
    ),
    "nothing to align with": Case("dp", [(10, 20)], [], [(*MISS, "deletion")], []),
    "samples": Case(
        "epoch",
        [(10, 20), (100, 110), (200, 200.1)],
        [(10, 15), (100, 110), (300, 310)],
        [("partial", 0.5, "samples in part"), (*HIT, "samples agree"), ("uncounted", 0.0, "no sample")],
        [(*HIT, "samples agree"), (*HIT, "samples agree"), (*ALARM, "samples differ")],
    ),
    "covered in part": Case(
        "taes", [(10, 20)], [(15, 22)], [("partial", 0.5, "coverage")], [("partial", 0.8, "coverage")]
    ),
    "one hypothesis event covers two": Case(
        "taes",
        [(10, 20), (30, 40)],
        [(10, 40)],
        [("partial", 1.0, "coverage"), (*MISS, "multi-overlap")],
        [("partial", 0.0, "coverage")],
    ),
    "its reference event was found before": Case(
        "taes",
        [(10, 20), (30, 40)],
        [(10, 35), (36, 39)],
        [("partial", 1.0, "coverage"), (*MISS, "multi-overlap")],
        [("partial", 0.0, "coverage"), (*ALARM, "used up")],
    ),
    "its hypothesis event was used before": Case(
        "taes",
        [(10, 30), (40, 50)],
        [(12, 15), (25, 45)],
        [("partial", 0.4, "coverage"), (*MISS, "used up")],
        [(*HIT, "coverage"), ("partial", 0.25, "coverage")],
    ),
    "within the tolerance": Case(
        "szcore-event", [(100, 110)], [(80, 90)], [(*HIT, "tolerance")], [(*HIT, "tolerance")]
    ),
    "merged, and found by the second": Case(
        "szcore-event",
        [(100, 110), (190, 200)],
        [(192, 400)],
        [(*HIT, "merged"), (*HIT, "merged before")],
        [(*HIT, "overlap")],
    ),
    "split at five minutes": Case(
        "szcore-event", [(100, 110)], [(100, 1000)], [(*HIT, "overlap")], [("partial", 1 / 3, "split")]
    ),
    "not enough overlap": Case(
        "szcore-event", [(100, 110)], [(100, 110)], [(*MISS, "minimum overlap")], [(*ALARM, "minimum overlap")], HALF
    ),
    "too short for a sample": Case(
        "szcore-event", [(100, 110)], [(100.01, 100.02)], [(*MISS, "no sample")], [(*ALARM, "no sample")]
    ),
    "far apart": Case("szcore-event", [(100, 110)], [(500, 510)], [(*MISS, "no overlap")], [(*ALARM, "no overlap")]),
    "samples of SzCORE": Case(
        "szcore-sample", [(10, 20)], [(15, 20.4)], [("partial", 0.5, "samples in part")], [(*HIT, "samples agree")]
    ),
}


def scored(
    reference: Intervals,
    hypothesis: Intervals,
    parameters: Parameters = DEFAULTS,
    algorithms: Iterable[str] = ALGORITHM,
) -> Result:
    sides = (
        Recording.from_events(3600.0, [(start, stop, "seiz") for start, stop in side], name)
        for name, side in (("sub-7_ref.tsv", reference), ("sub-7_hyp.tsv", hypothesis))
    )
    return score(*sides, algorithms=tuple(algorithms), parameters=parameters)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_the_rule_that_decides(case: Case) -> None:
    verdicts = list(scored(*case[1:3], case.parameters).events(case.algorithm))
    for side, expected in (("reference", case.of_reference), ("hypothesis", case.of_hypothesis)):
        found = [v[7:10] for v in verdicts if v.side == side and v.label == "seiz"]
        assert found == expected, side


def test_every_rule_is_explained_and_every_explanation_used() -> None:
    named = {said[2] for case in CASES.values() for said in (*case.of_reference, *case.of_hypothesis)}
    assert named <= set(RULES)
    assert set(RULES) - named == {"substitution"}  # which needs more classes: below


def test_partners_are_the_events_of_the_other_side_that_decided() -> None:
    result = scored([(10, 20)], [(5, 12), (15, 18), (500, 510)])
    (seizure,) = (v for v in result.events("overlap") if v.side == "reference" and v.label == "seiz")
    hypothesis = result.scores[0].events[1].unpack()
    assert [hypothesis.starts[partner] for partner in seizure.partners] == [5, 15]
    assert (seizure.hits, seizure.misses, seizure.false_alarms) == (1, 0, 0)


def test_the_document_holds_events_only_when_asked_for() -> None:
    result = scored([(10, 20)], [(70, 75)])
    assert "events" not in result.to_dict()
    (recording,) = json.loads(json.dumps(result.to_dict(events=True)))["events"]
    assert recording["subject"] == "sub-7"
    assert recording["events"]["reference"] == [[0.0, 10.0, "bckg"], [10.0, 20.0, "seiz"], [20.0, 3600.0, "bckg"]]
    assert list(recording["verdicts"]) == list(ALGORITHM)
    (verdict,) = recording["verdicts"]["szcore-event"]["reference"]  # of the seizure: background is not judged
    counts = {"hits": 1, "misses": 0, "false_alarms": 0}
    assert verdict == {"event": 1, "verdict": "hit", "share": 1.0, "rule": "tolerance", "partners": [1]} | counts
    assert [verdict["event"] for verdict in recording["verdicts"]["taes"]["hypothesis"]] == [0, 1, 2]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    """A seizure that is found only within its tolerance, and a second alarm."""
    paths = []
    for name, events in (("ref", [(100, 110)]), ("hyp", [(80, 90), (400.5, 410)])):
        path = tmp_path / f"{name}.csv_bi"
        path.write_text(annotation(*((start, stop, "seiz") for start, stop in events), duration=600.0))
        paths.append(str(path))
    return paths[0], paths[1]


def test_the_file_of_events(pair: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    asked = ("--algorithm", "overlap", "--algorithm", "szcore-event")
    assert run("score", *pair, *asked, "--events", str(path)).status == 0
    with path.open(newline="") as file:
        head, *rows = csv.reader(file)
    assert tuple(head) == COLUMNS
    assert len(rows) == 3 + 5 + 3  # overlap judges background, too
    assert rows[-3:] == [
        [pair[0], "szcore-event", "seiz", *said]
        for said in (
            ["reference", "100.0", "110.0", "hit", "1.0", "tolerance", "80.0-90.0", "1", "0", "0"],
            ["hypothesis", "80.0", "90.0", "hit", "1.0", "tolerance", "100.0-110.0", "0", "0", "0"],
            ["hypothesis", "400.5", "410.0", "false alarm", "0.0", "no overlap", "", "0", "0", "1"],
        )
    ]


def test_the_document_of_the_command_with_events(pair: tuple[str, str], tmp_path: Path) -> None:
    ran = run("score", *pair, "--format", "json", "--per-event", "-o", str(tmp_path / "out"))
    (recording,) = json.loads(ran.stdout)["events"]
    assert recording["reference"] == pair[0]
    assert json.loads((tmp_path / "out/result.json").read_text())["events"] == [recording]
    assert run("score", *pair, "--per-event").status == 2


def test_events_to_a_place_that_cannot_be_written(pair: tuple[str, str], tmp_path: Path) -> None:
    ran = run("score", *pair, "--events", str(tmp_path / "no/events.csv"))
    assert (ran.status, ran.stderr) == (3, f"error: cannot write {tmp_path}/no/events.csv: No such file or directory\n")


def test_explain(pair: tuple[str, str]) -> None:
    assert run("explain", *pair).stdout.splitlines() == [
        "                    TP  FP  FN",
        "overlap       seiz   0   2   1",
        "szcore-event  seiz   1   1   0",
        "",
        "label  side        overlap     szcore-event  events  TP  FP  FN",
        "seiz   reference   no overlap  tolerance          1  +1  +0  -1",
        "seiz   hypothesis  no overlap  tolerance          1  +0  -1  +0",
        "seiz   total                                      2  +1  -1  -1",
        "",
        *events_of(pair[0]),
        "",
        f"  no overlap: {RULES['no overlap'].removesuffix(').')}: 30 s before to 60 s after).",
        f"  tolerance: {RULES['tolerance'].removesuffix('.')} (30 s before to 60 s after).",
    ]


def test_explain_names_the_limits_in_use() -> None:
    assert {rule: described(rule, Parameters()) for rule in RULES if described(rule, Parameters()) != RULES[rule]} == {
        "no overlap": "No event of its class on the other side overlaps it (or its tolerances, in SzCORE: "
        "30 s before to 60 s after).",
        "tolerance": "SzCORE: the overlap is only with the tolerance before or after the reference event "
        "(30 s before to 60 s after).",
        "minimum overlap": "SzCORE: the overlap with the widened reference event is too small (not over 0 of it).",
        "merged": "SzCORE: hit because of an event that was merged with it, on either side (gap below 90 s).",
        "merged before": "SzCORE: merged with the previous event and counted there (gap below 90 s).",
        "split": "SzCORE: longer than the maximum, so it counts once for each of its pieces (over 300 s).",
    }
    others = Parameters(szcore_tolerance_start=2.5, szcore_min_duration_between_events=10)
    assert described("tolerance", others).endswith("(2.5 s before to 60 s after).")
    assert described("merged", others).endswith("(gap below 10 s).")


def events_of(recording: str) -> list[str]:
    gap = " " * (len(recording) - len("recording"))
    return [
        f"recording{gap}  label  side         start    stop  overlap                   szcore-event",
        f"{recording}  seiz   reference   100.00  110.00  miss (no overlap)         hit (tolerance)",
        f"{recording}  seiz   hypothesis   80.00   90.00  false alarm (no overlap)  hit (tolerance)",
    ]


def test_explain_two_that_agree(pair: tuple[str, str]) -> None:
    ran = run("explain", pair[0], pair[0], "--between", "overlap", "taes", "--label", "seiz")
    assert ran.stdout.splitlines()[-1] == "overlap and taes count every event the same."


def test_explain_lists_so_many_events() -> None:
    ran = run("explain", *EXAMPLE.lists, "--between", "taes", "overlap", "--label", "seiz", "--limit", "2")
    assert sum("csv_bi" in line for line in ran.stdout.splitlines()) == 2
    assert "... and 4 more events" in ran.stdout


def test_explain_a_class_that_is_none(pair: tuple[str, str]) -> None:
    ran = run("explain", *pair, "--label", "sz")
    assert (ran.status, ran.stdout) == (1, "")
    assert ran.stderr == "error: --label 'sz' is not a class of the label map: seiz, bckg\n"


def test_a_substituted_event_is_not_counted_on_the_other_side() -> None:
    parameters = Parameters(label_map=LabelMap.from_mapping({"a": ["a"], "b": ["b"], "bckg": ["bckg"]}))
    sides = (Recording.from_events(10.0, [(0.0, 10.0, label)]) for label in "ab")
    found = list(score(*sides, algorithms=["dp"], parameters=parameters).events("dp"))
    assert [(v.side, v.verdict, v.rule, v.partners) for v in found] == [
        ("reference", "miss", "substitution", (0,)),
        ("hypothesis", "uncounted", "substitution", (0,)),
    ]


def test_partners_without_end_are_refused() -> None:
    nested = [(k / 10, 3000 - k / 10) for k in range(1001)]
    result = scored(nested, nested, algorithms=["overlap"])
    with pytest.raises(InputError, match="limited to 1000000 partners"):
        list(result.events("overlap"))
