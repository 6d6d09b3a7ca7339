"""`Evaluator`: computes all figures in the service: cache, then worker processes, then the fold.

A plain loop: look up a batch of pairs in one round trip, score the missing ones in calls of bounded cost, continue;
then fold the outcomes in list order, so that the figures equal those of `nedc_bench.score_corpus` to the last bit.
Simultaneous requests with the same new pair each score it; the last one stores it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from nedc_bench.errors import EvaluationError, InputError
from nedc_bench.execution.cache import CORRUPT, Cache
from nedc_bench.execution.cost import CALL_SECONDS, expected_seconds, folding, is_heavy, scoring_is_heavy
from nedc_bench.execution.folded import Folded, Names, with_names
from nedc_bench.execution.pool import WorkerPool
from nedc_bench.execution.request import Asked, PairInput
from nedc_bench.execution.work import (
    Damaged,
    Digests,
    Refusal,
    Scored,
    fold,
    is_score,
    page_data,
    score_and_fold,
    score_pairs,
)

_T = TypeVar("_T")

BATCH = 256  # pairs per look-up
LANES = 2  # concurrent calls of one request, per worker


class Evaluated(NamedTuple):
    """The figures of a request.

    Attributes:
        folded: document and reports.
        cached: whether every pair came from the cache.
        entries: new cache entries, which the caller stores together with the finished job.
        seconds: the time that each algorithm took; 0 if everything was cached.
    """

    folded: Folded
    cached: bool
    entries: dict[str, bytes]
    seconds: dict[str, float]


class Evaluator:
    """Evaluates requests.

    Args:
        cache: the cache of scores; its faults cost only time.
        pool: started and closed by its creator.
        record: called with `nedc_bench.execution.cache.CORRUPT` for an intact entry that is not a score.
    """

    def __init__(self, cache: Cache, pool: WorkerPool, record: Callable[[str], object] = lambda _: None) -> None:
        self.cache = cache
        self.pool = pool
        self.record = record

    async def evaluate(
        self,
        pairs: Sequence[PairInput],
        asked: Asked,
        *,
        turn: str = "",
        progress: Callable[[int], object] = int,
        stop: asyncio.Event | None = None,
    ) -> Evaluated:
        """The figures of a request.

        Args:
            pairs: in list order, at least one.
            asked: how to score them.
            turn: the caller, for fair scheduling.
            progress: called with the number of pairs done.
            stop: once set, running calls finish and are cached, and the evaluation is cancelled.

        Raises:
            InputError: pairs are refused; all of them are named.
            EvaluationError: workers died over a pair, or it took too long.
        """
        run = _Run(self, pairs, asked, turn, progress)
        run.stop = run.stop if stop is None else stop
        return await run.evaluated()

    async def score(self, pairs: Sequence[PairInput], asked: Asked, *, turn: str = "") -> Scored:
        """The outcomes of a part of a request, in order; new ones are cached when this returns.

        Raises:
            EvaluationError: as for `evaluate`.
        """
        run = _Run(self, pairs, asked, turn, int)
        await run.score_all()
        await self.cache.set_many(run.new)
        return Scored([run.outcomes[number] for number in range(len(pairs))], run.seconds)

    async def fold(
        self, outcomes: Sequence[bytes], digests: Sequence[Digests], names: Names, asked: Asked, *, turn: str
    ) -> Folded:
        """The figures of outcomes from `score`.

        Args:
            digests, names: of the two files of each pair.

        Raises:
            InputError, EvaluationError: as for `evaluate`.
        """
        found = await self.pool.run(fold, outcomes, digests, asked, turn=turn, **folding(len(outcomes), asked))
        if isinstance(found, Damaged):
            raise EvaluationError("scores of the job are damaged; submit it again")
        return accepted(found, names)

    async def page_data(self, folded: Folded, pairs: int) -> bytes:
        """The data of a request's page, given the number of pairs."""
        return await self.pool.run(page_data, folded, **folding(pairs))

    def read_whole(self, entry: bytes | None) -> Folded | None:
        """The figures of a whole request, from the cache."""
        try:
            return None if entry is None else msgspec.msgpack.decode(entry, type=Folded)
        except msgspec.DecodeError:
            self.record(CORRUPT)
            return None


class _Run:
    """One request in progress."""

    def __init__(
        self,
        evaluator: Evaluator,
        pairs: Sequence[PairInput],
        asked: Asked,
        turn: str,
        progress: Callable[[int], object],
    ) -> None:
        self.evaluator = evaluator
        self.pairs = pairs
        self.asked = asked
        self.turn = turn
        self.progress = progress
        self.keys = [asked.pair_key(pair) for pair in pairs]
        self.outcomes: dict[int, bytes] = {}
        self.new: dict[str, bytes] = {}
        self.seconds = dict.fromkeys(asked.algorithms, 0.0)
        self.scored = 0
        self.stop = asyncio.Event()
        self._lanes = asyncio.Semaphore(LANES * evaluator.pool.workers)

    async def evaluated(self) -> Evaluated:
        key = self.asked.request_key(self.keys)
        numbers = range(min(BATCH, len(self.pairs)))
        entry, *known = await self.evaluator.cache.get_many([key, *(self.keys[number] for number in numbers)])
        whole = self.evaluator.read_whole(entry)
        if whole is not None:
            self.progress(len(self.pairs))
            return Evaluated(whole, True, {}, self.seconds)
        missing = self._take(numbers, known)
        if len(missing) == len(self.pairs) and len(list(self._calls(missing))) == 1:
            folded = await self._score_and_fold()
        else:
            await self._score(missing)
            await self.score_all(numbers.stop)
            folded = await self.folded()
        self.new[key] = msgspec.msgpack.encode(folded)
        return Evaluated(folded, self.scored == 0, self.new, self.seconds)

    async def score_all(self, begin: int = 0) -> None:
        """Look up and score the pairs from ``begin`` on, in batches."""
        cache = self.evaluator.cache
        for first in range(begin, len(self.pairs), BATCH):
            if self.new and first:  # a long corpus stores its scores as it goes
                await cache.set_many(self.new)
                self.new = {}
            numbers = range(first, min(first + BATCH, len(self.pairs)))
            await self._score(self._take(numbers, await cache.get_many([self.keys[number] for number in numbers])))

    async def folded(self) -> Folded:
        """The fold of all outcomes; damaged outcomes are scored again."""
        while True:
            outcomes = [self.outcomes[number] for number in range(len(self.pairs))]
            found = await self._run(fold, outcomes, self._digests(), self.asked, **folding(len(outcomes), self.asked))
            if not isinstance(found, Damaged):
                return accepted(found, self._names())
            for number in found.numbers:
                if self.keys[number] in self.new:
                    raise EvaluationError("an encoded score cannot be decoded")
                self.evaluator.record(CORRUPT)
                del self.outcomes[number]
            await self._score(found.numbers)

    def _take(self, numbers: Sequence[int], known: Sequence[bytes | None]) -> list[int]:
        """Take the cached outcomes. Returns the numbers of the pairs to score."""
        for number, entry in zip(numbers, known, strict=True):
            if entry is not None and not is_score(entry):  # refusals are not cached
                self.evaluator.record(CORRUPT)
            elif entry is not None:
                self.outcomes[number] = entry
        self.progress(len(self.outcomes))
        return [number for number in numbers if number not in self.outcomes]

    async def _score_and_fold(self) -> Folded:
        """Evaluate a small request in one call."""
        contents = [pair.contents for pair in self.pairs]
        heavy = is_heavy(self.pairs, self.asked)
        try:
            scored, found = await self._run(score_and_fold, contents, self._digests(), self.asked, heavy=heavy)
        except EvaluationError:
            await self._score(range(len(self.pairs)), alone=True)  # to find the pair
            return await self.folded()
        self._keep(range(len(self.pairs)), scored)
        if isinstance(found, Damaged):
            raise EvaluationError("an encoded score cannot be decoded")
        return accepted(found, self._names())

    async def _score(self, numbers: Sequence[int], *, alone: bool = False) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for call in [[number] for number in numbers] if alone else self._calls(numbers):
                    await self._lanes.acquire()
                    if self.stop.is_set():
                        break
                    group.create_task(self._score_call(call)).add_done_callback(lambda _: self._lanes.release())
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None  # the first pair that could not be scored
        if self.stop.is_set():
            await self.evaluator.cache.set_many(self.new)
            raise asyncio.CancelledError

    async def _score_call(self, numbers: Sequence[int]) -> None:
        try:
            await self._score_together(numbers)
        except EvaluationError as error:
            if len(numbers) == 1:
                reference, hypothesis = self.pairs[numbers[0]].names
                raise EvaluationError(f"the pair {reference} / {hypothesis}: {error}") from error
            for number in numbers:  # to find the pair; each has its own time-out
                await self._score_call([number])

    async def _score_together(self, numbers: Sequence[int]) -> None:
        pairs = [self.pairs[number] for number in numbers]
        contents = [pair.contents for pair in pairs]
        self._keep(
            numbers, await self._run(score_pairs, contents, self.asked, heavy=scoring_is_heavy(pairs, self.asked))
        )

    def _keep(self, numbers: Sequence[int], scored: Scored) -> None:
        for number, outcome in zip(numbers, scored.outcomes, strict=True):
            self.outcomes[number] = outcome
            if is_score(outcome):
                self.new[self.keys[number]] = outcome
        for name, spent in scored.seconds.items():
            self.seconds[name] += spent
        self.scored += len(numbers)
        self.progress(len(self.outcomes))

    def _calls(self, numbers: Sequence[int]) -> Iterator[list[int]]:
        """The numbers in order, grouped into calls: small enough to occupy all workers, and of bounded cost."""
        most = max(1, -(-len(numbers) // self.evaluator.pool.workers))
        call: list[int] = []
        seconds = 0.0
        for number in numbers:
            cost = expected_seconds(self.pairs[number], self.asked)
            if call and (len(call) == most or seconds + cost > CALL_SECONDS):
                yield call
                call, seconds = [], 0.0
            call.append(number)
            seconds += cost
        if call:
            yield call

    def _digests(self) -> list[tuple[str, str]]:
        return [(pair.reference_sha256, pair.hypothesis_sha256) for pair in self.pairs]

    def _names(self) -> Names:
        return [pair.names for pair in self.pairs]

    async def _run(self, function: Callable[..., _T], *arguments: object, heavy: bool = False, patience: int = 1) -> _T:
        return await self.evaluator.pool.run(function, *arguments, turn=self.turn, heavy=heavy, patience=patience)


def accepted(found: Folded | Refusal, names: Names) -> Folded:
    """The result of a fold, unless the input is refused.

    Raises:
        InputError: the input is refused; with the names of the files.
    """
    if isinstance(found, Folded):
        return found
    raise InputError(with_names(found, names))
