"""``summary_dpalign.txt``, ``summary_epoch.txt``, ``summary_ovlp.txt``, ``summary_taes.txt``: one block per pair.

Equal to the original's bytes except for the paths: docs/scoring.md section 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from nedc_bench.annotations.labels import NULL_SYMBOL
from nedc_bench.scoring import CorpusScore, PairScore
from nedc_bench.scoring.contribution import NULL
from nedc_bench.scoring.dp import DpContribution
from nedc_bench.scoring.epoch import EpochContribution
from nedc_bench.scoring.overlap import OverlapContribution
from nedc_bench.scoring.taes import TaesContribution


def lines(score: CorpusScore, algorithm: str) -> Iterator[str]:
    """The lines of the report of ``algorithm`` on every pair."""
    classes = score.parameters.label_map.classes
    block = _BLOCKS[algorithm]
    for number, pair in enumerate(score.scores):
        yield f"{number:5}: {pair.reference.name}"
        yield f"       {pair.hypothesis.name}"
        yield from block(pair, algorithm, classes)
        yield ""


def _aligned(pair: PairScore, algorithm: str, classes: Sequence[str]) -> Iterator[str]:
    """Aligned symbols: lower case where the two sides agree, upper case where they differ."""
    contribution = pair.contributions[algorithm]
    assert isinstance(contribution, DpContribution | EpochContribution)
    ref, hyp = contribution.alignment
    agreed = [r == h for r, h in zip(ref, hyp, strict=True)]
    symbols = {code: classes[code] for code in {*ref, *hyp} - {NULL}} | {NULL: NULL_SYMBOL}
    width = max(map(len, symbols.values())) + 1  # the null symbol counts at both ends, though it is not printed there
    lower = {code: f"{symbol:>{width}} " for code, symbol in symbols.items()}
    upper = {code: f"{symbol.upper():>{width}} " for code, symbol in symbols.items()}
    for side, codes in (("Ref", ref), ("Hyp", hyp)):
        yield f"  {side}: " + "".join([(lower if same else upper)[c] for c, same in zip(codes, agreed, strict=True)])
    hits, insertions, deletions = sum(agreed), ref.count(NULL), hyp.count(NULL)
    substitutions = len(ref) - hits - insertions - deletions
    total = substitutions + insertions + deletions
    yield f"        (Hit: {hits}  Sub: {substitutions}  Ins: {insertions}  Del: {deletions}  Total: {total})"


def _overlap(pair: PairScore, algorithm: str, classes: Sequence[str]) -> Iterator[str]:
    contribution = pair.contributions[algorithm]
    assert isinstance(contribution, OverlapContribution)
    reference, hypothesis = pair.events
    yield from _listed(reference.classes, hypothesis.classes, classes)
    hits, misses, alarms = map(sum, contribution)
    total = hits + misses + alarms
    yield f"       (Hit: {hits}  Miss: {misses}  False Alarms: {alarms}  Total: {total})"


def _taes(pair: PairScore, algorithm: str, classes: Sequence[str]) -> Iterator[str]:
    """The original leaves the hypothesis line of this report empty."""
    contribution = pair.contributions[algorithm]
    assert isinstance(contribution, TaesContribution)
    yield from _listed(pair.events[0].classes, b"", classes)
    hits, misses, alarms = contribution.sums
    total = misses + alarms
    yield f"       (Hit: {hits:.4f}  Miss: {misses:.4f}  False Alarms: {alarms:.4f}  Total: {total:.4f})"


def _listed(reference: bytes, hypothesis: bytes, classes: Sequence[str]) -> Iterator[str]:
    for side, codes in (("Ref", reference), ("Hyp", hypothesis)):
        yield f"  {side}: " + " ".join(classes[code] for code in codes)


_BLOCKS: dict[str, Callable[[PairScore, str, Sequence[str]], Iterator[str]]] = {
    "dp": _aligned,
    "epoch": _aligned,
    "overlap": _overlap,
    "taes": _taes,
}
