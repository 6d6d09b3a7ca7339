"""The content of a verdict, and the rules that it can name.

Every event of both sides gets one verdict from each algorithm (SzCORE's do not judge background). A verdict holds what
the event adds to the counts of its class as ordered ``parts``, so that verdicts alone give the counts of a corpus,
equal
in the last bit: first the parts with a partner, in the order of the events, then the parts without.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nedc_bench.annotations import Parameters
from nedc_bench.annotations.timeline import Floats
from nedc_bench.errors import refusal
from nedc_bench.scoring.contribution import NO_ALIGNMENT, Alignment, Events

HIT, MISS, FALSE_ALARM, PARTIAL, UNCOUNTED = "hit", "miss", "false alarm", "partial", "uncounted"
REFERENCE, HYPOTHESIS = "reference", "hypothesis"

MAX_PARTNERS = 1_000_000  # of all events of a class and side

RULES = {
    "overlap": "It overlaps an event of its class on the other side.",
    "no overlap": "No event of its class on the other side overlaps it (or its tolerances, in SzCORE).",
    "aligned": "dp: aligned with an event of the same class.",
    "substitution": "dp: aligned with an event of another class.",
    "deletion": "dp: aligned with nothing; the hypothesis lacks it.",
    "insertion": "dp: aligned with nothing; the reference lacks it.",
    "samples agree": "All of its samples have its label on the other side.",
    "samples differ": "None of its samples has its label on the other side.",
    "samples in part": "Some of its samples have its label on the other side.",
    "no sample": "It has no sample: it is shorter than the sampling interval, hidden by an earlier event, "
    "or outside the recording.",
    "coverage": "taes: it counts in proportion to the covered part of the reference event.",
    "multi-overlap": "taes: a hypothesis event that hit an earlier event covers it too; its miss is counted there.",
    "used up": "taes: other events have already used the events that touch it.",
    "tolerance": "SzCORE: the overlap is only with the tolerance before or after the reference event.",
    "minimum overlap": "SzCORE: the overlap with the widened reference event is too small.",
    "merged": "SzCORE: hit because of an event that was merged with it, on either side.",
    "merged before": "SzCORE: merged with the previous event and counted there.",
    "split": "SzCORE: longer than the maximum, so it counts once for each of its pieces.",
}

_TOLERANCE = "{0.szcore_tolerance_start:g} s before to {0.szcore_tolerance_end:g} s after"
_LIMITS = {
    "no overlap": _TOLERANCE,
    "tolerance": _TOLERANCE,
    "minimum overlap": "not over {0.szcore_min_overlap:g} of it",
    "merged": "gap below {0.szcore_min_duration_between_events:g} s",
    "merged before": "gap below {0.szcore_min_duration_between_events:g} s",
    "split": "over {0.szcore_max_event_duration:g} s",
}


def described(rule: str, parameters: Parameters) -> str:
    """The text of a rule, with the limits in use.

    >>> described("split", Parameters())
    'SzCORE: longer than the maximum, so it counts once for each of its pieces (over 300 s).'
    """
    if rule not in _LIMITS:
        return RULES[rule]
    text, limits = RULES[rule].removesuffix("."), _LIMITS[rule].format(parameters)
    return f"{text[:-1]}: {limits})." if text.endswith(")") else f"{text} ({limits})."


class Part(NamedTuple):
    """What an event adds to the counts of its class, and the event on the other side that causes it, if any."""

    partner: int | None
    hits: float
    misses: float
    false_alarms: float


class Judged(NamedTuple):
    """An algorithm's judgement of an event."""

    verdict: str
    share: float
    rule: str
    partners: tuple[int, ...] = ()
    parts: tuple[Part, ...] = ()


class Verdict(NamedTuple):
    """An algorithm's verdict on an event, and what it adds to the counts.

    Attributes:
        recording: the name of the reference file.
        algorithm: its name.
        label: the class of the event.
        side: ``reference`` or ``hypothesis``.
        event: the index of the event on its side, fillers included.
        start, stop: seconds.
        verdict: ``hit``, ``miss`` (reference), ``false alarm`` (hypothesis), ``partial``, or ``uncounted`` if the event
            is not counted itself.
        share: the part of a reference event that is hit, or of a hypothesis event that is not a false alarm.
        rule: the rule that decided; a key of `RULES`.
        partners: the indices of the events on the other side that decided.
        hits, misses, false_alarms: what the event adds to the counts of its class.
        parts: the same, in the order of addition.
    """

    recording: str
    algorithm: str
    label: str
    side: str
    event: int
    start: float
    stop: float
    verdict: str
    share: float
    rule: str
    partners: tuple[int, ...]
    hits: float
    misses: float
    false_alarms: float
    parts: tuple[Part, ...]


class Pair(NamedTuple):
    """The input of a judge; ``aligned`` is the alignment of ``dp``, if the pair was scored with it."""

    reference: Events
    hypothesis: Events
    parameters: Parameters
    aligned: Alignment = NO_ALIGNMENT


Judgements = tuple[list[Judged | None], list[Judged | None]]  # by side and event; None: not judged


def overlapping(starts: Floats, stops: Floats, other_starts: Floats, other_stops: Floats) -> list[tuple[int, ...]]:
    """For each event, the indices of the others that it overlaps: ``stop > other start and start < other stop``.

    Raises:
        InputError: too many of them overlap each other.
    """
    order = np.argsort(other_starts, kind="stable")
    latest = np.maximum.accumulate(other_stops[order]).tolist()
    before = np.searchsorted(other_starts[order], stops, "left").tolist()
    others, ends = order.tolist(), other_stops[order].tolist()
    result = []
    pairs = 0
    for start, k in zip(starts.tolist(), before, strict=True):
        found = []
        while k and latest[k - 1] > start:
            k -= 1  # noqa: PLW2901  # walks back from the last that starts early enough
            if ends[k] > start:
                found.append(others[k])
        pairs += len(found)
        check_partners(pairs)
        result.append(tuple(sorted(found)))
    return result


def check_partners(pairs: int) -> None:
    """Limit the named partners in a pair of files to `MAX_PARTNERS`.

    Raises:
        InputError: there are more.
    """
    if pairs > MAX_PARTNERS:
        raise refusal("size", f"verdicts are limited to {MAX_PARTNERS} partners of events; these files have more")


def by_samples(agree: int, differ: int, miss: str, partners: tuple[int, ...], parts: tuple[Part, ...]) -> Judged:
    """The verdict on an event, given how many of its samples agree with the other side; ``miss`` if none does."""
    if not agree + differ:
        return Judged(UNCOUNTED, 0.0, "no sample")
    if not differ:
        return Judged(HIT, 1.0, "samples agree", partners, parts)
    if not agree:
        return Judged(miss, 0.0, "samples differ", partners, parts)
    return Judged(PARTIAL, agree / (agree + differ), "samples in part", partners, parts)
