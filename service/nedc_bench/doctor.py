"""``nedc-bench doctor``: checks an installation from where the service runs, and names what does not work.

For the person on call. It reads the settings of its environment, so in a pod it uses the service's own Redis address,
TLS and password, and it prints no secret: ``kubectl exec deploy/nedc-bench -- nedc-bench doctor``.

One line per check: ``ok``, ``FAIL`` with the remedy, or ``note`` for information. It asks the running service on its
own port; if none is running, it starts a worker process instead. It needs some 60 MiB: in a container whose memory is
nearly used up the kernel kills doctor, not the service; the line about memory comes early.
"""

from __future__ import annotations

import asyncio
import logging
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass

import structlog
from prometheus_client.parser import text_string_to_metric_families

from nedc_bench.errors import EvaluationError, SettingsError
from nedc_bench.execution import WorkerPool
from nedc_bench.execution.work import warm_up
from nedc_bench.monitoring import Metrics, self_check
from nedc_bench.monitoring.cgroup import read_cgroup
from nedc_bench.monitoring.metrics import build_info
from nedc_bench.redis import RedisClient, RedisUnavailableError
from nedc_bench.settings import Settings, shown_settings

OK, FAIL, NOTE = "ok", "FAIL", "note"
ASK_SECONDS = 10.0  # as long as Prometheus waits for the metrics
FULL = 0.9  # of the memory limit of Redis or the container

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  # listening address, and the address to ask


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        name: of the check.
        status: ``OK``, ``FAIL`` or ``NOTE``.
        text: what was found; for a failure also the remedy.
    """

    name: str
    status: str
    text: str

    def __str__(self) -> str:
        return f"{self.name:<11} {self.status:<5} {self.text}"


async def examine(environ: Mapping[str, str]) -> AsyncIterator[Finding]:
    """The findings of all checks; a check comes after those it depends on.

    Args:
        environ: the environment with the settings.
    """
    _say_nothing()
    yield Finding("version", NOTE, ", ".join(f"{key} {value}" for key, value in build_info().items()))
    for finding in _container():
        yield finding
    from nedc_bench.api.access import Tokens  # noqa: PLC0415  # takes a third of the memory that doctor takes

    try:
        settings = Settings.from_env(environ)
        tokens = Tokens(settings.api_tokens_file, Metrics())
    except SettingsError as error:
        for problem in error.problems:
            yield Finding("settings", FAIL, problem)
        return
    shown = ", ".join(f"{name}={value}" for name, value in shown_settings(environ)) or "all are the defaults"
    yield Finding("settings", OK, shown)
    if tokens.path is None:
        yield Finding("tokens", NOTE, "anyone can call the service: API_TOKENS_FILE is not set")
    else:
        yield Finding("tokens", OK, f"{tokens.known} in {tokens.path}; every request but probes needs one")
    async for finding in _redis(settings):
        yield finding
    answered = False
    for finding in await asyncio.to_thread(lambda: list(_service(settings))):
        answered = True
        yield finding
    if not answered:
        yield Finding("service", NOTE, f"not running here: nothing answers on port {settings.port}")
        yield await _workers()
    yield await asyncio.to_thread(_figures)


async def _redis(settings: Settings) -> AsyncIterator[Finding]:
    if settings.redis_url is None:
        yield Finding("redis", NOTE, "standalone: REDIS_URL is not set; jobs and cache are in memory")
        return
    redis = RedisClient(settings.redis_url, prefix=settings.redis_prefix, ca_file=settings.redis_ca_file)
    try:
        started = time.perf_counter()
        if not await redis.probe():
            yield Finding("redis", FAIL, f"{settings.redis_url}: {redis.problem}")
            return
        took = time.perf_counter() - started
        yield Finding("redis", OK, f"{settings.redis_url} takes a write in {took * 1000:.0f} ms")
        used, allowed = await redis.memory()
    except RedisUnavailableError as error:
        yield Finding("redis", NOTE, f"its memory usage is unknown: {error}")
    else:
        yield _memory_of_redis(used, allowed)
    finally:
        await redis.close()


def _memory_of_redis(used: int, allowed: int) -> Finding:
    if not allowed:
        return Finding("redis", NOTE, f"uses {_size(used)} without a maxmemory: it can grow until it is killed")
    text = f"uses {_size(used)} of {_size(allowed)}"
    if used < FULL * allowed:
        return Finding("redis", OK, text)
    return Finding("redis", FAIL, f"{text}; raise maxmemory, or lower JOB_TTL_SECONDS")


def _service(settings: Settings) -> Iterator[Finding]:
    """The findings about the service that runs here; nothing if none answers."""
    host = EVERYWHERE.get(settings.host, f"[{settings.host}]" if ":" in settings.host else settings.host)
    url = f"http://{host}:{settings.port}"
    try:
        status, text = _get(f"{url}/api/v1/ready")
    except OSError:
        return
    yield Finding("service", OK if status == 200 else FAIL, "ready" if status == 200 else f"not ready: {text}")
    status, text = _get(f"{url}/metrics")
    if status != 200:
        yield Finding("service", NOTE, f"/metrics answers {status}: METRICS_NEED_TOKEN is set, or it is busy")
        return
    values = _values(text)
    busy, idle = (int(values.get(f"nedc_workers{{state={state}}}", 0)) for state in ("busy", "idle"))
    text = f"{busy} busy, {idle} idle" if busy + idle else "none is running; the log says why"
    yield Finding("workers", OK if busy + idle else FAIL, text)
    depth, age = (values.get(name, 0.0) for name in ("nedc_queue_depth", "nedc_queue_oldest_age_seconds"))
    yield Finding("queue", OK if age < 60 else NOTE, f"{depth:.0f} jobs waiting, the oldest for {age:.0f} s")


async def _workers() -> Finding:
    pool = WorkerPool(1)
    try:
        await pool.start()
        await pool.run(warm_up)
    except EvaluationError as error:
        return Finding("workers", FAIL, f"a worker process does not start: {error}")
    else:
        return Finding("workers", OK, "a worker process starts")
    finally:
        await pool.close(kill=True)


def _container() -> Iterator[Finding]:
    found = read_cgroup()
    if found.memory is not None:
        if found.memory_limit is None:
            yield Finding("memory", NOTE, f"there is no limit on memory; {_size(found.memory)} are in use")
        else:
            text = f"the container uses {_size(found.memory)} of {_size(found.memory_limit)}"
            tight = found.memory >= FULL * found.memory_limit
            yield Finding("memory", NOTE if tight else OK, text + "; it is killed at the limit" * tight)
    if found.periods and found.throttled_periods is not None:
        share = found.throttled_periods / found.periods
        yield Finding("cpu", NOTE, f"the CPU limit held it up in {share:.0%} of the periods since its start")


def _figures() -> Finding:
    if differing := self_check(Metrics()):
        names = ", ".join(differing)
        return Finding("self-check", FAIL, f"figures of {names} differ from the original's: do not use them; roll back")
    return Finding("self-check", OK, "every figure of the known pairs equals the original's")


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=ASK_SECONDS) as answer:  # noqa: S310  # http, by its caller
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


def _values(text: str) -> dict[str, float]:
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sample.labels.items())
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def _size(count: float) -> str:
    return f"{count / (1 << 20):.1f} MiB"


def _say_nothing() -> None:
    """Silence the log: the findings already report what the checked parts would log."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)


async def doctor(environ: Mapping[str, str]) -> bool:
    """Print each finding as soon as it is known. Returns whether none is a failure."""
    well = True
    async for finding in examine(environ):
        print(finding, flush=True)
        well = well and finding.status != FAIL
    return well
