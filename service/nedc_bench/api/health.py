"""Probes and metrics: ``/api/v1/health``, ``/api/v1/ready``, ``/metrics``."""

from __future__ import annotations

import contextlib

import msgspec
from quart import Blueprint, Response, request

from nedc_bench.api.context import service
from nedc_bench.api.errors import problem_response
from nedc_bench.api.problem import problem
from nedc_bench.api.responses import json_response
from nedc_bench.jobs import JobsUnavailableError
from nedc_bench.version import __version__

blueprint = Blueprint("health", __name__)


class Health(msgspec.Struct, frozen=True):
    """The response of a probe."""

    status: str
    version: str


@blueprint.get("/api/v1/health")
async def health() -> Response:
    """Liveness: 200 while the process answers."""
    return json_response(Health("ok", __version__))


@blueprint.get("/api/v1/ready")
async def ready() -> Response:
    """Readiness: 200, or 503 with the reasons."""
    missing = service().missing()
    if missing:
        return problem_response(problem(503, "; ".join(missing)), {"Retry-After": "1"})
    return json_response(Health("ready", __version__))


@blueprint.get("/metrics")
async def metrics() -> Response:
    """The Prometheus exposition."""
    found = service()
    found.metrics.ready.set(not found.missing())
    found.metrics.workers.labels("busy").set(found.pool.busy)
    found.metrics.workers.labels("idle").set(found.pool.idle)
    with contextlib.suppress(JobsUnavailableError):  # keep the last known values
        depth, age = await found.jobs.waiting()
        found.metrics.queue_depth.set(depth)
        found.metrics.queue_oldest_age.set(age)
    body, content_type = found.metrics.render(request.headers.get("Accept", ""))
    return Response(body, 200, content_type=content_type)
