"""Jobs in memory: they stay within their limits, and report their end.

Whose they are, keys and removal: tests/api.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator

import pytest

from evaluating import Scorer, asking, small_pair
from nedc_bench.jobs import Job, JobStatus, MemoryJobs, QueueFullError, Request, memory
from nedc_bench.jobs.runner import Runner
from nedc_bench.monitoring import Metrics


@pytest.fixture
async def jobs(scorer: Scorer) -> AsyncIterator[MemoryJobs]:
    """A job store with room for about three small jobs."""
    runner = Runner(scorer.evaluator, Metrics())
    running = MemoryJobs(runner, concurrency=1, max_queued=100, max_bytes=40_000, ttl_seconds=60)
    await running.start()
    yield running
    await running.drain(5)


def request(*numbers: int, key: str | None = None) -> Request:
    return Request([small_pair(number) for number in numbers], asking(algorithms=["taes"]), key=key)


async def end(jobs: MemoryJobs, job: Job) -> Job:
    """The last state that a watcher of the job sees."""
    return [state async for state in jobs.watch(job.job_id, "")][-1]


async def completed(jobs: MemoryJobs, number: int) -> str:
    """The id of a job that was accepted and has finished."""
    job, _ = await jobs.submit(request(number, key=f"key {number}"))
    assert (await end(jobs, job)).status is JobStatus.COMPLETED
    return job.job_id


# -- room


async def test_the_oldest_ended_jobs_make_room(jobs: MemoryJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LEAST_KEPT_SECONDS", "SHOWN_KEPT_SECONDS"):
        monkeypatch.setattr(memory, name, 0.0)
    made = [await completed(jobs, number) for number in range(12)]
    kept = [job_id for job_id in made if await jobs.get(job_id, "") is not None]
    assert 0 < len(kept) < 12
    assert kept == made[-len(kept) :]
    job, new = await jobs.submit(request(99, key="key 0"))  # the key went with its job
    assert new
    assert job.job_id not in made


async def test_a_job_that_its_client_may_still_fetch_makes_no_room(jobs: MemoryJobs) -> None:
    made = [await completed(jobs, number) for number in range(2)]
    with pytest.raises(QueueFullError, match="JOBS_MAX_BYTES"):
        [await completed(jobs, number) for number in range(2, 12)]
    assert [await jobs.get(job_id, "") for job_id in made].count(None) == 0


async def test_a_job_whose_client_has_the_result_makes_room_sooner(
    jobs: MemoryJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "SHOWN_KEPT_SECONDS", 0.0)
    unseen = await completed(jobs, 0)
    for number in range(1, 12):
        await jobs.evaluate(request(number), 60)
    assert await jobs.get(unseen, "") is not None


async def test_a_job_that_is_larger_than_all_may_be_is_accepted_alone(jobs: MemoryJobs) -> None:
    job, _ = await jobs.submit(request(*range(200)))
    with pytest.raises(QueueFullError):
        await jobs.submit(request(1))
    await end(jobs, job)
    assert (await jobs.get(job.job_id, "") or job).result is not None
    assert await jobs.remove(job.job_id, "")
    assert await completed(jobs, 1)


async def test_the_input_goes_at_the_end_of_a_job(jobs: MemoryJobs) -> None:
    job, _ = await jobs.submit(request(1))
    assert jobs._entries[job.job_id].request is not None
    await end(jobs, job)
    assert jobs._entries[job.job_id].request is None


# -- ends


async def test_a_client_that_waits_has_the_end_or_the_job_as_it_stands(jobs: MemoryJobs) -> None:
    assert (await jobs.evaluate(request(1), 60))[0].status is JobStatus.COMPLETED
    (pid,) = jobs.runner.evaluator.pool.pids
    os.kill(pid, signal.SIGSTOP)
    job, _ = await jobs.evaluate(request(2), 0.01)
    assert not job.status.ended
    os.kill(pid, signal.SIGCONT)
    assert (await end(jobs, job)).status is JobStatus.COMPLETED
