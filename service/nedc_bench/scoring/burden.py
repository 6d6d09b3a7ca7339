"""Detection delay and seizure burden: how late detections are, and how much of the time is seizure.

The task: in intensive care it matters how soon a seizure is noticed, and how much of the time a patient seizes.

Metrics:

- *Detection delay*: for each reference event that is hit (as in `overlap`: a hypothesis event of its class overlaps it,
  open intervals), the start of the first such hypothesis event minus its own start, in seconds. It is negative if the
  detection begins earlier. Reported as median and quartiles over all hits of the corpus, not as a mean, since delays
  are skewed (Frei 2013, "Seizure detection", Scholarpedia 8(3):5780, on latency).
- *Burden*: seconds of seizure in 24 hours of recording; the longest seizure; and the share of 5-minute windows with at
  least 30 s of seizure, a burden of 10 % (Kamousi et al. 2021, "Monitoring the Burden of Seizures and Highly
  Epileptiform Patterns in Critical Care with a Novel Machine Learning Method", Neurocritical Care 34:908-917, who count
  10-s epochs of the last 5 minutes; ACNS calls the percentage of time in seizure the burden).

Conventions: seconds from the start of the recording. Events of the class that overlap or touch are one seizure; time
before 0 or past the end is ignored. Windows are consecutive from the start of each recording; an incomplete last window
is dropped. Quartiles interpolate linearly between order statistics (type 7 of Hyndman and Fan 1996).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from nedc_bench.annotations.timeline import Floats
from nedc_bench.errors import Finding
from nedc_bench.scoring.contribution import Events, in_order
from nedc_bench.scoring.figures import SECONDS_PER_DAY

WINDOW_SECONDS = 300.0
LEAST_SECONDS = 30.0  # of seizure in a window that counts
DIGITS = 4  # decimals of seconds at which sums are compared


class PairBurden(NamedTuple):
    """One side of a pair: seconds of seizure, the longest seizure, complete windows, those with enough seizure."""

    seconds: float
    longest: float
    windows: int
    windows_over: int


@dataclass(frozen=True, slots=True)
class Burden:
    """The seizure burden of one side of a corpus.

    Attributes:
        seizure_seconds: seconds of seizure.
        seconds_per_24h: seconds of seizure per 24 hours of recording.
        longest_seconds: the duration of the longest seizure; 0 if there is none.
        windows: the number of complete 5-minute windows.
        windows_over: the number of windows with at least 30 s of seizure.
        share_over: their fraction; None without windows.
    """

    seizure_seconds: float
    seconds_per_24h: float
    longest_seconds: float
    windows: int
    windows_over: int
    share_over: float | None

    @classmethod
    def of(cls, pairs: Sequence[PairBurden], duration: float) -> Burden:
        """The burden of a corpus of ``duration`` seconds."""
        seconds = in_order((pair.seconds for pair in pairs), 0.0)
        windows, over = sum(pair.windows for pair in pairs), sum(pair.windows_over for pair in pairs)
        longest = max(pair.longest for pair in pairs)
        rate = seconds / duration * SECONDS_PER_DAY
        return cls(seconds, rate, longest, windows, over, over / windows if windows else None)


@dataclass(frozen=True, slots=True)
class Delays:
    """The detection delays of a corpus.

    Attributes:
        hits, misses: the numbers of reference events with and without an overlapping hypothesis event.
        median, lower_quartile, upper_quartile: of the delays, in seconds; None without hits.
        seconds: the delay of each hit, in list order.
    """

    hits: int
    misses: int
    median: float | None
    lower_quartile: float | None
    upper_quartile: float | None
    seconds: tuple[float, ...]

    @classmethod
    def of(cls, delays: Iterable[float], misses: int) -> Delays:
        """The delays of a corpus."""
        seconds = tuple(delays)
        lower, median, upper = np.quantile(seconds, (0.25, 0.5, 0.75)).tolist() if seconds else (None,) * 3
        return cls(len(seconds), misses, median, lower, upper, seconds)


@dataclass(frozen=True, slots=True)
class BurdenResult:
    """The burden of both sides and the detection delays, for one class.

    Attributes:
        label: the class.
        pairs: the number of recordings.
        duration_seconds: the total duration of the reference recordings.
        reference, hypothesis: the burden of each side.
        delays: of the hits.
        warnings: about the parameters, the lists and the files.
    """

    label: str
    pairs: int
    duration_seconds: float
    reference: Burden
    hypothesis: Burden
    delays: Delays
    warnings: tuple[Finding, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The document that docs/curves.md describes."""
        names = ("hits", "misses", "median", "lower_quartile", "upper_quartile", "seconds")
        return {
            "schema": "nedc-bench/burden/1",
            "label": self.label,
            "pairs": self.pairs,
            "duration_seconds": self.duration_seconds,
            "delay": {name: getattr(self.delays, name) for name in names} | {"seconds": list(self.delays.seconds)},
            "burden": {
                side: {name: getattr(burden, name) for name in Burden.__slots__}
                for side, burden in (("reference", self.reference), ("hypothesis", self.hypothesis))
            },
            "warnings": [finding.to_dict() for finding in self.warnings],
        }


def detection_delays(reference: Events, hypothesis: Events, c: int) -> tuple[list[float], int]:
    """The delay of each reference event of class ``c`` that is hit, in order, and the number of misses.

    The first hypothesis event that overlaps is the first by start that stops after the reference event begins.
    """
    ref_starts, ref_stops = _of_class(reference, c)
    starts, stops = _of_class(hypothesis, c)
    if not starts.size:
        return [], ref_starts.size
    reached = np.maximum.accumulate(stops)
    first = reached.searchsorted(ref_starts, "right")
    known = first < starts.size
    hit = known.copy()
    hit[known] = starts[first[known]] < ref_stops[known]
    return (starts[first[hit]] - ref_starts[hit]).tolist(), int(np.count_nonzero(~hit))


def pair_burden(events: Events, c: int, duration: float) -> PairBurden:
    """The burden of class ``c`` of one side of a pair."""
    starts, stops = (np.clip(times, 0.0, duration) for times in _of_class(events, c))
    lasting = stops > starts
    starts, stops = starts[lasting], stops[lasting]
    windows = int(duration // WINDOW_SECONDS)
    if not starts.size:
        return PairBurden(0.0, 0.0, windows, 0)
    reached = np.maximum.accumulate(stops)
    begins = np.append(True, starts[1:] > reached[:-1]).nonzero()[0]
    starts, stops = starts[begins], reached[np.append(begins[1:] - 1, starts.size - 1)]
    lengths = stops - starts
    edges = np.arange(windows + 1) * WINDOW_SECONDS
    before = np.append(0.0, lengths.cumsum())
    k = starts.searchsorted(edges, "left")
    last = np.maximum(k, 1) - 1
    covered = np.where(k > 0, before[last] + np.minimum(edges, stops[last]) - starts[last], 0.0)
    over = int(np.count_nonzero(np.round(np.diff(covered), DIGITS) >= LEAST_SECONDS))
    return PairBurden(in_order(lengths.tolist(), 0.0), float(lengths.max()), windows, over)


def _of_class(events: Events, c: int) -> tuple[Floats, Floats]:
    own = events.classes == c
    return events.starts[own], events.stops[own]
