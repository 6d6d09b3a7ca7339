"""``/api/v1/evaluate``: submit, show, list and remove jobs, and read their reports."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from typing import Any

import msgspec
import structlog
from quart import Blueprint, Response, g, request

from nedc_bench.api.budget import RETRY_SECONDS
from nedc_bench.api.context import service
from nedc_bench.api.errors import ProblemError, problem_response
from nedc_bench.api.fields import Fields
from nedc_bench.api.form import read_form
from nedc_bench.api.problem import failure_problem
from nedc_bench.api.responses import json_response, require_json
from nedc_bench.api.upload import Upload, read_upload
from nedc_bench.checks import parsed_number
from nedc_bench.errors import refusal
from nedc_bench.execution.cost import is_heavy
from nedc_bench.jobs import Job, JobStatus, QueueFullError, Request
from nedc_bench.monitoring import set_waited
from nedc_bench.monitoring.metrics import QUEUE_FULL, SATURATED
from nedc_bench.reports import PAGE_NAME, report_names

log = structlog.get_logger(__name__)

blueprint = Blueprint("evaluate", __name__, url_prefix="/api/v1/evaluate")

MAX_WAIT_SECONDS = 60.0
MAX_PAGE, MAX_OFFSET = 100, 10**9
MAX_KEY_CHARACTERS = 255
# In a browser, a report has an origin of its own; its own policy says what it may load.
SANDBOX = {"Content-Security-Policy": "sandbox allow-scripts allow-modals", "Referrer-Policy": "no-referrer"}
THREAD_BYTES = 256 * 1024  # reading more would block the event loop


@blueprint.post("")
async def submit() -> Response:
    """Submit an evaluation: 202 and its location, or 200 and the finished job if the client waits for it."""
    found = service()
    require_json()  # before the work is accepted
    found.refuse_when_draining()
    wait = _preferred_wait()
    _refuse_when_saturated(wait)
    with found.uploads.share() as take:
        upload = await read_upload(request, found.settings.max_pairs, found.settings.body_timeout_seconds, take)
        found.refuse_when_draining()  # the body may have arrived slowly
        asked = await _asked_for(upload, take)
        del upload  # the archive's files are a second copy
        found.refuse_when_draining()  # unpacking takes time too
        kept = True
        try:
            if wait is None:
                job, _ = await found.jobs.submit(asked)
                log.info("job accepted", job_id=job.job_id, pairs=job.progress.total)
            else:
                job, kept = await _wait_for(asked, wait)
        except QueueFullError as error:
            headers = {"Retry-After": RETRY_SECONDS}
            raise ProblemError(503, f"the job is not accepted: {error}", headers=headers, reason=QUEUE_FULL) from None
        except KeyError:
            message = "this Idempotency-Key was used for another request; send a new key with new content"
            raise refusal("idempotency", message) from None
    if job.error is not None and job.error.status == 422 and wait is not None:
        return problem_response(failure_problem(job.error))
    headers = {"Location": f"/api/v1/evaluate/{job.job_id}"} if kept else {}
    if wait is not None:
        headers["Preference-Applied"] = f"wait={wait:g}"
    return json_response(shown(job), 200 if job.status.ended else 202, headers)


async def _wait_for(asked: Request, wait: float) -> tuple[Job, bool]:
    """The job and whether it is stored, once it has finished or the client's wait is over."""
    found = service()
    started = time.monotonic()
    try:
        heavy = is_heavy(asked.pairs, asked.asked)
        async with contextlib.nullcontext() if heavy else found.gate.entered():
            return await found.jobs.evaluate(asked, max(0.0, started + wait - time.monotonic()))
    finally:
        set_waited(request.scope, time.monotonic() - started)


@blueprint.get("/<job_id>")
async def show(job_id: str) -> Response:
    """Show a job: its state, and its result once it has finished."""
    return json_response(shown(await _job(job_id)))


@blueprint.get("")
async def list_jobs() -> Response:
    """List the caller's jobs, newest first, without their results."""
    query = Fields("query", request.args.to_dict(flat=False))
    status = query.choice("status", tuple(JobStatus), None)
    limit, offset = query.whole("limit", 20, 1, MAX_PAGE), query.whole("offset", 0, 0, MAX_OFFSET)
    query.check()
    page = await service().jobs.list(g.caller or "", limit, offset, JobStatus(status) if status else None)
    return json_response(msgspec.structs.asdict(page) | {"jobs": [shown(job) for job in page.jobs]})


@blueprint.delete("/<job_id>")
async def remove(job_id: str) -> Response:
    """Cancel an unfinished job, and remove it."""
    if not await service().jobs.remove(job_id, g.caller or ""):
        raise _unknown(job_id)
    return Response(b"", 204)


@blueprint.get("/<job_id>/reports/<name>")
async def report(job_id: str, name: str) -> Response:
    """Send an NEDC text report of a completed job, or its page."""
    text = await service().jobs.report(job_id, g.caller or "", name)
    if text is None:
        job = await _job(job_id)
        if job.status is not JobStatus.COMPLETED:
            raise ProblemError(409, f"the job is {job.status}; only a completed job has reports")
        assert job.result is not None
        known = ", ".join(report_names(msgspec.json.decode(job.result, type=_Reported).algorithms))
        raise ProblemError(404, f"the job has no report {name[:60]!r}; it has {known}")
    if name == PAGE_NAME:
        return Response(text, 200, SANDBOX, content_type="text/html; charset=utf-8")
    return Response(text, 200, content_type="text/plain; charset=utf-8")


class _Reported(msgspec.Struct):
    algorithms: dict[str, msgspec.Raw]


def shown(job: Job) -> dict[str, Any]:
    """A job as JSON."""
    return msgspec.structs.asdict(job) | {"error": None if job.error is None else failure_problem(job.error)}


def _refuse_when_saturated(wait: float | None) -> None:
    """Refuse a client that would wait too long for its turn, before reading its body."""
    seconds = service().gate.expected_seconds
    if wait is not None and seconds > service().settings.saturation_seconds:
        detail = f"about {seconds:.0f} s of work are already waiting; try again later, or without Prefer: wait"
        headers = {"Retry-After": str(math.ceil(seconds / 2))}
        raise ProblemError(503, detail, headers=headers, reason=SATURATED)


async def _asked_for(upload: Upload, take: Callable[[int], None]) -> Request:
    """Parse the upload into a request; in a thread if that takes long."""
    settings = service().settings
    limits = (settings.max_pairs, settings.max_upload_bytes, take)
    if upload.bytes > THREAD_BYTES or upload.files["archive"]:
        async with service().expanding:
            pairs, asked = await asyncio.to_thread(read_form, upload, *limits)
    else:
        pairs, asked = read_form(upload, *limits)
    return Request(pairs, asked, g.caller or "", g.counted_as, _idempotency_key())


async def _job(job_id: str) -> Job:
    job = await service().jobs.get(job_id, g.caller or "")
    if job is None:
        raise _unknown(job_id)
    return job


def _unknown(job_id: str) -> ProblemError:
    return ProblemError(404, f"job {job_id[:60]!r} not found: deleted, expired, or another caller's")


def _preferred_wait() -> float | None:
    """The seconds of ``Prefer: wait=S`` (RFC 7240); invalid preferences are ignored, as the RFC requires."""
    for header in request.headers.getlist("Prefer"):
        for preference in header.split(","):
            name, _, value = preference.partition(";")[0].partition("=")
            if name.strip().lower() == "wait":
                try:
                    seconds = parsed_number(value.strip().strip('"'))
                except ValueError:
                    return None
                return min(seconds, MAX_WAIT_SECONDS) if math.isfinite(seconds) and seconds > 0 else None
    return None


def _idempotency_key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 0 < len(key) <= MAX_KEY_CHARACTERS:
        raise refusal("idempotency", f"Idempotency-Key must have 1 to {MAX_KEY_CHARACTERS} characters")
    return None if key is None else f"{g.counted_as}:{key}"
