"""Jobs in a Redis that equal replicas share: accepted by any, run by all, seen by all.

A client that waits is served where it is: its evaluation runs in this process, and its job is stored once, ended. Other
jobs are cut into chunks of bounded cost, of which a few (the job's lanes) are in the queue at once: whoever stores
chunk ``n`` puts chunk ``n + LANES`` in. Every step can be done twice, so a chunk whose replica died is done again by
another one; the replica that stores the last chunk folds, and stores the end. While Redis is away all of it waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar

import msgspec
import structlog

from nedc_bench.errors import EvaluationError
from nedc_bench.execution import Asked, Evaluated, PairInput, RedisCache
from nedc_bench.execution.cost import expected_seconds
from nedc_bench.execution.work import Scored
from nedc_bench.jobs.model import (
    Failure,
    Job,
    JobPage,
    JobStatus,
    JobsUnavailableError,
    QueueFullError,
    Request,
    Stored,
    cancelled,
    ended,
    new_job,
    with_result,
)
from nedc_bench.jobs.queue import BLOCK_SECONDS, HOLD_SECONDS, IDLE_SECONDS, READ_SECONDS, Chunk, Queue
from nedc_bench.jobs.runner import Runner
from nedc_bench.jobs.store import Record, Store
from nedc_bench.redis import RedisClient

T = TypeVar("T")

LANES = 4  # chunks of one job in the queue or at work at once, over all replicas
CHUNK_SECONDS = 0.25  # that a chunk should take
CHUNK_PAIRS = 256
CHUNK_BYTES = 4 * 1024 * 1024
ROOM = 2  # chunks that a replica has at once, for each worker
MAX_DELIVERIES = 5  # of a chunk; then it is what ends the processes
LONGEST_PAUSE_SECONDS = 2.0
LOOK_SECONDS = 5.0  # after which a watched job is looked at, though no change was announced
HAND_BACK_SECONDS = 2.0
CLAIMED_SECONDS = 0.25

log = structlog.stdlib.get_logger(__name__)


class File(msgspec.Struct, frozen=True, array_like=True):
    """What the end of a job needs of a pair beside its score."""

    names: tuple[str, str]
    digests: tuple[str, str]


class RedisJobs:
    """Accepted work, shared by replicas.

    Args:
        runner: what evaluates.
        redis: the process' client.
        max_queued: how many jobs may wait, over all replicas.
        ttl_seconds: how long an ended job is kept.
    """

    outlive_process = True

    def __init__(
        self, runner: Runner, redis: RedisClient, cache: RedisCache, *, max_queued: int, ttl_seconds: float
    ) -> None:
        self.runner = runner
        self.max_queued = max_queued
        self._redis = redis
        self._cache = cache
        self._store = Store(redis, ttl_seconds=ttl_seconds)
        self._queue = Queue(redis)
        self._room = ROOM * runner.evaluator.pool.workers
        self._working: dict[bytes, asyncio.Task[None]] = {}
        self._watchers: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._drained = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._left: set[asyncio.Task[Any]] = set()  # evaluations whose client waits no longer

    async def start(self) -> None:
        """Begin to run jobs, or to try to; Redis need not answer yet."""
        self._reading = asyncio.create_task(self._for_ever(self._read))
        loops = (self._claim, self._hold, self._hear)
        self._tasks = [asyncio.create_task(self._for_ever(loop)) for loop in loops]

    async def drain(self, seconds: float) -> None:
        """Take no further chunk, let the running ones end, and hand back what has not ended in time."""
        if self._reading is not None:
            self._reading.cancel()
        working = [*self._working.values(), *self._left]
        if working:
            await asyncio.wait(working, timeout=max(0.0, seconds - min(HAND_BACK_SECONDS, seconds / 4)))
        left = list(self._working)
        for task in [*self._working.values(), *self._left]:
            task.cancel()
        try:
            async with asyncio.timeout(HAND_BACK_SECONDS):
                await self._queue.hand_back()
        except Exception as error:  # noqa: BLE001  # then others take them a little later
            log.warning("chunks could not be handed back", chunks=len(left), error=type(error).__name__)
        if left:
            log.info("chunks handed back", chunks=len(left))
        self._drained.set()
        self._wake_all()

    async def close(self) -> None:
        """Stop everything; what still runs is given up, and another replica takes it."""
        tasks = [*self._tasks, *self._working.values(), *self._left]
        tasks += [] if self._reading is None else [self._reading]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- what clients ask for

    async def submit(self, request: Request) -> tuple[Job, bool]:
        """See `nedc_bench.jobs.Jobs`."""
        job = new_job(len(request.pairs))
        earlier = await self._claim_key(request, job.job_id)
        if earlier is not None:
            return earlier, False
        waiting, _ = await self._store.waiting()
        if waiting >= self.max_queued:
            raise QueueFullError(f"{self.max_queued} jobs wait already (MAX_QUEUED_JOBS)")
        chunks = list(_chunks(request))
        record = Record(job, request.owner, request.caller, request.asked.to_dict(), [len(chunk) for chunk in chunks])
        files = [File(pair.names, (pair.reference_sha256, pair.hypothesis_sha256)) for pair in request.pairs]
        packed = await asyncio.to_thread(lambda: [_packed(chunk) for chunk in chunks])
        await self._store.accept(record, _packed(files), packed, LANES)
        self.runner.metrics.jobs.labels(JobStatus.PENDING).inc()
        return job, True

    async def evaluate(self, request: Request, seconds: float) -> Job:
        """See `nedc_bench.jobs.Jobs`; without Redis the client has its figures, and nothing is kept."""
        job = new_job(len(request.pairs))
        earlier = await self._known(request)
        if earlier is not None:
            return earlier
        evaluation = asyncio.create_task(self.runner.run(job.job_id, request))
        try:
            done, _ = await asyncio.wait([evaluation], timeout=seconds)
        except asyncio.CancelledError:
            evaluation.cancel()
            raise
        if not done:
            self._leave(evaluation)
            return (await self.submit(request))[0]
        earlier = await self._claim_key(request, job.job_id)
        if earlier is not None:
            return earlier
        job, stored, new = _end(job, request, evaluation.result())
        record = Record(job, request.owner, request.caller, {}, [])
        for status in (JobStatus.PENDING, JobStatus.RUNNING, job.status):
            self.runner.metrics.jobs.labels(status).inc()
        try:
            await self._store.keep_ended(record, stored, self._cache, new)
        except JobsUnavailableError as error:
            if request.key is not None:
                raise
            log.warning("a job was answered and not kept", job_id=job.job_id, cause=str(error))
        return job if stored is None else with_result(job, await stored.result())

    async def get(self, job_id: str, owner: str) -> Job | None:
        """See `nedc_bench.jobs.Jobs`."""
        return await self._store.load(job_id, owner)

    async def report(self, job_id: str, owner: str, name: str) -> bytes | None:
        """See `nedc_bench.jobs.Jobs`."""
        stored = await self._store.stored(job_id, owner)
        return None if stored is None else await stored.report(name)

    async def list(self, owner: str, limit: int, offset: int, status: JobStatus | None) -> JobPage:
        """See `nedc_bench.jobs.Jobs`."""
        return await self._store.page(owner, limit, offset, status)

    async def remove(self, job_id: str, owner: str) -> bool:
        """See `nedc_bench.jobs.Jobs`; chunks at work are done for nothing."""
        status = await self._store.remove(job_id, owner)
        if status is not None and not status.ended:
            self.runner.metrics.jobs.labels("cancelled").inc()
        return status is not None

    async def watch(self, job_id: str, owner: str) -> AsyncIterator[Job]:
        """See `nedc_bench.jobs.Jobs`; while Redis is away there is no news, and a drained replica has none any more."""
        changed = asyncio.Event()
        self._watchers[job_id].add(changed)
        last: Job | None = None
        try:
            while not self._drained.is_set():
                changed.clear()
                with contextlib.suppress(JobsUnavailableError):
                    job = await self._store.load(job_id, owner, result=False)
                    if job is None:
                        if last is not None:
                            yield cancelled(last)
                        return
                    if job != last:
                        yield job
                    if job.status.ended:
                        return
                    last = job
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await changed.wait()
        finally:
            self._watchers[job_id].discard(changed)
            if not self._watchers[job_id]:
                del self._watchers[job_id]

    async def waiting(self) -> tuple[int, float]:
        """See `nedc_bench.jobs.Jobs`; over all replicas."""
        return await self._store.waiting()

    async def _known(self, request: Request) -> Job | None:
        """The job that the request's idempotency key made before; None where it made none, or that is no more."""
        if request.key is None:
            return None
        job_id = await self._store.known(request.key, request.digest())
        return None if job_id is None else await self._store.load(job_id, request.owner)

    async def _claim_key(self, request: Request, job_id: str) -> Job | None:
        """Have the request's idempotency key lead to the job, or the job that it leads to already."""
        if request.key is None or await self._store.claim(request.key, request.digest(), job_id):
            return None
        earlier = await self._known(request)
        if earlier is None:
            await asyncio.sleep(CLAIMED_SECONDS)  # another request has claimed it, and is about to store its job
            earlier = await self._known(request)
        if earlier is None:
            await self._store.claim(request.key, request.digest(), job_id, anew=True)
        return earlier

    def _leave(self, evaluation: asyncio.Task[Evaluated | Failure]) -> None:
        """Let an evaluation end whose client waits no longer; what it has scored is for the cache, and for its job."""

        async def keep() -> None:
            found = await evaluation
            if isinstance(found, Evaluated):
                await self._cache.set_many(found.entries)

        task = asyncio.create_task(keep())
        self._left.add(task)
        task.add_done_callback(self._left.discard)

    # -- running chunks

    async def _for_ever(self, turn: Callable[[], Awaitable[None]]) -> None:
        """Do one thing over and over; while Redis is away it is tried now and then."""
        pause = 0.0
        while True:
            try:
                await turn()
                pause = 0.0
            except Exception as error:  # noqa: BLE001  # a server that answers nonsense makes the client raise anything
                log.debug("redis cannot be read", error=str(error)[:200])
                pause = min(2 * pause + 0.1, LONGEST_PAUSE_SECONDS)
                await asyncio.sleep(pause)

    async def _read(self) -> None:
        room = self._room - len(self._working)
        if room <= 0:
            await asyncio.wait(self._working.values(), return_when=asyncio.FIRST_COMPLETED)
            return
        for chunk in await self._queue.read(room):
            self._work_on(chunk)

    async def _claim(self) -> None:
        if not self._drained.is_set() and len(self._working) < self._room:
            for chunk in await self._queue.claim(self._room - len(self._working)):
                self._work_on(chunk)
        await asyncio.sleep(IDLE_SECONDS / 5)

    async def _hold(self) -> None:
        await asyncio.sleep(HOLD_SECONDS)
        await self._queue.hold(list(self._working))

    def _work_on(self, chunk: Chunk) -> None:
        if chunk.message not in self._working:
            task = asyncio.create_task(self._work(chunk))
            self._working[chunk.message] = task
            task.add_done_callback(lambda _: self._working.pop(chunk.message, None))

    async def _work(self, chunk: Chunk) -> None:
        """Score a chunk, and end its job with the last one; Redis is waited for, however long it is away."""
        with structlog.contextvars.bound_contextvars(job_id=chunk.job_id):
            record = await self._insist(lambda: self._store.record(chunk.job_id))
            try:
                if record is not None and 0 <= chunk.number < len(record.chunks):
                    await self._advance(record, chunk)
                elif record is None and not chunk.job_id:
                    log.warning("dropped malformed job message")
            except Exception as error:
                log.exception("a chunk failed", chunk=chunk.number)
                assert record is not None
                await self._finish(record, Failure.of(error))
            await self._queue.done(chunk.message)

    async def _advance(self, record: Record, chunk: Chunk) -> None:
        job_id, scores = chunk.job_id, self._store.place(chunk.job_id, ":scores")
        places = [self._store.place(job_id, part) for part in (":end", ":begun", f":input:{chunk.number}")]

        def read(pipeline: Any) -> None:
            for place in places:
                pipeline.get(place)
            pipeline.hexists(scores, str(chunk.number))

        end, begun, content, scored = await self._insist(lambda: self._store.pipeline(read))
        if end is not None:
            return
        if chunk.deliveries > MAX_DELIVERIES:
            log.error("a job was given up: the processes that ran it ended", deliveries=chunk.deliveries)
            await self._finish(record, Failure(500, f"the processes that ran the job ended, {MAX_DELIVERIES} times"))
            return
        if begun is None:
            self.runner.metrics.jobs.labels(JobStatus.RUNNING).inc()
            await self._insist(lambda: self._store.pipeline(lambda pipeline: self._store.begin(pipeline, record)))
        found = None if scored else await self._score(record, content)
        if isinstance(found, Failure):
            await self._finish(record, found)
            return

        def store(pipeline: Any) -> None:
            if found is not None:
                pipeline.hset(scores, str(chunk.number), _packed(found))
                pipeline.pexpire(scores, self._store.open_milliseconds)
            pipeline.hlen(scores)
            if chunk.number + LANES < len(record.chunks):
                self._store.put_chunk(pipeline, job_id, chunk.number + LANES)
            self._store.announce(pipeline, job_id)

        answers = await self._insist(lambda: self._store.pipeline(store))
        if answers[0 if found is None else 2] == len(record.chunks):
            await self._fold(record)

    async def _score(self, record: Record, content: bytes | None) -> Scored | Failure:
        """The outcomes of a chunk's pairs."""
        pairs = _unpacked(content, list[PairInput])
        if pairs is None:
            log.error("the input of a job is gone or damaged")
            return Failure(500, "the job's input is gone or damaged; send it again")
        try:
            return await self.runner.evaluator.score(pairs, Asked.from_dict(record.asked), turn=record.caller)
        except EvaluationError as error:
            log.warning("job failed", error=str(error))
            return Failure.of(error)

    async def _fold(self, record: Record) -> None:
        """All chunks are scored: make the figures, and store the end."""
        job_id, asked = record.job.job_id, Asked.from_dict(record.asked)

        def read(pipeline: Any) -> None:
            pipeline.get(self._store.place(job_id, ":files"))
            pipeline.hgetall(self._store.place(job_id, ":scores"))

        content, scores = await self._insist(lambda: self._store.pipeline(read))
        files = _unpacked(content, list[File])
        parts = [_unpacked(scores.get(str(number).encode()), Scored) for number in range(len(record.chunks))]
        if files is None or None in parts:
            job = await self._insist(lambda: self._store.load(job_id, record.owner, result=False))
            if job is not None and not job.status.ended:  # no other replica has ended it meanwhile
                await self._finish(record, Failure(500, "the job's scores are damaged; send it again"))
            return
        names, outcomes = [file.names for file in files], [outcome for part in parts for outcome in part.outcomes]
        seconds = {name: sum(part.seconds[name] for part in parts) for name in asked.algorithms}

        async def fold() -> Evaluated:
            digests = [file.digests for file in files]
            folded = await self.runner.evaluator.fold(outcomes, digests, names, asked, turn=record.caller)
            return Evaluated(folded, not any(seconds.values()), {}, seconds)

        outcome = await self.runner.guarded(job_id, asked.algorithms, len(files), fold)
        await self._finish(record, outcome, names)

    async def _finish(self, record: Record, outcome: Evaluated | Failure, names: Any = ()) -> None:
        if isinstance(outcome, Failure):
            job, stored = ended(record.job, outcome), None
        else:
            job = ended(record.job, None, cached=outcome.cached)
            stored = Stored(list(names), outcome.folded)
        if await self._insist(lambda: self._store.finish(record, job, stored)):
            self.runner.metrics.jobs.labels(job.status).inc()

    async def _insist(self, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer of Redis, however long it takes."""
        pause = 0.1
        while True:
            with contextlib.suppress(JobsUnavailableError):
                return await ask()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    # -- hearing of changes

    async def _hear(self) -> None:
        """Wake those who watch a job that has changed; after an outage, all."""
        place = self._redis.key("changes")
        last: Any = "$"
        self._wake_all()
        while True:
            async with asyncio.timeout(READ_SECONDS):
                found = await self._redis.client.xread({place: last}, block=round(1000 * BLOCK_SECONDS))
            for _, messages in found or ():
                for last, fields in messages:  # noqa: B007  # the position to go on from
                    for changed in self._watchers.get(fields[b"job"].decode(), ()):
                        changed.set()

    def _wake_all(self) -> None:
        for events in self._watchers.values():
            for changed in events:
                changed.set()


def _chunks(request: Request) -> Iterator[list[PairInput]]:
    """The pairs in order, in chunks of bounded cost."""
    chunk: list[PairInput] = []
    seconds, size = 0.0, 0
    for pair in request.pairs:
        cost = expected_seconds(pair, request.asked)
        full = len(chunk) == CHUNK_PAIRS or seconds + cost > CHUNK_SECONDS or size + pair.size > CHUNK_BYTES
        if chunk and full:
            yield chunk
            chunk, seconds, size = [], 0.0, 0
        chunk.append(pair)
        seconds += cost
        size += pair.size
    yield chunk


def _end(job: Job, request: Request, outcome: Evaluated | Failure) -> tuple[Job, Stored | None, dict[str, bytes]]:
    """A job that was evaluated here: ended, what is kept of it, and what the cache is to keep."""
    if isinstance(outcome, Failure):
        return ended(job, outcome), None, {}
    stored = Stored([pair.names for pair in request.pairs], outcome.folded)
    return ended(job, None, cached=outcome.cached), stored, outcome.entries


def _packed(content: object) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(content), 1)


def _unpacked(content: bytes | None, kind: Any) -> Any:
    try:
        return None if content is None else msgspec.msgpack.decode(zlib.decompress(content), type=kind)
    except (zlib.error, msgspec.DecodeError):
        return None
