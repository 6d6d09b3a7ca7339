"""Hypotheses with confidences and score tracks, made from seeds; and their curves by scoring each threshold."""

from __future__ import annotations

from typing import NamedTuple

import hypothesis.strategies as st
import numpy as np

from nedc_bench import Parameters, Recording, ScoreTrack, score_corpus

Point = tuple[float, float, float, float, float | None, float | None, float | None]
Rows = list[tuple[float, float, str, float]]


class Night(NamedTuple):
    """A recording: reference events, and detections with confidences."""

    duration: float
    reference: list[tuple[float, float, str]]
    detections: Rows

    def at(self, threshold: float) -> Recording:
        """The hypothesis with those detections only that are as confident; background is none."""
        kept = [row for row in self.detections if row[2] == "bckg" or row[3] >= threshold]
        return Recording.from_events(self.duration, kept)

    @property
    def sides(self) -> tuple[Recording, Recording]:
        return Recording.from_events(self.duration, self.reference), self.at(-np.inf)


class TrackNight(NamedTuple):
    """A recording: reference events, and one score a window."""

    reference: Recording
    track: ScoreTrack


def brute_force(nights: list[Night], algorithm: str, label: str, parameters: Parameters) -> list[Point]:
    """The curve, by scoring the corpus again at each distinct confidence."""
    levels = {row[3] for night in nights for row in night.detections if row[2] != "bckg"}
    return [
        _point(level, [(night.sides[0], night.at(level)) for night in nights], algorithm, label, parameters)
        for level in sorted(levels, reverse=True)
    ]


def brute_force_of_tracks(nights: list[TrackNight], algorithm: str, parameters: Parameters) -> list[Point]:
    """The curve, by making a hypothesis of each track at each distinct score."""
    levels = sorted({float(score) for night in nights for score in np.asarray(night.track.scores)}, reverse=True)
    return [
        _point(level, [(night.reference, night.track.at(level)) for night in nights], algorithm, "seiz", parameters)
        for level in levels
    ]


def _point(
    level: float, pairs: list[tuple[Recording, Recording]], algorithm: str, label: str, parameters: Parameters
) -> Point:
    result = score_corpus(pairs, algorithms=algorithm, parameters=parameters)
    figures = result.to_dict()["algorithms"][algorithm]["labels"][label]
    names = ("tp", "fp", "fn", "sensitivity", "precision", "false_alarms_per_24h")
    tp, fp, fn, sensitivity, precision, rate = (figures[name] for name in names)
    return level, tp, fp, fn, sensitivity, precision, rate


@st.composite
def nights(draw: st.DrawFn) -> Night:
    """Events on a grid, where ties, touching, overlapping and zero length are common; few or many confidences."""
    unit = draw(st.sampled_from([0.05, 0.1, 1.0, 7.3, 31.0]))
    length = draw(st.integers(20, 120))
    labels = st.sampled_from(draw(st.sampled_from([["seiz"], ["seiz"], ["seiz", "bckg"], ["seiz", "other", "bckg"]])))
    levels = draw(st.sampled_from([2, 5, 1000]))
    confidences = st.integers(0, levels).map(lambda level: level / levels)
    detections = [
        (start, stop, draw(labels), draw(confidences))
        for start, stop in _intervals(draw, unit, length, 12, apart=draw(st.integers(0, 3)) > 0)
    ]
    reference = [
        (start, stop, draw(labels))
        for start, stop in _intervals(draw, unit, length, 5, apart=draw(st.integers(0, 3)) > 0)
    ]
    return Night(round(unit * length, 4), reference, detections)


@st.composite
def track_nights(draw: st.DrawFn) -> TrackNight:
    """Rounded scores, so that ties are common, with and without gaps closed and short events dropped."""
    rate = draw(st.sampled_from([0.1, 1.0, 3.0, 4.0, 256.0]))
    scores = draw(st.lists(st.integers(0, 20).map(lambda level: level / 20), min_size=2, max_size=60))
    gap, least = (draw(st.sampled_from([0.0, 0.0, 1.5, 3.0, 200.0])) / rate for _ in range(2))
    track = ScoreTrack(scores, rate, min_gap=gap, min_duration=least)
    apart = draw(st.booleans())
    reference = _intervals(draw, 0.5 / rate, 2 * len(scores), 4, apart=apart)
    return TrackNight(Recording.from_events(track.duration, reference), track)


def _intervals(draw: st.DrawFn, unit: float, length: int, most: int, *, apart: bool) -> list[tuple[float, float]]:
    """Intervals that can touch; unless they are apart, they can overlap, and be of no length."""
    if apart:
        points = sorted(draw(st.sets(st.integers(0, length), max_size=2 * most)))
        found, k = [], 0
        while k + 1 < len(points):
            found.append((points[k] * unit, points[k + 1] * unit))
            k += draw(st.integers(1, 2))
        return found
    pairs = st.tuples(st.integers(0, length - 1), st.integers(0, 10))
    ends = [(start, min(length, start + size)) for start, size in draw(st.lists(pairs, max_size=most))]
    return [(start * unit, stop * unit) for start, stop in ends]
