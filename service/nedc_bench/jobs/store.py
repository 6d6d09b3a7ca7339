"""What is known of jobs in Redis: typed calls of `nedc_bench.jobs.scripts`, in bounded time.

Every call either answers or raises `JobsUnavailableError`, after at most two short attempts; when Redis has failed a
few times in a row it is left alone for a moment. All scripts may be sent twice.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar

import msgspec
import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from nedc_bench.evaluation.breaker import CircuitBreaker
from nedc_bench.evaluation.cache import PREFIX
from nedc_bench.jobs import scripts
from nedc_bench.jobs.model import Job, JobPage, JobRequest, JobStatus, JobsUnavailableError, Progress, QueueFullError

T = TypeVar("T")

ATTEMPT_SECONDS = (0.25, 0.5)
BYTES_PER_SECOND = 20_000_000  # of what is sent or read; the time that an attempt may take grows with them
CONNECTIONS = 16
FAILURES_TO_OPEN = 4
PAUSE_SECONDS = 0.5
THREAD_BYTES = 256 * 1024  # compressing more than this would hold up the event loop, sending it the answer
WAITING_SECONDS = 86_400  # for which a job that has not ended is kept at least
REFUSED_SECONDS = 60

log = structlog.stdlib.get_logger(__name__)


class Begun(NamedTuple):
    """A job that is to be run, and how often it was begun."""

    job: Job
    starts: int


class DoubtfulError(JobsUnavailableError):
    """Redis was asked and has not answered: what was asked may be done yet."""


class Store:
    """The jobs in Redis.

    Args:
        url: where it is.
        ttl_seconds: how long an ended job is kept.
    """

    def __init__(self, url: str, *, ttl_seconds: float) -> None:
        self.client = Redis(
            connection_pool=BlockingConnectionPool.from_url(
                url,
                max_connections=CONNECTIONS,
                socket_connect_timeout=ATTEMPT_SECONDS[-1],
                retry=Retry(NoBackoff(), 0),  # attempts are counted here
                protocol=2,
            )
        )
        self._ended_milliseconds = max(1, round(1000 * ttl_seconds))
        self._open_milliseconds = max(self._ended_milliseconds, 1000 * WAITING_SECONDS)
        self._breaker = CircuitBreaker(FAILURES_TO_OPEN, PAUSE_SECONDS)
        self._connections = asyncio.Semaphore(CONNECTIONS)
        self._scripts = {
            text: self.client.register_script(text)
            for name, text in vars(scripts).items()
            if name.isupper() and not name.startswith("_")
        }

    async def accept(
        self, job: Job, content: bytes, message: bytes, *, most: int, key: str | None, digest: bytes
    ) -> str | None:
        """Store a job and its input, and send its message; or the id of the job that the idempotency key made before.

        Raises:
            QueueFullError: ``most`` jobs wait.
            KeyError: the key was used for another request.
            DoubtfulError: it may have been accepted, or yet be.
        """
        place = "" if key is None else f"{PREFIX}key:{sha256(key.encode()).hexdigest()}"
        record = msgspec.json.encode(job)
        answer = await self._run(
            scripts.ACCEPT, job.job_id, record, content, message, most, self._open_milliseconds, place, digest
        )
        match answer:
            case [b"accepted"]:
                return None
            case [b"known", known, found]:
                if found != digest:
                    raise KeyError(key)
                return str(known, "ascii")
            case [b"full"]:
                raise QueueFullError
        raise JobsUnavailableError

    async def load(self, job_id: str) -> Job | None:
        """The job with its result, or None."""
        *values, size, result = await self._run(scripts.LOAD, job_id, THREAD_BYTES)
        job = _decoded(values)
        if job is None or size is None:
            return job
        if result is None:
            name = f"{PREFIX}job:{job_id}"
            result = await self._ask(lambda: self.client.hget(name, "result"), int(size))
            if result is None:
                return None  # removed in between
        try:
            plain = await _aside(zlib.decompress, result)
        except zlib.error:
            log.error("the result of a job is damaged in redis", job_id=job_id)  # noqa: TRY400  # the zlib error says nothing
            raise JobsUnavailableError from None
        return msgspec.structs.replace(job, result=msgspec.Raw(plain))

    async def request(self, job_id: str) -> JobRequest | None:
        """The job's input, or None where there is none, or none that can be read."""
        size, content = await self._run(scripts.REQUEST, job_id, THREAD_BYTES)
        if content is None:
            content = await self._ask(lambda: self.client.get(f"{PREFIX}input:{job_id}"), size)
        if content is None:
            return None
        try:
            return await _aside(unpacked, content)
        except (zlib.error, msgspec.DecodeError):
            log.error("the input of a job is damaged in redis", job_id=job_id)  # noqa: TRY400  # would show contents
            return None

    async def list(self, limit: int, offset: int, status: JobStatus | None) -> JobPage:
        """Some of the jobs, newest first, without their results."""
        total, *found = await self._run(scripts.LIST, status or "", offset, limit)
        jobs = [job for values in found if (job := _decoded(values)) is not None]
        return JobPage(jobs, total, limit, offset)

    async def begin(self, job_id: str, runner: str) -> Begun | None:
        """Note that ``runner`` runs the job from now on; None when it is gone or has ended."""
        answer = await self._run(scripts.BEGIN, job_id, runner, self._open_milliseconds)
        if answer is None:
            return None
        job = _decoded([answer[0], JobStatus.RUNNING.encode(), b"0", None])
        return None if job is None else Begun(job, int(answer[1]))

    async def progress(self, job_id: str, runner: str, done: int) -> None:
        """Note how many pairs are done."""
        await self._run(scripts.PROGRESS, job_id, runner, done)

    async def end(self, job: Job, runner: str) -> bool:
        """Store the job's end; False when it is gone, or has ended otherwise."""
        result = b"" if job.result is None else await _aside(_compress, bytes(job.result))
        record = msgspec.json.encode(msgspec.structs.replace(job, result=None))
        answer = await self._run(scripts.END, job.job_id, runner, record, job.status, result, self._ended_milliseconds)
        return bool(answer)

    async def give_back(self, job_id: str, runner: str) -> None:
        """Note that the job waits again."""
        await self._run(scripts.GIVE_BACK, job_id, runner)

    async def forget(self, job_id: str, *, refuse: bool = False) -> JobStatus | None:
        """Remove the job, and ``refuse`` it should it yet come; the status that it had, or None."""
        status = await self._run(scripts.FORGET, job_id, 1000 * REFUSED_SECONDS if refuse else 0)
        return None if status is None else JobStatus(status.decode())

    async def prune(self) -> None:
        """Take the jobs whose time is over from the lists."""
        await self._run(scripts.PRUNE)

    async def waiting(self) -> tuple[int, float]:
        """How many jobs wait, and how many seconds the oldest of them has."""
        depth, milliseconds = await self._run(scripts.WAITING)
        return depth, milliseconds / 1000

    async def close(self) -> None:
        """Close the connections."""
        await self.client.aclose()
        await self.client.connection_pool.disconnect()

    async def _run(self, script: str, *arguments: str | bytes | int) -> Any:
        size = sum(len(argument) for argument in arguments if isinstance(argument, bytes))
        return await self._ask(lambda: self._scripts[script](args=arguments), size)

    async def _ask(self, question: Callable[[], Awaitable[Any]], size: int = 0) -> Any:
        """The answer of Redis.

        Raises:
            JobsUnavailableError: it refuses, or was not asked.
            DoubtfulError: it has not answered in time.
        """
        asked = False
        for seconds in ATTEMPT_SECONDS:
            async with self._connections:
                if not self._breaker.allows():
                    break
                asked = True
                try:
                    async with asyncio.timeout(seconds + size / BYTES_PER_SECOND):
                        answer = await question()
                except ResponseError as error:  # full, read-only, or something else lies under our keys
                    log.warning("redis refuses", error=str(error).partition(" script:")[0][:200])
                    raise JobsUnavailableError from None
                except Exception as error:  # noqa: BLE001  # a server that answers nonsense makes the client raise anything
                    if self._breaker.failed():
                        log.warning("redis does not answer; jobs wait for it", error=type(error).__name__)
                    continue
                if self._breaker.succeeded():
                    log.warning("redis answers again")
                return answer
        raise DoubtfulError if asked else JobsUnavailableError


def packed(request: JobRequest) -> bytes:
    """A job's input as Redis holds it."""
    return _compress(msgspec.msgpack.encode(request))


def unpacked(content: bytes) -> JobRequest:
    """The input that `packed` made.

    Raises:
        zlib.error, msgspec.DecodeError: it is damaged.
    """
    return msgspec.msgpack.decode(zlib.decompress(content), type=JobRequest)


def _compress(content: bytes) -> bytes:
    return zlib.compress(content, 1)


async def _aside(function: Callable[[bytes], T], content: bytes) -> T:
    """What ``function`` makes of ``content``, in a thread where that takes long."""
    return await asyncio.to_thread(function, content) if len(content) > THREAD_BYTES else function(content)


def _decoded(values: list[bytes | None]) -> Job | None:
    """The job without its result; None where there is none, or none that can be read."""
    record, status, done, end = values
    if record is None or status is None:
        return None
    try:
        if end is not None:
            return msgspec.json.decode(end, type=Job)
        job = msgspec.json.decode(record, type=Job)
        progress = Progress(int(done or 0), job.progress.total)
        return msgspec.structs.replace(job, status=JobStatus(status.decode()), progress=progress)
    except (msgspec.DecodeError, ValueError):
        log.error("a job's record is damaged in redis")  # noqa: TRY400  # the record may hold what a client sent
        return None
