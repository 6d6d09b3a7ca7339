"""The worker processes: calls, and workers that fail during one."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

import helpers
from evaluating import Tally, started, until
from nedc_bench.errors import EvaluationError, InputError, refusal
from nedc_bench.execution.pool import WorkerPool

FOREVER = 3600


def refuse() -> None:
    raise refusal("code", "a message", side="reference", file="a", line=3)


class UnsendableError(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def raise_unsendable() -> None:
    raise UnsendableError(1, 2)


def running(pids: Iterable[int]) -> list[int]:
    return [pid for pid in pids if os.path.exists(f"/proc/{pid}")]


def exhaust_memory() -> None:
    raise MemoryError


def end_once(mark: str) -> int:
    """Kill the worker the first time."""
    if not os.path.exists(mark):
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


async def test_a_call_is_answered_by_another_process() -> None:
    async with started(WorkerPool(2)) as pool:
        assert pool.alive
        assert len(pool.pids) == 2
        assert await pool.run(os.getpid) in pool.pids
        assert await pool.run(divmod, 7, 2) == (3, 1)
        large = os.urandom(5_000_000)
        assert await pool.run(bytes, large) == large


def meet(folder: str, name: str) -> None:
    """End once two calls have begun."""
    Path(folder, name).touch()
    while len(os.listdir(folder)) < 2:
        time.sleep(0.001)


async def test_calls_run_side_by_side_and_more_of_them_wait(tmp_path: Path) -> None:
    async with started(WorkerPool(2)) as pool:
        await asyncio.gather(*(pool.run(meet, str(tmp_path), name) for name in "ab"))
        begin = time.monotonic()
        await asyncio.gather(*(pool.run(time.sleep, 0.1) for _ in range(4)))
        assert time.monotonic() - begin >= 0.2


async def test_what_a_call_raises_is_raised() -> None:
    async with started(WorkerPool(1)) as pool:
        with pytest.raises(InputError) as refused:
            await pool.run(refuse)
        assert refused.value.findings[0].line == 3
        with pytest.raises(ValueError, match="invalid literal") as failed:
            await pool.run(int, "x")
        assert "In a worker process" in failed.value.__notes__[0]
        with pytest.raises(EvaluationError, match="UnsendableError: 1 and 2"):
            await pool.run(raise_unsendable)
        with pytest.raises(EvaluationError, match="memory"):
            await pool.run(exhaust_memory)
        assert await pool.run(abs, -1) == 1


async def test_a_call_whose_worker_is_killed_is_made_again(tmp_path: Path) -> None:
    restarts = Tally()
    async with started(WorkerPool(1, on_restart=restarts)) as pool:
        (first,) = pool.pids
        second = await pool.run(end_once, str(tmp_path / "mark"))
        assert pool.pids == (second,)
        assert second != first
        assert restarts == {"died": 1}


async def test_a_call_that_kills_every_worker_fails_and_the_pool_goes_on() -> None:
    restarts = Tally()
    async with started(WorkerPool(2, on_restart=restarts)) as pool:
        for number in (signal.SIGKILL, signal.SIGSEGV):
            with pytest.raises(EvaluationError, match="died over it twice"):
                await pool.run(signal.raise_signal, number)
        assert await pool.run(abs, -1) == 1
        await until(lambda: restarts == {"died": 4})


async def test_an_idle_worker_that_is_killed_is_replaced() -> None:
    async with started(WorkerPool(2)) as pool:
        killed = pool.pids
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        await until(lambda: len(set(pool.pids) - set(killed)) == 2)
        assert pool.alive
        assert await pool.run(os.getpid) not in killed


async def test_a_pool_without_a_worker_is_not_alive() -> None:
    pool = WorkerPool(1)
    assert not pool.alive
    async with started(pool):
        os.kill(pool.pids[0], signal.SIGKILL)
        await until(lambda: not pool.alive)
        await until(lambda: pool.alive)
    assert not pool.alive


async def test_a_call_that_takes_too_long_is_killed() -> None:
    restarts = Tally()
    async with started(WorkerPool(1, timeout_seconds=0.2, on_restart=restarts)) as pool:
        (pid,) = pool.pids
        with pytest.raises(EvaluationError, match=r"longer than 0\.2 s"):
            await pool.run(time.sleep, FOREVER)
        assert await pool.run(os.getpid, patience=1000) != pid
        await until(lambda: not running([pid]))
        assert restarts == {"timeout": 1}


async def test_waiting_for_a_worker_does_not_count_as_taking_long() -> None:
    async with started(WorkerPool(1, timeout_seconds=2)) as pool:
        await asyncio.gather(*(pool.run(time.sleep, 0.5) for _ in range(5)))


async def test_busy_and_idle_workers_are_told() -> None:
    async with started(WorkerPool(2)) as pool:
        assert (pool.busy, pool.idle) == (0, 2)
        call = asyncio.create_task(pool.run(time.sleep, FOREVER))
        await until(lambda: pool.busy)
        assert (pool.busy, pool.idle) == (1, 1)
        call.cancel()
        await asyncio.wait([call])
        await until(lambda: pool.idle == 2)


async def test_a_call_that_is_cancelled_while_it_waits_costs_no_worker() -> None:
    restarts = Tally()
    async with started(WorkerPool(1, on_restart=restarts)) as pool:
        busy = asyncio.create_task(pool.run(time.sleep, 0.2))
        waiting = asyncio.create_task(pool.run(time.sleep, FOREVER))
        await asyncio.sleep(0)
        waiting.cancel()
        await busy
        assert await pool.run(abs, -1) == 1
        assert not restarts


async def test_closing_lets_calls_end() -> None:
    pool = WorkerPool(1)
    await pool.start()
    calls = [asyncio.create_task(pool.run(time.sleep, 0.05)) for _ in range(3)]
    await asyncio.sleep(0)
    pids = pool.pids
    await pool.close()
    assert await asyncio.gather(*calls) == [None] * 3
    with pytest.raises(EvaluationError, match="being stopped"):
        await pool.run(abs, -1)
    assert not running(pids)


async def test_closing_by_force_ends_calls_and_those_that_wait() -> None:
    pool = WorkerPool(1)
    await pool.start()
    calls = [asyncio.create_task(pool.run(time.sleep, FOREVER)) for _ in range(3)]
    await asyncio.sleep(0)
    await pool.close(kill=True)
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(end) for end in ends] == [EvaluationError] * 3


async def test_interrupting_the_group_leaves_workers_alone() -> None:
    async with started(WorkerPool(1)) as pool:
        (pid,) = pool.pids
        os.kill(pid, signal.SIGINT)
        assert await pool.run(os.getpid) == pid


PARENT = """
import asyncio, os, signal, time
from nedc_bench.execution.pool import WorkerPool

async def main():
    pool = WorkerPool(2)
    await pool.start()
    busy = asyncio.create_task(pool.run(time.sleep, 3600))
    await asyncio.sleep(0)
    print(*pool.pids, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_workers_leave_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    done = subprocess.run([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    pids = list(map(int, done.stdout.split()))
    assert len(pids) == 2
    helpers.until(lambda: not running(pids))
