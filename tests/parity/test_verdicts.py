"""Verdicts add up to the counts of all seven algorithms, and explain every difference between two of them."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from corpora import Corpus, find_corpora
from counting import check_counts
from everything import of
from nedc_bench import InputError, LabelMap, Parameters, Recording, Result, score_corpus
from nedc_bench.scoring import ALGORITHM
from nedc_bench.scoring.verdicts import RULES, differences
from seizures import DETECTORS, Intervals, as_recording, detect, intervals, nights_of

pytestmark = pytest.mark.slow

SEVEN = tuple(ALGORITHM)


def check_differences(result: Result, first: str, second: str) -> None:
    found = differences(result.scores, result.parameters, first, second, label="seiz")
    one, other = result.counted(first).labels["seiz"], result.szcore(second).labels["seiz"]
    assert sum(difference.hits for difference in found) == other.tp - one.tp
    assert sum(difference.misses for difference in found) == other.fn - one.fn
    assert sum(difference.false_alarms for difference in found) == other.fp - one.fp
    assert all(rule in RULES for difference in found for rule in difference.rules)


@pytest.mark.parametrize("seed", DETECTORS)
def test_both_corpora(seed: int) -> None:
    nights = [night for night in nights_of(seed) if night.seizures or detect(night, seed)]
    pairs = [(as_recording(night, night.seizures), as_recording(night, detect(night, seed))) for night in nights]
    result = score_corpus(pairs, algorithms=SEVEN, jobs=1)
    check_counts(result)
    check_differences(result, "overlap", "szcore-event")


@pytest.mark.parametrize("corpus", find_corpora(), ids=lambda corpus: corpus.folder.name)
def test_golden_corpora(corpus: Corpus) -> None:
    check_counts(score_corpus(corpus.pairing, algorithms=SEVEN, parameters=corpus.parameters, jobs=1))


@given(st.tuples(*[intervals()] * 4), st.sampled_from([30.0, 90.5, 600.0]), st.data())
@settings(max_examples=of(400, 80), deadline=None)
def test_any_events_of_two_kinds(
    events: tuple[Intervals, Intervals, Intervals, Intervals], duration: float, data: st.DataObject
) -> None:
    """Overlapping events, events past the end, and filled gaps of negative length, in three classes."""
    parameters = data.draw(
        st.builds(
            Parameters,
            label_map=st.just(LabelMap.from_mapping({"seiz": ["seiz"], "bckg": ["bckg"], "artf": ["artf"]})),
            penalty_del=st.sampled_from([1.0, 1.5]),
            epoch_duration=st.sampled_from([0.25, 1.0, 7.0]),
            szcore_min_overlap=st.sampled_from([0.0, 0.3]),
            szcore_tolerance_start=st.sampled_from([0.0, 30.0]),
            szcore_max_event_duration=st.sampled_from([3.0, 300.0]),
            szcore_min_duration_between_events=st.sampled_from([0.0, 5.0, 90.0]),
        )
    )
    sides = [
        Recording.from_events(duration, [(*e, "seiz") for e in of_seizures] + [(*e, "artf") for e in of_artefacts])
        for of_seizures, of_artefacts in (events[:2], events[2:])
    ]
    try:
        result = score_corpus([(sides[0], sides[1])], algorithms=SEVEN, parameters=parameters)
    except InputError as error:
        assert "length zero" in str(error)  # noqa: PT017  # taes is undefined for such events
        return
    check_counts(result)
    check_differences(result, "overlap", "szcore-event")
