"""A circuit breaker: after a few failures in a row what failed is left alone for a while, then tried once."""

from __future__ import annotations

import time
from collections.abc import Callable


class CircuitBreaker:
    """Says whether something that fails now and then should be asked.

    Args:
        failures: so many in a row open it.
        pause_seconds: how long it stays open; then one caller is let through to try, and once a pause from then on.
        clock: seconds that never go back.

    >>> breaker = CircuitBreaker(failures=2, pause_seconds=60)
    >>> breaker.failed(), breaker.failed()
    (False, True)
    >>> breaker.allows()
    False
    """

    def __init__(self, failures: int, pause_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = failures
        self._pause = pause_seconds
        self._clock = clock
        self._failures = 0
        self._next_trial = 0.0

    @property
    def closed(self) -> bool:
        """Whether everybody is let through."""
        return self._failures < self._limit

    def allows(self) -> bool:
        """Whether the caller may ask now; while the breaker is open, the one who may is the trial."""
        if self.closed:
            return True
        now = self._clock()
        if now < self._next_trial:
            return False
        self._next_trial = now + self._pause  # a trial that never tells its end costs no more than a pause
        return True

    def succeeded(self) -> bool:
        """Close the breaker; whether it was open."""
        was_open = not self.closed
        self._failures = 0
        return was_open

    def failed(self) -> bool:
        """Count a failure; whether it has opened the breaker."""
        was_closed = self.closed
        self._failures += 1
        if self.closed:
            return False
        self._next_trial = self._clock() + self._pause
        return was_closed
