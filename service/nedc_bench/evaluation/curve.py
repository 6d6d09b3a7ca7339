"""Operating curves of pairs and corpora: files, recordings and score tracks to an `OperatingCurve`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from nedc_bench.annotations import Pair, Pairing, Parameters, Reading, Recording, Source, as_pair, read_pair
from nedc_bench.annotations.score_track import ScoreTrack
from nedc_bench.annotations.timeline import FILLER
from nedc_bench.errors import Finding, InputError, quoted, refusal
from nedc_bench.scoring import overlap, score_pair
from nedc_bench.scoring.operating import ALGORITHMS, Detections, OperatingCurve, PairStates, pair_states

MAX_REFUSED_PAIRS = 50

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
        pairs: (reference, hypothesis) pairs in list order, or what `find_pairs` returns; a hypothesis is a file or a
            `Recording` whose events have confidences, a `ScoreTrack`, or None for one without events.
        algorithm: ``overlap``, ``szcore-event`` or ``taes``.
        label: the class; it can be left out where the label map has one beside background.
        parameters: the original's defaults, when None.

    Raises:
        InputError: some pair is refused, as by `score_corpus`; a confidence is no finite number; or algorithm or label
            is none that a curve has.

    >>> reference = Recording.from_events(86400.0, [(100.0, 130.0), (500.0, 560.0)])
    >>> events = [(90.0, 120.0, "seiz", 0.9), (300.0, 310.0, "seiz", 0.6), (510.0, 520.0, "seiz", 0.4)]
    >>> curve = operating_curve([(reference, Recording.from_events(86400.0, events))])
    >>> curve.thresholds.tolist(), curve.sensitivity.tolist(), curve.false_alarms_per_24h.tolist()
    ([0.9, 0.6, 0.4], [0.5, 0.5, 1.0], [0.0, 1.0, 1.0])
    >>> curve.at_false_alarms(1).threshold
    0.4
    """
    parameters = Parameters() if parameters is None else parameters
    c = _class_of(label, parameters)
    if algorithm not in ALGORITHMS:
        message = f"{quoted(algorithm)} has no operating curve; those that have one: {', '.join(ALGORITHMS)}"
        raise refusal("algorithm", message)
    noticed = [*parameters.warnings, *(pairs.warnings if isinstance(pairs, Pairing) else ())]
    listed = pairs.pairs if isinstance(pairs, Pairing) else pairs
    states: list[PairStates] = []
    refused: list[Finding] = []
    for pair, track in _as_pairs(listed):
        try:
            found = _states(pair, track, algorithm, c, parameters)
        except InputError as error:
            refused += error.findings
            if len(refused) >= MAX_REFUSED_PAIRS:
                break
            continue
        states.append(found[0])
        noticed += found[1]
    if refused:
        raise InputError(refused)
    if not states:
        raise refusal("empty", "the corpus has no pair")
    return OperatingCurve.of_pairs(states, algorithm, parameters.label_map.classes[c], parameters, noticed)


def _class_of(label: str | None, parameters: Parameters) -> int:
    """The index of the class."""
    label_map = parameters.label_map
    if FILLER not in label_map.index:
        message = f"[MAP] must have a class for the label {FILLER!r}: below a threshold there is background"
        raise refusal("map", message)
    background = label_map.index[FILLER]
    others = [name for c, name in enumerate(label_map.classes) if c != background]
    if label is None and len(others) == 1:
        return label_map.classes.index(others[0])
    if label not in others:
        what = "the label map has several classes" if label is None else f"{quoted(label)} is not a class to detect"
        raise refusal("label", f"{what}; give one of: {', '.join(others)}")
    return label_map.classes.index(label)


def _as_pairs(listed: Iterable[object]) -> Iterator[tuple[Pair, ScoreTrack | None]]:
    """The pairs; where the hypothesis is a score track, the pair has the hypothesis of its lowest score."""
    for number, given in enumerate(listed):
        if isinstance(given, (tuple, list)) and len(given) == 2 and isinstance(given[1], ScoreTrack):
            reference, track = given
            yield as_pair((reference, track.at(track.lowest)), number), track
        else:
            yield as_pair(given, number), None


def _states(
    pair: Pair, track: ScoreTrack | None, algorithm: str, c: int, parameters: Parameters
) -> tuple[PairStates, tuple[Finding, ...]]:
    """The states of a pair, and what was noticed in its files."""
    reference, hypothesis = read_pair(
        pair.reference,
        pair.hypothesis,
        Reading(label_map=parameters.label_map, channels=parameters.channels),
        reference_name=pair.reference_name,
        hypothesis_name=pair.hypothesis_name,
        duration_tolerance=parameters.duration_tolerance,
    )
    score = score_pair(reference, hypothesis, parameters, (algorithm,))  # refuses what is refused without a curve
    if track is None:
        detections = Detections.of_recording(hypothesis, parameters)
    else:
        detections = Detections.of_track(track, parameters, hypothesis.duration)
    try:
        states = pair_states(score.events[0].unpack(), detections, algorithm, c, parameters)
    except InputError as error:
        raise InputError(
            replace(finding, side="reference", file=reference.name) for finding in error.findings
        ) from None
    return states, score.warnings
