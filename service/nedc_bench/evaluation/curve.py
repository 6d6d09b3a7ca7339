"""Operating curves of pairs and corpora: from files, recordings and score tracks to an `OperatingCurve`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from nedc_bench.annotations import Pair, Pairing, PairNotes, Parameters, Recording, ScoreTrack, Source
from nedc_bench.checks import check_kinds
from nedc_bench.errors import Finding, InputError, quoted, refusal
from nedc_bench.evaluation.pairwise import class_of, collect, read_sides
from nedc_bench.scoring import overlap, score_pair
from nedc_bench.scoring.operating import ALGORITHMS, Detections, OperatingCurve, PairStates, pair_states
from nedc_bench.scoring.operating.coverage import Coverage, excess

Hypothesis = Source | Recording | ScoreTrack


def operating_curve(
    pairs: Pairing | Iterable[Pair | tuple[Source | Recording, Hypothesis | None]],
    *,
    algorithm: str = overlap.NAME,
    label: str | None = None,
    parameters: Parameters | None = None,
) -> OperatingCurve:
    """The figures of hypotheses at every distinct threshold on the confidence of their events.

    Args:
        pairs: (reference, hypothesis) pairs in list order, or the result of `find_pairs`; a hypothesis is a file or a
            `Recording` whose events have confidences, a `ScoreTrack`, or None for one without events.
        algorithm: ``overlap``, ``szcore-event`` or ``taes``.
        label: the class; optional if the label map has only one besides background.
        parameters: None means the original's defaults.

    Raises:
        InputError: a pair is refused, as by `score_corpus`; a confidence is not a finite number; or the algorithm or
            label has no operating curve.

    >>> reference = Recording.from_events(86400.0, [(100.0, 130.0), (500.0, 560.0)])
    >>> events = [(90.0, 120.0, "seiz", 0.9), (300.0, 310.0, "seiz", 0.6), (510.0, 520.0, "seiz", 0.4)]
    >>> curve = operating_curve([(reference, Recording.from_events(86400.0, events))])
    >>> curve.thresholds.tolist(), curve.sensitivity.tolist(), curve.false_alarms_per_24h.tolist()
    ([0.9, 0.6, 0.4], [0.5, 0.5, 1.0], [0.0, 1.0, 1.0])
    >>> curve.at_false_alarms(1).threshold
    0.4
    """
    check_kinds(
        pairs=(pairs, Iterable | Pairing), label=(label, str | None), parameters=(parameters, Parameters | None)
    )
    parameters = Parameters() if parameters is None else parameters
    c = class_of(label, parameters)
    check_kinds(algorithm=(algorithm, str))
    if algorithm not in ALGORITHMS:
        message = f"{quoted(algorithm)} has no operating curve; those that have one: {', '.join(ALGORITHMS)}"
        raise refusal("algorithm", message)
    listed = pairs.pairs if isinstance(pairs, Pairing) else pairs
    notes = PairNotes(pairs, parameters)
    found = collect(_as_pairs(listed, notes), lambda item: _states(*item, algorithm, c, parameters), notes)
    noticed = [*parameters.warnings, *notes.warnings()]
    noticed += [warning for _, warnings, _ in found for warning in warnings]
    states = [own for own, _, _ in found]
    curve = OperatingCurve.of_pairs(states, algorithm, parameters.label_map.classes[c], parameters, noticed)
    return replace(curve, warnings=(*curve.warnings, *excess(curve, [own for _, _, own in found])))


def _as_pairs(listed: Iterable[object], notes: PairNotes) -> Iterator[tuple[Pair, ScoreTrack | None]]:
    """The pairs; a score track is replaced by its hypothesis at the lowest score, and given beside the pair."""
    for number, given in enumerate(listed):
        if isinstance(given, (tuple, list)) and len(given) == 2 and isinstance(given[1], ScoreTrack):
            reference, track = given
            yield notes.take((reference, track.at(track.lowest)), number), track
        else:
            yield notes.take(given, number), None


def _states(
    pair: Pair, track: ScoreTrack | None, algorithm: str, c: int, parameters: Parameters
) -> tuple[PairStates, tuple[Finding, ...], Coverage]:
    """The states of a pair, the warnings about its files, and the time that its alarms cover."""
    reference, hypothesis = read_sides(pair, parameters)
    score = score_pair(reference, hypothesis, parameters, (algorithm,))  # refuses whatever `score` refuses
    if track is None:
        detections = Detections.of_recording(hypothesis, parameters)
    else:
        detections = Detections.of_track(track, parameters, hypothesis.duration)
    events = score.events[0].unpack()
    try:
        states = pair_states(events, detections, algorithm, c, parameters)
    except InputError as error:
        raise InputError(
            replace(finding, side="reference", file=reference.name) for finding in error.findings
        ) from None
    return states, score.warnings, Coverage.of(events, detections, c)
