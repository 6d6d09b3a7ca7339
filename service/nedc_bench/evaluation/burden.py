"""Detection delay and seizure burden of pairs and corpora."""

from __future__ import annotations

from collections.abc import Iterable

from nedc_bench.annotations import Pair, Pairing, PairNotes, Parameters, Recording, Source
from nedc_bench.checks import check_kinds
from nedc_bench.errors import Finding
from nedc_bench.evaluation.pairwise import class_of, collect, read_sides
from nedc_bench.scoring import overlap, score_pair
from nedc_bench.scoring.burden import Burden, BurdenResult, Delays, PairBurden, detection_delays, pair_burden


def seizure_burden(
    pairs: Pairing | Iterable[Pair | tuple[Source | Recording, Source | Recording | None]],
    *,
    label: str | None = None,
    parameters: Parameters | None = None,
) -> BurdenResult:
    """The detection delays of a corpus, and the seizure burden of each side.

    Args:
        pairs: as for `score_corpus`.
        label: the class; optional if the label map has only one besides background.
        parameters: None means the original's defaults.

    Raises:
        InputError: a pair is refused, as by `score_corpus`, or the label is not a class to detect.

    >>> reference = Recording.from_events(3600.0, [(100.0, 160.0)])
    >>> result = seizure_burden([(reference, Recording.from_events(3600.0, [(112.0, 130.0), (140.0, 150.0)]))])
    >>> result.delays.median, result.reference.seconds_per_24h, result.hypothesis.longest_seconds
    (12.0, 1440.0, 18.0)
    >>> result.reference.windows_over, result.reference.windows
    (1, 12)
    """
    check_kinds(
        pairs=(pairs, Iterable | Pairing), label=(label, str | None), parameters=(parameters, Parameters | None)
    )
    parameters = Parameters() if parameters is None else parameters
    c = class_of(label, parameters)

    def work(pair: Pair) -> tuple[float, PairBurden, PairBurden, tuple[list[float], int], tuple[Finding, ...]]:
        score = score_pair(*read_sides(pair, parameters), parameters, (overlap.NAME,))
        reference, hypothesis = (packed.unpack() for packed in score.events)
        seconds = score.duration_seconds
        burdens = pair_burden(reference, c, seconds), pair_burden(hypothesis, c, seconds)
        return seconds, *burdens, detection_delays(reference, hypothesis, c), score.warnings

    listed = pairs.pairs if isinstance(pairs, Pairing) else pairs
    notes = PairNotes(pairs, parameters)
    found = collect((notes.take(pair, k) for k, pair in enumerate(listed)), work, notes)
    duration = 0.0
    for seconds, *_ in found:
        duration += seconds
    reference = Burden.of([own for _, own, *_ in found], duration)
    hypothesis = Burden.of([own for _, _, own, *_ in found], duration)
    delays = [delay for *_, (late, _), _ in found for delay in late]
    missed = sum(count for *_, (_, count), _ in found)
    return BurdenResult(
        parameters.label_map.classes[c],
        len(found),
        duration,
        reference,
        hypothesis,
        Delays.of(delays, missed),
        (*parameters.warnings, *notes.warnings(), *(warning for *_, own in found for warning in own)),
    )
