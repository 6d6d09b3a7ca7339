"""Jobs in memory: they stay within their limits, report their end, and belong to the caller that made them."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator

import pytest

from evaluating import Scorer, asking, small_pair, until
from nedc_bench.execution import PairInput
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


def request(*numbers: int, owner: str = "", key: str | None = None, algorithm: str = "taes") -> Request:
    return Request([small_pair(number) for number in numbers], asking(algorithms=[algorithm]), owner, owner, key)


async def end(jobs: MemoryJobs, job: Job, owner: str = "") -> Job:
    """The last state that a watcher of the job sees."""
    return [state async for state in jobs.watch(job.job_id, owner)][-1]


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


async def test_a_job_that_is_removed_ends_for_those_who_watch_it(jobs: MemoryJobs) -> None:
    os.kill(jobs.runner.evaluator.pool.pids[0], signal.SIGSTOP)
    job, _ = await jobs.submit(request(1))
    await until(lambda: jobs.runner.evaluator.pool.busy)
    watched = jobs.watch(job.job_id, "")
    await anext(watched)
    assert await jobs.remove(job.job_id, "")
    states = [state async for state in watched]
    assert states[-1].error is not None
    assert states[-1].error.status == 404
    assert await jobs.get(job.job_id, "") is None
    assert await completed(jobs, 2)  # the worker that was stopped has been replaced


async def test_refused_input_names_its_files(jobs: MemoryJobs) -> None:
    bad = PairInput.of(b"nonsense", "bad.csv_bi", small_pair().hypothesis, "good.csv_bi")
    job, _ = await jobs.evaluate(Request([bad], asking()), 60)
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert (job.error.status, job.error.errors[0].file, job.result) == (422, "bad.csv_bi", None)


# -- owners and keys


async def test_to_others_a_job_is_not_there(jobs: MemoryJobs) -> None:
    job, _ = await jobs.evaluate(request(1, owner="ann"), 60)
    assert await jobs.get(job.job_id, "ann") is not None
    assert await jobs.report(job.job_id, "ann", "summary.txt")
    assert await jobs.get(job.job_id, "bob") is None
    assert await jobs.report(job.job_id, "bob", "summary.txt") is None
    assert [state async for state in jobs.watch(job.job_id, "bob")] == []
    assert not await jobs.remove(job.job_id, "bob")
    assert [(await jobs.list(owner, 20, 0, None)).total for owner in ("ann", "bob", "")] == [1, 0, 0]


async def test_a_key_leads_to_the_job_of_the_same_request(jobs: MemoryJobs) -> None:
    first, new = await jobs.submit(request(1, key="k"))
    again, other = await jobs.submit(request(1, key="k"))
    assert (again.job_id, new, other) == (first.job_id, True, False)
    with pytest.raises(KeyError):
        await jobs.submit(request(2, key="k"))
    with pytest.raises(KeyError):
        await jobs.submit(request(1, key="k", algorithm="dp"))
