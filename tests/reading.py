"""Annotations of a seizure from 10 to 20 s in 300 s, and how tests of the formats read them."""

from __future__ import annotations

import io

from helpers import refusal
from nedc_bench import Parameters, Recording, read_recording

Rows = list[tuple[float, float, str]]

MAP = Parameters().label_map
EXPECTED = [(0.0, 10.0, "bckg"), (10.0, 20.0, "seiz"), (20.0, 300.0, "bckg")]
TSE = "version = tse_v1.0.0\n\n0.0000 10.0000 bckg 1.0000\n10.0000 20.0000 seiz 0.5\n20.0000 300.0000 bckg 1.0000\n"


def rows(recording: Recording) -> Rows:
    """Start, stop and label of each event."""
    return [(event.start, event.stop, event.label) for event in recording.events]


def read(text: str, **options: object) -> Recording:
    """Read a text with the usual label map."""
    return read_recording(io.StringIO(text), **({"label_map": MAP} | options))  # type: ignore[arg-type]


def refused(text: str, **options: object) -> str:
    """What is said when the text is refused."""
    return str(refusal(lambda: read(text, **options)))


def seizures(recording: Recording) -> list[tuple[float, float]]:
    """The times of a recording's seizures, in seconds."""
    return [(event.start, event.stop) for event in recording.events if event.label == "seiz"]
