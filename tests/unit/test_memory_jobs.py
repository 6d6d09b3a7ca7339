"""Jobs in memory hold no more than they may: the oldest ended ones make room, and none that may still be fetched."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from evaluating import House, small_pair
from nedc_bench import ALGORITHMS, Parameters
from nedc_bench.jobs import JobRequest, MemoryJobs, PairInput, QueueFullError, Runner, memory
from nedc_bench.monitoring import Metrics


@pytest.fixture
async def jobs() -> AsyncIterator[MemoryJobs]:
    """Jobs with room for about three small ones."""
    async with House(workers=1) as house:
        running = MemoryJobs(
            Runner(house.orchestrator, Metrics()), concurrency=1, max_queued=100, max_bytes=40_000, ttl_seconds=60
        )
        await running.start()
        yield running
        await running.drain(5)


def request(number: int) -> JobRequest:
    return JobRequest(
        [PairInput(*small_pair(number))], ALGORITHMS, Parameters().to_dict(), strict=False, per_pair=False
    )


async def completed(jobs: MemoryJobs, number: int) -> str:
    """The id of a job that is accepted and runs to its end."""
    job, _ = await jobs.submit(request(number), f"key {number}", bytes([number]))
    return [state async for state in jobs.watch(job.job_id)][-1].job_id


async def test_the_oldest_ended_jobs_make_room(jobs: MemoryJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "LEAST_KEPT_SECONDS", 0.0)
    made = [await completed(jobs, number) for number in range(12)]
    kept = [job_id for job_id in made if await jobs.get(job_id) is not None]
    assert 0 < len(kept) < 12
    assert kept == made[-len(kept) :]
    job, new = await jobs.submit(request(0), "key 0", b"other content")  # the key went with its job
    assert new
    assert job.job_id not in made


async def test_a_job_that_its_client_may_still_fetch_makes_no_room(jobs: MemoryJobs) -> None:
    made = [await completed(jobs, number) for number in range(2)]
    with pytest.raises(QueueFullError):
        [await completed(jobs, number) for number in range(2, 12)]
    assert [await jobs.get(job_id) for job_id in made].count(None) == 0


async def test_a_job_that_is_larger_than_all_may_be_is_accepted_alone(jobs: MemoryJobs) -> None:
    pairs = [PairInput(*small_pair(number)) for number in range(200)]
    job, _ = await jobs.submit(JobRequest(pairs, ("taes",), Parameters().to_dict(), strict=False, per_pair=False))
    with pytest.raises(QueueFullError):
        await jobs.submit(request(1))
    assert [state async for state in jobs.watch(job.job_id)][-1].result is not None
    assert await jobs.remove(job.job_id)
    assert await completed(jobs, 1)
