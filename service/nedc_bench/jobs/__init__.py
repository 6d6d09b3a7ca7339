"""Jobs: accepted evaluations, their states, and their execution."""

from nedc_bench.jobs.memory import MemoryJobs
from nedc_bench.jobs.model import (
    Failure,
    InputFault,
    Job,
    JobPage,
    Jobs,
    JobStatus,
    JobsUnavailableError,
    Progress,
    QueueFullError,
    Request,
)

__all__ = [
    "Failure",
    "InputFault",
    "Job",
    "JobPage",
    "JobStatus",
    "Jobs",
    "JobsUnavailableError",
    "MemoryJobs",
    "Progress",
    "QueueFullError",
    "Request",
]
