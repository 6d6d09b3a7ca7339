"""Running a job: its request through the orchestrator, to the result or the problem that it ends with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from nedc_bench.errors import EvaluationError, InputError
from nedc_bench.evaluation import Result
from nedc_bench.evaluation.orchestrator import Evaluated, Orchestrator
from nedc_bench.jobs.model import Job, JobRequest, JobStatus, now
from nedc_bench.jobs.problem import Problem, failure
from nedc_bench.monitoring import Metrics
from nedc_bench.monitoring.metrics import algorithm_label

log = structlog.stdlib.get_logger(__name__)

PIPELINE = "beta"
THREAD_PAIRS = 20  # writing the document of more would hold up the event loop


class Outcome(msgspec.Struct, frozen=True):
    """How a job ended: with a result document (JSON), or with a problem."""

    result: bytes | None
    error: Problem | None
    cached: bool = False

    def applied(self, job: Job) -> Job:
        """The job with its end."""
        return msgspec.structs.replace(
            job,
            status=JobStatus.COMPLETED if self.error is None else JobStatus.FAILED,
            completed_at=now(),
            cached=self.cached,
            result=None if self.result is None else msgspec.Raw(self.result),
            error=self.error,
        )


class Runner:
    """Runs jobs, wherever they were accepted."""

    def __init__(self, orchestrator: Orchestrator, metrics: Metrics) -> None:
        self.orchestrator = orchestrator
        self.metrics = metrics

    async def run(self, job_id: str, request: JobRequest, progress: Callable[[int], None]) -> Outcome:
        """Run a job to its end; only cancellation raises."""
        with structlog.contextvars.bound_contextvars(job_id=job_id):
            try:
                evaluated = await self.evaluate(request, progress)
                if len(request.pairs) > THREAD_PAIRS:
                    document = await asyncio.to_thread(_encode, evaluated.result, per_pair=request.per_pair)
                else:
                    document = _encode(evaluated.result, per_pair=request.per_pair)
            except InputError as error:
                log.info("job refused", findings=len(error.findings))
                return Outcome(None, failure(error))
            except EvaluationError as error:
                log.warning("job failed", error=str(error))
                return Outcome(None, failure(error))
            except Exception as error:
                log.exception("job failed")
                return Outcome(None, failure(error))
            log.info("job completed", pairs=len(request.pairs), cached=evaluated.cached)
            return Outcome(document, None, evaluated.cached == len(request.pairs))

    async def evaluate(self, request: JobRequest, progress: Callable[[int], None] | None = None) -> Evaluated:
        """The figures of a request.

        Raises:
            InputError: some input is refused.
            EvaluationError: a worker died twice, or took too long.
        """
        track = self.metrics.track_evaluation(algorithm_label(request.algorithms), PIPELINE)
        return await track(self.orchestrator.evaluate)(
            [msgspec.structs.astuple(pair) for pair in request.pairs],
            algorithms=request.algorithms,
            parameters=request.scoring_parameters(),
            strict=request.strict,
            progress=progress,
        )


def _encode(result: Result, *, per_pair: bool) -> bytes:
    return msgspec.json.encode(result.to_dict(per_pair=per_pair))
