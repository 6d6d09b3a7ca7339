"""Jobs: accepted work, its states, and who runs it."""

from nedc_bench.jobs.memory import MemoryJobs
from nedc_bench.jobs.model import (
    Job,
    JobPage,
    JobRequest,
    Jobs,
    JobStatus,
    JobsUnavailableError,
    PairInput,
    Progress,
    QueueFullError,
)
from nedc_bench.jobs.runner import Runner

__all__ = [
    "Job",
    "JobPage",
    "JobRequest",
    "JobStatus",
    "Jobs",
    "JobsUnavailableError",
    "MemoryJobs",
    "PairInput",
    "Progress",
    "QueueFullError",
    "Runner",
]
