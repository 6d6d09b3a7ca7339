"""``nedc-bench serve``: the service under Hypercorn, in this process.

One event loop (uvloop) serves; worker processes score. The first SIGTERM or SIGINT drains: not ready at once; after
SHUTDOWN_DELAY_SECONDS (not for SIGINT, which a person sends) WebSockets close and running jobs and requests finish; a
second one ends the process. Hypercorn's own command is not used, since its worker processes are daemonic and may have
no children.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
from typing import Any, cast

import structlog
import uvloop
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config

from nedc_bench.api.app import create_app
from nedc_bench.api.context import KEY, Service
from nedc_bench.logs import configure_logging
from nedc_bench.settings import Settings

log = structlog.stdlib.get_logger(__name__)

START_SECONDS = 60
LEAST_SECONDS = 0.25  # for the running requests, where the time for the jobs is used up
OPEN_FILES = 65_536  # as many as the system lets us have, and no more than this: a connection is one


def serve(settings: Settings) -> None:
    """Serve until a signal asks to end."""
    configure_logging(settings.log_level)
    _allow_connections()
    gc.freeze()  # what is loaded stays
    gc.set_threshold(10_000, 20, 200)  # a full collection over a large corpus' scores holds up the event loop
    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    app = create_app(settings)
    found = cast(Service, app.extensions[KEY])
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _drain, found, number)
    log.info("starting", host=settings.host, port=settings.port, workers=found.pool.workers)
    config = _config(settings)

    async def drained() -> None:
        await found.drained.wait()
        config.graceful_timeout = max(LEAST_SECONDS, found.seconds_left)

    await hypercorn_serve(cast(Any, app), config, shutdown_trigger=drained)
    log.info("ended")


def _allow_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _config(settings: Settings) -> Config:
    config = Config()
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    config.bind = [f"{host}:{settings.port}"]
    config.startup_timeout = START_SECONDS
    config.shutdown_timeout = settings.shutdown_grace_seconds + 5
    config.keep_alive_timeout = settings.keep_alive_seconds
    config.keep_alive_max_requests = 1_000_000  # a client that is closed on in between sees a failed request
    config.websocket_max_message_size = 64 * 1024
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    return config


def _drain(found: Service, number: int) -> None:
    if found.draining.is_set():
        os._exit(128 + number)
    log.info("draining", signal=signal.Signals(number).name)
    found.begin_to_drain(0.0 if number == signal.SIGINT else found.settings.shutdown_delay_seconds)
