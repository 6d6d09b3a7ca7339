"""``nedc-bench serve``: the service under Hypercorn, in this process.

One event loop (uvloop) serves; worker processes score. The first SIGTERM or SIGINT starts draining: the service is no
longer ready; after SHUTDOWN_DELAY_SECONDS (at once for SIGINT, which a person sends) WebSockets close, and running jobs
and requests finish. A second signal ends the process. Hypercorn's own command is not used, since its worker processes
are daemonic and may have no children. Our own, bounded connections drive its protocol (`nedc_bench.api.http1`).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import resource
import signal
import socket
from typing import Any, cast

import structlog
import uvloop
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config

from nedc_bench.api.app import create_app
from nedc_bench.api.context import KEY, Service
from nedc_bench.api.heads import MAX_HEAD_BYTES
from nedc_bench.api.http1 import READ_BYTES, Connection
from nedc_bench.errors import EvaluationError
from nedc_bench.execution.allocator import return_freed_memory
from nedc_bench.logs import configure_logging
from nedc_bench.settings import Settings

log = structlog.get_logger(__name__)

LEAST_SECONDS = 0.25  # for running requests, even if the jobs have used up the grace period
START_SECONDS = 60
BACKLOG = 1024
REQUESTS_PER_CONNECTION = 10_000  # the last response says so; new connections reach replicas added since
MAX_MESSAGE_BYTES = 4096
OPEN_FILES = 65_536  # raise the limit this far, as the system allows: each connection is an open file


def serve(settings: Settings) -> None:
    """Serve until a signal ends the process."""
    configure_logging(settings.log_level)
    _allow_connections()
    return_freed_memory()
    gc.freeze()  # loaded modules are never garbage
    gc.set_threshold(2_000, 100, 200)  # short ones often; one over a large corpus blocks the event loop
    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    app = create_app(settings)
    found = cast(Service, app.extensions[KEY])
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(report_exception)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _drain, found, number)
    log.info("starting", host=settings.host, port=settings.port, workers=found.pool.workers)
    async with asyncio.timeout(START_SECONDS):
        await app.startup()
    try:
        await _listen(cast(Any, app), found)
    finally:
        await app.shutdown()
    log.info("ended")


async def _listen(app: Any, found: Service) -> None:
    """Accept connections until the accepted work has ended, then let open connections finish."""
    settings = found.settings
    wrapped, config, context = ASGIWrapper(app), _config(settings), WorkerContext(None)
    connections: dict[asyncio.Task[None], Connection] = {}

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        connections[task] = Connection(wrapped, config, context, (reader, writer), settings.write_timeout_seconds)
        with contextlib.suppress(asyncio.CancelledError):  # by us, at the end; asyncio would log a traceback
            await connections[task].run()
        del connections[task]

    listening = _socket(settings.host, settings.port)
    server = await asyncio.start_server(connected, sock=listening, limit=READ_BYTES, backlog=BACKLOG)
    logging.getLogger(__name__).info("Running on %s (CTRL + C to quit)", _url(listening))
    await found.drained.wait()
    await context.terminated.set()
    server.close()
    for connection in list(connections.values()):
        connection.end_when_idle()
    if connections:
        _, late = await asyncio.wait(list(connections), timeout=max(LEAST_SECONDS, found.seconds_left))
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


def report_exception(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an exception that no caller sees. That uvloop wrote to a TLS connection just given up is no error."""
    transport, error = context.get("transport"), context.get("exception")
    given_up = isinstance(error, RuntimeError) and transport is not None and transport.is_closing()
    if given_up and "SSL protocol" in context["message"]:
        log.debug("TLS connection given up", error=str(error))
    else:
        loop.default_exception_handler(context)


def _socket(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    found = socket.socket(family, kind, protocol)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(address)
    except OSError as error:
        found.close()
        message = f"cannot listen on port {port} of {host}: {error.strerror}; set PORT (or HOST) to another"
        raise EvaluationError(message) from error
    return found


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _allow_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _config(settings: Settings) -> Config:
    config = Config()
    config.h11_max_incomplete_size = MAX_HEAD_BYTES
    config.keep_alive_timeout = settings.keep_alive_seconds
    config.keep_alive_max_requests = REQUESTS_PER_CONNECTION
    config.max_app_queue_size = 2  # pieces of a body waiting for the app
    config.websocket_max_message_size = MAX_MESSAGE_BYTES
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    return config


def _drain(found: Service, number: int) -> None:
    if found.draining.is_set():
        os._exit(128 + number)
    log.info("draining", signal=signal.Signals(number).name)
    found.begin_to_drain(0.0 if number == signal.SIGINT else found.settings.shutdown_delay_seconds)
