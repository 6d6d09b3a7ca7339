"""The model of jobs: requests, states and results.

A job is accepted once, run to its end, and kept until it expires. It belongs to the caller that created it. `Job` is
the API's view; its JSON is the contract (docs/api.md).
"""

from __future__ import annotations

import asyncio
import enum
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from nedc_bench.errors import EvaluationError, InputError
from nedc_bench.execution import Asked, Folded, PairInput

PIPELINE = "beta"
THREAD_BYTES = 64 * 1024  # expanding more compressed bytes would block the event loop
LARGE_RESULTS = asyncio.Semaphore(2)  # made at a time: their memory is reserved only once they exist


class JobStatus(enum.StrEnum):
    """The state of a job; the last two are final."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """Whether the state is final."""
        return self in {JobStatus.COMPLETED, JobStatus.FAILED}


class Progress(msgspec.Struct, frozen=True):
    """The number of finished pairs of a job."""

    done: int
    total: int


class InputFault(msgspec.Struct, frozen=True):
    """A reason why an input is refused, with its place."""

    side: str
    file: str
    line: int | None
    reason: str


class Failure(msgspec.Struct, frozen=True):
    """Why a job failed; the HTTP ``status`` says whose fault it was, ``errors`` describe refused input."""

    status: int
    detail: str
    errors: list[InputFault] = []

    @classmethod
    def of(cls, error: Exception) -> Failure:
        """The failure that a job shows for an error."""
        if isinstance(error, InputError):
            faults = [InputFault(found.side, found.file, found.line, found.message) for found in error.findings]
            return cls(422, str(error.findings[0]), faults)
        if isinstance(error, EvaluationError):
            return cls(500, str(error))
        return cls(500, "the evaluation failed; search the service's log for the job's id")


class Job(msgspec.Struct, frozen=True):
    """The API's view of a job."""

    job_id: str
    status: JobStatus
    created_at: datetime
    completed_at: datetime | None
    pipeline: str
    progress: Progress
    cached: bool
    result: msgspec.Raw | None
    error: Failure | None


class JobPage(msgspec.Struct, frozen=True):
    """A page of jobs, newest first, without their results."""

    jobs: list[Job]
    total: int
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class Request:
    """A client's request.

    Attributes:
        pairs: at least one, in list order.
        asked: how to score them.
        owner: the owner of the job; empty if no tokens are needed.
        caller: the token or address, for fair scheduling.
        key: the idempotency key, made unique per caller, or None.
    """

    pairs: list[PairInput]
    asked: Asked
    owner: str = ""
    caller: str = ""
    key: str | None = None

    def digest(self) -> str:
        """The digest that distinguishes requests with the same idempotency key."""
        keys = [self.asked.pair_key(pair) for pair in self.pairs]
        return self.asked.request_key([*keys, *(name for pair in self.pairs for name in pair.names)])


class Stored(msgspec.Struct, frozen=True, array_like=True):
    """The stored figures of a completed job, and the file names to insert."""

    names: list[tuple[str, str]]
    folded: Folded

    async def result(self) -> bytes:
        """The result document; built in a thread if that takes long."""
        if len(self.folded.document) > THREAD_BYTES:
            async with LARGE_RESULTS:
                return await asyncio.to_thread(self.folded.result, self.names)
        return self.folded.result(self.names)

    async def report(self, name: str) -> bytes | None:
        """The text report with this name, or None."""
        if len(self.folded.reports) > THREAD_BYTES:
            return await asyncio.to_thread(self.folded.report, name, self.names)
        return self.folded.report(name, self.names)


class QueueFullError(Exception):
    """The queue is full; the message names the limit."""


class JobsUnavailableError(Exception):
    """Jobs are unavailable: their store does not answer."""


class Jobs(Protocol):
    """Accepted jobs. All methods except `start`, `drain`, `close` and `watch` may raise `JobsUnavailableError`.

    To callers other than its owner a job does not exist.

    Attributes:
        outlive_process: whether accepted jobs run even if this process ends.
    """

    outlive_process: bool

    async def start(self) -> None:
        """Start running jobs."""

    async def drain(self, seconds: float) -> None:
        """Start no more jobs, and let the running ones finish within a time limit."""

    async def close(self) -> None:
        """Release everything; no calls follow."""

    async def submit(self, request: Request) -> tuple[Job, bool]:
        """Accept a job, or return the one that the same request created earlier with its idempotency key.

        Returns:
            The job, and whether it is new.

        Raises:
            QueueFullError: the queue is full.
            KeyError: the key was used for another request.
        """

    async def evaluate(self, request: Request, seconds: float) -> tuple[Job, bool]:
        """Accept a job for a waiting client. Returns the finished job, or its state after ``seconds``.

        Returns:
            The job, and whether it is stored for later requests.

        Raises:
            QueueFullError, KeyError: as for `submit`.
        """

    async def get(self, job_id: str, owner: str) -> Job | None:
        """The job with its result, or None."""

    async def report(self, job_id: str, owner: str, name: str) -> bytes | None:
        """The text report of a completed job with this name, or None."""

    async def list(self, owner: str, limit: int, offset: int, status: JobStatus | None) -> JobPage:
        """A page of jobs, newest first, without their results."""

    async def remove(self, job_id: str, owner: str) -> bool:
        """Cancel the job if it is not finished, and remove it. Returns False if there is none."""

    def watch(self, job_id: str, owner: str) -> AsyncIterator[Job]:
        """The current job, and the job after each change until it has finished; changes may be merged."""

    async def waiting(self) -> tuple[int, float]:
        """The number of waiting jobs, and the age of the oldest in seconds."""


def new_job(total: int) -> Job:
    """A new waiting job with an id that cannot be guessed."""
    return Job(str(uuid.uuid4()), JobStatus.PENDING, now(), None, PIPELINE, Progress(0, total), False, None, None)


def with_result(job: Job, document: bytes) -> Job:
    """The job with its result document."""
    return msgspec.structs.replace(job, result=msgspec.Raw(document))


def ended(job: Job, error: Failure | None, *, cached: bool = False) -> Job:
    """The job in its final state."""
    return msgspec.structs.replace(
        job,
        status=JobStatus.COMPLETED if error is None else JobStatus.FAILED,
        completed_at=now(),
        progress=job.progress if error is not None else Progress(job.progress.total, job.progress.total),
        cached=cached,
        error=error,
    )


def cancelled(job: Job) -> Job:
    """The final state of a job removed by its client, for its watchers."""
    return ended(job, Failure(404, "the job was cancelled and removed by its client"))


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)
