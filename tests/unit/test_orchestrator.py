"""Evaluating requests: the library's figures and refusals, known pairs not scored again, and shared work."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest
from nedc_bench.evaluation.cache import cache_key
from nedc_bench.evaluation.orchestrator import BATCH, BATCHES, VERSION, PairInput

from corpora import Corpus, find_corpora
from evaluating import (
    UNEVEN,
    House,
    day_pair,
    evaluate,
    expected,
    overlapping_pair,
    small_pair,
    until,
    uploads,
)
from helpers import annotation
from nedc_bench import ALGORITHMS, Parameters
from nedc_bench.errors import EvaluationError, InputError

CORPORA = [pytest.param(corpus, id=corpus.folder.name) for corpus in find_corpora()]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with House() as house:
        yield house


@pytest.fixture
async def impatient() -> AsyncIterator[House]:
    async with House(timeout_seconds=0.4) as house:
        yield house


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("corpus", CORPORA)
async def test_golden_corpora_cold_and_warm(corpus: Corpus, workers: int) -> None:
    async with House(workers=workers) as house:
        pairs = uploads(corpus)
        for known in (0, len(pairs)):
            evaluated = await evaluate(house.orchestrator, pairs, corpus.parameters)
            assert evaluated.cached == known
            assert evaluated.result == corpus.result
            assert evaluated.result.to_dict(per_pair=True) == corpus.result.to_dict(per_pair=True)
            await house.orchestrator.close()
        assert house.tally == {"hit": len(pairs), "miss": len(pairs)}


async def test_files_are_known_by_content_and_go_by_their_present_names(house: House) -> None:
    await evaluate(house.orchestrator, [overlapping_pair("-first")])
    evaluated = await evaluate(house.orchestrator, [overlapping_pair("-second")])
    assert evaluated.cached == 1
    assert evaluated.result == expected([overlapping_pair("-second")])
    assert [warning.file for warning in evaluated.result.warnings] == ["ref-second", "hyp-second"]


async def test_of_a_corpus_with_one_changed_file_one_file_is_scored(house: House) -> None:
    pairs = [small_pair(number) for number in range(40)]
    await evaluate(house.orchestrator, pairs)
    pairs[17] = small_pair(99)
    evaluated = await evaluate(house.orchestrator, pairs)
    assert evaluated.cached == 39
    assert house.pool.pairs == 41
    assert evaluated.result == expected(pairs)


async def test_a_pair_that_is_listed_twice_is_scored_once_and_counts_twice(house: House) -> None:
    pairs = [small_pair(1, "a"), small_pair(1, "b")]
    assert (await evaluate(house.orchestrator, pairs)).result == expected(pairs)
    assert house.pool.pairs == 1


async def test_other_parameters_and_algorithms_are_other_entries(house: House) -> None:
    pairs = [small_pair()]
    await evaluate(house.orchestrator, pairs)
    uneven = await evaluate(house.orchestrator, pairs, UNEVEN)
    taes = await evaluate(house.orchestrator, pairs, algorithms=["taes"])
    assert (uneven.cached, taes.cached) == (0, 0)
    assert uneven.result == expected(pairs, UNEVEN)
    assert taes.result == expected(pairs, algorithms=["taes"])
    assert (await evaluate(house.orchestrator, pairs, algorithms=["all"])).cached == 1


async def test_progress_counts_pairs_in_order(house: House) -> None:
    done: list[int] = []
    pairs = [small_pair(number) for number in range(3 * BATCH + 5)]
    await evaluate(house.orchestrator, pairs, progress=done.append)
    assert done == list(range(1, len(pairs) + 1))


async def test_pairs_are_taken_as_they_are_needed(house: House) -> None:
    taken = done = ahead = 0

    def pairs() -> Iterator[PairInput]:
        nonlocal taken
        for number in range(10 * BATCH):
            taken += 1
            yield small_pair(number % 7)

    def progress(count: int) -> None:
        nonlocal done, ahead
        done = count
        ahead = max(ahead, taken - done)

    await house.orchestrator.evaluate(pairs(), algorithms=ALGORITHMS, parameters=Parameters(), progress=progress)
    assert done == taken == 10 * BATCH
    assert ahead <= (BATCHES + 1) * BATCH


# -- refusals

BAD = (b"nonsense", "bad-ref", b"# version = csv_v1.0.0\n", "bad-hyp")
SHORTER = (annotation(duration=10).encode(), "long", annotation(duration=9).encode(), "short")
ZERO = annotation((1.0, 5.0, "seiz"), (1.00001, 5.00001, "seiz"), (5.0, 9.0, "seiz")).encode()


@pytest.mark.parametrize(
    "pairs",
    [
        pytest.param([], id="no pair"),
        pytest.param([BAD], id="unreadable"),
        pytest.param([SHORTER], id="different durations, whose message names both files"),
        pytest.param([small_pair(), BAD, small_pair(1), SHORTER, overlapping_pair()], id="some of several"),
        pytest.param([BAD, (*BAD[:1], "a", *BAD[2:3], "b")], id="the same under two names"),
        pytest.param([BAD] * 49 + [small_pair()], id="49 refused"),
        pytest.param([small_pair()] + [BAD] * 50 + [small_pair()] * 200, id="so many that it is given up"),
        pytest.param([(b"", "same", b"", "same")], id="two empty files of one name"),
    ],
)
@pytest.mark.parametrize("strict", [False, True])
async def test_refusals_are_the_library_s(house: House, pairs: list[PairInput], *, strict: bool) -> None:
    with pytest.raises(InputError) as theirs:
        expected(pairs, strict=strict)
    for _ in range(2):
        with pytest.raises(InputError) as ours:
            await evaluate(house.orchestrator, pairs, strict=strict)
        assert ours.value.findings == theirs.value.findings


async def test_a_refusal_is_not_cached(house: House) -> None:
    for times in (1, 2):
        with pytest.raises(InputError):
            await evaluate(house.orchestrator, [BAD])
        await house.orchestrator.close()
        assert house.pool.pairs == times
    assert house.tally == {"miss": 2}


async def test_strict_refuses_a_known_pair_with_warnings_without_scoring_it(house: House) -> None:
    pairs = [overlapping_pair()]
    with pytest.raises(InputError) as theirs:
        expected(pairs, strict=True)
    await evaluate(house.orchestrator, pairs)
    with pytest.raises(InputError) as ours:
        await evaluate(house.orchestrator, pairs, strict=True)
    assert ours.value.findings == theirs.value.findings
    assert house.pool.pairs == 1


async def test_an_unknown_algorithm_is_refused(house: House) -> None:
    with pytest.raises(InputError, match="'x' is not an algorithm"):
        await evaluate(house.orchestrator, [small_pair()], algorithms=["x"])


# -- a cache that lies


@pytest.mark.parametrize(
    "lie", [b"", b"{}", b'{"format":1}', b"\xff", b'{"format":1,"duration":10.0,"ira":{"confusion":[[1,0],[0,0]]}}']
)
async def test_an_entry_that_is_no_score_is_scored_again_and_replaced(house: House, lie: bytes) -> None:
    pair = small_pair()
    key = cache_key(pair[0], pair[2], ALGORITHMS, Parameters(), VERSION)
    await house.cache.set_many({key: lie})
    evaluated = await evaluate(house.orchestrator, [pair])
    assert evaluated.result == expected([pair])
    assert evaluated.cached == 0
    assert house.tally["corrupt"] == 1
    await house.orchestrator.close()
    assert (await house.cache.get_many([key]))[0] not in {None, lie}


# -- shared work


async def test_a_hundred_identical_requests_at_once_cost_one_evaluation(house: House) -> None:
    pairs = [small_pair(0, str(number)) for number in range(100)]
    evaluated = await asyncio.gather(*(evaluate(house.orchestrator, [pair]) for pair in pairs))
    assert house.pool.pairs == 1
    assert house.tally == {"miss": 1}
    assert [each.result for each in evaluated] == [expected([pair]) for pair in pairs]


async def test_refusals_are_shared_too_and_each_names_its_own_files(house: House) -> None:
    pairs = [(SHORTER[0], f"long{number}", SHORTER[2], f"short{number}") for number in range(10)]
    refused = await asyncio.gather(*(evaluate(house.orchestrator, [pair]) for pair in pairs), return_exceptions=True)
    assert house.pool.pairs == 1
    for number, error in enumerate(refused):
        assert str(error).startswith(f"hypothesis short{number}: lasts 9.0 s, its reference long{number} 10.0 s")


async def test_corpora_that_share_pairs_share_their_work(house: House) -> None:
    corpora = [[small_pair(number) for number in range(begin, begin + 20)] for begin in (0, 10, 5)]
    evaluated = await asyncio.gather(*(evaluate(house.orchestrator, pairs) for pairs in corpora))
    assert house.pool.pairs == 30
    assert [each.result for each in evaluated] == [expected(pairs) for pairs in corpora]


async def begun(house: House, pair: PairInput, parameters: Parameters = UNEVEN) -> asyncio.Task[object]:
    """An evaluation that a worker has begun."""
    house.pool.called.clear()
    task: asyncio.Task[object] = asyncio.create_task(evaluate(house.orchestrator, [pair], parameters))
    await house.pool.called.wait()
    return task


async def test_one_who_leaves_does_not_take_it_from_the_others(house: House) -> None:
    pair = day_pair(600)
    first = await begun(house, pair)
    others = [asyncio.create_task(evaluate(house.orchestrator, [pair], UNEVEN)) for _ in range(3)]
    await asyncio.sleep(0)
    first.cancel()
    others[1].cancel()
    await asyncio.wait([first, others[1]])
    assert (await others[0]).result == (await others[2]).result == expected([pair], UNEVEN)
    assert house.pool.pairs == 1
    assert not house.restarts


async def test_when_the_last_one_leaves_the_work_is_ended(house: House) -> None:
    pair = day_pair(2000)
    tasks = [await begun(house, pair)]
    tasks += [asyncio.create_task(evaluate(house.orchestrator, [pair], UNEVEN)) for _ in range(3)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await until(lambda: house.restarts == {"cancelled": 1})
    assert (await evaluate(house.orchestrator, [small_pair()])).result == expected([small_pair()])
    await house.orchestrator.close()


async def test_a_request_after_the_last_one_left_begins_anew(house: House) -> None:
    pair = day_pair(600)
    first = await begun(house, pair)
    first.cancel()
    second = asyncio.create_task(evaluate(house.orchestrator, [pair], UNEVEN))
    with suppress(asyncio.CancelledError):
        await first
    assert (await second).result == expected([pair], UNEVEN)


async def test_a_cancelled_corpus_is_ended(house: House) -> None:
    done: list[int] = []
    pairs = [small_pair(number) for number in range(2000)]
    task = asyncio.create_task(evaluate(house.orchestrator, pairs, progress=done.append))
    await until(lambda: done)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await house.orchestrator.close()
    assert house.pool.pairs < len(pairs)


# -- workers that fail


async def test_a_worker_that_is_killed_costs_a_second_try(house: House) -> None:
    pair = day_pair(600)
    task = await begun(house, pair)
    os.kill(house.pool.pids[0], signal.SIGKILL)
    evaluated = await task
    assert evaluated == (expected([pair], UNEVEN), 0)
    assert house.restarts == {"died": 1}


async def test_a_pair_over_which_workers_die_is_named(house: House) -> None:
    task = await begun(house, day_pair(2000))
    while not task.done():
        for pid in house.pool.pids:
            with suppress(ProcessLookupError):  # it has ended, and the pool has not seen it yet
                os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.01)
    with pytest.raises(EvaluationError, match="the pair ref-day / hyp-day: the worker process died over it twice"):
        await task
    assert (await evaluate(house.orchestrator, [small_pair()])).result == expected([small_pair()])


async def test_an_evaluation_that_takes_too_long_is_ended_and_named(impatient: House) -> None:
    pairs = [small_pair(1), day_pair(2000), small_pair(2)]
    with pytest.raises(EvaluationError, match=r"the pair ref-day / hyp-day: it took longer than 0\.4 s"):
        await evaluate(impatient.orchestrator, pairs, UNEVEN)
    await impatient.orchestrator.close()
    others = await evaluate(impatient.orchestrator, [small_pair(1), small_pair(2)], UNEVEN)
    assert others.result == expected([small_pair(1), small_pair(2)], UNEVEN)


async def test_when_the_pool_is_closed_requests_fail(house: House) -> None:
    task = await begun(house, day_pair(2000))
    await house.pool.close(kill=True)
    with pytest.raises(EvaluationError, match="being stopped"):
        await task
