"""``/ws/{job_id}``: updates of a job over a WebSocket.

Messages are JSON: ``{"type": "initial" | "status" | "progress", "job": {...}}`` and ``{"type": "heartbeat"}``; the
answer to a client's ``ping`` is ``{"type": "pong"}``. Jobs are sent without results; fetch those over HTTP. A browser,
which cannot set the header, offers the subprotocols ``nedc-bench`` and ``bearer.TOKEN``, and gets the first. Only the
newest state is buffered, so a slow reader misses intermediate changes, but never the end.
"""

from __future__ import annotations

import asyncio

import msgspec
from quart import Blueprint, Response, g, websocket

from nedc_bench.api.context import Service, service
from nedc_bench.api.errors import problem_response
from nedc_bench.api.evaluate import shown
from nedc_bench.api.problem import problem
from nedc_bench.jobs import Job

blueprint = Blueprint("ws", __name__)

SUBPROTOCOL = "nedc-bench"
HEARTBEAT_SECONDS = 15.0
MAX_MESSAGE_CHARACTERS = 1024
NORMAL, GOING_AWAY, TOO_LARGE = 1000, 1001, 1009


@blueprint.websocket("/ws/<job_id>")
async def watch(job_id: str) -> Response | None:
    """Send the job's state until the job has finished, the client leaves or the process shuts down."""
    found = service()
    if not _origin_allowed(found):
        return problem_response(problem(403, "this origin is not among CORS_ORIGINS"))
    if await found.jobs.get(job_id, g.caller or "") is None:
        return problem_response(problem(404, f"job {job_id[:60]!r} not found"))
    offered = SUBPROTOCOL in websocket.requested_subprotocols
    await websocket.accept(subprotocol=SUBPROTOCOL if offered else None)
    tasks = [asyncio.create_task(task) for task in (_send(found, job_id), _answer(), _drained(found))]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        code = next(iter(done)).result()
        if code is not None:
            await websocket.close(code)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return None


async def _send(found: Service, job_id: str) -> int:
    """Send each state, and heartbeats in between. Returns the close code."""
    states = found.jobs.watch(job_id, g.caller or "")
    last: Job | None = None
    coming = asyncio.ensure_future(anext(states, None))
    try:
        while True:
            await asyncio.wait([coming], timeout=HEARTBEAT_SECONDS)
            if not coming.done():
                await _message("heartbeat")
                continue
            job = coming.result()
            if job is None:
                return NORMAL
            kind = "initial" if last is None else "status" if last.status is not job.status else "progress"
            await _message(kind, msgspec.structs.replace(job, result=None))
            last = job
            coming = asyncio.ensure_future(anext(states, None))
    finally:
        coming.cancel()


async def _answer() -> int:
    """Answer pings; anything else is ignored."""
    while True:
        message = await websocket.receive()
        if len(message) > MAX_MESSAGE_CHARACTERS:
            return TOO_LARGE
        if message in {"ping", '{"type":"ping"}', '{"type": "ping"}'}:
            await _message("pong")


async def _drained(found: Service) -> int:
    await found.leaving.wait()
    return GOING_AWAY


async def _message(kind: str, job: Job | None = None) -> None:
    content = {"type": kind} if job is None else {"type": kind, "job": shown(job)}
    await websocket.send(msgspec.json.encode(content).decode())


def _origin_allowed(found: Service) -> bool:
    """Whether a page may connect: from the service's own host, or from a configured origin."""
    origin = websocket.headers.get("Origin")
    if origin is None:
        return True
    return origin.partition("://")[2] == websocket.host or origin.lower() in found.settings.cors_origins
