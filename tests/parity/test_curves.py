"""Each point of an operating curve is the score at its threshold; areas are those of published tools."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from corpora import DATA
from everything import of
from nedc_bench import InputError, LabelMap, OperatingCurve, Parameters, Recording, ScoreTrack, operating_curve
from nedc_bench.scoring import score_pair
from nedc_bench.scoring.contribution import Events
from nedc_bench.scoring.operating import ALGORITHMS, Detections, PairStates, area, pair_states
from nedc_bench.scoring.operating.fold import add_ones
from nedc_bench.scoring.operating.taes_sweep import Parts, parts_of_class, parts_of_one
from operating import Night, TrackNight, brute_force, brute_force_of_tracks, nights, track_nights
from seizures import detect, read_nights

SEVERAL = LabelMap.from_mapping({"seiz": ["seiz"], "bckg": ["bckg"], "other": ["other"]})
TOGETHER = LabelMap.from_mapping({"seiz": ["seiz", "other"], "bckg": ["bckg"]})
PARAMETERS = {
    "defaults": Parameters(label_map=SEVERAL),
    "small": Parameters(
        label_map=TOGETHER,
        szcore_max_event_duration=7.0,
        szcore_min_duration_between_events=0.0,
        szcore_tolerance_start=0.0,
        szcore_tolerance_end=1.0,
    ),
    "with-overlap": Parameters(
        label_map=TOGETHER,
        szcore_max_event_duration=3.1,
        szcore_min_duration_between_events=2.0,
        szcore_min_overlap=0.3,
    ),
}
PUBLISHED = json.loads((DATA / "curves/published.json").read_text())


def rows(curve: OperatingCurve) -> list[tuple[Any, ...]]:
    return [tuple(point) for point in curve.points]


@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(corpus=st.lists(nights(), min_size=1, max_size=3))
@settings(max_examples=of(60, 20), deadline=None)
def test_a_curve_equals_scoring_at_every_threshold(corpus: list[Night], algorithm: str, parameters: Parameters) -> None:
    try:
        expected = brute_force(corpus, algorithm, "seiz", parameters)
    except InputError:  # taes is undefined where a zero-length reference event is hit, at any threshold
        with pytest.raises(InputError):
            operating_curve([night.sides for night in corpus], algorithm=algorithm, label="seiz", parameters=parameters)
        return
    pairs = [night.sides for night in corpus]
    curve = operating_curve(pairs, algorithm=algorithm, label="seiz", parameters=parameters)
    assert rows(curve) == expected


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(corpus=st.lists(track_nights(), min_size=1, max_size=3))
@settings(max_examples=of(60, 20), deadline=None)
def test_a_score_track_equals_its_hypothesis_at_every_score(corpus: list[TrackNight], algorithm: str) -> None:
    parameters = PARAMETERS["small"]
    try:
        expected = brute_force_of_tracks(corpus, algorithm, parameters)
    except InputError:
        with pytest.raises(InputError):
            operating_curve(corpus, algorithm=algorithm, parameters=parameters)
        return
    assert rows(operating_curve(corpus, algorithm=algorithm, parameters=parameters)) == expected


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_sweep_equals_scoring_each_state_of_real_nights(algorithm: str) -> None:
    """Hundreds of recordings with seizures, and detectors whose events overlap, touch and run past the end."""
    nights = [night for night in read_nights() if night.seizures][::7]
    swept = 0
    for seed, night in enumerate(nights):
        draw = np.random.default_rng(seed)
        found = [(start, stop, "seiz", float(draw.random())) for start, stop in detect(night, seed % 20)]
        reference, hypothesis = (Recording.from_events(night.duration, own) for own in (night.seizures, found))
        parameters = Parameters()
        score = score_pair(reference, hypothesis, parameters, (algorithm,))
        detections = Detections.of_recording(hypothesis, parameters)
        swept += detections.nodes(0) is not None
        states = [
            pair_states(score.events[0].unpack(), detections, algorithm, 0, parameters, sweep=sweep)
            for sweep in (True, False)
        ]
        assert each_parts(states[0]) == each_parts(states[1])
        assert states[0].alarms.tolist() == states[1].alarms.tolist()
        assert states[0].found.tolist() == states[1].found.tolist()
    assert swept > len(nights) // 2


def each_parts(pair: PairStates) -> list[Parts]:
    """The parts of each state of the sweep."""
    lasting = np.diff(pair.begins, append=pair.thresholds.size + 1)
    return [parts for parts, length in zip(pair.parts, lasting.tolist(), strict=True) for _ in range(length)]


@st.composite
def one_and_pieces(draw: st.DrawFn) -> tuple[float, float, list[tuple[float, float]]]:
    """A reference event of some length, and separate pieces that overlap it by whole seconds."""
    unit = draw(st.sampled_from([0.1, 0.37, 1.0, 7.3]))
    start, stop, *points = (x * unit for x in draw(st.lists(st.integers(0, 90), min_size=2, max_size=14, unique=True)))
    start, stop = min(start, stop), max(start, stop)
    points.sort()
    ends = zip(points[::2], points[1::2], strict=False)
    pieces = [(enter, leave) for enter, leave in ends if int(leave) >= int(start) and int(enter) <= int(stop)]
    assume(pieces)
    return start, stop, pieces


@given(one_and_pieces())
@settings(max_examples=of(500, 100))
def test_one_reference_event_counts_as_it_does_among_many(case: tuple[float, float, list[tuple[float, float]]]) -> None:
    start, stop, pieces = case
    sides = [np.array(rows, dtype=np.float64) for rows in ([(start, stop)], pieces)]
    reference, hypothesis = (Events(own[:, 0], own[:, 1], np.zeros(len(own), dtype=np.intp)) for own in sides)
    assert parts_of_one(start, stop, pieces) == parts_of_class(reference, hypothesis, 0, 1)


@given(
    st.floats(-10, 1e6) | st.integers(0, 2**60).map(lambda number: number / 2**40),
    st.integers(0, 3000),
)
def test_summing_many_whole_events_at_once_equals_adding_them_one_by_one(begin: float, count: int) -> None:
    expected = begin
    for _ in range(count):
        expected += 1.0
    sums = np.array([begin, begin])
    add_ones(sums, np.array([count, 0]))
    assert sums.tolist() == [expected, begin]


def published_curve(case: dict[str, Any]) -> OperatingCurve:
    rate = 1 / case["window_seconds"]
    pairs = []
    for labels, scores in zip(case["labels"], case["scores"], strict=True):
        reference = Recording.from_mask([int(label) for label in labels], sampling_rate=rate)
        pairs.append((reference, ScoreTrack(scores, rate)))
    return operating_curve(pairs)


@pytest.mark.parametrize("case", PUBLISHED, ids=range(len(PUBLISHED)))
def test_areas_and_sensitivities_are_those_of_neuroatlas(case: dict[str, Any]) -> None:
    curve, published = published_curve(case), case["neuroatlas"]
    assert curve.auc("neuroatlas") == pytest.approx(published["auc"], rel=0, abs=1e-12)
    grid = np.linspace(0.0, 1.0, 200)  # the thresholds that it uses
    taken = [curve.at_threshold(float(threshold)) for threshold in grid[::-1]]
    sensitivity, rate = np.array([[point.sensitivity, point.false_alarms_per_24h] for point in taken], dtype=float).T
    at = area.interpolate(sensitivity, rate, np.array([10.0, 5.0, 2.5, 1.0]))
    assert at.tolist() == pytest.approx(published["at_10_5_2_5_1_per_24h"], rel=0, abs=1e-12)


@pytest.mark.parametrize("case", PUBLISHED, ids=range(len(PUBLISHED)))
def test_counts_are_those_of_sed_scores_eval(case: dict[str, Any]) -> None:
    """With a tolerance near 0, its intersection criteria give the counts of ``overlap`` wherever those change."""
    curve, published = published_curve(case), case["sed_scores_eval"]
    for threshold, tp, fp in zip(published["thresholds"], published["tp"], published["fp"], strict=True):
        point = curve.at_threshold(np.inf if threshold is None else threshold)
        assert (point.tp, point.fp, point.tp + point.fn) == (tp, fp, published["targets"])
