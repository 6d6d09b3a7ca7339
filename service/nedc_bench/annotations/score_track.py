"""A detector's output before any threshold: one score a window, from which operating curves make every hypothesis.

Conventions: window ``k`` holds from ``k / sampling_rate`` to ``(k + 1) / sampling_rate`` seconds; at a threshold, the
hypothesis is that of `Recording.from_probabilities`: windows of this score or more are events, gaps shorter than
``min_gap`` are closed, then events shorter than ``min_duration`` are dropped.

Both steps are done once, for all thresholds: closing gaps of fewer than ``n`` windows is a morphological closing of the
scores, dropping runs of fewer than ``n`` windows an opening (Serra 1982, "Image Analysis and Mathematical Morphology":
flat filters commute with thresholds).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nedc_bench.annotations.arrays import DEFAULT_LABEL, check_label, probability_intervals
from nedc_bench.annotations.recording import Recording
from nedc_bench.annotations.timeline import Floats
from nedc_bench.errors import refusal

MAX_RATE = 1000.0  # windows a second: above, windows are not told apart by times of four digits


@dataclass(frozen=True, slots=True, eq=False)
class ScoreTrack:
    """One score a window, as a hypothesis of `operating_curve`.

    Attributes:
        scores: shape ``(windows,)``, from 0 to 1, in order of time.
        sampling_rate: windows per second, at most `MAX_RATE`; the recording lasts ``windows / sampling_rate`` seconds.
        min_duration: seconds; shorter events are dropped, after gaps are closed.
        min_gap: seconds; events apart by less are one.
        name: what the recording goes by in messages.
        label: of the events.

    Raises:
        InputError: a value is out of its range.

    >>> track = ScoreTrack([0.1, 0.9, 0.2, 0.8], sampling_rate=1.0)
    >>> [tuple(event)[:3] for event in track.at(0.8).events if event.label == "seiz"]
    [(1.0, 2.0, 'seiz'), (3.0, 4.0, 'seiz')]
    """

    scores: ArrayLike
    sampling_rate: float
    min_duration: float = 0.0
    min_gap: float = 0.0
    name: str = ""
    label: str = DEFAULT_LABEL
    filtered: Floats = field(init=False, repr=False)
    duration: float = field(init=False)

    def __post_init__(self) -> None:
        check_label(self.label, self.name)
        duration, _ = probability_intervals(
            self.scores,
            self.sampling_rate,
            threshold=1.0,
            min_duration=self.min_duration,
            min_gap=self.min_gap,
            file=self.name,
        )
        if self.sampling_rate > MAX_RATE:
            message = f"sampling_rate must be at most {MAX_RATE:g} windows per second, not {self.sampling_rate}; "
            raise refusal("sampling_rate", message + "take the highest score of several windows", file=self.name)
        scores = np.array(self.scores)  # in its own precision, in which thresholds are compared
        scores.flags.writeable = False
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "duration", duration)
        rate, size = float(self.sampling_rate), scores.size
        closed = _closed(scores.astype(np.float64), _first_not_below(self.min_gap, rate, size))
        object.__setattr__(self, "filtered", _opened(closed, _first_not_below(self.min_duration, rate, size)))

    @property
    def lowest(self) -> float:
        """The lowest score."""
        return float(np.min(self.scores))

    def at(self, threshold: float) -> Recording:
        """The hypothesis at a threshold from 0 to 1."""
        return Recording.from_probabilities(
            self.scores,
            sampling_rate=self.sampling_rate,
            threshold=threshold,
            min_duration=self.min_duration,
            min_gap=self.min_gap,
            name=self.name,
            label=self.label,
        )


def _first_not_below(seconds: float, rate: float, most: int) -> int:
    """The least number of windows whose length is not below ``seconds``, at most ``most + 1``."""
    if not seconds > 0:
        return 0
    if most / rate < seconds:
        return most + 1
    count = max(0, int(seconds * rate) - 1)
    while count / rate < seconds:
        count += 1
    return count


def _closed(scores: Floats, width: int) -> Floats:
    """Scores whose runs at each threshold are those of ``scores`` with gaps of fewer than ``width`` windows closed.

    A window belongs to such a gap when the windows about it do: the lowest of the highest scores of every stretch of
    ``width`` windows that holds it. Before the first window and after the last there is no gap to close.
    """
    if width < 2:
        return scores
    outside = np.full(min(width, scores.size) - 1, -np.inf)
    highest = _over_stretches(np.concatenate((outside, scores, outside)), outside.size + 1, np.maximum)
    return _over_stretches(highest, outside.size + 1, np.minimum)


def _opened(scores: Floats, width: int) -> Floats:
    """Scores whose runs at each threshold are those of ``scores`` of at least ``width`` windows."""
    if width < 2:
        return scores
    if width > scores.size:
        return np.full(scores.size, -np.inf)
    lowest = _over_stretches(scores, width, np.minimum)
    outside = np.full(width - 1, -np.inf)
    return _over_stretches(np.concatenate((outside, lowest, outside)), width, np.maximum)


def _over_stretches(values: Floats, width: int, highest: np.ufunc) -> NDArray[np.float64]:
    """The highest (or lowest) of every stretch of ``width`` values; doubles what it has until it is wide enough."""
    reached = 1
    while reached < width:
        step = min(reached, width - reached)
        values = highest(values[:-step], values[step:])
        reached += step
    return values
