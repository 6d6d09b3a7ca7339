"""Jobs: what was accepted, and what has become of it.

A job is accepted once, run until it has ended, and kept until its time to live is over. `Job` is what the API shows;
its JSON is the contract (docs/api.md).
"""

from __future__ import annotations

import enum
import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec

from nedc_bench.annotations import LabelMap, Parameters
from nedc_bench.jobs.problem import Problem


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


def new_job(total: int) -> Job:
    """A job that waits; its id cannot be guessed."""
    return Job(str(uuid.uuid4()), JobStatus.PENDING, now(), None, "beta", Progress(0, total), False, None, None)


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)
