"""The state shared by an app's handlers: its `Service`, created by the app's factory."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass, field
from typing import cast

from quart import current_app

from nedc_bench.api.access import Tokens
from nedc_bench.api.budget import Budget
from nedc_bench.api.errors import ProblemError
from nedc_bench.api.rates import RateLimits
from nedc_bench.execution import Gate, WorkerPool
from nedc_bench.jobs import Jobs
from nedc_bench.monitoring import Metrics
from nedc_bench.monitoring.metrics import DRAINING
from nedc_bench.redis import RedisClient
from nedc_bench.settings import Settings

KEY = "nedc_bench"
EXPANDING = 1  # upload at a time: two would compete for memory, and with the event loop
CLOSING_SECONDS = 1.0  # of the grace period, for what follows the jobs; at most a quarter of it


@dataclass
class Service:
    """The parts of a running service.

    Attributes:
        expanding: held while a thread unpacks an upload.
        draining: set when the process must end: it is not ready, and accepts no work that would end with it.
        leaving: set once load balancers have had time to notice: open connections close.
        drained: set once the accepted work has finished, or its time is over: the process may end.
        differing: the algorithms that failed the self-check; None until it has run.
        redis: the client of the configured Redis.
        lost_since: when Redis stopped accepting writes; infinite while it accepts them, None before it first did.
    """

    settings: Settings
    metrics: Metrics
    redis: RedisClient | None
    pool: WorkerPool
    jobs: Jobs
    gate: Gate
    tokens: Tokens
    limits: RateLimits
    uploads: Budget
    responses: Budget
    expanding: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(EXPANDING))
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    drained: asyncio.Event = field(default_factory=asyncio.Event)
    differing: tuple[str, ...] | None = None
    lost_since: float | None = None
    _ends_at: float = math.inf
    _draining: asyncio.Task[None] | None = None

    def refuse_when_draining(self) -> None:
        """While draining, refuse new work that would end with this process.

        Raises:
            ProblemError: 503.
        """
        if self.draining.is_set() and not self.jobs.outlive_process:
            raise ProblemError(
                503,
                "the service is shutting down; send the request again",
                headers={"Retry-After": "1"},
                reason=DRAINING,
            )

    @property
    def seconds_left(self) -> float:
        """The rest of the grace period."""
        return self._ends_at - time.monotonic()

    def begin_to_drain(self, delay: float) -> None:
        """Stop being ready; after ``delay`` seconds let the accepted work finish, then end the process."""
        self._ends_at = time.monotonic() + self.settings.shutdown_grace_seconds
        self.draining.set()
        self._draining = asyncio.get_running_loop().create_task(self._drain(delay))

    async def _drain(self, delay: float) -> None:
        closing = min(CLOSING_SECONDS, self.settings.shutdown_grace_seconds / 4)
        await asyncio.sleep(max(0.0, min(delay, self.seconds_left - closing)))
        self.leaving.set()
        await self.jobs.drain(max(0.0, self.seconds_left - closing))
        self.drained.set()

    def missing(self) -> list[str]:
        """The reasons why the service is not ready."""
        found = []
        if self.draining.is_set():
            found.append("draining: the process was asked to end")
        if not self.pool.alive:
            found.append("workers: the worker processes are not up")
        if self.differing is None:
            found.append("parity: the self-check has not run yet")
        elif self.differing:
            found.append(f"parity: figures of {', '.join(self.differing)} differ from the original's")
        if self.redis is not None and self.redis.problem is not None and not self._goes_on_without():
            found.append(f"redis: {self.redis.problem}")
        return found

    def _goes_on_without(self) -> bool:
        """Whether Redis has worked before, and is unavailable for less than the grace period."""
        grace = self.settings.redis_grace_seconds
        if self.lost_since is None or self.redis is None or self.redis.refuses:
            return False
        return grace is None or time.monotonic() - self.lost_since <= grace


def service() -> Service:
    """The service of the current app."""
    return cast(Service, current_app.extensions[KEY])
