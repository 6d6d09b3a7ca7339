"""Running a request to its end: figures or a failure, counted, timed and logged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from nedc_bench.errors import EvaluationError, InputError
from nedc_bench.execution import Evaluated, Evaluator
from nedc_bench.execution.folded import page
from nedc_bench.jobs.model import PIPELINE, Failure, Request, Stored
from nedc_bench.monitoring.metrics import CANCELLED, ERROR, REFUSED, SUCCESS, Metrics
from nedc_bench.reports import PAGE_NAME

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Runner:
    """Runs requests."""

    def __init__(self, evaluator: Evaluator, metrics: Metrics) -> None:
        self.evaluator = evaluator
        self.metrics = metrics

    async def run(
        self,
        job_id: str,
        request: Request,
        progress: Callable[[int], object] = int,
        stop: asyncio.Event | None = None,
    ) -> Evaluated | Failure:
        """Evaluate a request, as `Evaluator.evaluate` does; raises only on cancellation."""

        async def evaluate() -> Evaluated:
            return await self.evaluator.evaluate(
                request.pairs, request.asked, turn=request.caller, progress=progress, stop=stop
            )

        return await self.guarded(job_id, request.asked.algorithms, len(request.pairs), evaluate)

    async def report(self, stored: Stored, name: str) -> bytes | None:
        """The report of a completed job with this name, or its page, or None."""
        if name != PAGE_NAME:
            return await stored.report(name)
        data = await self.evaluator.page_data(stored.folded, len(stored.names))
        return await asyncio.to_thread(page, data, stored.names)

    async def guarded(
        self, job_id: str, algorithms: tuple[str, ...], pairs: int, evaluate: Callable[[], Awaitable[Evaluated]]
    ) -> Evaluated | Failure:
        """The result of ``evaluate``, or its failure; counted under each algorithm."""
        status, seconds = CANCELLED, dict.fromkeys(algorithms, 0.0)
        self.metrics.active_evaluations.inc()
        try:
            evaluated = await evaluate()
        except asyncio.CancelledError:
            raise
        except InputError as error:
            status = REFUSED
            log.info("job refused", job_id=job_id, findings=len(error.findings))
            return Failure.of(error)
        except EvaluationError as error:
            status = ERROR
            log.warning("job failed", job_id=job_id, error=str(error))
            return Failure.of(error)
        except Exception as error:
            status = ERROR
            log.exception("job failed", job_id=job_id)
            return Failure.of(error)
        else:
            status, seconds = SUCCESS, evaluated.seconds
            log.info("job completed", job_id=job_id, pairs=pairs, cached=evaluated.cached)
            return evaluated
        finally:
            self.metrics.active_evaluations.dec()
            self.metrics.evaluated(seconds, PIPELINE, status)
