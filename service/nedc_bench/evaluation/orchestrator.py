"""`Orchestrator`: the one way to an evaluation in the service. A pair is taken from the cache, or else scored.

A request's pairs go through in batches, a few at a time, so that beside the scores nothing grows with the corpus. The
names of files are put in here, on the way back: whatever is cached or shared between requests is known by content
alone. Scores are folded in list order, so the figures are those of `nedc_bench.score_corpus`, to the last bit.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import islice
from typing import NamedTuple, TypeVar

from nedc_bench.annotations import Parameters
from nedc_bench.errors import EvaluationError
from nedc_bench.evaluation.cache import Cache, cache_key
from nedc_bench.evaluation.codec import FORMAT, with_files
from nedc_bench.evaluation.corpus import MAX_REFUSED_FILES, Outcome, Result, accepted_scores
from nedc_bench.evaluation.flights import Asked, Flight, Flights, Landing
from nedc_bench.evaluation.pool import WorkerPool
from nedc_bench.evaluation.work import Contents, renamed
from nedc_bench.scoring import FileId, PairScore, check_algorithms
from nedc_bench.version import __version__

T = TypeVar("T")

BATCH = 64  # pairs that are looked up and stored together
BATCHES = 3  # of one request, under way at once
THREAD_BYTES = 1024 * 1024  # hashing more than this would hold up the event loop
THREAD_PAIRS = 20  # folding more than this would, where they have thousands of events

VERSION = f"{__version__}+{FORMAT}"  # of the scorer, and of the cached form

PairInput = tuple[bytes, str, bytes, str]  # the reference and its name, the hypothesis and its name


class Evaluated(NamedTuple):
    """The figures of a request, and how many of its pairs did not have to be scored for it, being known."""

    result: Result
    cached: int


class Orchestrator:
    """Evaluates requests, with a cache before the worker processes.

    Args:
        cache: where scores are kept; what is wrong with it costs time and nothing else.
        pool: started, and closed, by whoever made it.
        record: told `nedc_bench.evaluation.cache.CORRUPT` for an entry that is intact and no score all the same.
    """

    def __init__(self, cache: Cache, pool: WorkerPool, record: Callable[[str], object] = lambda _: None) -> None:
        self._flights = Flights(cache, pool, record)

    async def evaluate(
        self,
        pairs: Iterable[PairInput],
        *,
        algorithms: Sequence[str],
        parameters: Parameters,
        strict: bool = False,
        progress: Callable[[int], object] | None = None,
    ) -> Evaluated:
        """The figures of the pairs.

        Args:
            pairs: in list order; taken a few batches ahead of what is done.
            algorithms: as for `nedc_bench.score`; ``all`` is every one.
            parameters: what to score with.
            strict: refuse what would be a warning.
            progress: called with the number of pairs done.

        Raises:
            InputError: some pair is refused; all refused pairs are named, as by `nedc_bench.score_corpus`.
            EvaluationError: a pair could not be evaluated: workers died over it, or it took too long.
        """
        asked = Asked(check_algorithms(algorithms), parameters, strict)
        gathered = _Gathered(asked, progress)
        under_way: deque[_Batch] = deque()
        try:
            for some in _batched(pairs, BATCH):
                if len(under_way) == BATCHES:
                    await gathered.add(under_way[0])
                    under_way.popleft().leave()
                if gathered.given_up:
                    break
                under_way.append(_Batch(await _identified(some, asked), self._flights, asked))
            while under_way and not gathered.given_up:
                await gathered.add(under_way[0])
                under_way.popleft().leave()
        finally:
            for batch in under_way:
                batch.leave()
        return await gathered.folded()

    async def close(self) -> None:
        """Wait until what has been scored is stored."""
        await self._flights.stored()


class _Pair(NamedTuple):
    """A pair of a request: its key in the cache, its files, and their contents."""

    key: str
    reference: FileId
    hypothesis: FileId
    contents: Contents


class _Batch:
    """Some pairs of a request, and their flights, which are joined here and left when nobody waits any more."""

    def __init__(self, pairs: Sequence[_Pair], flights: Flights, asked: Asked) -> None:
        self._flights = flights
        self._asked = asked
        self._joined = flights.join({pair.key: pair.contents for pair in pairs}, asked)
        self._known = {key for key, flight in self._joined.items() if flight.landing.done()}
        self.files = [(pair.key, pair.reference, pair.hypothesis) for pair in pairs]

    async def landing(self, key: str) -> Landing:
        """How the pair's flight has ended; cached where it had ended before it was joined."""
        flight: Flight = self._joined[key]
        landing = flight.landing.result() if flight.landing.done() else await asyncio.shield(flight.landing)
        return Landing(landing.outcome, cached=True) if key in self._known else landing

    def leave(self) -> None:
        for flight in self._joined.values():
            self._flights.leave(flight, self._asked)


class _Gathered:
    """What has become of a request's pairs so far, in list order."""

    def __init__(self, asked: Asked, progress: Callable[[int], object] | None) -> None:
        self._asked = asked
        self._progress = progress
        self._outcomes: list[Outcome] = []
        self._refused = 0
        self._cached = 0

    @property
    def given_up(self) -> bool:
        """Whether so many pairs are refused that the rest is not looked at."""
        return self._refused >= MAX_REFUSED_FILES

    async def add(self, batch: _Batch) -> None:
        """Wait for the pairs of a batch."""
        for key, reference, hypothesis in batch.files:
            landing = await batch.landing(key)
            outcome = self._named(landing, reference, hypothesis)
            self._outcomes.append(outcome)
            self._cached += landing.cached
            self._refused += not isinstance(outcome, PairScore)
            if self.given_up:
                return
            if self._progress is not None:
                self._progress(len(self._outcomes))

    async def folded(self) -> Evaluated:
        """The figures.

        Raises:
            InputError: some pair is refused, or there is none.
        """
        fold = asyncio.to_thread(self._fold) if len(self._outcomes) > THREAD_PAIRS else None
        return Evaluated(self._fold() if fold is None else await fold, self._cached)

    def _fold(self) -> Result:
        outcomes = (outcome for outcome in self._outcomes)
        return Result.fold(accepted_scores(outcomes, None), self._asked.parameters, self._asked.algorithms)

    def _named(self, landing: Landing, reference: FileId, hypothesis: FileId) -> Outcome:
        """The outcome with the names that the request gives to the files."""
        outcome = landing.outcome
        if isinstance(outcome, EvaluationError):
            raise EvaluationError(f"the pair {reference.name} / {hypothesis.name}: {outcome}") from outcome
        if isinstance(outcome, Exception):
            raise outcome
        if not isinstance(outcome, PairScore):
            return tuple(renamed(finding, reference, hypothesis) for finding in outcome)
        score = with_files(outcome, reference, hypothesis)
        return score.warnings if self._asked.strict and score.warnings else score


async def _identified(pairs: Sequence[PairInput], asked: Asked) -> list[_Pair]:
    size = sum(len(reference) + len(hypothesis) for reference, _, hypothesis, _ in pairs)
    if size > THREAD_BYTES:
        return await asyncio.to_thread(lambda: [_identify(pair, asked) for pair in pairs])
    return [_identify(pair, asked) for pair in pairs]


def _identify(pair: PairInput, asked: Asked) -> _Pair:
    reference, reference_name, hypothesis, hypothesis_name = pair
    files = (FileId(reference_name, _hash(reference)), FileId(hypothesis_name, _hash(hypothesis)))
    key = cache_key(reference, hypothesis, asked.algorithms, asked.parameters, VERSION)
    return _Pair(key, *files, Contents(reference, files[0].sha256, hypothesis, files[1].sha256))


def _hash(content: bytes) -> str:
    return sha256(content).hexdigest()


def _batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
