"""The seizures of the two BIDS corpora in ``tests/data/bids``, read plainly, and detectors made from seeds.

Nothing here uses the project's readers, so that what is scored can be handed to another scorer just as well.
"""

from __future__ import annotations

import csv
import io
import json
import random
import tarfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import hypothesis.strategies as st

from everything import of
from nedc_bench import Recording

BIDS = Path(__file__).parent / "data/bids"
ARCHIVES = {"seizeit2": "seizeit2-events.tar.xz", "chb-mit-bids": "chb-mit-bids.tar.xz"}
EVENTS = "_events.tsv"
DETECTORS = range(20)  # seeds
SHARES = of(1, 10)  # of the recordings; each detector scores one

Intervals = Sequence[tuple[float, float]]


class Night(NamedTuple):
    """A recording: its name, duration in seconds, and seizures in order."""

    name: str
    duration: float
    seizures: Intervals


def nights_of(seed: int) -> Sequence[Night]:
    """The share of both corpora that a detector scores: all of it where everything is asked for (`.ci/run`)."""
    return read_nights()[seed % SHARES :: SHARES]


@cache
def read_nights() -> tuple[Night, ...]:
    """The 2,850 recordings of SeizeIT2, then the 686 of CHB-MIT."""
    return (*_seizeit2(), *_chb_mit())


def _seizeit2() -> Iterator[Night]:
    for name, text in _members("seizeit2", EVENTS):
        rows = _rows(text)
        seizures = [(row["onset"], row["duration"]) for row in rows if row["eventType"].startswith("sz")]
        yield Night(name, float(rows[0]["recordingDuration"]), _intervals(seizures))


def _chb_mit() -> Iterator[Night]:
    events = {
        name.removesuffix(EVENTS): [(row["onset"], row["duration"]) for row in _rows(text)]
        for name, text in _members("chb-mit-bids", EVENTS)
    }
    for name, text in _members("chb-mit-bids", "_eeg.json"):
        recording = name.removesuffix("_eeg.json")
        seizures = events.get(recording, [])
        yield Night(f"{recording}{EVENTS}", json.loads(text)["RecordingDuration"], _intervals(seizures))


def _members(name: str, ending: str) -> Iterator[tuple[str, str]]:
    with tarfile.open(BIDS / ARCHIVES[name]) as tar:
        for member in sorted(tar.getmembers(), key=lambda member: member.name):
            if member.name.endswith(ending):
                file = tar.extractfile(member)
                assert file is not None
                yield member.name, file.read().decode("utf-8-sig")


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), delimiter="\t"))


def _intervals(seizures: list[tuple[str, str]]) -> Intervals:
    return sorted((float(onset), float(onset) + float(duration)) for onset, duration in seizures if float(duration) > 0)


def detect(night: Night, seed: int) -> Intervals:
    """What a detector says of a recording: late, early, broken up, joined, missed and invented seizures.

    Odd seeds give times to a tenth of a second or coarser, so that ties and half samples occur; even ones any time.
    Every fifth detector raises alarms that overlap each other, or that go on past the end of the recording.
    """
    draw = random.Random(f"{seed} {night.name}")
    digits = (None, 1, None, 0)[seed % 4]
    found: list[tuple[float, float]] = []
    for start, stop in night.seizures:
        if draw.random() < 0.15:
            continue
        begin, end = start + draw.gauss(0, 20), stop + draw.gauss(0, 40)
        while end - begin > 4 and draw.random() < 0.4:  # broken up
            piece = draw.uniform(1, end - begin)
            found.append((begin, begin + piece * draw.uniform(0.3, 0.95)))
            begin += piece
        found.append((begin, end))
    alarms = 0
    while draw.random() < (0.3, 0.6, 0.85)[seed % 3] and alarms < 40:
        start = draw.uniform(0, night.duration)
        found.append((start, start + draw.choice([0.03, 2, 20, 100, 299.95, 300, 400, 1500]) * draw.uniform(0.5, 1)))
        alarms += 1
    if digits is not None:
        found = [(round(start, digits), round(stop, digits)) for start, stop in found]
    return sorted(_apart(found, night.duration) if seed % 5 else _within(found, night.duration * 1.01))


def _within(found: Intervals, end: float) -> Intervals:
    return [(max(0.0, start), min(stop, end)) for start, stop in found if max(0.0, start) < min(stop, end)]


def _apart(found: Intervals, end: float) -> Intervals:
    kept: list[tuple[float, float]] = []
    for start, stop in sorted(_within(found, end)):
        if not kept or start > kept[-1][1] + 1e-3:
            kept.append((start, stop))
    return kept


def as_recording(night: Night, intervals: Intervals) -> Recording:
    """The intervals as the project's recording."""
    return Recording.from_events(night.duration, [(start, stop, "seiz") for start, stop in intervals], night.name)


@st.composite
def intervals(draw: st.DrawFn) -> Intervals:
    """Events that can overlap, on a grid on which ties and half samples are common; none touches the one before."""
    unit = draw(st.sampled_from([0.05, 0.5, 7.3]))
    points = st.tuples(st.integers(0, 120), st.integers(1, 60))
    kept: list[tuple[float, float]] = []
    for start, stop in sorted((a * unit, (a + length) * unit) for a, length in draw(st.lists(points, max_size=8))):
        if not kept or round(start, 4) != round(kept[-1][1], 4):
            kept.append((start, stop))
    return kept
