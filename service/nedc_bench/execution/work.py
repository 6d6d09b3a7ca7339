"""The work of the service's workers: contents to encoded outcomes, and the fold of outcomes to figures.

The outcome of a pair is bytes: its score, encoded by `nedc_bench.execution.codec`, or the findings that refuse it, as a
JSON array. Workers know contents, not names (`nedc_bench.execution.folded`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec

from nedc_bench.annotations import Pair, Parameters
from nedc_bench.annotations.source import FileInMemory
from nedc_bench.errors import Finding, InputError
from nedc_bench.evaluation.corpus import Result, accepted_scores, evaluate_pair
from nedc_bench.evaluation.spreading import Outcome
from nedc_bench.execution.codec import decode_score, encode_score, with_files
from nedc_bench.execution.folded import HYPOTHESIS, REFERENCE, Folded, numbered, placeholder
from nedc_bench.execution.request import Asked, Contents
from nedc_bench.reports import report_names
from nedc_bench.reports.evidence import evidence_figures
from nedc_bench.reports.files import report_lines
from nedc_bench.reports.page import PAGE_NAME, data_lines
from nedc_bench.scoring import ALGORITHMS, FileId
from nedc_bench.statistics import Settings, Table, uncertainty
from nedc_bench.statistics.table import NOTHING, Row

COMPRESSION = 1

Digests = tuple[str, str]
Refusal = tuple[Finding, ...]

_findings = msgspec.json.Decoder(list[Finding])
_sources = msgspec.msgpack.Decoder(tuple[list[bytes], list[Digests], dict[str, Any]])


class Scored(NamedTuple):
    """The outcomes of some pairs, and the seconds that each algorithm took."""

    outcomes: list[bytes]
    seconds: dict[str, float]


class Damaged(NamedTuple):
    """The numbers of damaged outcomes from the cache."""

    numbers: tuple[int, ...]


def score_pairs(pairs: Sequence[Contents], asked: Asked) -> Scored:
    """Score pairs, in order."""
    outcomes: list[bytes] = []
    seconds = dict.fromkeys(asked.algorithms, 0.0)
    for reference, hypothesis, sidecar, other_sidecar in pairs:
        own = FileInMemory(reference, sidecar)
        other = None if hypothesis is None else FileInMemory(hypothesis, other_sidecar)
        pair = Pair(own, other, placeholder(REFERENCE), placeholder(HYPOTHESIS))
        try:
            score = evaluate_pair(pair, asked.parameters, asked.algorithms)
        except InputError as error:
            outcomes.append(msgspec.json.encode(error.findings))
            continue
        outcomes.append(encode_score(score))
        for name, spent in score.seconds.items():
            seconds[name] += spent
    return Scored(outcomes, seconds)


def fold(outcomes: Sequence[bytes], digests: Sequence[Digests], asked: Asked) -> Folded | Refusal | Damaged:
    """The figures of pairs in list order, or the findings that refuse them."""
    if asked.strict and asked.parameters.warnings:
        return asked.parameters.warnings
    decoded: list[Outcome] = []
    damaged: list[int] = []
    for number, (outcome, files) in enumerate(zip(outcomes, digests, strict=True)):
        try:
            decoded.append(_decode(outcome, number, files, asked))
        except ValueError:
            damaged.append(number)
    if damaged:
        return Damaged(tuple(damaged))
    try:
        result = Result.fold(accepted_scores(_each(decoded), None), asked.parameters, asked.algorithms)
    except InputError as error:
        return error.findings
    document = msgspec.json.encode(result.to_dict(per_pair=asked.per_pair) | _evidence(result, asked))
    texts = (name for name in report_names(asked.algorithms) if name != PAGE_NAME)
    reports = {name: "".join(f"{line}\n" for line in report_lines(result, name)) for name in texts}
    sources = msgspec.msgpack.encode((outcomes, digests, asked.to_dict()))
    packed = (zlib.compress(part, COMPRESSION) for part in (document, msgspec.msgpack.encode(reports), sources))
    return Folded(*packed)


def page_data(folded: Folded) -> bytes:
    """The data of the page: figures, events and verdicts; made on request, since it costs as much as scoring."""
    outcomes, digests, record = _sources.decode(zlib.decompress(folded.sources))
    asked = Asked.from_dict(record)
    decoded = [_decode(*pair, asked) for pair in zip(outcomes, range(len(outcomes)), digests, strict=True)]
    result = Result.fold(accepted_scores(_each(decoded), None), asked.parameters, asked.algorithms)
    evidence = msgspec.json.decode(zlib.decompress(folded.document)).get("evidence")
    return "\n".join(data_lines(result, evidence=evidence)).encode()


def score_and_fold(
    pairs: Sequence[Contents], digests: Sequence[Digests], asked: Asked
) -> tuple[Scored, Folded | Refusal | Damaged]:
    """Score and fold in one call, for small requests."""
    scored = score_pairs(pairs, asked)
    return scored, fold(scored.outcomes, digests, asked)


def is_score(outcome: bytes) -> bool:
    """Whether a pair's outcome is a score, not a refusal."""
    return not outcome.startswith(b"[")


def warm_up() -> None:
    """Score a small pair, so that the first request does not wait for lazy imports."""
    text = b"# version = csv_v1.0.0\n# duration = 9.0 secs\nchannel,start_time,stop_time,label,confidence\n"
    text += b"TERM,1.0,2.0,seiz,1.0\n"
    score_and_fold([Contents(text, text)], [("", "")], Asked(ALGORITHMS, Parameters()))


def _evidence(result: Result, asked: Asked) -> dict[str, Any]:
    """The document's part about intervals, if requested."""
    if asked.study is None:
        return {}
    seed, replicates, subjects = asked.study
    rows = {
        placeholder(REFERENCE, number): Row(number, {"subject": NOTHING[0] if subject < 0 else str(subject)})
        for number, subject in enumerate(subjects)
    }
    table = Table("", "", ("subject",), of_recordings=True, rows=rows)
    found = uncertainty(result, settings=Settings(replicates, seed), table=table)
    return {"evidence": evidence_figures(found)}


def _decode(outcome: bytes, number: int, files: Digests, asked: Asked) -> Outcome:
    """Decode an outcome; raises ValueError if it is damaged."""
    if not is_score(outcome):
        return tuple(numbered(found, number) for found in _findings.decode(outcome))
    names = (placeholder(REFERENCE, number), placeholder(HYPOTHESIS, number))
    score = decode_score(outcome, asked.algorithms, len(asked.parameters.label_map.classes))
    score = with_files(score, *(FileId(name, sha256) for name, sha256 in zip(names, files, strict=True)))
    warnings = tuple(numbered(found, number) for found in score.warnings)
    return warnings if asked.strict and warnings else replace(score, warnings=warnings)


def _each(outcomes: Sequence[Outcome]) -> Iterator[Outcome]:
    yield from outcomes
