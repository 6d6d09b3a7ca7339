"""Running the chunks of jobs from the queue.

Only a few chunks of a job (its lanes) are queued or running at once: the replica that stores chunk ``n`` queues chunk
``n + LANES``, so that a small job does not wait behind a corpus. Every step is idempotent, so another replica can
repeat the chunk of a dead one. The replica that stores the last chunk folds the scores and finishes the job.
"""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import msgspec
import structlog

from nedc_bench.errors import EvaluationError
from nedc_bench.execution import Asked, Evaluated, PairInput
from nedc_bench.execution.cost import expected_seconds
from nedc_bench.execution.work import Scored
from nedc_bench.jobs.lists import Record, decoded
from nedc_bench.jobs.model import PIPELINE, Failure, Job, JobStatus, JobsUnavailableError, Request, Stored, ended
from nedc_bench.jobs.queue import HOLD_SECONDS, IDLE_SECONDS, Chunk, Queue
from nedc_bench.jobs.runner import Runner
from nedc_bench.jobs.store import Store
from nedc_bench.monitoring.metrics import ERROR
from nedc_bench.redis import RedisClient, unlink

T = TypeVar("T")

LANES = 4  # chunks of one job queued or running at once, over all replicas
CHUNK_SECONDS = 0.25  # target for a chunk
CHUNK_PAIRS = 256
CHUNK_BYTES = 4 * 1024 * 1024
ROOM = 2  # concurrent chunks of a replica, per worker
MAX_DELIVERIES = 5  # of a chunk; after that, the job is assumed to kill the processes
LONGEST_PAUSE_SECONDS = 2.0
HAND_BACK_SECONDS = 2.0

log = structlog.get_logger(__name__)


class File(msgspec.Struct, frozen=True, array_like=True):
    """The data of a pair, besides its score, that is needed to finish a job."""

    names: tuple[str, str]
    digests: tuple[str, str]


class ChunkRunner:
    """Takes chunks from the queue while there is room, and runs them.

    Args:
        runner: evaluates requests.
        redis: the process' client.
        store: the store of jobs.
    """

    def __init__(self, runner: Runner, redis: RedisClient, store: Store) -> None:
        self.runner = runner
        self._store = store
        self._queue = Queue(redis)
        self._room = ROOM * runner.evaluator.pool.workers
        self._working: dict[bytes, asyncio.Task[None]] = {}
        self._taking: list[asyncio.Task[None]] = []
        self._holding: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start taking chunks; Redis need not be reachable yet."""
        self._taking = [asyncio.create_task(for_ever(turn)) for turn in (self._read, self._claim)]
        self._holding = asyncio.create_task(for_ever(self._hold))

    async def drain(self, seconds: float) -> None:
        """Take no more chunks, let the running ones finish, and hand back those that do not finish in time."""
        for task in self._taking:
            task.cancel()
        if self._working:
            await asyncio.wait(self._working.values(), timeout=max(0.0, seconds - min(HAND_BACK_SECONDS, seconds / 4)))
        left = list(self._working.values())
        for task in left:
            task.cancel()
        try:
            async with asyncio.timeout(HAND_BACK_SECONDS):
                await self._queue.hand_back()
        except Exception as error:  # noqa: BLE001  # then others take them a little later
            log.warning("failed to hand chunks back", chunks=len(left), error=type(error).__name__)
        if left:
            log.info("chunks handed back", chunks=len(left))

    async def close(self) -> None:
        """Stop and abandon running chunks; another replica takes them."""
        tasks = [*self._taking, *self._working.values()] + ([] if self._holding is None else [self._holding])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        room = self._room - len(self._working)
        if room <= 0:
            await asyncio.wait(self._working.values(), return_when=asyncio.FIRST_COMPLETED)
            return
        for chunk in await self._queue.read(room):
            self._work_on(chunk)

    async def _claim(self) -> None:
        if len(self._working) < self._room:
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
        """Score a chunk, and finish its job after the last one; waits for Redis, however long it is unavailable."""
        with structlog.contextvars.bound_contextvars(job_id=chunk.job_id):
            record = await self._insist(lambda: self._store.record(chunk.job_id))
            try:
                if record is not None and 0 <= chunk.number < len(record.chunks):
                    await self._advance(record, chunk)
                elif record is None and chunk.job_id:
                    await self._insist(lambda: self._store.not_waiting(chunk.job_id))
                elif record is None:
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
        if end is not None:  # the replica that stored it may have died before it tidied up
            status = (decoded(end, Job) or record.job).status
            await self._insist(lambda: self._store.tidy(record, status))
            return
        if chunk.deliveries > MAX_DELIVERIES:
            log.error("a job was given up: its worker processes keep dying", deliveries=chunk.deliveries)
            await self._finish(record, Failure(500, f"the processes that ran the job died {MAX_DELIVERIES} times"))
            return
        if begun is None:
            self.runner.metrics.jobs.labels(JobStatus.RUNNING).inc()
            await self._insist(lambda: self._store.pipeline(lambda pipeline: self._store.begin(pipeline, record)))
        found = None if scored else await self._score(record, content)
        if isinstance(found, Failure):
            self.runner.metrics.evaluated(dict.fromkeys(record.asked["algorithms"], 0.0), PIPELINE, ERROR)
            await self._finish(record, found)
            return

        def store(pipeline: Any) -> None:
            if found is not None:
                pipeline.hset(scores, str(chunk.number), packed(found))
                pipeline.pexpire(scores, self._store.open_milliseconds)
            if chunk.number + LANES < len(record.chunks):
                self._store.put_chunk(pipeline, job_id, chunk.number + LANES)
            self._store.announce(pipeline, job_id)
            pipeline.strlen(self._store.place(job_id))
            pipeline.hlen(scores)

        *_, exists, stored = await self._insist(lambda: self._store.pipeline(store))
        if not exists:  # the job was removed meanwhile
            await self._store.clean_removed(record)
        elif stored == len(record.chunks):
            await self._fold(record)

    async def _score(self, record: Record, content: bytes | None) -> Scored | Failure:
        """The outcomes of a chunk's pairs."""
        pairs = unpacked(content, list[PairInput])
        if pairs is None:
            log.error("job input missing or damaged")
            return Failure(500, "the job's input is missing or damaged; submit it again")
        try:
            with self.runner.metrics.active_evaluations.track_inprogress():
                return await self.runner.evaluator.score(pairs, Asked.from_dict(record.asked), turn=record.caller)
        except EvaluationError as error:
            log.warning("job failed", error=str(error))
            return Failure.of(error)

    async def _fold(self, record: Record) -> None:
        """Compute the figures once all chunks are scored, and finish the job; deleting its inputs makes room."""
        job_id, asked = record.job.job_id, Asked.from_dict(record.asked)

        def read(pipeline: Any) -> None:
            unlink(pipeline, *self._store.inputs(record))
            pipeline.get(self._store.place(job_id, ":files"))
            pipeline.hgetall(self._store.place(job_id, ":scores"))

        *_, content, scores = await self._insist(lambda: self._store.pipeline(read))
        files = unpacked(content, list[File])
        parts = [unpacked(scores.get(str(number).encode()), Scored) for number in range(len(record.chunks))]
        if files is None or None in parts:
            job = await self._insist(lambda: self._store.load(job_id, record.owner, result=False))
            if job is not None and not job.status.ended:  # no other replica has finished it meanwhile
                await self._finish(record, Failure(500, "the job's scores are damaged; submit it again"))
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
        """The answer of Redis, waiting as long as it takes."""
        pause = 0.1
        while True:
            with contextlib.suppress(JobsUnavailableError):
                return await ask()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def cut(request: Request) -> Iterator[list[PairInput]]:
    """Cut the pairs, in order, into chunks of bounded cost."""
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


def packed(content: object) -> bytes:
    """Pack a part of a job for Redis."""
    return zlib.compress(msgspec.msgpack.encode(content), 1)


def unpacked(content: bytes | None, kind: Any) -> Any:
    """Unpack the result of `packed`; None if it is missing or damaged."""
    try:
        return None if content is None else msgspec.msgpack.decode(zlib.decompress(content), type=kind)
    except (zlib.error, msgspec.DecodeError):
        return None


async def for_ever(turn: Callable[[], Awaitable[None]]) -> None:
    """Repeat a step forever; retries after a pause while Redis is unavailable."""
    pause = 0.0
    while True:
        try:
            await turn()
            pause = 0.0
        except Exception as error:  # noqa: BLE001  # an invalid answer can make the client raise anything
            log.debug("failed to read from redis", error=str(error)[:200])
            pause = min(2 * pause + 0.1, LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(pause)
