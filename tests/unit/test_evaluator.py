"""Evaluating requests: the library's figures and refusals, and which pairs are scored and which are known."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from corpora import OUR_OWN, Corpus, find_corpora
from evaluating import (
    UNEVEN,
    Scorer,
    as_document,
    asking,
    check,
    document,
    evaluate,
    expected,
    expected_document,
    overlapping_pair,
    small_pair,
    uploads,
)
from everything import EVERYTHING
from helpers import annotation
from nedc_bench.errors import EvaluationError, InputError
from nedc_bench.evaluation.corpus import Result
from nedc_bench.execution import Evaluated, PairInput
from nedc_bench.execution.evaluator import BATCH
from nedc_bench.execution.folded import page
from nedc_bench.reports import PAGE_NAME, report_names
from nedc_bench.reports.files import report_lines

CORPORA = find_corpora()
WORKERS = [1, 4]
if not EVERYTHING:  # tests/api scores the others, too
    CORPORA = [corpus for corpus in CORPORA if corpus.folder.name in {"chb-mit", "multiclass", "variants-parameters"}]
    WORKERS = [4]


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("corpus", CORPORA, ids=lambda corpus: corpus.folder.name)
async def test_golden_corpora_cold_warm_and_with_one_pair_unknown(corpus: Corpus, workers: int) -> None:
    """Three ways to a result: scored, cached as a whole, and folded from cached pairs."""
    async with Scorer(workers=workers) as scorer:
        pairs, asked = uploads(corpus), asking(corpus.parameters, per_pair=True)
        for cached in (False, True):
            evaluated = await evaluate(scorer.evaluator, pairs, asked)
            assert evaluated.cached == cached
            await check_whole(scorer, evaluated, pairs, corpus.result)
        await scorer.cache.set_many({asked.pair_key(pairs[-1]): b"no score"})
        other = asking(corpus.parameters)
        put_together = await evaluate(scorer.evaluator, pairs, other)
        assert document(put_together, pairs) == as_document(corpus.result)
        assert scorer.pool.pairs == len(pairs) + 1


async def check_whole(scorer: Scorer, evaluated: Evaluated, pairs: list[PairInput], result: Result) -> None:
    """The document and every report are the library's."""
    names = [pair.names for pair in pairs]
    assert document(evaluated, pairs) == as_document(result, per_pair=True)
    made = page(await scorer.evaluator.page_data(evaluated.folded, len(pairs)), names)
    for name in report_names(result.algorithms):
        report = made if name == PAGE_NAME else evaluated.folded.report(name, names)
        assert report is not None
        theirs = "".join(f"{line}\n" for line in report_lines(result, name))
        assert OUR_OWN.sub(r"\1", report.decode()) == OUR_OWN.sub(r"\1", theirs)


async def test_files_are_known_by_content_and_go_by_their_present_names(scorer: Scorer) -> None:
    await check(scorer, [overlapping_pair("-first")])
    second = [overlapping_pair('-"second" \\ \u00e9\U0001f9e0\n')]
    evaluated = await check(scorer, second)
    assert evaluated.cached
    warnings = document(evaluated, second)["warnings"]
    assert [warning["file"] for warning in warnings] == list(second[0].names)


async def test_of_a_corpus_with_one_changed_file_one_file_is_scored(scorer: Scorer) -> None:
    pairs = [small_pair(number) for number in range(40)]
    await check(scorer, pairs)
    pairs[17] = small_pair(99)
    assert not (await check(scorer, pairs)).cached
    assert scorer.pool.pairs == 41


async def test_pairs_in_another_order_are_known_and_folded_in_theirs(scorer: Scorer) -> None:
    pairs = [small_pair(number) for number in range(10)]
    await check(scorer, pairs)
    assert (await check(scorer, pairs[::-1])).cached
    assert scorer.pool.pairs == 10


async def test_a_pair_that_is_listed_twice_counts_twice(scorer: Scorer) -> None:
    await check(scorer, [small_pair(1, "a"), small_pair(1, "b")])


async def test_other_parameters_algorithms_and_forms_are_other_entries(scorer: Scorer) -> None:
    pairs = [small_pair()]
    await check(scorer, pairs)
    for asked in (asking(UNEVEN), asking(algorithms=["taes"])):
        evaluated = await evaluate(scorer.evaluator, pairs, asked)
        assert not evaluated.cached
        assert document(evaluated, pairs) == expected_document(pairs, asked)
    for asked in (asking(per_pair=True), asking(strict=True)):  # the pair is known, the document is not
        evaluated = await evaluate(scorer.evaluator, pairs, asked)
        assert evaluated.cached
        assert document(evaluated, pairs) == expected_document(pairs, asked)
    assert scorer.pool.pairs == 3


async def test_identical_requests_at_once_have_equal_figures(scorer: Scorer) -> None:
    pairs = [small_pair(0, str(number)) for number in range(50)]
    await asyncio.gather(*(check(scorer, [pair]) for pair in pairs))
    assert (await check(scorer, [small_pair()])).cached


async def test_progress_never_goes_back_and_ends_with_all_pairs(scorer: Scorer) -> None:
    done: list[int] = []
    pairs = [small_pair(number) for number in range(2 * BATCH + 5)]
    await evaluate(scorer.evaluator, pairs, progress=done.append)
    assert done == sorted(done)
    assert done[-1] == len(pairs)
    assert len(set(done)) > 5
    known: list[int] = []
    await evaluate(scorer.evaluator, pairs, progress=known.append)
    assert known == [len(pairs)]


async def test_the_time_of_each_algorithm_is_told_where_it_ran(scorer: Scorer) -> None:
    asked = asking(algorithms=["dp", "taes"])
    first = await evaluate(scorer.evaluator, [small_pair()], asked)
    assert first.seconds.keys() == {"dp", "taes"}
    assert min(first.seconds.values()) > 0
    again = await evaluate(scorer.evaluator, [small_pair()], asked)
    assert again.seconds == {"dp": 0.0, "taes": 0.0}


async def test_parts_that_were_scored_apart_are_folded_to_the_same_document(scorer: Scorer) -> None:
    pairs, asked = [small_pair(number) for number in range(9)] + [overlapping_pair()], asking()
    outcomes = [
        outcome
        for begin in (0, 4, 8)
        for outcome in (await scorer.evaluator.score(pairs[begin : begin + 4], asked)).outcomes
    ]
    digests = [(pair.reference_sha256, pair.hypothesis_sha256) for pair in pairs]
    names = [pair.names for pair in pairs]
    folded = await scorer.evaluator.fold(outcomes, digests, names, asked, turn="")
    assert msgspec.json.decode(folded.result(names)) == expected_document(pairs)
    with pytest.raises(EvaluationError, match="damaged"):
        await scorer.evaluator.fold([*outcomes[:-1], b"\0"], digests, names, asked, turn="")


# -- refusals

BAD = PairInput.of(b"nonsense", "bad-ref", b"# version = csv_v1.0.0\n", "bad-hyp")
SHORTER = PairInput.of(annotation(duration=10).encode(), "long", annotation(duration=9).encode(), "short")


@pytest.mark.parametrize(
    "pairs",
    [
        pytest.param([BAD], id="unreadable"),
        pytest.param([SHORTER], id="different durations, whose message names both files"),
        pytest.param([small_pair(), BAD, small_pair(1), SHORTER, overlapping_pair()], id="some of several"),
        pytest.param([BAD, PairInput.of(BAD.reference, "a", BAD.hypothesis, "b")], id="the same under two names"),
        pytest.param([BAD] * 49 + [small_pair()], id="49 refused"),
        pytest.param([small_pair()] + [BAD] * 50 + [small_pair()] * 200, id="so many that it is given up"),
        pytest.param([PairInput.of(b"", "same", b"", "same")], id="two empty files of one name"),
    ],
)
@pytest.mark.parametrize("strict", [False, True])
async def test_refusals_are_the_library_s(scorer: Scorer, pairs: list[PairInput], *, strict: bool) -> None:
    asked = asking(strict=strict)
    with pytest.raises(InputError) as theirs:
        expected(pairs, asked)
    for _ in range(2):
        with pytest.raises(InputError) as ours:
            await evaluate(scorer.evaluator, pairs, asked)
        assert ours.value.findings == theirs.value.findings


async def test_a_refusal_is_not_cached(scorer: Scorer) -> None:
    for times in (1, 2):
        with pytest.raises(InputError):
            await evaluate(scorer.evaluator, [BAD])
        assert scorer.pool.pairs == times
    assert scorer.tally["hit"] == 0


async def test_strict_refuses_a_known_pair_with_warnings_without_scoring_it(scorer: Scorer) -> None:
    pairs = [overlapping_pair()]
    with pytest.raises(InputError) as theirs:
        expected(pairs, asking(strict=True))
    await check(scorer, pairs)
    with pytest.raises(InputError) as ours:
        await evaluate(scorer.evaluator, pairs, asking(strict=True))
    assert ours.value.findings == theirs.value.findings
    assert scorer.pool.pairs == 1
