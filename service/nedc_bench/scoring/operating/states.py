"""A pair's counts in every state: by a sweep over its events where that is exact, else by scoring each state.

Conventions: see `nedc_bench.scoring.operating.detections`. All counts are of one class.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nedc_bench.annotations import Parameters
from nedc_bench.annotations.timeline import Floats
from nedc_bench.scoring import overlap, szcore, taes
from nedc_bench.scoring.contribution import Events
from nedc_bench.scoring.operating import overlap_sweep, szcore_sweep, taes_sweep
from nedc_bench.scoring.operating.detections import Detections
from nedc_bench.scoring.operating.overlap_sweep import Counts
from nedc_bench.scoring.operating.taes_sweep import Parts, parts_of_class

ALGORITHMS = (overlap.NAME, szcore.EVENT, taes.NAME)  # those that have operating curves


@dataclass(frozen=True, slots=True, eq=False)
class PairStates:
    """A pair's counts in every state.

    Attributes:
        thresholds: descending, shape ``(states - 1,)``.
        targets: reference events (for `szcore-event`, merged and split).
        found, alarms: reference events found and false alarms, shape ``(states,)``; for ``taes``, ``found`` is empty,
            and ``alarms`` are the whole false alarms, which are added after the parts.
        parts: for ``taes``, the parts that a state adds first, one item per change; else empty.
        begins: the state in which each item of ``parts`` begins, ascending from 0.
        all_targets: reference events of all classes.
        seconds: the duration.
        samples: the number of samples at the rate of `szcore-event`.
    """

    thresholds: Floats
    targets: int
    found: Counts
    alarms: Counts
    parts: list[Parts]
    begins: Counts
    all_targets: int
    seconds: float
    samples: int


def pair_states(
    reference: Events, detections: Detections, algorithm: str, c: int, parameters: Parameters, *, sweep: bool = True
) -> PairStates:
    """The counts of class ``c`` in every state.

    Args:
        sweep: whether to use a sweep where that is exact; if not, each state is scored separately.

    Raises:
        InputError: the algorithm refuses a state.
    """
    own = reference.classes == c
    starts, stops = reference.starts[own], reference.stops[own]
    seconds, samples = float(reference.stops[-1]), szcore.sample_count(reference, szcore.EVENT_RATE)
    nodes = detections.nodes(c) if sweep else None
    none = np.zeros(0, dtype=np.int64)

    def states(targets: int, found: Counts, alarms: Counts) -> PairStates:
        return PairStates(detections.thresholds, targets, found, alarms, [], none, own.size, seconds, samples)

    if algorithm == taes.NAME:
        classes = len(parameters.label_map.classes)
        if nodes is not None:
            swept = taes_sweep.sweep(starts, stops, nodes)
            return replace(states(starts.size, none, swept.alarms), parts=swept.parts, begins=swept.begins)
        walked = [parts_of_class(reference, hypothesis, c, classes) for hypothesis in detections.states()]
        alarms = np.array([false for _, false in walked], dtype=np.int64)
        parts, begins = [parts for parts, _ in walked], np.arange(len(walked), dtype=np.int64)
        return replace(states(starts.size, none, alarms), parts=parts, begins=begins)
    if algorithm == overlap.NAME:
        counted = None if nodes is None else overlap_sweep.sweep(starts, stops, nodes)
        if counted is not None:
            return states(starts.size, *counted)
        contributions = [overlap.contribute(reference, each, parameters) for each in detections.states()]
        return states(starts.size, *_columns([(each.hits[c], each.false_alarms[c]) for each in contributions]))
    grown = None if nodes is None else szcore_sweep.sweep(starts, stops, nodes, seconds, parameters)
    if grown is not None:
        return states(*grown)
    pieces = [szcore.contribute_events(reference, each, parameters) for each in detections.states()]
    return states(pieces[0].targets[c], *_columns([(each.tp[c], each.fp[c]) for each in pieces]))


def _columns(rows: list[tuple[int, int]]) -> tuple[Counts, Counts]:
    found, alarms = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    return found, alarms
