"""SzCORE's figures: of each class, and averaged over subjects.

Conventions: the arithmetic is that of `timescoring` 0.0.7, operation by operation; a rate without a value (NaN there)
is None. Averages follow `szcore-evaluation`: counts are pooled over the recordings of each subject; each figure's mean
and population standard deviation are taken over the subjects in which it has a value. Pooled figures weigh recordings
by length; averages weigh subjects equally.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from nedc_bench.scoring.contribution import PerClass, add_counts

# Subjects in file names: BIDS, TUSZ (aaaaaaac_s001_t000), CHB-MIT (chb05_06).
_SUBJECT = re.compile(r"(?:^|[/\\_])(sub-[A-Za-z0-9]+)(?=[/\\_.]|$)")
_SUBJECT_OF_FILE = re.compile(r"([a-z]{8})_s\d{3}_t\d{3}|(chb\d\d)_\d")


class SzcoreContribution(NamedTuple):
    """What a pair adds: by class, targets, hits and false alarms (events or samples); and its number of samples."""

    targets: PerClass
    tp: PerClass
    fp: PerClass
    samples: int

    @classmethod
    def of(cls, counts: Sequence[tuple[int, int, int]], samples: int) -> SzcoreContribution:
        """From the counts of each class."""
        targets, tp, fp = zip(*counts, strict=True)
        return cls(targets, tp, fp, samples)


class SzcoreFigures(NamedTuple):
    """The figures of one class, or of all; a rate without a value is None.

    Attributes:
        targets: events (or samples) of the reference, merged and split.
        tp, fp, fn: hits, false alarms and misses.
        sensitivity: tp / targets.
        precision: tp / (tp + fp).
        f1: 2 tp / (2 tp + fp + fn).
        false_alarms_per_24h: fp per 24 hours of recording; for samples, seconds of false alarm.
    """

    targets: int
    tp: int
    fp: int
    fn: int
    sensitivity: float | None
    precision: float | None
    f1: float | None
    false_alarms_per_24h: float | None

    def to_dict(self) -> dict[str, float | None]:
        """The figures by name, in the order of the result document."""
        return self._asdict()


RATES = ("sensitivity", "precision", "f1", "false_alarms_per_24h")


class SzcoreTotal:
    """The corpus' counts, and its number of samples at ``rate`` samples per second."""

    def __init__(self, classes: int, rate: int) -> None:
        self.rate = rate
        self.samples = 0
        self.targets, self.tp, self.fp = ([0] * classes for _ in range(3))

    def add(self, contribution: SzcoreContribution) -> None:
        """Add a pair."""
        add_counts(self.targets, contribution.targets)
        add_counts(self.tp, contribution.tp)
        add_counts(self.fp, contribution.fp)
        self.samples += contribution.samples

    def figures(self, classes: Sequence[int]) -> SzcoreFigures:
        """The figures of these classes together."""
        targets, tp, fp = (sum(counts[c] for c in classes) for counts in (self.targets, self.tp, self.fp))
        days = self.samples / self.rate / 3600 / 24
        return SzcoreFigures(
            targets,
            tp,
            fp,
            targets - tp,
            tp / targets if targets > 0 else None,
            tp / (tp + fp) if tp + fp > 0 else None,
            2 * tp / (2 * tp + fp + (targets - tp)) if targets + fp else None,
            fp / days if days else None,
        )


class Spread(NamedTuple):
    """The mean and standard deviation of a figure over subjects; None if no subject has the figure."""

    mean: float | None
    sd: float | None


@dataclass(frozen=True, slots=True)
class SzcoreResult:
    """The figures of ``szcore-event`` or ``szcore-sample``.

    Attributes:
        labels: the figures of each class except background, pooled over the corpus.
        summary: the figures of these classes together.
        subjects: the number of subjects; None if a recording's name reveals no subject.
        averages: by class, the mean and standard deviation of `RATES` over subjects; empty without subjects.
    """

    labels: dict[str, SzcoreFigures]
    summary: SzcoreFigures
    subjects: int | None
    averages: dict[str, dict[str, Spread]]

    @classmethod
    def of(
        cls, total: SzcoreTotal, by_subject: Mapping[str | None, SzcoreTotal], names: Mapping[str, int]
    ) -> SzcoreResult:
        """The figures of the corpus; ``names`` maps each scored class to its index."""
        labels = {name: total.figures([c]) for name, c in names.items()}
        summary = total.figures(list(names.values()))
        if None in by_subject or not by_subject:
            return cls(labels, summary, None, {})
        averages = {name: _averages([t.figures([c]) for t in by_subject.values()]) for name, c in names.items()}
        return cls(labels, summary, len(by_subject), averages)

    def to_dict(self) -> dict[str, Any]:
        """The result as in the result document."""
        document: dict[str, Any] = {
            "labels": {label: figures.to_dict() for label, figures in self.labels.items()},
            "summary": self.summary.to_dict(),
        }
        if self.subjects is None:
            return document
        labels = {
            label: {rate: spread._asdict() for rate, spread in rates.items()} for label, rates in self.averages.items()
        }
        return document | {"subjects": {"count": self.subjects, "labels": labels}}


def subject_of(name: str) -> str | None:
    """The subject in a recording's file name, or None.

    >>> subject_of("ref/sub-001/ses-01/eeg/sub-001_ses-01_task-szMonitoring_run-00_events.tsv")
    'sub-001'
    >>> subject_of("ref/chb05_06.csv_bi"), subject_of("aaaaaaac_s001_t000.csv_bi"), subject_of("night.csv_bi")
    ('chb05', 'aaaaaaac', None)
    """
    found = _SUBJECT.search(name) or _SUBJECT_OF_FILE.match(re.split(r"[/\\]", name)[-1])
    return next(filter(None, found.groups())) if found else None


def _averages(figures: Sequence[SzcoreFigures]) -> dict[str, Spread]:
    return {rate: _spread([getattr(own, rate) for own in figures]) for rate in RATES}


def _spread(values: Sequence[float | None]) -> Spread:
    known = np.array(values, dtype=np.float64)  # None is NaN
    return Spread(None, None) if np.isnan(known).all() else Spread(float(np.nanmean(known)), float(np.nanstd(known)))
