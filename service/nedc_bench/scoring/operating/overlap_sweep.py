"""The counts of ``overlap`` in every state of a pair, without scoring each state.

Nodes on a line, joined by links, form as many pieces as there are nodes minus links, so the events of each state are
counted by counting the nodes and links present. A piece overlaps a reference event if it has a node in the event's
stretch of nodes. These pieces are counted in the same way, on these nodes alone, with one more link wherever all nodes
between two stretches are present.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nedc_bench.annotations.timeline import Codes, Floats
from nedc_bench.scoring.operating.detections import Flags, Nodes

Counts = NDArray[np.int64]


def sweep(ref_starts: Floats, ref_stops: Floats, nodes: Nodes) -> tuple[Counts, Counts] | None:
    """Reference events found and false alarms in each state; None if a reference event lies exactly on a joint."""
    first = nodes.stops.searchsorted(ref_starts, "right")  # first node that the event overlaps
    end = nodes.starts.searchsorted(ref_stops, "left")  # one past the last
    between = end[(first >= end) & (end > 0) & (end < nodes.ranks.size)]
    if nodes.linked[between - 1].any():
        return None
    met = first < end
    first, end = first[met], end[met]
    arrivals = earliest(nodes.ranks, first, end)
    return nodes.there(arrivals), pieces(nodes) - pieces_meeting(nodes, first, end)


def pieces(nodes: Nodes) -> Counts:
    """The number of pieces in each state."""
    links = np.maximum(nodes.ranks[1:], nodes.ranks[:-1])[nodes.linked]
    return nodes.there(nodes.ranks) - nodes.there(links)


def pieces_meeting(nodes: Nodes, first: Codes, end: Codes) -> Counts:
    """The number of pieces with a node in any stretch ``first:end``, in each state; no stretch is empty."""
    if not first.size:
        return np.zeros(nodes.steps + 1, dtype=np.int64)
    own = covered(first, end, nodes.ranks.size)
    joined = are_joined(nodes, own)
    left, right = own[:-1][joined], own[1:][joined]
    near = right - left == 1
    links = np.maximum(nodes.ranks[left[near]], nodes.ranks[right[near]])
    across = -earliest(-nodes.ranks, left[~near], right[~near] + 1)
    return nodes.there(nodes.ranks[own]) - nodes.there(np.append(links, across))


def covered(first: Codes, end: Codes, size: int) -> Codes:
    """The indices below ``size`` that lie in any stretch ``first:end``, ascending."""
    changes = np.zeros(size + 1, dtype=np.int64)
    np.add.at(changes, first, 1)
    np.add.at(changes, end, -1)
    return (changes.cumsum()[:-1] > 0).nonzero()[0]


def are_joined(nodes: Nodes, own: Codes) -> Flags:
    """Whether each of these nodes is linked to the next one, through all nodes between them."""
    breaks = np.append(0, (~nodes.linked).cumsum())[own]
    same: Flags = breaks[1:] == breaks[:-1]
    return same


def earliest(ranks: Codes, first: Codes, end: Codes) -> Codes:
    """The lowest rank in each stretch ``first:end``; no stretch is empty."""
    if not first.size:
        return np.zeros(0, dtype=np.intp)
    padded = np.append(ranks, ranks[-1])  # so that every end is a valid index
    lowest: Codes = np.minimum.reduceat(padded, np.stack((first, end), axis=1).ravel())[::2]
    return lowest
