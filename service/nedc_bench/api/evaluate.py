"""``/api/v1/evaluate``: accept, show, list and remove jobs, and their text reports."""

from __future__ import annotations

import asyncio
import hashlib
import io
import math
from collections.abc import Callable

import msgspec
import structlog
from quart import Blueprint, Response, g, request

from nedc_bench.annotations import Parameters, read_parameters
from nedc_bench.api.archive import read_archive
from nedc_bench.api.budget import RETRY_SECONDS
from nedc_bench.api.context import service
from nedc_bench.api.errors import ProblemError
from nedc_bench.api.responses import json_response, require_json
from nedc_bench.api.upload import Upload, read_upload
from nedc_bench.jobs import Job, JobRequest, JobStatus, JobsUnavailableError, PairInput, Progress, QueueFullError
from nedc_bench.jobs.model import new_job
from nedc_bench.monitoring.metrics import QUEUE_FULL
from nedc_bench.reports import report_names
from nedc_bench.reports.files import report_lines
from nedc_bench.scoring import ALGORITHMS, check_algorithms

log = structlog.stdlib.get_logger(__name__)

blueprint = Blueprint("evaluate", __name__, url_prefix="/api/v1/evaluate")

MAX_WAIT_SECONDS = 60.0
MAX_PAGE = 100
MAX_KEY_CHARACTERS = 255
THREAD_BYTES = 256 * 1024  # taking in more would hold up the event loop


@blueprint.post("")
async def submit() -> Response:
    """Accept an evaluation: 202 and where it is, or 200 and the ended job when the client waits for it."""
    found = service()
    require_json()  # before the work is accepted
    found.refuse_when_draining()
    wait = _preferred_wait()
    with found.uploads.share() as take:
        upload = await read_upload(request, found.settings.max_pairs, found.settings.body_timeout_seconds, take)
        found.refuse_when_draining()  # it may have come slowly
        accepted, digest = await _asked_for(upload, take)
        found.refuse_when_draining()  # unpacking it takes its time, too
        try:
            job, new = await _accept(accepted, digest)
        except JobsUnavailableError:
            if wait is None or _idempotency_key() is not None:
                raise
            return await _evaluated_here(accepted, wait)
    if new:
        log.info("job accepted", job_id=job.job_id, pairs=job.progress.total)
    headers = {"Location": f"/api/v1/evaluate/{job.job_id}"}
    if wait is not None:
        job = await _wait(job, wait)
        headers["Preference-Applied"] = f"wait={wait:g}"
    elif not new:
        job = await found.jobs.get(job.job_id) or job
    return json_response(job, 200 if job.status.ended else 202, headers)


@blueprint.get("/<job_id>")
async def show(job_id: str) -> Response:
    """A job: where it stands, and its result once it has ended."""
    return json_response(await _job(job_id))


@blueprint.get("")
async def list_jobs() -> Response:
    """Some of the jobs, newest first, without their results."""
    status = request.args.get("status")
    if status is not None and status not in {known.value for known in JobStatus}:
        raise ProblemError(422, f"status {status[:40]!r} is none of {', '.join(JobStatus)}")
    page = await service().jobs.list(
        _whole("limit", 20, 1, MAX_PAGE), _whole("offset", 0, 0, 10**9), None if status is None else JobStatus(status)
    )
    return json_response(page)


@blueprint.delete("/<job_id>")
async def remove(job_id: str) -> Response:
    """Cancel a job that has not ended, and forget it."""
    if not await service().jobs.remove(job_id):
        raise _unknown(job_id)
    return Response(b"", 204)


@blueprint.get("/<job_id>/reports/<name>")
async def report(job_id: str, name: str) -> Response:
    """One of the NEDC text reports of a completed job."""
    job = await _job(job_id)
    accepted = await service().jobs.request(job_id)
    if accepted is None:
        raise _unknown(job_id)
    if job.status is not JobStatus.COMPLETED:
        raise ProblemError(409, f"the job is {job.status}; only a completed job has reports")
    if name not in report_names(accepted.algorithms):
        known = ", ".join(report_names(accepted.algorithms))
        raise ProblemError(404, f"the job has no report {name[:60]!r}; it has {known}")
    evaluated = await service().runner.evaluate(accepted)
    text = await asyncio.to_thread(lambda: "".join(f"{line}\n" for line in report_lines(evaluated.result, name)))
    return Response(text, 200, content_type="text/plain; charset=utf-8")


async def _asked_for(upload: Upload, take: Callable[[int], None]) -> tuple[JobRequest, bytes]:
    """What the upload asks for, and its digest."""
    settings = service().settings
    limits = (settings.max_pairs, settings.max_upload_bytes, take)
    if upload.bytes > THREAD_BYTES or upload.files["archive"]:
        async with service().expanding:
            return await asyncio.to_thread(_job_request, upload, *limits)
    return _job_request(upload, *limits)


async def _accept(accepted: JobRequest, digest: bytes) -> tuple[Job, bool]:
    """The job for a request, and whether it is new."""
    try:
        return await service().jobs.submit(accepted, _idempotency_key(), digest)
    except QueueFullError:
        detail = "too many jobs wait already; try again in a moment"
        raise ProblemError(503, detail, headers={"Retry-After": RETRY_SECONDS}, reason=QUEUE_FULL) from None
    except KeyError:
        raise ProblemError(422, "this Idempotency-Key was used for another request") from None


async def _evaluated_here(accepted: JobRequest, seconds: float) -> Response:
    """The ended job of a client that waits while no job can be stored: it has its figures, and nothing is kept.

    Raises:
        JobsUnavailableError: it has not ended in time.
    """
    total = len(accepted.pairs)
    done = 0

    def progress(pairs: int) -> None:
        nonlocal done
        done = pairs

    job = new_job(total)
    try:
        async with asyncio.timeout(seconds):
            outcome = await service().runner.run(job.job_id, accepted, progress)
    except TimeoutError:
        raise JobsUnavailableError from None
    ended = outcome.applied(msgspec.structs.replace(job, progress=Progress(done, total)))
    return json_response(ended, 200, {"Preference-Applied": f"wait={seconds:g}"})


async def _job(job_id: str) -> Job:
    job = await service().jobs.get(job_id)
    if job is None:
        raise _unknown(job_id)
    return job


def _unknown(job_id: str) -> ProblemError:
    return ProblemError(404, f"there is no job {job_id[:60]!r}; it was removed, or its time is over")


async def _wait(job: Job, seconds: float) -> Job:
    """The job once it has ended, or as it stands when the time is over."""
    try:
        async with asyncio.timeout(seconds):
            async for state in service().jobs.watch(job.job_id):
                job = state
    except TimeoutError:
        pass
    return job


def _preferred_wait() -> float | None:
    """The seconds of ``Prefer: wait=S`` (RFC 7240); what cannot be read is ignored, as the RFC asks."""
    for header in request.headers.getlist("Prefer"):
        for preference in header.split(","):
            name, _, value = preference.partition(";")[0].partition("=")
            if name.strip().lower() == "wait":
                try:
                    seconds = float(value.strip().strip('"'))
                except ValueError:
                    return None
                return min(seconds, MAX_WAIT_SECONDS) if math.isfinite(seconds) and seconds > 0 else None
    return None


def _idempotency_key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 0 < len(key) <= MAX_KEY_CHARACTERS:
        raise ProblemError(422, f"Idempotency-Key must have 1 to {MAX_KEY_CHARACTERS} characters")
    return None if key is None else f"{g.counted_as}:{key}"


def _whole(name: str, default: int, low: int, high: int) -> int:
    text = request.args.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 12 and low <= int(text) <= high):
        raise ProblemError(422, f"{name} must be a whole number from {low} to {high}, not {text[:40]!r}")
    return int(text)


def _job_request(
    upload: Upload, max_pairs: int, max_bytes: int, take: Callable[[int], None]
) -> tuple[JobRequest, bytes]:
    """What the parts ask for, and the digest of it.

    Raises:
        InputError, ProblemError: the parts do not make an evaluation.
    """
    pipeline = _single(upload, "pipeline", "beta")
    if pipeline != "beta":
        reason = "runs in CI and by hand only" if pipeline in {"alpha", "dual"} else "is not known"
        raise ProblemError(422, f"pipeline {pipeline[:40]!r} {reason}; send beta, or leave it out")
    names = [name.strip() for text in upload.fields["algorithms"] for name in text.split(",")] or list(ALGORITHMS)
    accepted = JobRequest(
        _pairs(upload, max_pairs, max_bytes, take),
        check_algorithms(names),
        _parameters(upload).to_dict(),
        _flag(upload, "strict"),
        _flag(upload, "per_pair"),
    )
    return accepted, _digest(accepted)


def _digest(accepted: JobRequest) -> bytes:
    """What tells requests apart; no copy is made of the files."""
    found = hashlib.sha256(msgspec.msgpack.encode(msgspec.structs.replace(accepted, pairs=[])))
    for pair in accepted.pairs:
        names = msgspec.msgpack.encode((pair.reference_name, pair.hypothesis_name))
        for part in (names, pair.reference, pair.hypothesis):
            found.update(len(part).to_bytes(8, "big"))
            found.update(part)
    return found.digest()


def _pairs(upload: Upload, max_pairs: int, max_bytes: int, take: Callable[[int], None]) -> list[PairInput]:
    references, hypotheses, archives = (upload.files[name] for name in ("reference", "hypothesis", "archive"))
    if archives:
        if references or hypotheses or len(archives) > 1:
            raise ProblemError(422, "send either one archive, or reference and hypothesis files")
        (name, data) = archives[0]
        return read_archive(name, data, max_pairs=max_pairs, max_bytes=max_bytes, take=take)
    if len(references) != len(hypotheses) or not references:
        count = f"{len(references)} reference and {len(hypotheses)} hypothesis"
        raise ProblemError(422, f"send as many reference as hypothesis files, at least one of each; these are {count}")
    return [
        PairInput(bytes(ref), ref_name, bytes(hyp), hyp_name)
        for (ref_name, ref), (hyp_name, hyp) in zip(references, hypotheses, strict=True)
    ]


def _parameters(upload: Upload) -> Parameters:
    files = upload.files["parameters"]
    if len(files) > 1:
        raise ProblemError(422, "send at most one parameter file")
    if not files:
        return Parameters()
    name, data = files[0]
    return read_parameters(io.BytesIO(data), name)


def _single(upload: Upload, name: str, default: str) -> str:
    values = upload.fields[name]
    if len(values) > 1:
        raise ProblemError(422, f"{name} is given {len(values)} times")
    return values[0] if values else default


def _flag(upload: Upload, name: str) -> bool:
    text = _single(upload, name, "false").lower()
    if text not in {"true", "false"}:
        raise ProblemError(422, f"{name} must be true or false, not {text[:40]!r}")
    return text == "true"
