"""The factory of the Quart app. Nothing happens at import."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncGenerator, Callable

import structlog
from quart import Quart, Response, g, request, websocket
from quart.typing import ResponseTypes
from quart.wrappers.base import BaseRequestWebsocket

from nedc_bench.api import docs, errors, evaluate, health, home, ws
from nedc_bench.api.access import Tokens, client_address, is_open
from nedc_bench.api.budget import Budget
from nedc_bench.api.context import KEY, Service, service
from nedc_bench.api.exchange import PROBES, BoundedRequest, Exchanges, exchange
from nedc_bench.api.rates import RateLimits
from nedc_bench.api.responses import bounded
from nedc_bench.api.upload import discard_body
from nedc_bench.evaluation.cpus import available_cpus
from nedc_bench.execution import Evaluator, Gate, MemoryCache, RedisCache, WorkerPool
from nedc_bench.jobs import Jobs, MemoryJobs
from nedc_bench.jobs.runner import Runner
from nedc_bench.monitoring import EdgeMiddleware, Metrics, self_check, set_route
from nedc_bench.monitoring.metrics import RESPONSES, UPLOADS
from nedc_bench.redis import RedisClient, RedisUnavailableError
from nedc_bench.settings import Settings

log = structlog.get_logger(__name__)

REDIS_CHECK_SECONDS = 1.0
LAG_CHECK_SECONDS = 0.05
JOBS_PER_WORKER = 2
LEAST_WORKERS = 2  # so that one stays free beside a long call
GATE_WIDTH = 16  # concurrent evaluations for waiting clients; more would only slow all of them down


def create_app(settings: Settings) -> Quart:
    """Create an app with all its parts, which start when it starts serving."""
    app = Quart("nedc_bench.api", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_upload_bytes
    app.config["RESPONSE_TIMEOUT"] = None  # the connection drops clients that do not read
    app.request_class = BoundedRequest
    app.url_map.strict_slashes = False
    app.extensions[KEY] = _parts(settings)
    for module in (evaluate, health, ws, docs, home):
        app.register_blueprint(module.blueprint)
    metrics = app.extensions[KEY].metrics
    errors.register(app, metrics)
    _register_hooks(app)
    app.while_serving(_running(app))
    app.asgi_app = Exchanges(_counted(app, metrics))  # type: ignore[method-assign]  # Quart's own way
    return app


def _counted(app: Quart, metrics: Metrics) -> EdgeMiddleware:
    edge = EdgeMiddleware(app.asgi_app, metrics.registry)
    for rule in app.url_map.iter_rules():
        if not rule.websocket:
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                edge.start_at_zero(method, str(rule))
    return edge


def _parts(settings: Settings) -> Service:
    redis = None
    if settings.redis_url is not None:
        redis = RedisClient(settings.redis_url, prefix=settings.redis_prefix, ca_file=settings.redis_ca_file)
    metrics = Metrics(redis=redis is not None)
    workers = settings.max_workers or available_cpus()
    pool = WorkerPool(
        max(LEAST_WORKERS, workers),
        timeout_seconds=settings.evaluation_timeout_seconds,
        on_restart=lambda reason: metrics.worker_restarts.labels(reason).inc(),
    )
    jobs = _jobs(settings, redis, pool, metrics)
    limits = RateLimits(redis, metrics)
    tokens = Tokens(settings.api_tokens_file, metrics)
    uploads = Budget(settings.uploads_max_bytes, "uploads", UPLOADS)
    responses = Budget(settings.responses_max_bytes, "unread large results", RESPONSES)
    return Service(settings, metrics, redis, pool, jobs, Gate(GATE_WIDTH), tokens, limits, uploads, responses)


def _jobs(settings: Settings, redis: RedisClient | None, pool: WorkerPool, metrics: Metrics) -> Jobs:
    bounds = {"max_queued": settings.max_queued_jobs, "ttl_seconds": settings.job_ttl_seconds}

    def count(result: str) -> None:
        metrics.cache_requests.labels("memory" if redis is None else "redis", result).inc()

    if redis is None:
        memory = MemoryCache(max_bytes=settings.cache_max_bytes, ttl_seconds=settings.cache_ttl_seconds, record=count)
        runner = Runner(Evaluator(memory, pool, count), metrics)
        concurrency = JOBS_PER_WORKER * pool.workers
        return MemoryJobs(runner, concurrency=concurrency, max_bytes=settings.jobs_max_bytes, **bounds)
    from nedc_bench.jobs.redis import RedisJobs  # noqa: PLC0415  # redis-py takes its time, and only this needs it

    cache = RedisCache(redis, ttl_seconds=settings.cache_ttl_seconds, record=count)
    return RedisJobs(Runner(Evaluator(cache, pool, count), metrics), redis, cache, **bounds)


def _running(app: Quart) -> Callable[[], AsyncGenerator[None]]:
    async def serving() -> AsyncGenerator[None]:
        found: Service = app.extensions[KEY]
        checked = asyncio.to_thread(self_check, found.metrics)
        _, found.differing = await asyncio.gather(found.pool.start(), checked)
        await found.jobs.start()
        watchers = [asyncio.create_task(_watch_redis(found)), asyncio.create_task(_watch_lag(found))]
        try:
            yield
        finally:
            for watcher in watchers:
                watcher.cancel()
            await found.jobs.close()
            await found.pool.close()
            if found.redis is not None:
                await found.redis.close()

    return serving


async def _watch_redis(found: Service) -> None:
    """Watch whether Redis accepts writes, and how full it is; does nothing without Redis."""
    redis = found.redis
    while redis is not None:
        up = await redis.probe()
        found.metrics.redis_up.set(up)
        if up:
            found.lost_since = math.inf
            with contextlib.suppress(RedisUnavailableError):
                used, allowed = await redis.memory()
                found.metrics.redis_memory.labels("used").set(used)
                found.metrics.redis_memory.labels("allowed").set(allowed)
        elif found.lost_since == math.inf:
            found.lost_since = time.monotonic()
        await asyncio.sleep(REDIS_CHECK_SECONDS)


async def _watch_lag(found: Service) -> None:
    while True:
        begin = time.perf_counter()
        await asyncio.sleep(LAG_CHECK_SECONDS)
        found.metrics.event_loop_lag.observe(max(0.0, time.perf_counter() - begin - LAG_CHECK_SECONDS))


def _register_hooks(app: Quart) -> None:
    @app.before_request
    async def _receive() -> None:
        _identify(request)
        if request.url_rule is not None:
            set_route(request.scope, str(request.url_rule))
        if request.path in PROBES:
            if request.path == "/metrics" and service().settings.metrics_need_token:
                seen = exchange(request)
                seen.caller, seen.token = service().tokens.check(request)
        elif request.method != "OPTIONS":
            await _admit(request, reading=request.method in {"GET", "HEAD"})

    @app.before_websocket
    async def _connect() -> None:
        _identify(websocket)
        await _admit(websocket, reading=True)

    @app.after_request
    async def _complete(response: Response) -> Response:
        code = response.status_code
        unread = code >= 400 and (
            code == 408 or not await discard_body(request)
        )  # do not wait for the rest of a late body
        if unread or service().draining.is_set():  # the client would otherwise find its kept connection closed
            response.headers["Connection"] = "close"
        response = bounded(response)
        _add_headers(response)
        _allow_origin(response)
        return response

    @app.after_websocket
    async def _refuse(response: ResponseTypes | None) -> ResponseTypes | None:
        if response is not None:
            _add_headers(response)
        return response


def _identify(connection: BaseRequestWebsocket) -> None:
    g.request_id = exchange(connection).ids["request_id"]
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**exchange(connection).ids)


async def _admit(connection: BaseRequestWebsocket, *, reading: bool) -> None:
    """Admit callers with a token and within their rate limit."""
    found = service()
    seen = exchange(connection)
    seen.address = client_address(connection, found.settings.trusted_proxies)
    if not is_open(connection.path):
        seen.caller, seen.token = found.tokens.check(connection)
    g.caller = seen.caller
    g.counted_as = g.caller or seen.address
    name = "status" if reading else "default"
    limit = found.settings.status_rate_limit if reading else found.settings.rate_limit
    g.allowance = await found.limits.take(name, limit, g.counted_as)


def _add_headers(response: ResponseTypes) -> None:
    response.headers["X-Request-ID"] = g.get("request_id", "")
    response.headers["X-Content-Type-Options"] = "nosniff"
    allowance = g.get("allowance")
    if allowance is not None:
        response.headers.update(allowance.headers)


def _allow_origin(response: Response) -> None:
    """CORS headers, for the configured origins only."""
    origins = service().settings.cors_origins
    if not origins:
        return
    response.headers.add("Vary", "Origin")
    origin = request.headers.get("Origin", "")
    if origin.lower() in origins:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Location, Retry-After, X-Request-ID"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "GET, POST, DELETE"
            response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, Idempotency-Key, Prefer"
