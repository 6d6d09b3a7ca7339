"""The OpenAPI 3.1 document: every route with its parameters, responses, examples and errors.

The models' schemas come from their types. Tests compare the routes with those of the app, and the answers of a running
service with the document.
"""

from __future__ import annotations

from importlib.resources import files as resources
from typing import Any

import msgspec

from nedc_bench.api.errors import PROBLEM_JSON
from nedc_bench.api.evaluate import MAX_KEY_CHARACTERS, MAX_OFFSET, MAX_PAGE
from nedc_bench.api.form import form_schema
from nedc_bench.api.health import Health
from nedc_bench.api.problem import TITLES, Problem
from nedc_bench.api.responses import JSON
from nedc_bench.api.schemas import Result
from nedc_bench.jobs import Job, JobPage, JobStatus
from nedc_bench.version import __version__

MODELS = (Job, JobPage, Problem, Health, Result)

DESCRIPTION = """\
Scores EEG event annotations with the algorithms of NEDC EEG Eval v6.0.0, bit for bit.

    curl HOST/api/v1/evaluate -H 'Prefer: wait=30' -F reference=@ref.csv_bi -F hypothesis=@hyp.csv_bi

The WebSocket `/ws/{job_id}` sends updates of a job.
"""
EVALUATIONS, OPERATIONS = "Evaluations", "Operations"
TAGS = {EVALUATIONS: "Submit, follow and fetch.", OPERATIONS: "Probes, and metrics for Prometheus."}
PROBES = ("/api/v1/health", "/api/v1/ready")  # they need no token

EXAMPLE_ID = "5b0e0f6e-8f3c-4a57-9d0c-2f6b7f1f2b11"
EXAMPLE_JOB = {
    "job_id": EXAMPLE_ID,
    "status": "running",
    "created_at": "2026-01-31T12:00:00Z",
    "completed_at": None,
    "pipeline": "beta",
    "progress": {"done": 12, "total": 59},
    "cached": False,
    "result": None,
    "error": None,
}
EXAMPLE_HEALTH = {"status": "ok", "version": __version__}
EXAMPLE_PAGE = {"jobs": [EXAMPLE_JOB], "total": 1, "limit": 20, "offset": 0}
EXAMPLE_FAULT = {
    "side": "hypothesis",
    "file": "hyp.csv_bi",
    "line": 7,
    "reason": "start_time 'abc' is not a finite number",
}


_UPLOAD = {
    "required": True,
    "description": "Names and texts in UTF-8; any Content-Encoding but identity gets 415.",
    "content": {"multipart/form-data": {"schema": {"$ref": "#/components/schemas/Evaluation"}}},
}
HEAD_PROBLEMS = (400, 431, 505)  # of a request's head, whatever it asks for
_TEXT = {"schema": {"type": "string"}}
_PREFER = {
    "name": "Prefer",
    "in": "header",
    "description": "wait=S: answer once the job has finished, or after S seconds (RFC 7240); others are ignored.",
    "schema": {"type": "string"},
    "example": "wait=10",
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A retry with the same key and content returns the same job.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARACTERS},
    "example": "4f1c",
}


def build_openapi(*, tokens: bool, metrics_need_token: bool) -> dict[str, Any]:
    """Build the document for ``/openapi.json``.

    Args:
        tokens: whether requests need a token, except probes.
        metrics_need_token: whether metrics need one too.
    """
    public = PROBES if metrics_need_token else (*PROBES, "/metrics")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "nedc-bench",
            "version": __version__,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": name, "description": description} for name, description in TAGS.items()],
        "paths": {path: _tagged(path, item, public) for path, item in _paths().items()},
        "components": {
            "schemas": _schemas(),
            "responses": {f"Problem{status}": _problem(status) for status in TITLES},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}] if tokens else [],
    }


def _schemas() -> dict[str, Any]:
    _, schemas = msgspec.json.schema_components(MODELS, ref_template="#/components/schemas/{name}")
    job = schemas["Job"]["properties"]  # properties that the Python types do not express
    job["result"] = {"anyOf": [{"$ref": "#/components/schemas/Result"}, {"type": "null"}]}
    job["created_at"] = {"type": "string", "format": "date-time"}
    job["completed_at"] = {"anyOf": [job["created_at"], {"type": "null"}]}
    return schemas | {"Evaluation": form_schema()}


def _paths() -> dict[str, Any]:
    return {
        "/api/v1/evaluate": {
            "post": _operation(
                "submit",
                "Submit an evaluation",
                {
                    "200": _job_response(
                        "The finished job, if the client waited for it or sent the request before.",
                        example=_example_of_a_completed_job(),
                        location=True,
                    ),
                    "202": _job_response("The job is accepted.", location=True),
                },
                (401, 406, 408, 413, 415, 422, 429, 500, 503),
                parameters=[_PREFER, _IDEMPOTENCY_KEY],
                body=_UPLOAD,
            ),
            "get": _operation(
                "list",
                "List jobs, newest first",
                {"200": _content("A page of jobs, without their results.", "JobPage", EXAMPLE_PAGE)},
                (401, 406, 422, 429, 500, 503),
                parameters=[
                    _query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 20}),
                    _query("offset", {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0}),
                    _query("status", {"type": "string", "enum": [status.value for status in JobStatus]}),
                ],
            ),
        },
        "/api/v1/evaluate/{job_id}": {
            "parameters": [_path("job_id")],
            "get": _operation(
                "show",
                "Show a job",
                {"200": _job_response("The job.", example=_example_of_a_completed_job())},
                (401, 404, 406, 429, 500, 503),
            ),
            "delete": _operation(
                "remove",
                "Cancel or remove a job",
                {"204": {"description": "The job is removed."}},
                (401, 404, 429, 500, 503),
            ),
        },
        "/api/v1/evaluate/{job_id}/reports/{name}": {
            "parameters": [_path("job_id"), _path("name", "summary.txt")],
            "get": _operation(
                "report",
                "Get an NEDC text report, or the page",
                {"200": {"description": "The report.", "content": {"text/plain": _TEXT, "text/html": _TEXT}}},
                (401, 404, 409, 429, 500, 503),
            ),
        },
        "/api/v1/health": {
            "get": _operation(
                "health",
                "Liveness: whether the process answers",
                {"200": _content("The process answers.", "Health", EXAMPLE_HEALTH)},
                (406, 500),
            )
        },
        "/api/v1/ready": {
            "get": _operation(
                "ready",
                "Readiness: whether the service accepts requests",
                {"200": _content("The service is ready.", "Health", EXAMPLE_HEALTH | {"status": "ready"})},
                (406, 500, 503),
            )
        },
        "/metrics": {
            "get": _operation(
                "metrics",
                "Prometheus metrics",
                {"200": {"description": "The exposition.", "content": {"text/plain": _TEXT}}},
                (401, 500),
            )
        },
    }


def _tagged(path: str, item: dict[str, Any], public: tuple[str, ...]) -> dict[str, Any]:
    """The operations of a path with their tags and security requirements."""
    added: dict[str, Any] = {"tags": [EVALUATIONS if path.startswith("/api/v1/evaluate") else OPERATIONS]}
    if path in public:
        added["security"] = []
    return {name: operation | added if "operationId" in operation else operation for name, operation in item.items()}


def _operation(
    name: str,
    summary: str,
    responses: dict[str, Any],
    problems: tuple[int, ...],
    *,
    parameters: list[dict[str, Any]] | None = None,
    body: dict[str, Any] | None = None,
) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": name, "summary": summary}
    if parameters:
        operation["parameters"] = parameters
    if body:
        operation["requestBody"] = body
    errors = {
        str(status): {"$ref": f"#/components/responses/Problem{status}"}
        for status in sorted((*HEAD_PROBLEMS, *problems))
    }
    return operation | {"responses": responses | errors}


def _example_of_a_completed_job() -> dict[str, Any]:
    """The service's answer to the first example of docs/api.md."""
    example: dict[str, Any] = msgspec.json.decode(resources(__package__).joinpath("example_job.json").read_bytes())
    example["result"]["version"] = __version__
    return example


def _job_response(description: str, *, example: dict[str, Any] = EXAMPLE_JOB, location: bool = False) -> dict[str, Any]:
    response = _content(description, "Job", example)
    if location:
        response["headers"] = {"Location": {"description": "Where the job is.", "schema": {"type": "string"}}}
        made = {"job_id": "$response.body#/job_id"}
        response["links"] = {name: {"operationId": name, "parameters": made} for name in ("show", "remove")}
        response["links"]["report"] = {"operationId": "report", "parameters": made | {"name": "summary.txt"}}
    return response


def _content(description: str, model: str, example: dict[str, Any] | None = None) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{model}"}}
    if example is not None:
        content["example"] = example
    return {"description": description, "content": {JSON: content}}


def _problem(status: int) -> dict[str, Any]:
    example: dict[str, Any] = {"type": f"/docs#{status}", "title": TITLES[status], "status": status, "detail": "..."}
    if status == 422:
        example["errors"] = [EXAMPLE_FAULT]
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
    return {"description": TITLES[status], "content": {PROBLEM_JSON: content}}


def _query(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema}


def _path(name: str, example: str = EXAMPLE_ID) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "example": example}
