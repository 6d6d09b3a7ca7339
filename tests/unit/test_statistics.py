"""Uncertainty: the bootstrap of subjects, intervals compared with scipy's and statsmodels', and missing intervals."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import numpy as np
import pytest

from corpora import EXAMPLE, find_corpora
from helpers import late
from nedc_bench import ParallelEvaluator, Recording, Result, score_corpus
from nedc_bench.scoring import ALGORITHM, Agreement
from nedc_bench.statistics import Interval, Settings, clopper_pearson, uncertainty, wilson
from nedc_bench.statistics.bootstrap import BLOCK, bounds, draw, replicate
from nedc_bench.statistics.groups import Subjects
from nedc_bench.statistics.tally import Tally
from studies import study

RANDOM = random.Random(14)
NIGHTS = [(f"{k // 2:02}", RANDOM.randint(0, 6), RANDOM.randint(0, 3), RANDOM.randint(0, 5)) for k in range(60)]
FAST = Settings(replicates=300)


@pytest.fixture(scope="module")
def corpus() -> Result:
    """Thirty subjects with two nights each."""
    return study(NIGHTS, tuple(ALGORITHM))


def tallies(result: Result, *names: str) -> list[Tally]:
    members = Subjects.of(result.scores).members
    return [Tally.of(name, result.parameters, members) for name in names or tuple(result.algorithms)]


# -- one implementation of every figure


@pytest.mark.parametrize("golden", find_corpora(), ids=lambda corpus: corpus.folder.name)
def test_the_replicate_with_every_recording_once_has_the_figures_of_the_corpus(golden: Any) -> None:
    result = golden.result
    members = tuple((pair,) for pair in result.scores)
    for name in ("dp", "epoch", "overlap", "ira"):
        tally = Tally.of(name, result.parameters, members)
        (values,) = tally.values(tally.whole()).tolist()
        own = result.algorithms[name]
        for label, row in zip(tally.labels, values, strict=True):
            if isinstance(own, Agreement):
                expected = [own.multi_class_kappa if label == "summary" else own.kappa[label]]
            else:
                expected = list(own.summary if label == "summary" else own.labels[label])
            for figure, value, wanted in zip(tally.figures, row, expected, strict=True):
                # a figure without a value is NaN here; the original gives 0 (for a kappa, 1)
                assert value == wanted or (np.isnan(value) and wanted in {0, 1}), (name, label, figure)


def test_taes_adds_up_the_sums_of_subjects_in_their_order(corpus: Result) -> None:
    (tally,) = tallies(corpus, "taes")
    expected = 0.0
    for pairs in Subjects.of(corpus.scores).members:
        own = 0.0
        for pair in pairs:
            for number in pair.contributions["taes"].hits[0]:  # type: ignore[union-attr]
                own += number
        expected += own
    assert tally.values(tally.whole())[0, 0, tally.figures.index("hits")] == expected


def test_a_drawn_subject_counts_as_often_as_it_is_drawn(corpus: Result) -> None:
    (tally,) = tallies(corpus, "overlap")
    drawn = np.zeros((1, 30), dtype=np.int64)
    drawn[0, [3, 7]] = 2, 1
    members = Subjects.of(corpus.scores).members
    by_hand = Result.fold([*members[3], *members[3], *members[7]], corpus.parameters, ("overlap",))
    (values,) = tally.values(tally.resampled(drawn))
    assert values[0, tally.figures.index("sensitivity")] == by_hand.overlap.labels["seiz"].sensitivity
    assert values[0, tally.figures.index("mcc")] == by_hand.overlap.labels["seiz"].mcc


def test_leaving_one_out_is_the_corpus_without_the_subject(corpus: Result) -> None:
    (tally,) = tallies(corpus, "szcore-event")
    members = Subjects.of(corpus.scores).members
    without = tally.values(tally.leave_one_out())
    for k in (0, 11, 29):
        rest = [pair for s, pairs in enumerate(members) if s != k for pair in pairs]
        by_hand = Result.fold(rest, corpus.parameters, ("szcore-event",)).szcore_event.labels["seiz"]
        assert without[k, 0].tolist() == list(by_hand)


# -- draws


def test_a_replicate_draws_as_many_subjects_as_there_are() -> None:
    drawn = draw(30, seed=1, block=0)
    assert drawn.shape == (BLOCK, 30)
    assert drawn.sum(axis=1).tolist() == [30] * BLOCK
    assert drawn.min() == 0


def test_draws_are_the_same_on_every_machine() -> None:
    assert draw(5, seed=0, block=0)[:3].tolist() == [[1, 1, 1, 1, 1], [1, 1, 0, 2, 1], [2, 0, 0, 0, 3]]
    assert draw(5, seed=0, block=1)[0].tolist() != draw(5, seed=0, block=0)[0].tolist()
    assert draw(5, seed=1, block=0)[0].tolist() != draw(5, seed=0, block=0)[0].tolist()


def test_every_subject_is_drawn_as_often_as_any_other() -> None:
    counts = sum(draw(10, seed=2, block=block).sum(axis=0) for block in range(100))
    assert late("scipy.stats").chisquare(counts).pvalue > 0.001


def test_the_bits_are_the_same_with_one_two_and_many_workers(corpus: Result) -> None:
    asked = tallies(corpus)
    alone = replicate(asked, 2_350, seed=7)
    with ParallelEvaluator(2) as two, ThreadPoolExecutor(5) as many:
        for executor in (two, many):
            spread = replicate(asked, 2_350, seed=7, executor=executor)
            assert all(one.tobytes() == other.tobytes() for one, other in zip(alone, spread, strict=True))
    assert [len(values) for values in alone] == [2_350] * len(asked)


# -- intervals


def scipys(method: str, replicates: np.ndarray[Any, Any], nights: Any, level: float) -> Any:
    """scipy's interval of the sensitivity, from these replicates."""
    subjects: dict[str, list[int]] = {}
    for subject, found, missed, _ in nights:
        own = subjects.setdefault(subject, [0, 0])
        own[0], own[1] = own[0] + found, own[1] + found + missed
    hits, targets = np.array(list(subjects.values())).T

    def sensitivity(hits: Any, targets: Any, axis: int) -> Any:
        return hits.sum(axis=axis) / targets.sum(axis=axis)

    earlier = late("scipy.stats._resampling").BootstrapResult(
        confidence_interval=None, bootstrap_distribution=replicates, standard_error=0.0
    )
    return (
        late("scipy.stats")
        .bootstrap(
            (hits, targets),
            sensitivity,
            n_resamples=0,
            paired=True,
            vectorized=True,
            confidence_level=level,
            method=method,
            bootstrap_result=earlier,
        )
        .confidence_interval
    )


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_intervals_are_scipys_from_the_same_replicates(corpus: Result, level: float) -> None:
    settings = Settings(replicates=2_000, seed=3, level=level)
    (tally,) = tallies(corpus, "overlap")
    (replicates,) = replicate([tally], settings.replicates, settings.seed)
    drawn = replicates[:, 0, tally.figures.index("sensitivity")]
    estimate = uncertainty(corpus, settings=settings).overall.estimates["overlap"]["seiz"]["sensitivity"]
    assert estimate.value == corpus.overlap.labels["seiz"].sensitivity
    percentile, bca = (scipys(method, drawn, NIGHTS, level) for method in ("percentile", "bca"))
    assert estimate.bounds.percentile == pytest.approx(tuple(percentile), rel=1e-12)  # scipy sums in another order
    assert estimate.bounds.bca == pytest.approx(tuple(bca), rel=1e-9)  # the level is rounded to 12 digits
    assert estimate.bounds.bca != estimate.bounds.percentile


@pytest.mark.parametrize(("hits", "trials"), [(0, 1), (1, 1), (0, 20), (3, 10), (50, 100), (99, 100), (883, 1000)])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_proportions_are_scipys_and_statsmodels(hits: int, trials: int, level: float) -> None:
    for ours, scipy, statsmodels in ((wilson, "wilson", "wilson"), (clopper_pearson, "exact", "beta")):
        own = ours(hits, trials, level)
        theirs = late("scipy.stats").binomtest(hits, trials).proportion_ci(level, scipy)
        assert own == pytest.approx((theirs.low, theirs.high), rel=1e-11, abs=1e-15)
        confint = late("statsmodels.stats.proportion").proportion_confint
        assert own == pytest.approx(confint(hits, trials, 1 - level, statsmodels), rel=1e-11, abs=1e-15)


def test_proportions_are_of_events_alone(corpus: Result) -> None:
    estimates = uncertainty(corpus, settings=FAST).overall.estimates
    for algorithm, figure in product(("dp", "overlap", "szcore-event"), ("sensitivity", "precision")):
        assert estimates[algorithm]["seiz"][figure].proportion is not None
    assert estimates["overlap"]["seiz"]["f1"].proportion is None
    assert all(estimates[name]["seiz"]["sensitivity"].proportion is None for name in ("taes", "epoch", "szcore-sample"))
    seiz = corpus.overlap.labels["seiz"]
    assert estimates["overlap"]["seiz"]["precision"].proportion == wilson(int(seiz.tp), int(seiz.tp + seiz.fp))


def test_every_figure_of_every_label_has_an_estimate(corpus: Result) -> None:
    estimates = uncertainty(corpus, settings=FAST).overall.estimates
    assert list(estimates) == list(ALGORITHM)
    for name in ("dp", "epoch", "overlap", "taes"):
        own = corpus.counted(name)
        for label, figures in {**own.labels, "summary": own.summary}.items():
            values = {figure: estimate.value for figure, estimate in estimates[name][label].items()}
            assert {figure: value for figure, value in values.items() if value is not None} == {
                figure: value for figure, value in figures.to_dict().items() if values[figure] is not None
            }
            assert list(values) == list(figures.to_dict())
    assert estimates["ira"]["summary"]["kappa"].value == corpus.ira.multi_class_kappa


# -- figures without a value or an interval


def test_a_figure_without_denominator_has_no_value_and_no_interval() -> None:
    result = study([(f"{k}", 0, 0, k % 3) for k in range(25)])
    assert result.overlap.labels["seiz"].sensitivity == 0.0  # as the original prints it
    estimate = uncertainty(result, settings=FAST).overall.estimates["overlap"]["seiz"]["sensitivity"]
    assert (estimate.value, estimate.bounds.bca, estimate.bounds.percentile, estimate.proportion) == (None,) * 4
    assert (estimate.bounds.undefined, estimate.bounds.note) == (300, "the figure has no value: its denominator is 0")


def test_replicates_without_a_value_are_left_out_and_counted() -> None:
    some = [("a", 3, 1, 0), ("b", 2, 2, 1), ("c", 1, 2, 0), ("d", 4, 0, 0), *((f"{k}", 0, 0, 1) for k in range(6))]
    estimate = uncertainty(study(some), settings=Settings(replicates=2_000)).overall.estimates["overlap"]["seiz"]
    assert 0 < estimate["sensitivity"].bounds.undefined < 100
    assert estimate["sensitivity"].bounds.bca is not None
    assert estimate["false_alarms_per_24h"].bounds.undefined == 0


def test_too_many_replicates_without_a_value_leave_no_interval() -> None:
    few = [("a", 3, 1, 0), *((f"{k}", 0, 0, 1) for k in range(9))]
    found = uncertainty(study(few), settings=FAST).overall.estimates["overlap"]["seiz"]["sensitivity"].bounds
    assert found.bca is None
    assert found.note == (
        f"too few subjects have what the figure needs: {found.undefined} of 300 replicates have no value"
    )


def test_a_handful_of_subjects_tells_nothing_of_others() -> None:
    found = uncertainty(study([("a", 3, 1, 2), ("a", 1, 1, 0)]), settings=FAST).overall
    assert found.subjects == 1
    bounds = found.estimates["overlap"]["seiz"]["sensitivity"].bounds
    assert (bounds.bca, bounds.percentile) == (None, None)
    assert bounds.note == "1 subject; an interval by subject needs 5 or more"
    few = uncertainty(study([(f"{k}", 3, k, 2) for k in range(4)]), settings=FAST).overall
    assert few.estimates["overlap"]["seiz"]["sensitivity"].bounds.note.startswith("4 subjects; an interval")


def test_a_figure_that_never_varies_has_no_interval_by_subject() -> None:
    estimate = uncertainty(study([(f"{k}", 2, 0, 1) for k in range(30)]), settings=FAST).overall
    perfect = estimate.estimates["overlap"]["seiz"]["sensitivity"]
    assert perfect.value == 1.0
    assert perfect.bounds.bca is None
    assert perfect.bounds.note == "the figure is the same in every replicate"
    assert perfect.proportion == wilson(60, 60)


def test_an_estimate_outside_all_replicates_has_no_bca_interval() -> None:
    replicates = np.linspace(0.4, 0.6, 300)
    found = bounds(0.9, replicates, np.linspace(0.4, 0.6, 5), 0.95)
    assert found.bca is None
    assert found.percentile is not None
    assert found.note == "the replicates lie too far from the estimate for BCa"


# -- subjects


def test_recordings_without_subject_stand_alone() -> None:
    nights = [
        (Recording.from_events(100.0, [(2, 6)], f"night-{k}"), Recording.from_events(100.0, [], f"found-{k}"))
        for k in range(3)
    ]
    found = uncertainty(score_corpus(nights, algorithms="overlap"), settings=FAST)
    assert found.recordings_alone == found.overall.subjects == 3


def test_recordings_of_a_subject_are_drawn_together() -> None:
    result = score_corpus(EXAMPLE.pairing, algorithms="overlap")
    found = uncertainty(result, settings=FAST)
    assert (found.overall.recordings, found.overall.subjects, found.recordings_alone) == (59, 2, 0)


def test_no_proportion_without_trials() -> None:
    assert isinstance(wilson(1, 2), Interval)
    found = uncertainty(study([("a", 0, 0, 0), ("b", 0, 0, 0)]), settings=FAST).overall.estimates
    assert found["overlap"]["seiz"]["precision"].proportion is None
