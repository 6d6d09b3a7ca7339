"""Detection delay and seizure burden."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from corpora import EXAMPLE
from helpers import annotation, write_corpus
from nedc_bench import BurdenResult, InputError, Recording, find_pairs, score, score_corpus, seizure_burden
from nedc_bench.cli import main
from seizures import Intervals, intervals


def burden(duration: float, reference: Intervals, hypothesis: Intervals) -> BurdenResult:
    sides = (Recording.from_events(duration, list(own)) for own in (reference, hypothesis))
    return seizure_burden([tuple(sides)])  # type: ignore[list-item]  # two of them


def test_the_delay_is_of_the_first_event_that_overlaps() -> None:
    result = burden(
        3600.0, [(100.0, 200.0), (500.0, 560.0), (900.0, 910.0)], [(90, 95), (120, 130), (150, 160), (480, 510)]
    )
    assert result.delays.seconds == (20.0, -20.0)
    assert (result.delays.hits, result.delays.misses, result.delays.median) == (2, 1, 0.0)


def test_an_early_event_that_goes_on_is_first() -> None:
    assert burden(3600.0, [(100.0, 200.0)], [(10.0, 150.0), (50.0, 60.0), (120.0, 130.0)]).delays.seconds == (-90.0,)


def test_quartiles_are_those_of_numpy() -> None:
    starts = [100.0 * k for k in range(1, 9)]
    result = burden(3600.0, [(s, s + 50) for s in starts], [(s + k * k, s + 50) for k, s in enumerate(starts[:7])])
    expected = np.quantile([k * k for k in range(7)], [0.25, 0.5, 0.75]).tolist()
    delays = result.delays
    assert [delays.lower_quartile, delays.median, delays.upper_quartile] == expected


def test_without_a_hit_there_is_no_delay() -> None:
    assert burden(600.0, [(100.0, 110.0)], []).delays.median is None


def test_burden_is_time_in_seizure() -> None:
    result = burden(7200.0, [(100.0, 160.0), (120.0, 200.0), (1000.0, 1010.0)], [])
    assert result.reference.seizure_seconds == 110.0
    assert result.reference.seconds_per_24h == 1320.0
    assert result.reference.longest_seconds == 100.0
    assert result.hypothesis.seizure_seconds == 0.0


@pytest.mark.parametrize(
    ("seizures", "over"),
    [
        ([(10.1, 40.1)], 1),
        ([(10.1, 40.0)], 0),
        ([(280.0, 320.0)], 0),  # 20 s in each window
        ([(270.0, 330.0)], 2),
        ([(10.0, 25.0), (250.0, 265.0)], 1),
        ([(1200.0, 1300.0)], 0),  # in the incomplete window at the end
    ],
)
def test_a_window_counts_from_thirty_seconds_on(seizures: Intervals, over: int) -> None:
    result = burden(1450.0, seizures, [])
    assert (result.reference.windows, result.reference.windows_over) == (4, over)


def test_a_recording_shorter_than_a_window_has_no_share() -> None:
    assert burden(200.0, [(0.0, 100.0)], []).reference.share_over is None


@given(reference=intervals(), hypothesis=intervals())
@settings(deadline=None)
def test_hits_are_those_of_overlap_and_burden_is_that_of_samples(reference: Intervals, hypothesis: Intervals) -> None:
    duration = 1500.0
    sides = [
        Recording.from_events(duration, [(start, min(stop, duration)) for start, stop in own if start < duration])
        for own in (reference, hypothesis)
    ]
    result = seizure_burden([(sides[0], sides[1])])
    figures = score(*sides, algorithms="overlap").overlap.labels["seiz"]
    assert (result.delays.hits, result.delays.misses) == (figures.hits, figures.misses)
    times = np.arange(0.025, duration, 0.05)  # the grids of the events are multiples of 0.05 s
    seizing = np.zeros(times.size, dtype=bool)
    for event in sides[1].events:
        if event.label == "seiz":
            seizing |= (times > event.start) & (times < event.stop)
    assert result.hypothesis.seizure_seconds == pytest.approx(seizing.sum() * 0.05, abs=1e-6)
    windows = seizing.reshape(5, -1).sum(axis=1) * 0.05
    assert result.hypothesis.windows_over == int((np.round(windows, 4) >= 30).sum())


def test_unlike_durations_are_refused() -> None:
    with pytest.raises(InputError):
        seizure_burden([(Recording.from_events(10.0, []), Recording.from_events(20.0, []))])


def test_the_command_prints_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["burden", *EXAMPLE.lists, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["delay"]["hits"], document["pairs"]) == (6, 59)
    assert len(document["delay"]["seconds"]) == 6


def test_it_carries_the_warnings_of_reading(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    overlapping = annotation((1, 4, "seiz"), (2, 5, "seiz"))
    corpus = list(map(str, write_corpus(tmp_path, [overlapping], [overlapping])))
    expected = score_corpus(find_pairs(*corpus)).warnings
    assert [warning.code for warning in expected] == ["overlap", "overlap"]
    assert seizure_burden(find_pairs(*corpus)).warnings == expected
    assert main(["burden", *corpus, "--format", "json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["warnings"] == [warning.to_dict() for warning in expected]
    assert printed.err.startswith("warning [overlap] reference ")
