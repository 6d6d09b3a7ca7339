"""Single flight: a pair that several requests want at once is looked up, scored and stored once for all of them.

A `Flight` is a pair on its way to its score. Flights that begin together fly as one batch, a task of its own, which
looks all of them up in one round trip, has what is missing scored in the worker processes, and stores it in one round
trip. Each lands for all who wait for it as soon as its score is known; it can be joined until it is stored, so that
between landing and look-up there is no gap. When nobody waits for anything in a batch any more, it is cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from nedc_bench.annotations import Parameters
from nedc_bench.errors import EvaluationError, Finding
from nedc_bench.evaluation.cache import CORRUPT, Cache
from nedc_bench.evaluation.codec import decode_score
from nedc_bench.evaluation.pool import WorkerPool
from nedc_bench.evaluation.work import Contents, evaluate_chunk
from nedc_bench.scoring import PairScore

CHUNK = 8  # pairs that go to a worker together, so that sending them costs little beside scoring them
CHUNK_BYTES = 256 * 1024  # of larger pairs fewer go together, so that they spread over the workers
TURN_BYTES = 256 * 1024  # of entries that are decoded before the event loop gets its turn


class Asked(NamedTuple):
    """What is asked of a pair."""

    algorithms: tuple[str, ...]
    parameters: Parameters
    strict: bool


class Landing(NamedTuple):
    """How a flight has ended: a score without files, a worker's findings, or an error; and whether it was cached."""

    outcome: PairScore | tuple[Finding, ...] | Exception
    cached: bool = False


class Flight:
    """A pair on its way.

    Attributes:
        key: of the pair in the cache.
        contents: the two files.
        waiting: how many wait for it.
        landing: set once.
    """

    def __init__(self, key: str, contents: Contents) -> None:
        self.key = key
        self.contents = contents
        self.waiting = 0
        self.landing: asyncio.Future[Landing] = asyncio.get_running_loop().create_future()
        self.batch: _Batch | None = None

    def land(self, landing: Landing) -> None:
        """Tell all who wait, unless they were told."""
        if not self.landing.done():
            self.landing.set_result(landing)


class Flights:
    """The flights of a process.

    Args:
        cache: where scores are kept.
        pool: where they are computed.
        record: told `CORRUPT` for an entry that is intact and no score all the same.
    """

    def __init__(self, cache: Cache, pool: WorkerPool, record: Callable[[str], object]) -> None:
        self._cache = cache
        self._pool = pool
        self._record = record
        self._flights: dict[tuple[str, bool], Flight] = {}
        self._batches: set[_Batch] = set()

    def join(self, pairs: Mapping[str, Contents], asked: Asked) -> dict[str, Flight]:
        """The flights of these pairs, by key; those that nobody has begun begin now, together.

        Every flight that is joined is to be left again, by `leave`.
        """
        joined: dict[str, Flight] = {}
        new: list[Flight] = []
        for key, contents in pairs.items():
            flight = self._flights.get((key, asked.strict))
            if flight is None:
                flight = self._flights[key, asked.strict] = Flight(key, contents)
                new.append(flight)
            flight.waiting += 1
            joined[key] = flight
        if new:
            _Batch(new, asyncio.create_task(self._fly(new, asked)), self._batches)
        return joined

    def leave(self, flight: Flight, asked: Asked) -> None:
        """Wait for it no longer; a batch in which nobody waits for anything is cancelled."""
        flight.waiting -= 1
        if flight.waiting or flight.landing.done():
            return
        self._forget(flight, asked)  # who comes from now on begins anew
        assert flight.batch is not None
        flight.batch.cancel_if_unwanted()

    async def stored(self) -> None:
        """Wait until no batch is under way."""
        while self._batches:
            await asyncio.wait([batch.task for batch in self._batches])

    async def _fly(self, flights: Sequence[Flight], asked: Asked) -> None:
        try:
            missing = await self._look_up(flights, asked)
            if missing:
                await self._cache.set_many(await self._score(missing, asked))
        except Exception as error:  # noqa: BLE001  # whatever went wrong, those who wait are told
            for flight in flights:
                flight.land(Landing(error))
        finally:
            for flight in flights:
                flight.landing.cancel()  # only where this task is cancelled, has it not landed
                self._forget(flight, asked)

    def _forget(self, flight: Flight, asked: Asked) -> None:
        if self._flights.get((flight.key, asked.strict)) is flight:
            del self._flights[flight.key, asked.strict]

    async def _look_up(self, flights: Sequence[Flight], asked: Asked) -> list[Flight]:
        """Land what is in the cache; the flights that are not."""
        missing: list[Flight] = []
        decoded = 0
        entries = await self._cache.get_many([flight.key for flight in flights])
        for flight, entry in zip(flights, entries, strict=True):
            if entry is not None:
                decoded += len(entry)
                if decoded > TURN_BYTES:
                    decoded = 0
                    await asyncio.sleep(0)
                try:
                    flight.land(Landing(_decode(entry, asked), cached=True))
                    continue
                except ValueError:
                    self._record(CORRUPT)
            missing.append(flight)
        return missing

    async def _score(self, flights: Sequence[Flight], asked: Asked) -> dict[str, bytes]:
        """Have the flights scored that are still waited for; the entries to store."""
        wanted = [flight for flight in flights if flight.waiting]
        async with asyncio.TaskGroup() as group:
            chunks = [
                group.create_task(self._score_chunk(chunk, asked)) for chunk in _chunks(wanted, self._pool.workers)
            ]
        return {key: entry for chunk in chunks for key, entry in chunk.result().items()}

    async def _score_chunk(self, flights: Sequence[Flight], asked: Asked) -> dict[str, bytes]:
        contents = [flight.contents for flight in flights]
        try:
            answers = await self._pool.run(
                evaluate_chunk, contents, asked.parameters, asked.algorithms, strict=asked.strict
            )
        except EvaluationError as error:
            if len(flights) > 1:  # tell which one it was
                alone = [await self._score_chunk([flight], asked) for flight in flights]
                return {key: entry for entries in alone for key, entry in entries.items()}
            flights[0].land(Landing(error))
            return {}
        entries: dict[str, bytes] = {}
        for flight, answer in zip(flights, answers, strict=True):
            if isinstance(answer, bytes):
                entries[flight.key] = answer
                flight.land(Landing(_decode(answer, asked)))
            else:
                flight.land(Landing(answer))
        return entries


class _Batch:
    """Flights that began together, and the task that flies them; it is in ``batches`` while it does."""

    def __init__(self, flights: Sequence[Flight], task: asyncio.Task[None], batches: set[_Batch]) -> None:
        self.flights = flights
        self.task = task
        batches.add(self)
        task.add_done_callback(lambda _: batches.discard(self))
        for flight in flights:
            flight.batch = self

    def cancel_if_unwanted(self) -> None:
        """Cancel the task unless somebody waits for what it has not told yet."""
        if not any(flight.waiting and not flight.landing.done() for flight in self.flights):
            self.task.cancel()


def _decode(entry: bytes, asked: Asked) -> PairScore:
    return decode_score(entry, asked.algorithms, len(asked.parameters.label_map.classes))


def _chunks(flights: Sequence[Flight], workers: int) -> Iterator[list[Flight]]:
    """The flights in order, a worker's call each: few enough pairs for all workers to have some, and not too large."""
    most = min(CHUNK, -(-len(flights) // workers))
    chunk: list[Flight] = []
    size = 0
    for flight in flights:
        size += len(flight.contents.reference) + len(flight.contents.hypothesis)
        if chunk and (len(chunk) == most or size > CHUNK_BYTES):
            yield chunk
            chunk, size = [], len(flight.contents.reference) + len(flight.contents.hypothesis)
        chunk.append(flight)
    if chunk:
        yield chunk
