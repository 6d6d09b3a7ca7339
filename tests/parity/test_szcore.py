"""SzCORE's figures against `timescoring`, the tool that defines them, with ``==``."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from timescoring.annotations import Annotation
from timescoring.scoring import EventScoring, SampleScoring

from everything import of
from nedc_bench import ALGORITHMS, InputError, LabelMap, Parameters, Recording, Result, score, score_corpus
from nedc_bench.scoring import score_pair
from nedc_bench.scoring.szcore_figures import RATES, SzcoreContribution, SzcoreFigures, SzcoreTotal
from seizures import DETECTORS, Intervals, Night, as_recording, detect, intervals, nights_of, read_nights

pytestmark = pytest.mark.slow

DEFAULTS = Parameters()
BOTH = ("szcore-event", "szcore-sample")
OF_TOOL = dict(zip(RATES, ("sensitivity", "precision", "f1", "fpRate"), strict=True))


def by_tool(
    duration: float, reference: Intervals, hypothesis: Intervals, parameters: Parameters = DEFAULTS
) -> dict[str, Any]:
    """The tool's figures for two lists of events, at its own two sampling rates."""
    event, sample = (
        [Annotation(side, rate, round(round(duration, 4) * rate)) for side in (reference, hypothesis)]
        for rate in (10, 1)
    )
    options = EventScoring.Parameters(
        parameters.szcore_tolerance_start,
        parameters.szcore_tolerance_end,
        parameters.szcore_min_overlap,
        parameters.szcore_max_event_duration,
        parameters.szcore_min_duration_between_events,
    )
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # it divides by zero where an event lies past the end
        scored = EventScoring(*event, options), SampleScoring(*sample)
        return dict(zip(BOTH, scored, strict=True))


def check(ours: SzcoreFigures, tool: Any) -> None:
    assert (ours.targets, ours.tp, ours.fp) == (tool.refTrue, tool.tp, tool.fp)
    for name, theirs in OF_TOOL.items():
        value, expected = getattr(ours, name), getattr(tool, theirs)
        assert value == expected or (value is None and math.isnan(expected)), name


def test_the_corpora_are_complete() -> None:
    nights = read_nights()
    assert [len(nights), sum(len(night.seizures) for night in nights)] == [2850 + 686, 883 + 198]


@pytest.mark.parametrize("seed", DETECTORS)
def test_every_recording_of_both_corpora(seed: int) -> None:
    for night in nights_of(seed):
        found = detect(night, seed)
        if seed and not found and not night.seizures:  # no event on either side: one detector is enough
            continue
        pair = score_pair(as_recording(night, night.seizures), as_recording(night, found), Parameters(), BOTH)
        for name, tool in by_tool(night.duration, night.seizures, found).items():
            contribution = pair.contributions[name]
            assert isinstance(contribution, SzcoreContribution)
            total = SzcoreTotal(2, tool.fs)
            total.add(contribution)
            check(total.figures([0]), tool)


@given(
    st.sampled_from([0.3, 30.0, 99.95, 600.0, 900.04]),
    intervals(),
    intervals(),
    st.builds(
        Parameters,
        szcore_tolerance_start=st.sampled_from([0.0, 0.05, 30.0, 7.5]),
        szcore_tolerance_end=st.sampled_from([0.0, 0.15, 60.0]),
        szcore_min_overlap=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
        szcore_max_event_duration=st.sampled_from([0.7, 10.0, 300.0]),
        szcore_min_duration_between_events=st.sampled_from([0.0, 0.35, 5.0, 90.0]),
    ),
)
@settings(max_examples=of(500, 100), deadline=None)
def test_any_events_and_parameters(
    duration: float, reference: Intervals, hypothesis: Intervals, parameters: Parameters
) -> None:
    night = Night("", duration, reference)
    sides = (as_recording(night, side) for side in (reference, hypothesis))
    result = score(*sides, algorithms=BOTH, parameters=parameters)
    for name, tool in by_tool(duration, reference, hypothesis, parameters).items():
        check(result.szcore(name).labels["seiz"], tool)


class Case(NamedTuple):
    """One of the tool's own test cases of one hour: events, and the sensitivity, precision and false alarms per day."""

    reference: Intervals
    hypothesis: Intervals
    parameters: Parameters
    expected: tuple[float | None, float | None, float]


PLAIN = Parameters(szcore_tolerance_start=0, szcore_tolerance_end=0, szcore_min_duration_between_events=0)
DISTRIBUTED = [(0.8, 1.4), (3.0, 3.7), (4.8, 5.1)]
DETECTED = [(0.8, 1.4), (2.6, 3.3), (5.1, 5.4), (6.4, 6.8)]
SPANNED = [(0.8, 1.4), (1.8, 2.2), (3.0, 3.7), (4.2, 4.5), (4.8, 5.1)]
OWN_CASES = {
    "simple events": Case([(40, 60)], [(10, 20), (42, 65)], replace(PLAIN, szcore_tolerance_end=10), (1, 0.5, 24)),
    "tolerance before events": Case([(40, 60)], [(39, 60)], Parameters(szcore_tolerance_start=1), (1, 1, 0)),
    "long events are split": Case([(40, 60)], [(42, 425)], Parameters(), (1, 0.5, 24)),
    "no detections": Case([(40, 60)], [], Parameters(), (0, None, 0)),
    "no events": Case([], [(40, 60)], Parameters(), (None, 0, 24)),
    "typical distribution": Case(DISTRIBUTED, DETECTED, PLAIN, (2 / 3, 0.5, 48)),
    "half must overlap": Case(DISTRIBUTED, DETECTED, replace(PLAIN, szcore_min_overlap=0.5), (1 / 3, 0.25, 72)),
    "one detection spans several events": Case(SPANNED, [(0.5, 2.5), (3.5, 5.3)], PLAIN, (1, 1, 0)),
    "many detections in one event": Case(
        [(0.8, 3.7), (4.8, 5.1)], [(0.5, 1.2), (1.6, 2.4), (3.2, 4.3), (6.6, 7.0)], PLAIN, (0.5, 0.5, 24)
    ),
    "a missed event hides no false alarm": Case(
        [(8, 14), (30, 37), (48, 51)],
        [(8, 14), (26, 33), (51, 54), (64, 68)],
        replace(PLAIN, szcore_min_overlap=0.6),
        (1 / 3, 0.25, 72),
    ),
}


def seizures(duration: float, events: Sequence[tuple[float, float]], name: str = "") -> Recording:
    return Recording.from_events(duration, [(start, stop, "seiz") for start, stop in events], name)


@pytest.mark.parametrize("case", OWN_CASES.values(), ids=list(OWN_CASES))
def test_the_cases_of_timescoring(case: Case) -> None:
    sides = seizures(3600, case.reference), seizures(3600, case.hypothesis)
    found = score(*sides, algorithms=["szcore-event"], parameters=case.parameters).szcore_event.labels["seiz"]
    assert (found.sensitivity, found.precision, found.false_alarms_per_24h) == case.expected
    check(found, by_tool(3600, case.reference, case.hypothesis, case.parameters)["szcore-event"])


def test_the_sample_cases_of_timescoring() -> None:
    def found(reference: Intervals, hypothesis: Intervals) -> tuple[float | None, ...]:
        sides = seizures(10, reference), seizures(10, hypothesis)
        return score(*sides, algorithms=["szcore-sample"]).szcore_sample.labels["seiz"][4:]

    reference, hypothesis = [(0, 3), (6, 9)], [(1, 3), (4, 6), (8, 9)]
    sensitivity, precision, _, rate = found(reference, hypothesis)
    assert (sensitivity, precision, rate) == (3 / 6, 3 / 5, 2 * 3600 * 24 / 10)
    assert found(reference, []) == (0, None, 0, 0)
    assert found([], hypothesis) == (None, 0, 0, 5 * 3600 * 24 / 10)
    assert found([(1.2, 5.4), (7.1, 8.7)], [(3, 5), (6.8, 9.2)])[:2] == (4 / 6, 1)


# Cases of szcore-evaluation: recordings of a minute with one seizure from 10 to 15 s, one subject or two.
NAMES = ("sub-001/rec_events.tsv", "sub-002/rec_events.tsv")


def evaluate(*hypotheses: Sequence[tuple[float, float]]) -> Result:
    pairs = [
        (seizures(60, [(10, 15)], name), seizures(60, hypothesis, name))
        for name, hypothesis in zip(NAMES, hypotheses, strict=False)
    ]
    return score_corpus(pairs, algorithms=BOTH)


def test_the_cases_of_szcore_evaluation() -> None:
    perfect = evaluate([(10, 15)]).szcore_sample.averages["seiz"]
    assert (perfect["sensitivity"].mean, perfect["precision"].mean) == (1, 1)
    assert evaluate([]).szcore_sample.averages["seiz"]["sensitivity"].mean == 0
    both = evaluate([(10, 15)], []).szcore_sample
    assert both.subjects == 2
    averages = both.averages["seiz"]
    assert tuple(averages["sensitivity"]) == (0.5, 0.5)  # mean and standard deviation
    assert tuple(averages["precision"]) == (1, 0)  # the second subject has none
    assert both.labels["seiz"].sensitivity == 5 / 10


def test_averages_weigh_subjects_equally_and_pooled_figures_weigh_events_equally() -> None:
    names = [f"sub-{subject}/eeg/sub-{subject}_run-{run}_events.tsv" for subject, run in ("a1", "a2", "a3", "b1")]
    recordings = [seizures(3600, [(1000, 1010)], name) for name in names]
    found = [seizures(3600, side, "") for side in ([(1000, 1010)], [(1000, 1010)], [(1000, 1010)], [])]
    result = score_corpus(zip(recordings, found, strict=True), algorithms=BOTH).szcore_event
    assert result.labels["seiz"].sensitivity == 3 / 4
    assert result.averages["seiz"]["sensitivity"].mean == 1 / 2
    assert result.to_dict()["subjects"]["count"] == 2


def test_there_are_no_averages_where_a_name_has_no_subject() -> None:
    pairs = [(seizures(60, [(10, 15)], name), seizures(60, [])) for name in (NAMES[0], "night.csv_bi")]
    result = score_corpus(pairs, algorithms=BOTH).szcore_event
    assert result.subjects is None
    assert "subjects" not in result.to_dict()


def test_averages_are_means_and_standard_deviations_over_subjects() -> None:
    """As in `szcore-evaluation`: ``nanmean`` and ``nanstd`` over subjects, from each subject's pooled counts."""
    nights = [night for night in read_nights() if night.seizures][::7]
    pairs = [(as_recording(night, night.seizures), as_recording(night, detect(night, 1))) for night in nights]
    result = score_corpus(pairs, algorithms=BOTH, jobs=1)
    pooled: dict[tuple[str, str], Any] = {}
    for night in nights:
        for name, tool in by_tool(night.duration, night.seizures, detect(night, 1)).items():
            key = name, next(part for part in night.name.split("/") if part.startswith("sub-"))
            if key in pooled:
                for count in ("tp", "fp", "refTrue", "numSamples"):
                    setattr(pooled[key], count, getattr(pooled[key], count) + getattr(tool, count))
                pooled[key].computeScores()
            else:
                pooled[key] = tool
    for name in BOTH:
        tools = [tool for (of, _), tool in pooled.items() if of == name]
        assert result.szcore(name).subjects == len(tools) > 20
        for rate, theirs in OF_TOOL.items():
            figures = [getattr(tool, theirs) for tool in tools]
            assert result.szcore(name).averages["seiz"][rate] == (np.nanmean(figures), np.nanstd(figures))


def test_every_class_but_background_is_scored() -> None:
    parameters = Parameters(label_map=LabelMap.from_mapping({"bckg": ["bckg"], "seiz": ["a"], "artf": ["b"]}))
    sides = (Recording.from_events(600, [(100, 110, one), (300, 310, other)]) for one, other in ("ab", "aa"))
    result = score(*sides, algorithms=BOTH, parameters=parameters).szcore_event
    assert {name: figures[:4] for name, figures in result.labels.items()} == {
        "seiz": (1, 1, 1, 0),
        "artf": (1, 0, 0, 1),
    }
    assert result.summary[:4] == (2, 1, 1, 1)


def test_all_is_the_five_algorithms_of_nedc() -> None:
    pair = seizures(60, [(10, 15)]), seizures(60, [])
    assert set(BOTH).isdisjoint(score(*pair, algorithms=["all"]).algorithms)
    assert list(score(*pair, algorithms=["szcore-sample", "all"]).algorithms) == [*ALGORITHMS, "szcore-sample"]


def test_an_event_is_not_split_into_millions() -> None:
    with pytest.raises(InputError, match="max_event_duration"):
        score(
            seizures(1e6, [(0, 9e5)]),
            seizures(1e6, []),
            algorithms=BOTH,
            parameters=Parameters(szcore_max_event_duration=0.1),
        )
