"""Results in long form, for CSV and data frames: one row per recording, algorithm and label.

After the recordings come the rows of the corpus, whose recording is `TOTAL`. If all file names reveal a subject (BIDS,
TUSZ, CHB-MIT), rows with the recording `SUBJECT_MEAN` follow: the recordings of each subject are pooled, and the
figures are averaged over subjects, so that every subject weighs the same. The label `SUMMARY` stands for all labels;
classes are lower case, so none has this name. Figures are not rounded; a missing one is None. Units: docs/result.md.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from math import fsum
from typing import IO, Any

from nedc_bench.errors import as_unicode
from nedc_bench.scoring import Agreement, CorpusScore, Figures, PairScore
from nedc_bench.scoring.szcore_figures import SzcoreFigures, subject_of

TOTAL = "TOTAL"
SUBJECT_MEAN = "SUBJECT MEAN"
SUMMARY = "SUMMARY"
FIGURES = (*dict.fromkeys((*Figures._fields, *SzcoreFigures._fields)), "kappa")
COLUMNS = ("recording", "hypothesis", "subject", "duration_seconds", "algorithm", "label", *FIGURES)

Row = dict[str, Any]


def build_rows(score: CorpusScore) -> Iterator[Row]:
    """The rows of a result; each has all of `COLUMNS`."""
    for single in score.split():
        (pair,) = single.scores
        place = {"recording": as_unicode(pair.reference.name), "hypothesis": as_unicode(pair.hypothesis.name)}
        yield from _rows(single, place | {"subject": subject_of(pair.reference.name)})
    yield from _rows(score, {"recording": TOTAL})
    yield from _subject_mean(score)


def write_csv(score: CorpusScore, file: IO[str]) -> None:
    """Write the rows as CSV: a header, floats in their shortest round-trip form, empty fields for None."""
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(build_rows(score))


def _rows(score: CorpusScore, place: Row) -> Iterator[Row]:
    empty: Row = dict.fromkeys(COLUMNS)
    for name, result in score.algorithms.items():
        own = empty | place | {"duration_seconds": score.duration_seconds, "algorithm": name}
        if isinstance(result, Agreement):
            for label, kappa in result.kappa.items():
                yield own | {"label": label, "kappa": kappa}
            yield own | {"label": SUMMARY, "kappa": result.multi_class_kappa}
        else:
            for label, figures in result.labels.items():
                yield own | {"label": label} | figures.to_dict()
            yield own | {"label": SUMMARY} | result.summary.to_dict()


def _subject_mean(score: CorpusScore) -> Iterator[Row]:
    subjects: dict[str | None, list[PairScore]] = {}
    for pair in score.scores:
        subjects.setdefault(subject_of(pair.reference.name), []).append(pair)
    if None in subjects:
        return
    pooled = [
        list(_rows(CorpusScore.fold(pairs, score.parameters, tuple(score.algorithms)), {"recording": SUBJECT_MEAN}))
        for pairs in subjects.values()
    ]
    for same in zip(*pooled, strict=True):
        yield same[0] | {name: _mean([row[name] for row in same]) for name in ("duration_seconds", *FIGURES)}


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean over the subjects with the figure."""
    known = [value for value in values if value is not None]
    return fsum(known) / len(known) if known else None
