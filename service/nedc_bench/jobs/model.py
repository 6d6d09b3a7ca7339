"""Jobs: what was accepted, and what has become of it.

A job is accepted once, run until it has ended, and kept until its time to live is over. `Job` is what the API shows;
its JSON is the contract (docs/api.md).
"""

from __future__ import annotations

import enum
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from nedc_bench.annotations import LabelMap, Parameters
from nedc_bench.jobs.problem import Problem, problem


class JobStatus(enum.StrEnum):
    """Where a job stands; the last two are its end."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """Whether the job will not change any more."""
        return self in {JobStatus.COMPLETED, JobStatus.FAILED}


class Progress(msgspec.Struct, frozen=True):
    """How many of the job's pairs are done."""

    done: int
    total: int


class Job(msgspec.Struct, frozen=True):
    """A job as the API shows it."""

    job_id: str
    status: JobStatus
    created_at: datetime
    completed_at: datetime | None
    pipeline: str
    progress: Progress
    cached: bool
    result: msgspec.Raw | None
    error: Problem | None


class JobPage(msgspec.Struct, frozen=True):
    """Some of the jobs, newest first, without their results."""

    jobs: list[Job]
    total: int
    limit: int
    offset: int


class PairInput(msgspec.Struct, frozen=True, array_like=True):
    """The two files of a pair: bytes, and the names they go by."""

    reference: bytes
    reference_name: str
    hypothesis: bytes
    hypothesis_name: str


class JobRequest(msgspec.Struct, frozen=True):
    """What was accepted: all that is needed to run the job anywhere."""

    pairs: list[PairInput]
    algorithms: tuple[str, ...]
    parameters: dict[str, Any]
    strict: bool
    per_pair: bool

    def scoring_parameters(self) -> Parameters:
        """The parameters as the scorer takes them."""
        values = dict(self.parameters)
        return Parameters(label_map=LabelMap.from_mapping(values.pop("label_map")), **values)


class QueueFullError(Exception):
    """No further job can wait."""


class JobsUnavailableError(Exception):
    """Jobs cannot be reached now: the store that holds them does not answer."""


class Jobs(Protocol):
    """Accepted work. All but `start`, `drain`, `close` and `watch` may raise `JobsUnavailableError`.

    Attributes:
        outlive_process: whether what is accepted is run though this process ends.
    """

    outlive_process: bool

    async def start(self) -> None:
        """Begin to run jobs."""

    async def drain(self, seconds: float) -> None:
        """Take no further job to run, and let the running ones end, at most so long."""

    async def close(self) -> None:
        """Let go of everything; nothing is asked any more."""

    async def submit(self, request: JobRequest, key: str | None = None, digest: bytes = b"") -> tuple[Job, bool]:
        """Accept a job; with an idempotency ``key`` the job that the same request made before.

        Returns:
            The job, and whether it is new.

        Raises:
            QueueFullError: no further job can wait.
            KeyError: the key was used for another request.
        """

    async def get(self, job_id: str) -> Job | None:
        """The job, or None."""

    async def request(self, job_id: str) -> JobRequest | None:
        """What the job was accepted with, or None."""

    async def list(self, limit: int, offset: int, status: JobStatus | None) -> JobPage:
        """Some of the jobs, newest first, without their results."""

    async def remove(self, job_id: str) -> bool:
        """Cancel the job if it has not ended, and forget it; False when there is none."""

    def watch(self, job_id: str) -> AsyncIterator[Job]:
        """The job as it is now, and after each change until it has ended; changes in between may be left out."""

    async def waiting(self) -> tuple[int, float]:
        """How many jobs wait, and how many seconds the oldest of them has."""


def new_job(total: int) -> Job:
    """A job that waits; its id cannot be guessed."""
    return Job(str(uuid.uuid4()), JobStatus.PENDING, now(), None, "beta", Progress(0, total), False, None, None)


def cancelled(job: Job) -> Job:
    """The end of a job that its client removes, as those who watch it see it."""
    gone = problem(404, "the job was cancelled and removed by its client")
    return msgspec.structs.replace(job, status=JobStatus.FAILED, completed_at=now(), error=gone)


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)
