"""The memory budget of all requests together: uploads, their expanded content, and results being sent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nedc_bench.api.errors import ProblemError

RETRY_SECONDS = "2"


class Budget:
    """A budget of bytes. A single request always fits, since other limits bound it.

    Args:
        max_bytes: the limit for all requests together.
        what: what there is too much of, for the message.
        reason: the metric's reason for a refusal, one of `UNAVAILABLE_REASONS`.
    """

    def __init__(self, max_bytes: int, what: str, reason: str) -> None:
        self._max_bytes = max_bytes
        self._what = what
        self._reason = reason
        self._held = 0
        self._lock = threading.Lock()  # archives are expanded in threads

    @contextmanager
    def share(self) -> Iterator[Callable[[int], None]]:
        """A context for one request: a function that reserves bytes, and releases them all at the end.

        Raises:
            ProblemError: 503, from that function, if the budget is exhausted.
        """
        own = 0

        def take(size: int) -> None:
            nonlocal own
            with self._lock:
                fits = self._held == own or self._held + size <= self._max_bytes
                if fits:
                    own += size
                    self._held += size
            if not fits:
                detail = f"too many {self._what} at the moment; try again soon"
                raise ProblemError(503, detail, headers={"Retry-After": RETRY_SECONDS}, reason=self._reason)

        try:
            yield take
        finally:
            with self._lock:
                self._held -= own
