"""A circuit breaker: opens after consecutive failures, and lets one trial through after a pause."""

from __future__ import annotations

import time
from collections.abc import Callable


class CircuitBreaker:
    """Decides whether to call something that may be failing.

    Args:
        failures: consecutive failures that open it.
        pause_seconds: how long it stays open; then one caller per pause may try.
        clock: a monotonic clock, in seconds.

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
        """Whether the breaker is closed."""
        return self._failures < self._limit

    def allows(self) -> bool:
        """Whether the caller may call now; while the breaker is open, only one trial per pause may."""
        if self.closed:
            return True
        now = self._clock()
        if now < self._next_trial:
            return False
        self._next_trial = now + self._pause  # a trial that never reports its outcome costs one pause
        return True

    def succeeded(self) -> bool:
        """Close the breaker. Returns whether it was open."""
        was_open = not self.closed
        self._failures = 0
        return was_open

    def failed(self) -> bool:
        """Count a failure. Returns whether it opened the breaker."""
        was_closed = self.closed
        self._failures += 1
        if self.closed:
            return False
        self._next_trial = self._clock() + self._pause
        return was_closed
