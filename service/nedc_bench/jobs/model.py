"""Jobs: what was accepted, and what has become of it.

A job is accepted once, run until it has ended, and kept until its time to live is over. It belongs to who made it.
`Job` is what the API shows; its JSON is the contract (docs/api.md).
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
THREAD_BYTES = 64 * 1024  # expanding more, compressed, would hold up the event loop
LARGE_RESULTS = asyncio.Semaphore(2)  # that are made at a time: their room is taken only when they are there


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


class InputFault(msgspec.Struct, frozen=True):
    """Why an input is refused, and where."""

    side: str
    file: str
    line: int | None
    reason: str


class Failure(msgspec.Struct, frozen=True):
    """Why a job failed; ``status`` is the HTTP status that says whose fault it was, ``errors`` is of refused input."""

    status: int
    detail: str
    errors: list[InputFault] = []

    @classmethod
    def of(cls, error: Exception) -> Failure:
        """What a failed job shows of the error that ended it."""
        if isinstance(error, InputError):
            faults = [InputFault(found.side, found.file, found.line, found.message) for found in error.findings]
            return cls(422, str(error.findings[0]), faults)
        if isinstance(error, EvaluationError):
            return cls(500, str(error))
        return cls(500, "the evaluation failed; the service's log says why, under the job's id")


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
    error: Failure | None


class JobPage(msgspec.Struct, frozen=True):
    """Some of the jobs, newest first, without their results."""

    jobs: list[Job]
    total: int
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for.

    Attributes:
        pairs: at least one, in list order.
        asked: how to score them.
        owner: whose the job is; empty where nobody needs a token.
        caller: who takes turns at the workers: the token or the address.
        key: the idempotency key, made unlike those of other callers; or None.
    """

    pairs: list[PairInput]
    asked: Asked
    owner: str = ""
    caller: str = ""
    key: str | None = None

    def digest(self) -> str:
        """What tells requests of one idempotency key apart."""
        keys = [self.asked.pair_key(pair) for pair in self.pairs]
        return self.asked.request_key([*keys, *(name for pair in self.pairs for name in pair.names)])


class Stored(msgspec.Struct, frozen=True, array_like=True):
    """A completed job's figures as they are kept, and the names that go into them."""

    names: list[tuple[str, str]]
    folded: Folded

    async def result(self) -> bytes:
        """The result document; in a thread where that takes long."""
        if len(self.folded.document) > THREAD_BYTES:
            async with LARGE_RESULTS:
                return await asyncio.to_thread(self.folded.result, self.names)
        return self.folded.result(self.names)

    async def report(self, name: str) -> bytes | None:
        """A text report, or None where there is none of that name."""
        if len(self.folded.reports) > THREAD_BYTES:
            return await asyncio.to_thread(self.folded.report, name, self.names)
        return self.folded.report(name, self.names)


class QueueFullError(Exception):
    """No further job can wait; the message says which bound is reached."""


class JobsUnavailableError(Exception):
    """Jobs cannot be reached now: the store that holds them does not answer."""


class Jobs(Protocol):
    """Accepted work. All but `start`, `drain`, `close` and `watch` may raise `JobsUnavailableError`.

    To those who are not its owner a job is not there.

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

    async def submit(self, request: Request) -> tuple[Job, bool]:
        """Accept a job; with an idempotency key the job that the same request made before.

        Returns:
            The job, and whether it is new.

        Raises:
            QueueFullError: no further job can wait.
            KeyError: the key was used for another request.
        """

    async def evaluate(self, request: Request, seconds: float) -> tuple[Job, bool]:
        """Accept a job for a client that waits: the ended job, or as it stands when ``seconds`` are over.

        Returns:
            The job, and whether it is kept for later requests.

        Raises:
            QueueFullError, KeyError: as `submit`.
        """

    async def get(self, job_id: str, owner: str) -> Job | None:
        """The job with its result, or None."""

    async def report(self, job_id: str, owner: str, name: str) -> bytes | None:
        """A text report of a completed job, or None where it has none of that name."""

    async def list(self, owner: str, limit: int, offset: int, status: JobStatus | None) -> JobPage:
        """Some of the jobs, newest first, without their results."""

    async def remove(self, job_id: str, owner: str) -> bool:
        """Cancel the job if it has not ended, and forget it; False when there is none."""

    def watch(self, job_id: str, owner: str) -> AsyncIterator[Job]:
        """The job as it is now, and after each change until it has ended; changes in between may be left out."""

    async def waiting(self) -> tuple[int, float]:
        """How many jobs wait, and how many seconds the oldest of them has."""


def new_job(total: int) -> Job:
    """A job that waits; its id cannot be guessed."""
    return Job(str(uuid.uuid4()), JobStatus.PENDING, now(), None, PIPELINE, Progress(0, total), False, None, None)


def with_result(job: Job, document: bytes) -> Job:
    """The job with its result document."""
    return msgspec.structs.replace(job, result=msgspec.Raw(document))


def ended(job: Job, error: Failure | None, *, cached: bool = False) -> Job:
    """The job with its end."""
    return msgspec.structs.replace(
        job,
        status=JobStatus.COMPLETED if error is None else JobStatus.FAILED,
        completed_at=now(),
        progress=job.progress if error is not None else Progress(job.progress.total, job.progress.total),
        cached=cached,
        error=error,
    )


def cancelled(job: Job) -> Job:
    """The end of a job that its client removes, as those who watch it see it."""
    return ended(job, Failure(404, "the job was cancelled and removed by its client"))


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)
