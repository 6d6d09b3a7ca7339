"""Verdicts on events, as a CSV file and in the result document (docs/verdicts.md)."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import IO, Any

from nedc_bench.errors import as_unicode
from nedc_bench.scoring import CorpusScore, PairScore
from nedc_bench.scoring.szcore_figures import subject_of
from nedc_bench.scoring.verdicts import Verdict, judge

COLUMNS = (
    *("recording", "algorithm", "label", "side", "start", "stop", "verdict", "share", "rule", "partners"),
    *("hits", "misses", "false_alarms"),
)


def write_events(score: CorpusScore, file: IO[str]) -> None:
    """Write one row per verdict; ``partners`` are ``start-stop`` in seconds, separated by spaces."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for pair in score.scores:
        times = _times(pair)
        for algorithm in score.algorithms:
            writer.writerows(_row(verdict, times) for verdict in judge(pair, algorithm, score.parameters))


def event_documents(score: CorpusScore) -> Iterator[dict[str, Any]]:
    """For each recording its events and verdicts, as in the result document."""
    for pair in score.scores:
        yield {
            "reference": as_unicode(pair.reference.name),
            "hypothesis": as_unicode(pair.hypothesis.name),
            "duration_seconds": pair.duration_seconds,
            "subject": subject_of(pair.reference.name),
            "events": _events(pair, score.parameters.label_map.classes),
            "verdicts": {name: _verdicts(judge(pair, name, score.parameters)) for name in score.algorithms},
        }


def _times(pair: PairScore) -> dict[str, list[str]]:
    """The times of the events of both sides, in the form of ``partners``."""
    sides = zip(("reference", "hypothesis"), (side.unpack() for side in pair.events), strict=True)
    return {
        name: [f"{start}-{stop}" for start, stop in zip(side.starts.tolist(), side.stops.tolist(), strict=True)]
        for name, side in sides
    }


def _row(verdict: Verdict, times: dict[str, list[str]]) -> tuple[object, ...]:
    other = times["hypothesis" if verdict.side == "reference" else "reference"]
    partners = " ".join(other[partner] for partner in verdict.partners)
    place = (as_unicode(verdict.recording), verdict.algorithm, verdict.label, verdict.side, verdict.start, verdict.stop)
    counts = (verdict.hits, verdict.misses, verdict.false_alarms)
    return (*place, verdict.verdict, verdict.share, verdict.rule, partners, *counts)


def _events(pair: PairScore, classes: Sequence[str]) -> dict[str, list[list[object]]]:
    document: dict[str, list[list[object]]] = {}
    for name, packed in zip(("reference", "hypothesis"), pair.events, strict=True):
        starts, stops, codes = (column.tolist() for column in packed.unpack())
        document[name] = [[start, stop, classes[c]] for start, stop, c in zip(starts, stops, codes, strict=True)]
    return document


def _verdicts(verdicts: Sequence[Verdict]) -> dict[str, list[dict[str, object]]]:
    document: dict[str, list[dict[str, object]]] = {"reference": [], "hypothesis": []}
    for verdict in verdicts:
        document[verdict.side].append(
            {
                "event": verdict.event,
                "verdict": verdict.verdict,
                "share": verdict.share,
                "rule": verdict.rule,
                "partners": verdict.partners,
                "hits": verdict.hits,
                "misses": verdict.misses,
                "false_alarms": verdict.false_alarms,
            }
        )
    return document
