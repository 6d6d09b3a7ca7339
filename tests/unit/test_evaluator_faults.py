"""Evaluating requests while the cache lies, workers fail, and requests are cancelled or stopped."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from evaluating import Scorer, asking, check, document, evaluate, expected_document, small_pair, until
from nedc_bench.errors import EvaluationError
from nedc_bench.execution import Evaluated, PairInput


@pytest.fixture
async def impatient() -> AsyncIterator[Scorer]:
    async with Scorer(timeout_seconds=2) as scorer:
        yield scorer


# -- a cache that lies


@pytest.mark.parametrize("lie", [b"", b"{}", b'{"format":1}', b"\xff", b"[]", b"[1]", bytes(1000)])
async def test_an_entry_that_is_no_score_is_scored_again_and_replaced(scorer: Scorer, lie: bytes) -> None:
    pairs, key = [small_pair()], asking().pair_key(small_pair())
    await scorer.cache.set_many({key: lie})
    assert not (await check(scorer, pairs)).cached
    assert scorer.tally["corrupt"] == 1
    assert (await scorer.cache.get_many([key]))[0] not in {None, lie}


@pytest.mark.parametrize("lie", [b"", b"\xff", b"\x92\xc4\x00", b"{}"])
async def test_an_entry_that_is_no_document_is_made_again_and_replaced(scorer: Scorer, lie: bytes) -> None:
    pairs, asked = [small_pair()], asking()
    key = asked.request_key([asked.pair_key(pair) for pair in pairs])
    await scorer.cache.set_many({key: lie})
    await check(scorer, pairs)
    assert scorer.tally["corrupt"] == 1
    assert (await scorer.cache.get_many([key]))[0] not in {None, lie}


# -- workers that fail


async def begun(scorer: Scorer, pairs: list[PairInput]) -> asyncio.Task[Evaluated]:
    """An evaluation whose call is held by a stopped worker."""
    os.kill(scorer.pool.pids[0], signal.SIGSTOP)
    task = asyncio.create_task(evaluate(scorer.evaluator, pairs))
    await until(lambda: scorer.pool.busy)
    return task


async def test_a_cancelled_request_ends_its_call(scorer: Scorer) -> None:
    task = await begun(scorer, [small_pair()])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: scorer.restarts == {"cancelled": 1})
    await check(scorer, [small_pair(1)])


async def test_a_cancelled_corpus_is_ended(scorer: Scorer) -> None:
    done: list[int] = []
    pairs = [small_pair(number) for number in range(2000)]
    task = asyncio.create_task(evaluate(scorer.evaluator, pairs, progress=done.append))
    await until(lambda: done and done[-1])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not scorer.pool.busy)
    assert scorer.pool.pairs < len(pairs)


async def test_a_worker_that_is_killed_costs_a_second_try(scorer: Scorer) -> None:
    pairs = [small_pair()]
    task = await begun(scorer, pairs)
    os.kill(scorer.pool.pids[0], signal.SIGKILL)
    assert document(await task, pairs) == expected_document(pairs)
    assert scorer.restarts == {"died": 1}


async def test_a_pair_over_which_workers_die_is_named(scorer: Scorer) -> None:
    task = await begun(scorer, [small_pair(7)])
    while not task.done():
        for pid in scorer.pool.pids:
            with suppress(ProcessLookupError):  # it has ended, and the pool has not seen it yet
                os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0)
    with pytest.raises(EvaluationError, match="the pair ref7 / hyp7: the worker process died over it twice"):
        await task
    await check(scorer, [small_pair()])


async def test_of_pairs_that_take_too_long_together_each_has_its_own_time(impatient: Scorer) -> None:
    pairs = [small_pair(number) for number in range(4)]
    task = await begun(impatient, pairs)
    assert document(await task, pairs) == expected_document(pairs)
    assert impatient.restarts == {"timeout": 1}


@pytest.mark.slow
async def test_a_pair_that_takes_too_long_is_named(impatient: Scorer) -> None:
    task = await begun(impatient, [small_pair(7)])
    stopped: set[int] = set()
    while not task.done():
        for pid in set(impatient.pool.pids) - stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
            stopped.add(pid)
        await asyncio.sleep(0)
    with pytest.raises(
        EvaluationError, match=f"the pair ref7 / hyp7: it took longer than {impatient.pool.timeout_seconds:g} s"
    ):
        await task
    for pid in impatient.pool.pids:
        with suppress(ProcessLookupError):  # killed, and its end not yet seen
            os.kill(pid, signal.SIGCONT)
    await check(impatient, [small_pair(1)])


async def test_a_request_that_is_stopped_keeps_what_it_has_scored(scorer: Scorer) -> None:
    pairs, stop = [small_pair(number) for number in range(600)], asyncio.Event()

    def stop_at_first(done: int) -> None:
        if done:
            stop.set()

    with pytest.raises(asyncio.CancelledError):
        await scorer.evaluator.evaluate(pairs, asking(), progress=stop_at_first, stop=stop)
    assert 0 < scorer.pool.pairs < len(pairs)
    await check(scorer, pairs)
    assert scorer.pool.pairs == len(pairs)
