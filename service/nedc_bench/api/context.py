"""What the handlers of an app share: its `Service`, made by the app's factory."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import cast

from quart import current_app, g, request

from nedc_bench.api.access import RateLimits, Tokens, client_address
from nedc_bench.api.errors import ProblemError
from nedc_bench.evaluation.cache import Cache
from nedc_bench.evaluation.pool import WorkerPool
from nedc_bench.jobs import Jobs, Runner
from nedc_bench.monitoring import Metrics
from nedc_bench.settings import Settings

KEY = "nedc_bench"


@dataclass
class Service:
    """The parts of a running service.

    Attributes:
        draining: set once the process is asked to end: no new work is taken, and it is not ready.
        drained: set once the accepted work has ended, or its time is over: the process may end.
        differing: the algorithms whose self-check differed; None until it has run.
        cache_answered: whether the configured Redis has answered once.
    """

    settings: Settings
    metrics: Metrics
    cache: Cache
    pool: WorkerPool
    runner: Runner
    jobs: Jobs
    tokens: Tokens
    limits: RateLimits
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    drained: asyncio.Event = field(default_factory=asyncio.Event)
    differing: tuple[str, ...] | None = None
    cache_answered: bool = False
    lost_since: float | None = None

    def refuse_when_draining(self) -> None:
        """Refuse new work once the process is asked to end.

        Raises:
            ProblemError: 503, another replica takes it.
        """
        if self.draining.is_set():
            raise ProblemError(503, "this replica is shutting down; send it again", headers={"Retry-After": "1"})

    async def drain(self) -> None:
        """Let the accepted work end."""
        await self.jobs.drain(self.settings.shutdown_grace_seconds)
        self.drained.set()

    def missing(self) -> list[str]:
        """What keeps the service from being ready."""
        found = []
        if self.draining.is_set():
            found.append("draining: the process was asked to end")
        if not self.pool.alive:
            found.append("workers: the worker processes are not up")
        if self.differing is None:
            found.append("parity: the self-check has not run yet")
        elif self.differing:
            found.append(f"parity: figures of {', '.join(self.differing)} differ from the original's")
        if not self.cache_answered:
            found.append("redis: it has not answered yet")
        grace = self.settings.redis_grace_seconds
        if grace is not None and self.lost_since is not None and time.monotonic() - self.lost_since > grace:
            found.append(f"redis: it has not answered for more than {grace:g} s")
        return found

    def caller(self) -> str:
        """Who makes the request: its token, or the client's address."""
        token = g.get("token")
        return str(token or client_address(request, self.settings.trusted_proxies))


def service() -> Service:
    """The service of the app that handles this request."""
    return cast(Service, current_app.extensions[KEY])
