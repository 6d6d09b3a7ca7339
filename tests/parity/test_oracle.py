"""The scorer against the oracle, a literal implementation of the specification, on thousands of generated pairs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import oracle
from corpora import in_golden_names
from everything import of
from helpers import annotation
from nedc_bench import InputError, LabelMap, Parameters, Recording, Result, read_recording, score_corpus
from nedc_bench.scoring import alignment, cost
from nedc_bench.scoring import epoch as epoch_module
from nedc_bench.scoring import overlap as overlap_module
from nedc_bench.scoring import taes as taes_module
from nedc_bench.scoring.contribution import NULL, Events
from nedc_bench.scoring.dp import DpContribution
from nedc_bench.scoring.epoch import EpochContribution, _first_sample, _last_sample
from nedc_bench.scoring.taes import TaesContribution

TWO_CLASSES = {"seiz": ["seiz"], "bckg": ["bckg"]}
MANY_TO_ONE = {"pet": ["cat", "dog"], "mouse": ["mouse"], "farm": ["horse", "cow"], "bckg": ["bckg", "artf"]}
LAST_IS_RARE = {"bckg": ["bckg"], "seiz": ["seiz"], "never": ["never"]}

Raw = tuple[float, list[tuple[float, float, str]]]  # a recording's duration, and its events in file order


@st.composite
def recordings(draw: st.DrawFn, duration: float, labels: Sequence[str], unit: float) -> Raw:
    """Events on a grid of ``unit`` seconds, so that ties and touching events are common, or with odd decimals."""
    last = max(1, int(duration / unit))
    exact = draw(st.booleans())
    events = []
    for _ in range(draw(st.integers(0, 12))):
        start = draw(st.integers(0, last)) * unit
        length = draw(st.integers(0, max(1, last // draw(st.sampled_from([1, 2, 6]))))) * unit
        if not exact:
            start = float(f"{start + draw(st.integers(0, 99999)) * 1e-5:.5f}")
        start, stop = float(f"{start:.5f}"), float(f"{start + length:.5f}")
        if draw(st.integers(0, 9)):  # one in ten may run past the end
            stop = min(stop, duration)
        if draw(st.integers(0, 9)) == 0:  # and one in ten may begin before 0
            start = -start
        if stop >= start:
            events.append((start, stop, draw(st.sampled_from(labels))))
    if draw(st.booleans()):  # half of the recordings as a careful annotator writes them: no overlaps
        events = without_overlaps(events)
    return duration, events


def without_overlaps(events: list[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    kept: list[tuple[float, float, str]] = []
    for event in sorted(events):
        if not kept or event[0] >= kept[-1][1]:
            kept.append(event)
    return kept


recordings_with_any_labels = st.sampled_from([0.00004, 0.1, 7.77775, 40.0]).flatmap(
    lambda duration: recordings(duration, ["seiz", "bckg", "artf"], 0.25)
)
TIMES = st.integers(0, 80).map(lambda n: n / 8) | st.integers(0, 99_999).map(lambda n: n / 1e4)
ANY_EVENT = st.builds(oracle.Event, TIMES, TIMES, st.sampled_from(["seiz", "bckg"]))
EPOCHS = st.sampled_from([0.25, 0.5, 1.0, 0.1, 0.3])
CLASSES = ["seiz", "bckg"]


@st.composite
def corpora(draw: st.DrawFn) -> tuple[dict[str, list[str]], list[tuple[Raw, Raw]], float]:
    label_map = draw(st.sampled_from([TWO_CLASSES, TWO_CLASSES, MANY_TO_ONE, LAST_IS_RARE]))
    labels = [label for group in label_map.values() for label in group if label != "never"]
    unit = draw(st.sampled_from([1.0, 0.5, 0.25, 0.125, 0.1, 0.0001]))
    pairs = []
    for _ in range(draw(st.integers(1, 3))):
        duration = draw(st.sampled_from([0.00004, 0.1, 0.125, 0.3, 1.0, 7.77775, 10.0, 23.4567, 40.0]))
        pairs.append((draw(recordings(duration, labels, unit)), draw(recordings(duration, labels, unit))))
    return label_map, pairs, draw(EPOCHS)


def by_oracle(label_map: dict[str, list[str]], pairs: list[tuple[Raw, Raw]], epoch: float) -> dict[str, Any] | None:
    """The oracle's figures, or None where the original divides by zero."""
    options = oracle.Options(label_map=label_map, epoch_duration=epoch, ira_epoch_duration=epoch)
    prepared = [(prepare(reference), prepare(hypothesis)) for reference, hypothesis in pairs]
    try:
        return oracle.score(prepared, options)
    except ZeroDivisionError:
        return None


def prepare(raw: Raw) -> list[oracle.Event]:
    duration, events = raw
    _, sorted_events = oracle.read(annotation(*events, duration=duration))
    return oracle.prepare(duration, sorted_events)


def by_scorer(label_map: dict[str, list[str]], pairs: list[tuple[Raw, Raw]], epoch: float) -> Result | None:
    parameters = Parameters(label_map=LabelMap.from_mapping(label_map), epoch_duration=epoch, ira_epoch_duration=epoch)
    sides = [tuple(Recording.from_events(*raw) for raw in pair) for pair in pairs]
    try:
        return score_corpus([(ref, hyp) for ref, hyp in sides], parameters=parameters, jobs=1)
    except InputError as error:
        if {finding.code for finding in error.findings} == {"zero-length"}:
            return None
        raise


@given(corpora())
def test_all_figures(corpus: tuple[dict[str, list[str]], list[tuple[Raw, Raw]], float]) -> None:
    expected, result = by_oracle(*corpus), by_scorer(*corpus)
    if expected is None or result is None:
        assert (expected is None) == (result is None)
        return
    ours = in_golden_names(result.to_dict()["algorithms"])
    for algorithm, content in expected.items():
        assert content.pop("duration") == result.duration_seconds
        assert content == {key: ours[algorithm][key] for key in content}, algorithm


@given(corpora())
def test_the_figures_of_the_pair_reports(corpus: tuple[dict[str, list[str]], list[tuple[Raw, Raw]], float]) -> None:
    label_map, pairs, epoch = corpus
    result = by_scorer(*corpus)
    if result is None:
        return
    classes = [*label_map, *[""] * (NULL - len(label_map)), None]
    options = oracle.Options(label_map=label_map, epoch_duration=epoch)
    for (reference, hypothesis), score in zip(pairs, result.scores, strict=True):
        ref, hyp = (oracle.map_events(prepare(side), options) for side in (reference, hypothesis))
        dp, epochs, taes = (score.contributions[name] for name in ("dp", "epoch", "taes"))
        assert isinstance(dp, DpContribution)
        assert isinstance(epochs, EpochContribution)
        assert isinstance(taes, TaesContribution)
        ours = [(classes[r], classes[h]) for r, h in zip(*dp.alignment, strict=True)]
        assert ours == oracle.align([event.label for event in ref], [event.label for event in hyp], options)
        runs = [(classes[r], classes[h]) for r, h in zip(*epochs.alignment, strict=True)]
        assert runs == collapsed(oracle.epoch_labels(ref, hyp, epoch))
        assert taes.sums == oracle.taes_lines(ref, hyp)


def collapsed(labels: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [pair for k, pair in enumerate(labels) if k == 0 or pair != labels[k - 1]]


@given(recordings_with_any_labels)
def test_reading_filling_and_merging(raw: Raw) -> None:
    duration, events = raw
    text = annotation(*events, duration=duration)
    recording = read_recording(io.BytesIO(text.encode()))
    assert [tuple(event) for event in recording.events] == [tuple(e) for e in prepare(raw)]


@given(st.lists(ANY_EVENT, min_size=1, max_size=9), st.lists(ANY_EVENT, min_size=1, max_size=9), EPOCHS)
def test_events_in_any_order_with_gaps_and_of_negative_length(
    ref: list[oracle.Event], hyp: list[oracle.Event], epoch: float
) -> None:
    """Filling gaps never produces such events, but the algorithms score them."""
    parameters = Parameters(epoch_duration=epoch)
    reference, hypothesis = as_arrays(ref), as_arrays(hyp)
    runs = epoch_module.contribute(reference, hypothesis, parameters).alignment
    assert [(CLASSES[r], CLASSES[h]) for r, h in zip(*runs, strict=True)] == collapsed(
        oracle.epoch_labels(ref, hyp, epoch)
    )
    found = overlap_module.contribute(reference, hypothesis, parameters)
    assert list(map(list, found)) == totals(oracle.overlap_contributions(ref, hyp))
    try:
        expected = oracle.taes_lines(ref, hyp)
    except ZeroDivisionError:
        with pytest.raises(InputError, match="length zero"):
            taes_module.contribute(reference, hypothesis, parameters)
    else:
        assert taes_module.contribute(reference, hypothesis, parameters).sums == expected


def as_arrays(events: list[oracle.Event]) -> Events:
    return Events(
        np.array([event.start for event in events]),
        np.array([event.stop for event in events]),
        np.array([CLASSES.index(event.label) for event in events]),
    )


def totals(contributions: list[tuple[str, float, float, float]]) -> list[list[float]]:
    columns = list(zip(*contributions, strict=True))
    classes, *numbers = columns
    return [
        [sum(float(n) for c, n in zip(classes, column, strict=True) if c == label) for label in CLASSES]
        for column in numbers
    ]


@pytest.mark.parametrize("small", [0, 1000], ids=["by diagonal", "by cell"])
@given(
    st.lists(st.sampled_from("abc"), max_size=14),
    st.lists(st.sampled_from("abc"), max_size=14),
    st.tuples(*[st.sampled_from([1.0, 1.0, 0.0, 0.1, 0.3, 0.5, 1.5, 2.0, 3.0, 1 / 3, 1e6])] * 3),
)
@settings(max_examples=of(1000, 150))
def test_alignment_with_any_penalties(
    small: int, ref: list[str], hyp: list[str], penalties: tuple[float, float, float]
) -> None:
    """The same doubles for dyadic penalties, whose sums are exact, and for others, whose sums depend on their order."""
    deletion, insertion, substitution = penalties
    parameters = Parameters(penalty_del=deletion, penalty_ins=insertion, penalty_sub=substitution)
    options = oracle.Options(penalty_del=deletion, penalty_ins=insertion, penalty_sub=substitution)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alignment, "SMALL", small)
        aligned = alignment.align("".join(ref).encode(), "".join(hyp).encode(), parameters)
    ours = [tuple(None if code == NULL else chr(code) for code in pair) for pair in zip(*aligned, strict=True)]
    assert ours == oracle.align(ref, hyp, options)


@given(
    st.integers(0, 2**32),
    st.tuples(st.integers(60, 400), st.integers(60, 400)),
    st.tuples(*[st.sampled_from([0.0, 0.1, 0.3, 0.5, 1, 1.5, 3])] * 3),
)
@settings(max_examples=25)
def test_long_alignments_with_any_penalties(
    seed: int, events: tuple[int, int], penalties: tuple[float, float, float]
) -> None:
    draw = np.random.default_rng(seed)
    ref, hyp = (draw.integers(0, 3, size, dtype=np.uint8).tobytes() for size in events)
    parameters = Parameters(penalty_del=penalties[0], penalty_ins=penalties[1], penalty_sub=penalties[2])
    by_diagonal = alignment.align(ref, hyp, parameters)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alignment, "SMALL", 1000)
        assert by_diagonal == alignment.align(ref, hyp, parameters)


def test_weighted_alignments_beyond_the_bound_are_refused() -> None:
    with pytest.raises(InputError, match="penalties of 1"):
        alignment.align(bytes(10_001), bytes(10_000), Parameters(penalty_del=1.5))


def test_the_estimated_cost_grows_with_the_events_and_for_weighted_dp_with_their_product() -> None:
    weighted, plain = Parameters(penalty_del=1.5), Parameters()
    costs = [cost(n, n, weighted) for n in (1, 100, 5_000, 10_000)]
    assert costs == sorted(costs)
    assert cost(5_000, 5_000, plain) < cost(5_000, 5_000, weighted)
    assert cost(5_000, 5_000, weighted, ("taes",)) == cost(5_000, 5_000, plain, ("taes",))


@pytest.mark.parametrize("rows", [1, 2, 7])
@given(st.lists(st.sampled_from("ab"), max_size=40), st.lists(st.sampled_from("abc"), max_size=40))
@settings(max_examples=of(300, 60))
def test_alignment_in_blocks(rows: int, ref: list[str], hyp: list[str]) -> None:
    """Long alignments are computed in blocks of rows to bound memory; here a block has a few rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alignment, "MAX_ROW_BYTES", rows * 2 * (len(hyp) // 7 + 60))
        aligned = alignment.align("".join(ref).encode(), "".join(hyp).encode(), Parameters())
    ours = [tuple(None if code == NULL else chr(code) for code in pair) for pair in zip(*aligned, strict=True)]
    assert ours == oracle.align(ref, hyp, oracle.Options())


@given(st.floats(0, 1e6), st.integers(0, 3), st.sampled_from([0.25, 0.1, 0.3, 1 / 3, 1.0]))
def test_a_sample_on_an_edge_belongs_to_the_first_event(time: float, nudge: int, epoch: float) -> None:
    """Sample numbers are found by division, but agree to the last bit with the product that defines a sample."""
    edge = epoch / 2 + int(time / epoch) * epoch
    for _ in range(nudge):
        edge = float(np.nextafter(edge, np.inf if nudge % 2 else -np.inf))
    first, last = int(_first_sample(np.array([edge]), epoch)[0]), int(_last_sample(np.array([edge]), epoch)[0])
    assert epoch / 2 + (first - 1) * epoch < edge <= epoch / 2 + first * epoch
    assert epoch / 2 + last * epoch <= edge < epoch / 2 + (last + 1) * epoch
