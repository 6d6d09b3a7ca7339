"""The counts of ``szcore-event`` in every state of a pair, without scoring each state.

`szcore-event` merges close events, so its events only grow as the threshold falls: each new node lies within an event
(and changes nothing), extends one, joins two, or begins one. This gives the events of all states. The false alarms of
an event (its pieces that meet no widened reference event) depend only on its start and stop, as long as one sample is
enough to find a reference event.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nedc_bench.annotations import Parameters
from nedc_bench.annotations.timeline import Codes, Floats
from nedc_bench.scoring.operating.detections import Nodes
from nedc_bench.scoring.operating.overlap_sweep import Counts
from nedc_bench.scoring.szcore import EVENT_RATE, LEAST, MAX_PIECES, Ranges, merge_and_split, sample_numbers


class Grown(NamedTuple):
    """The events of all states, one item each time that an event begins or grows.

    Attributes:
        first, last: its first and last node.
        comes, goes: the first state with it, and the first without it again, each minus one.
        opened, closed: start and stop (seconds) of the time that it newly covers.
    """

    first: Codes
    last: Codes
    comes: Codes
    goes: Codes
    opened: Floats
    closed: Floats


def sweep(
    ref_starts: Floats, ref_stops: Floats, nodes: Nodes, duration: float, parameters: Parameters
) -> tuple[int, Counts, Counts] | None:
    """The number of reference events; those found and false alarms in each state; None if a sweep is not exact."""
    reference = merge_and_split(ref_starts, ref_stops, parameters)
    samples = round(duration * EVENT_RATE)
    opened = np.maximum(0.0, reference.starts - parameters.szcore_tolerance_start)
    closed = np.minimum(samples / EVENT_RATE, reference.stops + parameters.szcore_tolerance_end)
    length = closed - opened
    longest = parameters.szcore_max_event_duration
    if not (length > 0).all() or not (1 / EVENT_RATE / length > parameters.szcore_min_overlap + LEAST).all():
        return None
    if nodes.stops.size and (nodes.stops[-1] - nodes.starts[0]) / longest > MAX_PIECES / 2:
        return None
    widened = Ranges(sample_numbers(opened, EVENT_RATE), sample_numbers(closed, EVENT_RATE))
    if not (widened.first < widened.end).all():
        return None
    grown = _grow(nodes, parameters.szcore_min_duration_between_events)
    return reference.starts.size, _found(grown, widened, nodes), _alarms(grown, nodes, widened, longest)


def nearest_earlier(ranks: Codes) -> tuple[list[int], list[int]]:
    """For each node, the nearest nodes before and after it with a lower rank; else -1 and the number of nodes.

    Of nodes with equal ranks, the first in time counts as lower.
    """
    order = ranks.tolist()
    size = len(order)
    before, after = [-1] * size, [size] * size
    open_nodes: list[int] = []
    for node, rank in enumerate(order):
        while open_nodes and order[open_nodes[-1]] > rank:
            after[open_nodes.pop()] = node
        if open_nodes:
            before[node] = open_nodes[-1]
        open_nodes.append(node)
    return before, after


def _grow(nodes: Nodes, gap: float) -> Grown:
    """The events of all states; events at least ``gap`` seconds apart are not merged."""
    size = nodes.ranks.size
    before, after = (np.array(column, dtype=np.intp) for column in nearest_earlier(nodes.ranks))
    numbers = np.arange(size)

    def are_merged(left: Codes, right: Codes) -> NDArray[np.bool_]:
        known = (left >= 0) & (right < size)
        merged = known.copy()
        one, other = left[known], right[known]
        joined = (other - one == 1) & nodes.linked[np.minimum(one, size - 2)] if size > 1 else False
        merged[known] = (nodes.starts[other] - nodes.stops[one] < gap) | joined
        return merged

    to_left, to_right = are_merged(before, numbers), are_merged(numbers, after)
    outside = (~are_merged(before, after)).nonzero()[0]
    outside = outside[np.argsort(nodes.ranks[outside], kind="stable")]
    first_of: dict[int, int] = {}  # of each current event, by its last node
    last_of: dict[int, int] = {}
    item_of: dict[int, int] = {}
    rows: list[list[int]] = []
    columns = (outside, nodes.ranks[outside], before[outside], after[outside], to_left[outside], to_right[outside])
    for node, rank, left, right, joins_left, joins_right in zip(*(c.tolist() for c in columns), strict=True):
        first = last = node
        if joins_left:
            first = first_of.pop(left)
            rows[item_of.pop(first)][3] = rank
        if joins_right:
            last = last_of.pop(right)
            rows[item_of.pop(right)][3] = rank
            del first_of[last]
        last_of[first], first_of[last], item_of[first] = last, first, len(rows)
        rows.append([first, last, rank, nodes.steps, left if joins_left else -1, right if joins_right else -1, node])
    first, last, comes, goes, left, right, node = np.array(rows, dtype=np.intp).reshape(-1, 7).T
    opened = np.where(left >= 0, nodes.stops[left], nodes.starts[node])
    closed = np.where(right >= 0, nodes.starts[right], nodes.stops[node])
    return Grown(first, last, comes, goes, opened, closed)


def _found(grown: Grown, widened: Ranges, nodes: Nodes) -> Counts:
    """The number of reference events found in each state."""
    first, end = sample_numbers(grown.opened, EVENT_RATE), sample_numbers(grown.closed, EVENT_RATE)
    low, high = widened.end.searchsorted(first, "right"), widened.first.searchsorted(end, "left")
    low[first >= end] = high[first >= end]
    lengths = np.maximum(high - low, 0)
    owners = np.arange(lengths.size).repeat(lengths)
    targets = np.arange(owners.size) + (low - lengths.cumsum() + lengths)[owners]
    arrivals = np.full(widened.first.size, nodes.steps, dtype=np.intp)
    np.minimum.at(arrivals, targets, grown.comes[owners])
    return nodes.there(arrivals[arrivals < nodes.steps])


def _alarms(grown: Grown, nodes: Nodes, widened: Ranges, longest: float) -> Counts:
    """The number of pieces that are false alarms in each state."""
    lasting = grown.comes < grown.goes
    first, comes, goes = grown.first[lasting], grown.comes[lasting], grown.goes[lasting]
    starts, stops = nodes.starts[first], nodes.stops[grown.last[lasting]]
    alarms = _unheard(starts, stops, widened).astype(np.int64)
    long = (stops - starts > longest).nonzero()[0]
    by_start = long[np.argsort(first[long], kind="stable")]
    for own in np.split(by_start, np.append(True, np.diff(first[by_start])).nonzero()[0][1:]):
        if own.size:
            alarms[own] = _split_alarms(float(starts[own[0]]), stops[own], widened, longest)
    changes = np.zeros(nodes.steps + 2, dtype=np.int64)
    np.add.at(changes, comes + 1, alarms)
    np.add.at(changes, goes + 1, -alarms)
    return changes.cumsum()[:-1]


def _split_alarms(start: float, stops: Floats, widened: Ranges, longest: float) -> Counts:
    """The number of false alarms among the pieces of each event; all share one start and exceed ``longest``."""
    count = int((float(stops.max()) - start) / longest) + 2
    begins = np.add.accumulate(np.append(start, np.full(count, longest)))  # one by one, as SzCORE adds them
    unheard = np.append(0, _unheard(begins[:-1], begins[1:], widened).cumsum())
    last = begins.searchsorted(stops - longest, "left")
    last += stops - begins[last] > longest  # SzCORE's comparison, which may round otherwise than the search
    earlier = np.maximum(last - 1, 0)
    last -= (last > 0) & (stops - begins[earlier] <= longest)
    return unheard[last] + _unheard(begins[last], stops, widened)


def _unheard(starts: Floats, stops: Floats, widened: Ranges) -> NDArray[np.bool_]:
    """Which pieces meet no widened reference event."""
    first, end = sample_numbers(starts, EVENT_RATE), sample_numbers(stops, EVENT_RATE)
    k = widened.end.searchsorted(first, "right")
    heard = np.zeros(first.size, dtype=bool)
    near = k < widened.end.size
    heard[near] = widened.first[k[near]] < end[near]
    return ~(heard & (first < end))
