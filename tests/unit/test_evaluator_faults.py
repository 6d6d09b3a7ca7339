"""Evaluating requests while the cache lies, workers fail, and requests are cancelled or stopped."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from evaluating import House, asking, check, document, evaluate, expected_document, small_pair, until
from nedc_bench.errors import EvaluationError
from nedc_bench.execution import Evaluated, PairInput


@pytest.fixture
async def impatient() -> AsyncIterator[House]:
    async with House(timeout_seconds=2) as house:
        yield house


# -- a cache that lies


@pytest.mark.parametrize("lie", [b"", b"{}", b'{"format":1}', b"\xff", b"[]", b"[1]", bytes(1000)])
async def test_an_entry_that_is_no_score_is_scored_again_and_replaced(house: House, lie: bytes) -> None:
    pairs, key = [small_pair()], asking().pair_key(small_pair())
    await house.cache.set_many({key: lie})
    assert not (await check(house, pairs)).cached
    assert house.tally["corrupt"] == 1
    assert (await house.cache.get_many([key]))[0] not in {None, lie}


@pytest.mark.parametrize("lie", [b"", b"\xff", b"\x92\xc4\x00", b"{}"])
async def test_an_entry_that_is_no_document_is_made_again_and_replaced(house: House, lie: bytes) -> None:
    pairs, asked = [small_pair()], asking()
    key = asked.request_key([asked.pair_key(pair) for pair in pairs])
    await house.cache.set_many({key: lie})
    await check(house, pairs)
    assert house.tally["corrupt"] == 1
    assert (await house.cache.get_many([key]))[0] not in {None, lie}


# -- workers that fail


async def begun(house: House, pairs: list[PairInput]) -> asyncio.Task[Evaluated]:
    """An evaluation whose call is held by a stopped worker."""
    os.kill(house.pool.pids[0], signal.SIGSTOP)
    task = asyncio.create_task(evaluate(house.evaluator, pairs))
    await until(lambda: house.pool.busy)
    return task


async def test_a_cancelled_request_ends_its_call(house: House) -> None:
    task = await begun(house, [small_pair()])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: house.restarts == {"cancelled": 1})
    await check(house, [small_pair(1)])


async def test_a_cancelled_corpus_is_ended(house: House) -> None:
    done: list[int] = []
    pairs = [small_pair(number) for number in range(2000)]
    task = asyncio.create_task(evaluate(house.evaluator, pairs, progress=done.append))
    await until(lambda: done and done[-1])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not house.pool.busy)
    assert house.pool.pairs < len(pairs)


async def test_a_worker_that_is_killed_costs_a_second_try(house: House) -> None:
    pairs = [small_pair()]
    task = await begun(house, pairs)
    os.kill(house.pool.pids[0], signal.SIGKILL)
    assert document(await task, pairs) == expected_document(pairs)
    assert house.restarts == {"died": 1}


async def test_a_pair_over_which_workers_die_is_named(house: House) -> None:
    task = await begun(house, [small_pair(7)])
    while not task.done():
        for pid in house.pool.pids:
            with suppress(ProcessLookupError):  # it has ended, and the pool has not seen it yet
                os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0)
    with pytest.raises(EvaluationError, match="the pair ref7 / hyp7: the worker process died over it twice"):
        await task
    await check(house, [small_pair()])


async def test_of_pairs_that_take_too_long_together_each_has_its_own_time(impatient: House) -> None:
    pairs = [small_pair(number) for number in range(4)]
    task = await begun(impatient, pairs)
    assert document(await task, pairs) == expected_document(pairs)
    assert impatient.restarts == {"timeout": 1}


@pytest.mark.slow
async def test_a_pair_that_takes_too_long_is_named(impatient: House) -> None:
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


async def test_when_the_pool_is_closed_requests_fail(house: House) -> None:
    task = await begun(house, [small_pair()])
    await house.pool.close(kill=True)
    with pytest.raises(EvaluationError, match="being stopped"):
        await task


async def test_a_request_that_is_stopped_keeps_what_it_has_scored(house: House) -> None:
    pairs, stop = [small_pair(number) for number in range(600)], asyncio.Event()

    def stop_at_first(done: int) -> None:
        if done:
            stop.set()

    with pytest.raises(asyncio.CancelledError):
        await house.evaluator.evaluate(pairs, asking(), progress=stop_at_first, stop=stop)
    assert 0 < house.pool.pairs < len(pairs)
    await check(house, pairs)
    assert house.pool.pairs == len(pairs)
