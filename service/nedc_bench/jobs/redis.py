"""Jobs in a Redis that equal replicas share: accepted by any, run by any, seen by all.

A job outlives the replica that took it and the one that runs it. Its message stays in the stream until its end is
stored; a replica that dies stops holding it, and another one takes it. A job may so be begun more than once, and has
one end: the first that is stored. While Redis is away what runs goes on, and its end waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple, TypeVar

import msgspec
import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from taskiq.acks import AcknowledgeType
from taskiq.receiver import Receiver

from nedc_bench.jobs import scripts
from nedc_bench.jobs.model import (
    Job,
    JobPage,
    JobRequest,
    JobStatus,
    JobsUnavailableError,
    Progress,
    cancelled,
    new_job,
)
from nedc_bench.jobs.problem import problem
from nedc_bench.jobs.runner import Outcome, Runner
from nedc_bench.jobs.store import DoubtfulError, Store, packed
from nedc_bench.jobs.stream import HOLD_SECONDS, TASK, StreamBroker

T = TypeVar("T")

PROGRESS_SECONDS = 0.2  # between two reports of a job's progress
LOOK_SECONDS = 5.0  # after which a watched job is looked at, though no change was announced
LONGEST_PAUSE_SECONDS = 2.0
MAX_STARTS = 5  # of a job; then it is what ends the processes
HAND_BACK_SECONDS = 2.0  # of the time to drain, for handing back, or a quarter of it
LEAST_HAND_BACK_SECONDS = 0.5
MAX_DOUBTFUL = 10_000

log = structlog.stdlib.get_logger(__name__)


class RedisJobs:
    """Accepted work, shared by replicas.

    Args:
        runner: what runs a job.
        url: where Redis is.
        concurrency: how many jobs run here at once; the worker processes bound the CPU.
        max_queued: how many may wait, over all replicas.
        ttl_seconds: how long an ended job is kept.
    """

    outlive_process = True

    def __init__(self, runner: Runner, url: str, *, concurrency: int, max_queued: int, ttl_seconds: float) -> None:
        self.runner = runner
        self.concurrency = concurrency
        self.max_queued = max_queued
        self._url = url
        self._store = Store(url, ttl_seconds=ttl_seconds)
        self._broker = StreamBroker(url, self._cancel)
        self._broker.register_task(_task(self._deliver), TASK)
        self._runs: dict[str, _Run] = {}
        self._watchers: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._doubtful: set[str] = set()
        self._finish = asyncio.Event()
        self._drained = asyncio.Event()
        self._receiving: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to run jobs, or to try to; Redis need not answer yet."""
        logging.getLogger("taskiq").setLevel(logging.WARNING)  # it tells of every message
        self._receiving = asyncio.create_task(self._receive())
        self._tasks = [asyncio.create_task(self._tend()), asyncio.create_task(self._hear())]

    async def drain(self, seconds: float) -> None:
        """Take no further message, let the running jobs end, and hand back those that have not ended in time."""
        self._finish.set()
        hand_back_seconds = min(HAND_BACK_SECONDS, max(LEAST_HAND_BACK_SECONDS, seconds / 4))
        if self._receiving is not None:
            await asyncio.wait([self._receiving], timeout=max(0.0, seconds - hand_back_seconds))
        try:
            async with asyncio.timeout(hand_back_seconds):
                await self._hand_back()
        except Exception as error:  # noqa: BLE001  # then others take the jobs a little later
            log.warning("jobs could not be handed back", error=type(error).__name__)
        self._drained.set()
        self._wake_all()

    async def _hand_back(self) -> None:
        self._broker.keeping = True
        left = list(self._runs.values())
        for run in left:
            run.task.cancel()
        await asyncio.gather(*(run.task for run in left), return_exceptions=True)
        for run in left:
            await self._store.give_back(run.job_id, run.runner)
        await self._broker.hand_back()
        if left:
            log.info("jobs handed back", jobs=len(left))

    async def close(self) -> None:
        """Close the connections; what still runs is given up, and another replica takes it."""
        self._broker.keeping = True
        tasks = [*self._tasks, *(run.task for run in self._runs.values())]
        if self._receiving is not None:
            tasks.append(self._receiving)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._broker.shutdown()
        await self._store.close()

    async def submit(self, request: JobRequest, key: str | None = None, digest: bytes = b"") -> tuple[Job, bool]:
        """See `nedc_bench.jobs.Jobs`."""
        job = new_job(len(request.pairs))
        content = await asyncio.to_thread(packed, request)
        try:
            known = await self._store.accept(
                job, content, self._broker.message(job.job_id), most=self.max_queued, key=key, digest=digest
            )
        except DoubtfulError:
            # With a key the client is to send it again, and gets the job, should there be one.
            if key is None and len(self._doubtful) < MAX_DOUBTFUL:
                self._doubtful.add(job.job_id)
            raise
        if known is None:
            self.runner.metrics.jobs.labels(JobStatus.PENDING).inc()
            return job, True
        earlier = await self._store.load(known)
        if earlier is None:
            raise JobsUnavailableError  # removed in between; the next attempt makes a new one
        return earlier, False

    async def get(self, job_id: str) -> Job | None:
        """See `nedc_bench.jobs.Jobs`."""
        return await self._store.load(job_id)

    async def request(self, job_id: str) -> JobRequest | None:
        """See `nedc_bench.jobs.Jobs`."""
        return await self._store.request(job_id)

    async def list(self, limit: int, offset: int, status: JobStatus | None) -> JobPage:
        """See `nedc_bench.jobs.Jobs`."""
        return await self._store.list(limit, offset, status)

    async def remove(self, job_id: str) -> bool:
        """See `nedc_bench.jobs.Jobs`; wherever it runs it is cancelled."""
        status = await self._store.forget(job_id)
        if status is not None and not status.ended:
            self.runner.metrics.jobs.labels("cancelled").inc()
        return status is not None

    async def watch(self, job_id: str) -> AsyncIterator[Job]:
        """See `nedc_bench.jobs.Jobs`; while Redis is away there is no news, and a drained replica has none any more."""
        changed = asyncio.Event()
        self._watchers[job_id].add(changed)
        last: Job | None = None
        try:
            while True:
                changed.clear()
                with contextlib.suppress(JobsUnavailableError):
                    job = await self._store.load(job_id)
                    if job is None:
                        if last is not None:
                            yield cancelled(last)
                        return
                    if job != last:
                        yield job
                    if job.status.ended:
                        return
                    last = job
                if self._drained.is_set():
                    return
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

    # -- running

    async def _receive(self) -> None:
        """Have jobs run as messages come, until told to finish."""
        while not self._finish.is_set():
            receiver = Receiver(
                self._broker,
                validate_params=False,
                max_async_tasks=self.concurrency,
                run_startup=False,
                ack_type=AcknowledgeType.WHEN_EXECUTED,
            )
            try:
                await receiver.listen(self._finish)
            except Exception:
                log.exception("receiving jobs failed; it is begun again")
                await asyncio.sleep(LONGEST_PAUSE_SECONDS)

    async def _deliver(self, job_id: str) -> None:
        """What a message asks for: run the job, if there is one that has not ended. Nothing is raised."""
        while (earlier := self._runs.get(job_id)) is not None:
            await asyncio.wait([earlier.task])
        runner = uuid.uuid4().hex
        run = _Run(job_id, runner, asyncio.create_task(self._run(job_id, runner)))
        self._runs[job_id] = run
        try:
            await asyncio.wait([run.task])
            if not run.task.cancelled() and (error := run.task.exception()) is not None:
                log.error("running a job failed", job_id=job_id, exc_info=error)
        finally:
            run.task.cancel()
            del self._runs[job_id]

    async def _run(self, job_id: str, runner: str) -> None:
        begun = await self._insist(lambda: self._store.begin(job_id, runner))
        if begun is None:
            return
        metrics = self.runner.metrics
        metrics.jobs.labels(JobStatus.RUNNING).inc()
        reporter = _Reporter(self._store, job_id, runner)
        try:
            outcome = await self._outcome(job_id, begun.starts, reporter)
        finally:
            reporter.task.cancel()
        progress = Progress(reporter.done, begun.job.progress.total)
        job = outcome.applied(msgspec.structs.replace(begun.job, progress=progress))
        if await self._insist(lambda: self._store.end(job, runner)):
            metrics.jobs.labels(job.status).inc()

    async def _outcome(self, job_id: str, starts: int, reporter: _Reporter) -> Outcome:
        if starts > MAX_STARTS:
            log.error("a job was given up: the processes that ran it ended", job_id=job_id, starts=starts)
            return Outcome(None, problem(500, f"the processes that ran the job ended, {MAX_STARTS} times"))
        request = await self._insist(lambda: self._store.request(job_id))
        if request is None:
            log.error("the input of a job is gone or damaged", job_id=job_id)
            return Outcome(None, problem(500, "the job's input is gone or damaged; send it again"))
        return await self.runner.run(job_id, request, reporter.report)

    async def _insist(self, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer of Redis, however long it takes; a job whose time is over by then is gone."""
        pause = 0.1
        while True:
            with contextlib.suppress(JobsUnavailableError):
                return await ask()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _cancel(self, job_id: str) -> None:
        run = self._runs.get(job_id)
        if run is not None:
            run.task.cancel()

    # -- what goes on beside

    async def _tend(self) -> None:
        """Hold what is run here, and tidy up."""
        while True:
            with contextlib.suppress(Exception):  # whatever Redis or the client has, the next turn comes
                await self._broker.hold()
                for job_id in list(self._doubtful):
                    await self._store.forget(job_id, refuse=True)
                    self._doubtful.discard(job_id)
                await self._store.prune()
            await asyncio.sleep(HOLD_SECONDS)

    async def _hear(self) -> None:
        """Hear of changes, and wake those who watch."""
        pause = 0.0
        while True:
            client = Redis.from_url(
                self._url,
                socket_connect_timeout=1.0,
                socket_keepalive=True,
                retry=Retry(NoBackoff(), 0),  # it is begun again here, where those who watch are told
                protocol=2,
            )
            try:
                async with client, client.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(scripts.CHANGES)
                    pause = 0.0
                    self._wake_all()  # what was announced while nobody listened
                    async for message in channel.listen():
                        self._changed(message["data"].decode())
            except Exception as error:  # noqa: BLE001  # whatever Redis or the client has
                log.debug("changes cannot be heard", error=type(error).__name__)
                pause = min(2 * pause + 0.1, LONGEST_PAUSE_SECONDS)
                await asyncio.sleep(pause)

    def _changed(self, announced: str) -> None:
        job_id = announced.removeprefix("-")
        if job_id != announced:
            self._cancel(job_id)
        for changed in self._watchers.get(job_id, ()):
            changed.set()

    def _wake_all(self) -> None:
        for events in self._watchers.values():
            for changed in events:
                changed.set()


def _task(deliver: Callable[[str], Awaitable[None]]) -> Callable[[str], Awaitable[None]]:
    """A function of its own: taskiq renames what it registers, which a method does not allow."""

    async def evaluate(job_id: str) -> None:
        await deliver(job_id)

    return evaluate


class _Run(NamedTuple):
    """A job that runs here, and the name that this run goes by in Redis."""

    job_id: str
    runner: str
    task: asyncio.Task[None]


class _Reporter:
    """Reports the progress of a job now and then, as far as Redis answers.

    Attributes:
        done: how many pairs are done.
        task: what reports; to be cancelled by whoever made it.
    """

    def __init__(self, store: Store, job_id: str, runner: str) -> None:
        self.done = 0
        self._changed = asyncio.Event()
        self.task = asyncio.create_task(self._send(store, job_id, runner))

    def report(self, done: int) -> None:
        """Note how many pairs are done; it is reported soon."""
        self.done = done
        self._changed.set()

    async def _send(self, store: Store, job_id: str, runner: str) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            with contextlib.suppress(JobsUnavailableError):
                await store.progress(job_id, runner, self.done)
            await asyncio.sleep(PROGRESS_SECONDS)
