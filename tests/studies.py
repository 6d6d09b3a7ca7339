"""Simulated studies: nights of subjects in which a detector finds, misses and invents a known number of seizures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from nedc_bench import Recording, Result, score_corpus

SPACING = 1_000.0  # seconds between events, more than any tolerance


class Night(NamedTuple):
    """A recording: whose it is, and how many seizures the detector finds, misses and invents."""

    subject: str
    found: int
    missed: int
    invented: int


def recordings(night: Night, number: int) -> tuple[Recording, Recording]:
    """The reference and the hypothesis of a night."""
    events = night.found + night.missed + night.invented
    times = [(SPACING * (k + 1), SPACING * (k + 1) + 20.0) for k in range(events)]
    duration = SPACING * (events + 2)
    targets, name = night.found + night.missed, f"sub-{night.subject}_run-{number}_events.tsv"
    return (
        Recording.from_events(duration, times[:targets], name),
        Recording.from_events(duration, [*times[: night.found], *times[targets:]], name),
    )


def study(
    nights: Iterable[tuple[str, int, int, int]], algorithms: Sequence[str] = ("overlap", "taes", "szcore-event")
) -> Result:
    """Score the nights."""
    pairs = [recordings(Night(*night), k) for k, night in enumerate(nights)]
    return score_corpus(pairs, algorithms=algorithms)
