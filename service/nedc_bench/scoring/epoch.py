"""Epoch scoring: both sides sampled at a regular interval, and the labels compared sample by sample.

Metrics: confusion matrix of samples; hits, misses, false alarms, insertions and deletions against the null class.

Shah et al. (2021), "Objective Evaluation Metrics for Automatic Classification of EEG Events"; docs/scoring.md 4.2.

Sample ``i`` is at ``epoch/2 + i*epoch`` seconds, computed as written. Its label is that of the first event in
order with ``start <= t <= stop`` (closed), else of the last event. Nothing is done sample by sample: each event
covers a range of sample numbers, found by division and put right to the bit by the products themselves.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nedc_bench.annotations.parameters import Parameters
from nedc_bench.annotations.recording import Floats
from nedc_bench.scoring.contribution import Alignment, Contribution, Counts, Events, Matrix, Total, matrix

NAME = "epoch"

Integers = NDArray[np.int64]


class Samples(NamedTuple):
    """The comparison of a pair's samples: how many of each kind, and the runs of equal label pairs."""

    confusion: Matrix
    alignment: Alignment


def contribute(reference: Events, hypothesis: Events, parameters: Parameters) -> Contribution:
    """Compare the samples of the two sides."""
    samples = compare_samples(reference, hypothesis, parameters.epoch_duration, len(parameters.label_map.classes))
    return Contribution({}, samples.confusion, samples.alignment)


def counts(total: Total, parameters: Parameters) -> list[Counts]:
    """The counts of each class; every number is an int."""
    confusion = total.confusion
    null = parameters.label_map.classes.index(parameters.epoch_null_class)
    samples = sum(map(sum, confusion))
    result = []
    for c, row in enumerate(confusion):
        hits, targets = row[c], sum(row)
        fp = sum(other[c] for other in confusion) - hits
        insertions = confusion[null][c] if c != null else 0
        deletions = row[null] if c != null else 0
        misses = targets - hits
        tn = samples - hits - misses - fp
        result.append(Counts(targets, hits, misses, insertions, insertions, deletions, hits, tn, fp, misses))
    return result


def compare_samples(reference: Events, hypothesis: Events, epoch: float, classes: int) -> Samples:
    """Sample both sides every ``epoch`` seconds up to the end of the last reference event, and compare."""
    samples = int(_last_sample(reference.stops[-1:], epoch)[0]) + 1
    if samples <= 0:
        return Samples(matrix(np.zeros((classes, classes), dtype=np.int64)), Alignment(b"", b""))
    ref_starts, ref_classes = _label_runs(reference, samples, epoch)
    hyp_starts, hyp_classes = _label_runs(hypothesis, samples, epoch)
    starts = np.union1d(ref_starts, hyp_starts)
    ref = ref_classes[np.searchsorted(ref_starts, starts, "right") - 1]
    hyp = hyp_classes[np.searchsorted(hyp_starts, starts, "right") - 1]
    confusion = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(confusion, (ref, hyp), np.diff(starts, append=samples))
    changes = np.ones(starts.size, dtype=bool)
    changes[1:] = (ref[1:] != ref[:-1]) | (hyp[1:] != hyp[:-1])
    runs = (side[changes].astype(np.uint8).tobytes() for side in (ref, hyp))
    return Samples(matrix(confusion), Alignment(*runs))


def _label_runs(events: Events, samples: int, epoch: float) -> tuple[Integers, NDArray[np.intp]]:
    """The samples at which a run of one event's label begins, ascending from 0, and the class of each run."""
    first = np.maximum(_first_sample(events.starts, epoch), 0)
    last = np.minimum(_last_sample(events.stops, epoch), samples - 1)
    covering = np.flatnonzero(first <= last)
    first, last, order = first[covering], last[covering], covering
    if np.any(first[1:] < first[:-1]):
        first, last, order = _first_owner(first, last, covering)
    else:  # what earlier events cover from here on is one range
        covered = np.maximum.accumulate(np.append(-1, last))[:-1]
        first = np.maximum(first, covered + 1)
        left = first <= last
        first, last, order = first[left], last[left], order[left]
    starts = np.zeros(2 * first.size + 1, dtype=np.int64)
    starts[1::2], starts[2::2] = first, last + 1
    owners = np.full(starts.size, events.classes.size - 1)
    owners[1::2] = order
    kept = np.append(starts[1:] > starts[:-1], True) & (starts < samples)
    return starts[kept], events.classes[owners[kept]]


def _first_owner(
    first: Integers, last: Integers, order: NDArray[np.intp]
) -> tuple[Integers, Integers, NDArray[np.intp]]:
    """Ranges in any order, made disjoint and ascending; where several overlap, the first in order keeps the samples."""
    edges = np.unique(np.concatenate((first, last + 1)))
    owners = np.full(edges.size - 1, -1)
    for k in reversed(range(first.size)):
        owners[np.searchsorted(edges, first[k]) : np.searchsorted(edges, last[k] + 1)] = order[k]
    owned = owners >= 0
    return edges[:-1][owned], edges[1:][owned] - 1, owners[owned]


def _times(samples: Integers, epoch: float) -> Floats:
    return epoch / 2 + samples.astype(np.float64) * epoch


def _first_sample(starts: Floats, epoch: float) -> Integers:
    """The first sample at or after each time."""
    sample = np.ceil((starts - epoch / 2) / epoch).astype(np.int64)
    sample -= _times(sample - 1, epoch) >= starts
    sample += _times(sample, epoch) < starts
    return sample


def _last_sample(stops: Floats, epoch: float) -> Integers:
    """The last sample at or before each time."""
    sample = np.floor((stops - epoch / 2) / epoch).astype(np.int64)
    sample += _times(sample + 1, epoch) <= stops
    sample -= _times(sample, epoch) > stops
    return sample
