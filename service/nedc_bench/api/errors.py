"""Errors of the API: every exception becomes ``application/problem+json`` (`nedc_bench.api.problem`)."""

from __future__ import annotations

import msgspec
import structlog
from quart import Quart, Response, has_request_context, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing.exceptions import WebsocketMismatch

from nedc_bench.api.problem import DOCUMENTATION, TITLES, Problem, input_problem, problem
from nedc_bench.errors import InputError
from nedc_bench.jobs import JobsUnavailableError
from nedc_bench.monitoring import Metrics
from nedc_bench.monitoring.metrics import REDIS

UNEXPECTED = "unexpected error; search the service's log for the request's id"
PROBLEM_JSON = "application/problem+json"


class ProblemError(Exception):
    """Ends a request with a problem. A 503 is counted under its ``reason``, one of `UNAVAILABLE_REASONS`."""

    def __init__(
        self, status: int, detail: str, *, headers: dict[str, str] | None = None, reason: str | None = None
    ) -> None:
        super().__init__(detail)
        self.problem = problem(status, detail)
        self.headers = headers or {}
        self.reason = reason


def problem_response(found: Problem, headers: dict[str, str] | None = None) -> Response:
    """A problem as a response."""
    return Response(msgspec.json.encode(found), found.status, headers, content_type=PROBLEM_JSON)


def refused(error: ProblemError, metrics: Metrics) -> Response:
    """The response for a problem, counted in the metrics."""
    if error.reason is not None:
        metrics.unavailable_responses.labels(error.reason).inc()
    return problem_response(error.problem, error.headers)


def register(app: Quart, metrics: Metrics) -> None:
    """Register handlers that turn every exception of a request into a problem."""

    @app.errorhandler(ProblemError)
    async def _problem(error: ProblemError) -> Response:
        return refused(error, metrics)

    @app.errorhandler(InputError)
    async def _input(error: InputError) -> Response:
        return problem_response(input_problem(error))

    @app.errorhandler(JobsUnavailableError)
    async def _unavailable(_error: JobsUnavailableError) -> Response:
        metrics.unavailable_responses.labels(REDIS).inc()
        return problem_response(problem(503, "jobs are temporarily unavailable; try again"), {"Retry-After": "2"})

    @app.errorhandler(HTTPException)
    async def _http(error: HTTPException) -> Response:
        status = error.code if error.code in TITLES else 400 if (error.code or 500) < 500 else 500
        response = problem_response(problem(status, _words(error) or TITLES[status]))
        for name, value in error.get_headers():
            if name.lower() not in {"content-type", "content-length"}:
                response.headers[name] = value
        return response

    @app.errorhandler(Exception)
    async def _unexpected(error: Exception) -> Response:
        structlog.get_logger(__name__).error("request failed", exc_info=error)
        return problem_response(problem(500, UNEXPECTED))


def _words(error: HTTPException) -> str | None:
    """The client's message for an error of the framework."""
    if isinstance(error, NotFound) and has_request_context():
        return f"there is no {request.path[:100]}; {DOCUMENTATION} describes what there is"
    if isinstance(error, MethodNotAllowed) and has_request_context():
        return f"{request.method[:20]} is not allowed here, but {', '.join(sorted(error.valid_methods or ()))}"
    if isinstance(error, WebsocketMismatch):
        return "a WebSocket is at this path; connect with ws:// or wss://"
    return error.description
