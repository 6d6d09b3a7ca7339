"""Operating curves: what a curve says at a rate of false alarms, what it refuses, and how it is printed."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from corpora import DATA, EXAMPLE
from helpers import annotation, blocks, page_data, refusal
from nedc_bench import InputError, LabelMap, OperatingCurve, Parameters, Recording, ScoreTrack, operating_curve, score
from nedc_bench.cli import main
from nedc_bench.reports.page import page_lines
from nedc_bench.scoring.operating import ALGORITHMS, COLUMNS, Detections
from nedc_bench.scoring.operating.coverage import Coverage

DAY = 86400.0
SEIZURES = [(1000.0, 1060.0), (5000.0, 5030.0), (9000.0, 9100.0), (20_000.0, 20_010.0)]
DETECTIONS = [
    (1000.0, 1030.0, "seiz", 0.9),
    (3000.0, 3010.0, "seiz", 0.8),
    (5000.0, 5010.0, "seiz", 0.7),
    (7000.0, 7010.0, "seiz", 0.6),
    (7100.0, 7110.0, "seiz", 0.5),
    (9050.0, 9060.0, "seiz", 0.4),
]
ALIKE = [(start, stop, label, 1.0) for start, stop, label, _ in DETECTIONS]
SEVERAL = LabelMap.from_mapping({"seiz": ["seiz"], "spike": ["spike"], "bckg": ["bckg"]})


def night(*detections: tuple[float, float, str, float]) -> tuple[Recording, Recording]:
    return Recording.from_events(DAY, SEIZURES), Recording.from_events(DAY, detections)


@pytest.fixture
def curve() -> OperatingCurve:
    return operating_curve([night(*DETECTIONS)])


def test_a_rate_of_false_alarms_has_its_best_operating_point(curve: OperatingCurve) -> None:
    assert curve.false_alarms_per_24h.tolist() == [0.0, 1.0, 1.0, 2.0, 3.0, 3.0]
    points = [curve.at_false_alarms(rate) for rate in (0, 1, 2.5, 5)]
    found = [(point.threshold, point.sensitivity) for point in points]
    assert found == [(0.9, 0.25), (0.7, 0.5), (0.7, 0.5), (0.4, 0.75)]


def test_where_every_threshold_raises_more_nothing_is_detected() -> None:
    curve = operating_curve([night((3000.0, 3010.0, "seiz", 0.8), (1000.0, 1010.0, "seiz", 0.5))])
    point = curve.at_false_alarms(0.5)
    assert (point.threshold, point.tp, point.fn, point.sensitivity) == (np.inf, 0.0, 4.0, 0.0)
    assert point.to_dict()["threshold"] is None


def test_a_threshold_between_two_confidences_is_the_higher_ones(curve: OperatingCurve) -> None:
    assert curve.at_threshold(0.75) == curve.at_threshold(0.8)
    assert curve.at_threshold(0.0) == curve.points[-1]
    assert curve.at_threshold(0.95).sensitivity == 0.0


def test_the_exact_area_is_that_of_the_steps(curve: OperatingCurve) -> None:
    assert curve.auc(up_to=4.0) == (0.25 * 1 + 0.5 * 2 + 0.75 * 1) / 4
    assert curve.auc(up_to=1.0) == 0.25


def test_the_front_has_the_points_that_no_other_beats(curve: OperatingCurve) -> None:
    assert [point.threshold for point in curve.front] == [0.9, 0.7, 0.4]


def test_sensitivity_between_points_is_read_off_a_line(curve: OperatingCurve) -> None:
    assert curve.sensitivity_at(0.5) == 0.375
    assert curve.sensitivity_at(10.0) is None


def test_the_last_point_is_the_score_of_the_whole_hypothesis() -> None:
    whole = score(*night(*DETECTIONS), algorithms=ALGORITHMS).to_dict()["algorithms"]
    for algorithm in ALGORITHMS:
        point = operating_curve([night(*DETECTIONS)], algorithm=algorithm).points[-1]
        figures = whole[algorithm]["labels"]["seiz"]
        assert [point.tp, point.fp, point.sensitivity] == [figures[name] for name in ("tp", "fp", "sensitivity")]


def test_neighbours_are_one_event_until_the_one_between_is_gone() -> None:
    between = [(1000.0, 1010.0, "seiz", 0.9), (1010.0, 1020.0, "seiz", 0.3), (1020.0, 1030.0, "seiz", 0.9)]
    apart = [(row[0] + 50_000, row[1] + 50_000, *row[2:]) for row in between]
    curve = operating_curve([night(*between, *apart)])
    assert list(zip(curve.thresholds.tolist(), curve.fp.tolist(), strict=True)) == [(0.9, 2.0), (0.3, 1.0)]


def test_one_confidence_makes_one_point_and_a_note() -> None:
    curve = operating_curve([night(*ALIKE)])
    assert curve.thresholds.tolist() == [1.0]
    (note,) = curve.warnings
    assert (note.code, note.message.partition(":")[0]) == (
        "one-point",
        "all events of the hypotheses have one confidence",
    )


def test_a_hypothesis_without_events_has_no_point() -> None:
    curve = operating_curve([(Recording.from_events(DAY, SEIZURES), None)])
    assert (curve.thresholds.size, curve.auc(), curve.auc("neuroatlas"), curve.points) == (0, 0.0, None, [])
    assert [warning.code for warning in curve.warnings] == ["one-point"]


@pytest.mark.parametrize("confidence", ["nan", "inf"])
def test_a_confidence_that_is_no_number_is_refused_with_its_line(tmp_path: Path, confidence: str) -> None:
    (tmp_path / "ref.csv_bi").write_text(annotation((1, 2, "seiz")))
    text = annotation((1, 2, "seiz"), (4, 5, "seiz")).replace("4,5,seiz,1.0", f"4,5,seiz,{confidence}")
    (tmp_path / "hyp.csv_bi").write_text(text)
    (found,) = refusal(lambda: operating_curve([(tmp_path / "ref.csv_bi", tmp_path / "hyp.csv_bi")])).findings
    assert (found.side, found.line, found.code) == ("hypothesis", 5, "confidence")
    assert found.file.endswith("hyp.csv_bi")


@pytest.mark.parametrize(
    ("curve_of", "code"),
    [
        (lambda: operating_curve([night()], algorithm="dp"), "algorithm"),
        (lambda: operating_curve([night()], label="bckg"), "label"),
        (lambda: operating_curve([]), "empty"),
        (lambda: operating_curve([night()], parameters=Parameters(label_map=SEVERAL)), "label"),
        (lambda: ScoreTrack([0.5, 1.5], 1.0), "probabilities"),
        (lambda: ScoreTrack([0.5], 4000.0), "sampling_rate"),
        (lambda: operating_curve([(night()[0], ScoreTrack([0.5, 1.0], 1.0))]), "duration"),
        (lambda: operating_curve([(night()[0], ScoreTrack([0.5], 1 / DAY, label="x"))]), "label"),
    ],
)
def test_what_has_no_curve_is_refused(curve_of: Callable[[], object], code: str) -> None:
    assert [found.code for found in refusal(curve_of).findings] == [code]


def test_every_refused_pair_is_named() -> None:
    bad = (Recording.from_events(10.0, [], "a"), Recording.from_events(20.0, [], "b"))
    assert len(refusal(lambda: operating_curve([bad, night(), bad])).findings) == 2


def test_arrays_cannot_be_changed(curve: OperatingCurve) -> None:
    with pytest.raises(ValueError, match="read-only"):
        curve.sensitivity[0] = 1.0


def test_an_unknown_area_is_refused(curve: OperatingCurve) -> None:
    with pytest.raises(InputError, match="one of exact, neuroatlas"):
        curve.auc("other")
    with pytest.raises(InputError, match="above 0"):
        curve.auc(up_to=0.0)


def test_an_alarm_that_hardly_ends_is_told() -> None:
    """It overlaps every seizure and counts as one false alarm at most, so the figures alone look good."""
    curve = operating_curve([night((10.0, 86_000.0, "seiz", 0.2), (1000.0, 1030.0, "seiz", 0.9))])
    assert curve.at_false_alarms(1).sensitivity == 1.0
    (warning,) = (warning for warning in curve.warnings if warning.code == "coverage")
    said = "at threshold 0.2 (0.00 false alarms per day) alarms cover 100% of the time outside reference events"
    assert warning.message.startswith(said)


@pytest.mark.parametrize(("length", "told"), [(43_000.0, 0), (43_200.0, 1)])
def test_half_of_the_time_outside_of_seizures_is_too_much(length: float, told: int) -> None:
    """86,200 s lie outside the seizures; where an alarm's events overlap, the time counts once."""
    start = 30_000.0
    events = [
        (start, start + length, "seiz", 0.5),
        (start, start + 40_000.0, "seiz", 0.4),
        (1000.0, 1030.0, "seiz", 0.9),
    ]
    events.append((5000.0, 5001.0, "seiz", 0.3))
    codes = [warning.code for warning in operating_curve([night(*events)]).warnings]
    assert codes.count("coverage") == told


def test_coverage_is_the_share_of_the_seconds_that_events_cover() -> None:
    """Compared with a count second by second, for random events that overlap each other and the seizures."""
    generator = np.random.default_rng(3)
    for _ in range(20):
        starts = generator.integers(0, 900, 12).astype(float)
        columns = starts, starts + generator.integers(1, 100, 12), generator.integers(1, 5, 12) / 4
        events = [(start, stop, "seiz", confidence) for start, stop, confidence in zip(*columns, strict=True)]
        seizures = [(100.0, 150.0), (140.0, 200.0), (700.0, 710.0)]
        reference, hypothesis = Recording.from_events(1000.0, seizures), Recording.from_events(1000.0, events)
        parameters = Parameters()
        own = score(reference, hypothesis, algorithms="overlap").scores[0].events[0].unpack()
        c = parameters.label_map.classes.index("seiz")
        coverage = Coverage.of(own, Detections.of_recording(hypothesis, parameters), c)
        outside = np.ones(1000, dtype=bool)
        for start, stop in seizures:
            outside[int(start) : int(stop)] = False
        assert coverage.seconds == outside.sum()
        for threshold in (1.0, 0.75, 0.5, 0.25):
            covered = np.zeros(1000, dtype=bool)
            for start, stop, _, confidence in events:
                if confidence >= threshold:
                    covered[int(start) : int(stop)] = True
            assert coverage.at(threshold) == (covered & outside).sum()


def test_references_without_a_seizure_are_told() -> None:
    for algorithm in ALGORITHMS:
        empty = Recording.from_events(DAY, []), night(*DETECTIONS)[1]
        (warning,) = operating_curve([empty], algorithm=algorithm).warnings
        assert (warning.side, warning.code) == ("reference", "no-event")
        assert warning.message.startswith("the references have no event of class seiz, so there is no sensitivity")


def test_a_single_threshold_is_written_as_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name in ("ref.csv_bi", "hyp.csv_bi"):
        (tmp_path / name).write_text(annotation((1, 2, "seiz")))
    assert main(["curve", str(tmp_path / "ref.csv_bi"), str(tmp_path / "hyp.csv_bi")]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "overlap, class seiz: 1 pair, 0.00 hours of recording, 1 threshold"


# -- the command


def test_the_command_prints_a_document_and_rows_with_the_same_points(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["curve", *EXAMPLE.lists, "--algorithm", "taes", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert main(["curve", *EXAMPLE.lists, "--algorithm", "taes", "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == document["operating_points"] == 34
    assert {name: [float(row[name]) for row in rows] for name in COLUMNS} == document["points"]


def test_a_figure_without_matplotlib_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["curve", *EXAMPLE.lists, "--figure", str(tmp_path / "curve.svg")]) == 3
    assert "pip install 'nedc-bench[figure]'" in capsys.readouterr().err


def test_a_figure_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert main(["curve", *EXAMPLE.lists, "--figure", str(tmp_path / "curve.svg")]) == 0
    assert "<svg" in (tmp_path / "curve.svg").read_text()
    assert main(["curve", *EXAMPLE.lists, "--figure", str(tmp_path / "curve.doc")]) == 1
    assert main(["curve", *EXAMPLE.lists, "--figure", str(tmp_path / "none/curve.svg")]) == 3


def test_curves_of_the_page_need_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", *EXAMPLE.lists, "--curves"]) == 2
    assert "give -o" in capsys.readouterr().err


DOCS = (DATA.parents[1] / "docs/curves.md").read_text()


def test_the_documented_table_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    (table,) = blocks(DOCS, "text")
    assert main(["curve", *EXAMPLE.lists]) == 0
    assert capsys.readouterr().out == table


# -- the page


def test_the_page_has_the_curves_that_have_points() -> None:
    result = score(*night(*DETECTIONS), algorithms=("overlap",))
    curves = [
        operating_curve([night(*DETECTIONS)]),
        operating_curve([night(*ALIKE)]),
    ]
    page = "\n".join(page_lines(result, curves))
    (shown,) = page_data(page)["curves"]
    assert [point["threshold"] for point in shown["front"]] == [0.9, 0.7, 0.4]
    assert [point["sensitivity"] for point in shown["at"]] == [0.75, 0.75, 0.5, 0.5]
