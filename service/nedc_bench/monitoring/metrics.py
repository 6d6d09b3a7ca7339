"""The metrics of the service, except those of HTTP (`nedc_bench.monitoring.edge`), and their exposition.

Conventions: seconds and plain counts; counters end in ``_total``; a label has one of a few known values, and each known
set of labels exists from the start, so that rates begin at 0. A `Metrics` owns its registry: the app's factory creates
one, importing this module creates none.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import os
import platform
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from itertools import product
from typing import Any, ParamSpec, TypeVar, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from nedc_bench.errors import InputError
from nedc_bench.monitoring.cgroup import CgroupCollector
from nedc_bench.scoring import ALGORITHMS
from nedc_bench.version import __version__

P = ParamSpec("P")
R = TypeVar("R")

PIPELINES = ("beta",)
SUCCESS, REFUSED, ERROR, CANCELLED = STATUSES = ("success", "refused", "error", "cancelled")
CACHE_RESULTS = ("hit", "miss", "error", "corrupt")
JOB_STATES = ("pending", "running", "completed", "failed", "cancelled")
LIMITS = ("default", "status")
RESTART_REASONS = ("died", "timeout", "cancelled")
UNAVAILABLE_REASONS = ("draining", "queue_full", "redis", "saturated", "uploads", "responses")
DRAINING, QUEUE_FULL, REDIS, SATURATED, UPLOADS, RESPONSES = UNAVAILABLE_REASONS
WORKER_STATES = ("busy", "idle")

EVALUATION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 2.5, 5, 10)
LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1)

OPENMETRICS = "application/openmetrics-text"


class Metrics:
    """The metrics of one process, as attributes, and their rendering.

    Args:
        redis: whether Redis is configured; otherwise its metrics are left out, so that no alert fires.

    Attributes:
        registry: the registry of all metrics, those of the process included; further collectors may be registered.
        evaluations, evaluation_duration, active_evaluations: updated by `track_evaluation`.
        parity_failures: updated by `nedc_bench.monitoring.self_check`.
        cache_requests: ``.labels(backend, result)``; the result is one of `CACHE_RESULTS`.
        jobs: ``.labels(state)``, counted when a job enters one of `JOB_STATES`.
        queue_depth, queue_oldest_age: waiting jobs; set by the reader of the queue.
        workers: ``.labels(state)``, one of `WORKER_STATES`; set at each scrape.
        worker_restarts: ``.labels(reason)``, one of `RESTART_REASONS`; replaced worker processes.
        ready: 1 or 0; set at each scrape.
        unavailable_responses: ``.labels(reason)``, one of `UNAVAILABLE_REASONS`; 503 responses, except to probes.
        rate_limited_requests: ``.labels(limit)``, one of `LIMITS`; 429 responses.
        rate_limiter_errors: requests not limited because the limiter's store did not answer.
        api_tokens: currently valid tokens.
        redis_up: 1 or 0.
        redis_memory: ``.labels(kind)``, ``used`` or ``allowed``.
        event_loop_lag: how late the event loop's timer fired.

    >>> metrics = Metrics()
    >>> @metrics.track_evaluation("taes", "beta")
    ... def evaluate() -> str:
    ...     return "done"
    >>> evaluate()
    'done'
    >>> metrics.registry.get_sample_value(
    ...     "nedc_evaluations_total", {"algorithm": "taes", "pipeline": "beta", "status": "success"}
    ... )
    1.0
    """

    def __init__(self, *, redis: bool = False) -> None:
        self.registry = registry = CollectorRegistry()
        self.evaluations = Counter(
            "nedc_evaluations_total", "Completed evaluations.", ("algorithm", "pipeline", "status"), registry=registry
        )
        self.evaluation_duration = Histogram(
            "nedc_evaluation_duration_seconds",
            "Duration of evaluations, whatever their outcome.",
            ("algorithm", "pipeline"),
            buckets=EVALUATION_BUCKETS,
            registry=registry,
        )
        self.active_evaluations = Gauge("nedc_active_evaluations", "Evaluations in progress.", registry=registry)
        self.parity_failures = Counter(
            "nedc_parity_failures_total",
            "Self-checks in which one of the algorithm's figures differed from the original's.",
            ("algorithm",),
            registry=registry,
        )
        self.cache_requests = Counter(
            "nedc_cache_requests_total", "Cache look-ups.", ("backend", "result"), registry=registry
        )
        self.jobs = Counter("nedc_jobs_total", "Jobs by the state that they entered.", ("state",), registry=registry)
        self.queue_depth = Gauge("nedc_queue_depth", "Jobs waiting in the queue.", registry=registry)
        self.queue_oldest_age = Gauge(
            "nedc_queue_oldest_age_seconds", "Age of the oldest waiting job.", registry=registry
        )
        self.workers = Gauge("nedc_workers", "Running worker processes.", ("state",), registry=registry)
        self.worker_restarts = Counter(
            "nedc_worker_restarts_total", "Replaced worker processes.", ("reason",), registry=registry
        )
        self.ready = Gauge("nedc_ready", "Whether the service is ready: 1 or 0.", registry=registry)
        self.unavailable_responses = Counter(
            "nedc_unavailable_responses_total",
            "503 responses, except to probes.",
            ("reason",),
            registry=registry,
        )
        self.rate_limited_requests = Counter(
            "nedc_rate_limited_requests_total", "Requests refused by a rate limit (429).", ("limit",), registry=registry
        )
        self.rate_limiter_errors = Counter(
            "nedc_rate_limiter_errors_total",
            "Requests not limited because the rate limiter's store did not answer.",
            registry=registry,
        )
        self.api_tokens = Gauge(
            "nedc_api_tokens", "Currently valid tokens in API_TOKENS_FILE; 0 without that file.", registry=registry
        )
        self.redis_up = Gauge(
            "nedc_redis_up", "Whether Redis accepts a write: 1 or 0.", registry=registry if redis else None
        )
        self.redis_memory = Gauge(
            "nedc_redis_memory_bytes",
            "Memory that Redis uses, and its limit (0: none).",
            ("kind",),
            registry=registry if redis else None,
        )
        self.event_loop_lag = Histogram(
            "nedc_event_loop_lag_seconds",
            "How late the event loop's timer fired.",
            buckets=LAG_BUCKETS,
            registry=registry,
        )
        build = Info("nedc_build", "Version and commit of the service, and its Python version.", registry=registry)
        build.info(build_info())
        registry.register(CgroupCollector())
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._start_at_zero("redis" if redis else "memory")

    def _start_at_zero(self, backend: str) -> None:
        for ended in product(ALGORITHMS, PIPELINES, STATUSES):
            self.evaluations.labels(*ended)
        for algorithm, pipeline in product(ALGORITHMS, PIPELINES):
            self.evaluation_duration.labels(algorithm, pipeline)
        for algorithm in ALGORITHMS:
            self.parity_failures.labels(algorithm)
        for result in CACHE_RESULTS:
            self.cache_requests.labels(backend, result)
        for state in JOB_STATES:
            self.jobs.labels(state)
        for limit in LIMITS:
            self.rate_limited_requests.labels(limit)
        for state in WORKER_STATES:
            self.workers.labels(state)
        for reason in RESTART_REASONS:
            self.worker_restarts.labels(reason)
        for reason in UNAVAILABLE_REASONS:
            self.unavailable_responses.labels(reason)

    @contextmanager
    def evaluating(self, algorithm: str, pipeline: str) -> Iterator[None]:
        """Count and time the block, as `track_evaluation` does a function."""
        started = time.perf_counter()
        status = ERROR
        self.active_evaluations.inc()
        try:
            yield
            status = SUCCESS
        except (asyncio.CancelledError, concurrent.futures.CancelledError):
            status = CANCELLED
            raise
        except InputError:  # the client's fault: no alert must count it as an error
            status = REFUSED
            raise
        finally:
            self.active_evaluations.dec()
            self.evaluation_duration.labels(algorithm, pipeline).observe(time.perf_counter() - started)
            self.evaluations.labels(algorithm, pipeline, status).inc()

    def evaluated(self, seconds: Mapping[str, float], pipeline: str, status: str) -> None:
        """Count a completed evaluation under each of its algorithms, with the seconds that each took."""
        for algorithm, spent in seconds.items():
            self.evaluations.labels(algorithm, pipeline, status).inc()
            self.evaluation_duration.labels(algorithm, pipeline).observe(spent)

    def track_evaluation(self, algorithm: str, pipeline: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """A decorator that counts and times the calls of a function or coroutine function and keeps its signature.

        Args:
            algorithm: one of `ALGORITHMS`.
            pipeline: one of `PIPELINES`.
        """

        def decorate(function: Callable[P, R]) -> Callable[P, R]:
            if inspect.iscoroutinefunction(function):
                asynchronous = cast(Callable[P, Awaitable[Any]], function)

                @wraps(function)
                async def awaited(*args: P.args, **kwargs: P.kwargs) -> Any:
                    with self.evaluating(algorithm, pipeline):
                        return await asynchronous(*args, **kwargs)

                return cast(Callable[P, R], awaited)

            @wraps(function)
            def called(*args: P.args, **kwargs: P.kwargs) -> R:
                with self.evaluating(algorithm, pipeline):
                    return function(*args, **kwargs)

            return called

        return decorate

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The exposition and its content type: OpenMetrics if the ``Accept`` header asks for it, else plain text."""
        collected = _Collected(self.registry)
        if _asks_for_openmetrics(accept):
            body: bytes = openmetrics.generate_latest(collected)  # type: ignore[no-untyped-call]
            return body, openmetrics.CONTENT_TYPE_LATEST
        return generate_latest(collected), CONTENT_TYPE_PLAIN_0_0_4


def build_info() -> dict[str, str]:
    """Version, commit and Python version; the build of the image sets the commit."""
    commit = os.environ.get("NEDC_BENCH_COMMIT") or "unknown"
    return {"version": __version__, "commit": commit, "python": platform.python_version()}


class _Collected(Collector):
    """A registry without its ``_created`` samples, which would nearly double the counters' series."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


def _asks_for_openmetrics(accept: str) -> bool:
    """Whether the ``Accept`` header names OpenMetrics; prometheus_client's own parser fails on unusual versions."""
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        if name == OPENMETRICS:
            return not any(parameter in {"q=0", "q=0.0", "q=0.00", "q=0.000"} for parameter in parameters)
    return False
