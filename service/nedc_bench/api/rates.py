"""Rate limiting: a moving window of requests, in Redis if replicas share it, else in memory.

Both return, in one step, whether a request passes, how many are left, and when the oldest one leaves the window. The
notation of limits is that of the `limits` package, whose own storages need two round trips for the same answer. What a
caller asks while Redis is being asked for it is counted together, in the next round trip. If Redis does not answer,
requests pass and are counted.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict, deque
from dataclasses import dataclass

from limits import RateLimitItem

from nedc_bench.api.errors import ProblemError
from nedc_bench.monitoring import Metrics
from nedc_bench.redis import RedisClient, RedisUnavailableError

MAX_CALLERS = 100_000  # callers remembered in memory

_TAKE = """
local key, window, most, asked = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local oldest = redis.call('LINDEX', key, -1)
while oldest and tonumber(oldest) <= now - window do
  redis.call('RPOP', key)
  oldest = redis.call('LINDEX', key, -1)
end
local used = redis.call('LLEN', key)
local passed = math.min(asked, most - used)
for _ = 1, passed do
  redis.call('LPUSH', key, string.format('%d', now))
end
if passed > 0 then
  redis.call('PEXPIRE', key, math.ceil(window / 1000))
end
return {passed, most - used, (tonumber(oldest) or now) + window - now}
"""

Taken = tuple[bool, int, float]  # whether it passed, how many are left, and seconds until the oldest leaves the window


@dataclass(frozen=True, slots=True)
class Allowance:
    """The rest of a caller's rate limit: the ``RateLimit-*`` headers."""

    limit: RateLimitItem
    remaining: int
    reset_seconds: int

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a counted response."""
        return {
            "RateLimit-Limit": str(self.limit.amount),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_seconds),
        }


class RateLimits:
    """Counts the requests of each caller.

    Args:
        redis: the shared Redis; None counts in this process.
        metrics: its ``rate_limited_requests`` and ``rate_limiter_errors`` are increased.
    """

    def __init__(self, redis: RedisClient | None, metrics: Metrics) -> None:
        self.metrics = metrics
        self._redis = redis
        self._script = None if redis is None else redis.client.register_script(_TAKE)
        self._memory = _Memory()
        self._next: dict[str, list[asyncio.Future[Taken]]] = {}  # requests that the next round trip counts, by key
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, name: str, limit: RateLimitItem, caller: str) -> Allowance | None:
        """Count one request of ``caller``. Returns None if Redis does not answer.

        Raises:
            ProblemError: 429, the rate limit is reached.
        """
        window = limit.get_expiry()
        try:
            passed, remaining, reset = await self._take(
                f"{name}:{limit.amount}/{window}:{caller}", limit.amount, window
            )
        except RedisUnavailableError:
            self.metrics.rate_limiter_errors.inc()
            return None
        allowance = Allowance(limit, remaining, max(1, math.ceil(reset)))
        if not passed:
            self.metrics.rate_limited_requests.labels(name).inc()
            headers = allowance.headers | {"Retry-After": str(allowance.reset_seconds)}
            raise ProblemError(429, f"at most {limit} are allowed; try again later", headers=headers)
        return allowance

    async def _take(self, place: str, most: int, window: float) -> Taken:
        if self._redis is None:
            return self._memory.take(place, most, window)
        if place in self._next:
            answer: asyncio.Future[Taken] = asyncio.get_running_loop().create_future()
            self._next[place].append(answer)
            return await answer
        self._next[place] = []
        try:
            (taken,) = await self._take_many(place, most, window, 1)
            return taken
        finally:
            self._continue(place, most, window)

    def _continue(self, place: str, most: int, window: float) -> None:
        """Count the requests that have arrived since Redis was asked, or be done with the caller."""
        if answers := self._next.pop(place):
            self._next[place] = []
            task = asyncio.create_task(self._answer(answers, place, most, window))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, answers: list[asyncio.Future[Taken]], place: str, most: int, window: float) -> None:
        try:
            for answer, taken in zip(answers, await self._take_many(place, most, window, len(answers)), strict=True):
                if not answer.done():  # its request was cancelled
                    answer.set_result(taken)
        except RedisUnavailableError as error:
            for answer in answers:
                if not answer.done():
                    answer.set_exception(error)
        finally:
            self._continue(place, most, window)

    async def _take_many(self, place: str, most: int, window: float, asked: int) -> list[Taken]:
        assert self._redis is not None
        assert self._script is not None
        script, keys = self._script, [self._redis.key(f"rate:{place}")]
        arguments = [round(1e6 * window), most, asked]

        async def question(_: object) -> list[Taken]:
            passed, left, microseconds = map(int, await script(keys, arguments))
            return [(number < passed, left - min(number + 1, passed), microseconds / 1e6) for number in range(asked)]

        return await self._redis.ask(question, once=True)


class _Memory:
    """The times of each caller's requests; the callers seen longest ago are dropped first."""

    def __init__(self) -> None:
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, place: str, most: int, window: float) -> Taken:
        now = time.monotonic()
        times = self._times.setdefault(place, deque())
        self._times.move_to_end(place)
        while len(self._times) > MAX_CALLERS:
            self._times.popitem(last=False)
        while times and times[0] <= now - window:
            times.popleft()
        passed = len(times) < most
        if passed:
            times.append(now)
        return passed, most - len(times), times[0] + window - now
