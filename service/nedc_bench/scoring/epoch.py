"""Epoch scoring: samples both sides at a regular interval and compares the labels sample by sample.

Metrics: confusion matrix of samples; hits, misses, false alarms, insertions and deletions against the null class.

Shah et al. (2021), "Objective Evaluation Metrics for Automatic Classification of EEG Events"; docs/scoring.md 4.2.

Sample ``i`` is at ``epoch/2 + i*epoch`` seconds, computed as written. Its label is that of the first event in order
with ``start <= t <= stop`` (closed), else of the last event. The code does not loop over samples: each event covers a
range of sample numbers, found by division and corrected with the exact products.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nedc_bench.annotations.parameters import Parameters
from nedc_bench.annotations.timeline import Codes, Floats
from nedc_bench.scoring.contribution import (
    NO_ALIGNMENT,
    Algorithm,
    Alignment,
    ConfusionTotal,
    Counts,
    Events,
    Matrix,
    is_alignment,
    is_matrix,
    matrix,
)

NAME = "epoch"

Integers = NDArray[np.int64]


class EpochContribution(NamedTuple):
    """What a pair adds: the confusion matrix of samples, and the runs of equal label pairs."""

    confusion: Matrix
    alignment: Alignment


class EpochTotal(ConfusionTotal):
    """The corpus' confusion matrix."""

    def add(self, contribution: EpochContribution) -> None:
        """Add a pair."""
        self.add_confusion(contribution.confusion)

    def counts(self, parameters: Parameters) -> list[Counts]:
        """The counts of each class, as integers."""
        confusion = self.confusion
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


def contribute(reference: Events, hypothesis: Events, parameters: Parameters) -> EpochContribution:
    """Compare the samples of the two sides."""
    return compare_samples(reference, hypothesis, parameters.epoch_duration, len(parameters.label_map.classes))


ALGORITHM = Algorithm(NAME, contribute, EpochContribution, (is_matrix, is_alignment), EpochTotal)


def compare_samples(reference: Events, hypothesis: Events, epoch: float, classes: int) -> EpochContribution:
    """Sample both sides every ``epoch`` seconds up to the end of the last reference event, and compare."""
    runs = shared_runs(reference, hypothesis, epoch)
    if not runs.lengths.size:
        return EpochContribution(matrix(np.zeros((classes, classes), dtype=np.int64)), NO_ALIGNMENT)
    ref, hyp = reference.classes[runs.refs], hypothesis.classes[runs.hyps]
    kinds = ref * classes + hyp
    confusion = np.zeros(classes * classes, dtype=np.int64)
    np.add.at(confusion, kinds, runs.lengths)
    changes = np.append(True, kinds[1:] != kinds[:-1])
    alignment = Alignment(*(side[changes].astype(np.uint8).tobytes() for side in (ref, hyp)))
    return EpochContribution(matrix(confusion.reshape(classes, classes)), alignment)


class SharedRuns(NamedTuple):
    """Runs of samples with the same event on each side, in order: their length, and the events."""

    lengths: Integers
    refs: Codes
    hyps: Codes


def shared_runs(reference: Events, hypothesis: Events, epoch: float) -> SharedRuns:
    """The events that label the samples of the two sides, up to the end of the last reference event."""
    starts = np.concatenate((reference.starts, hypothesis.starts))
    stops = np.concatenate((reference.stops, hypothesis.stops))
    first, last = _first_sample(starts, epoch), _last_sample(stops, epoch)
    events = reference.classes.size
    samples = int(last[events - 1]) + 1
    if samples <= 0:
        none = np.zeros(0, dtype=np.intp)
        return SharedRuns(none, none, none)
    ref_runs, hyp_runs = _runs(first[:events], last[:events], samples), _runs(first[events:], last[events:], samples)
    edges = np.concatenate((ref_runs.starts, hyp_runs.starts))
    edges.sort()
    edges = edges[np.append(edges[1:] != edges[:-1], True)]
    refs, hyps = (runs.owners[runs.starts.searchsorted(edges, "right") - 1] for runs in (ref_runs, hyp_runs))
    return SharedRuns(np.append(edges[1:], samples) - edges, refs, hyps)


class _Runs(NamedTuple):
    """Runs of samples of one event: the start of each, ascending from 0, and the event."""

    starts: Integers
    owners: Codes


def _runs(first: Integers, last: Integers, samples: int) -> _Runs:
    """The event of every sample, from the first and last sample that each event covers."""
    events = first.size
    first, last = np.maximum(first, 0), np.minimum(last, samples - 1)
    order = (first <= last).nonzero()[0]
    first, last = first[order], last[order]
    if (first[1:] < first[:-1]).any():
        first, last, order = _first_owner(first, last, order)
    else:  # the rest that earlier events cover is one range
        covered = np.maximum.accumulate(np.append(-1, last))[:-1]
        first = np.maximum(first, covered + 1)
        left = first <= last
        first, last, order = first[left], last[left], order[left]
    starts = np.zeros(2 * first.size + 1, dtype=np.int64)
    starts[1::2], starts[2::2] = first, last + 1
    owners = np.full(starts.size, events - 1)
    owners[1::2] = order
    kept = np.append(starts[1:] > starts[:-1], True) & (starts < samples)
    return _Runs(starts[kept], owners[kept])


def _first_owner(
    first: Integers, last: Integers, order: NDArray[np.intp]
) -> tuple[Integers, Integers, NDArray[np.intp]]:
    """Make ranges disjoint and ascending; of overlapping ranges, the first in order keeps the samples."""
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
