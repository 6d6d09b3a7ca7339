"""Bytes that all requests together may hold at a time: of uploads, of what they expand to, of results on their way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nedc_bench.api.errors import ProblemError

RETRY_SECONDS = "2"


class Budget:
    """Room for so many bytes. One request alone always fits: what it may take is bounded by other limits.

    Args:
        max_bytes: of all requests together.
        what: there is too much of, as the refusal says.
        reason: the refusal is counted under, one of `UNAVAILABLE_REASONS`.
    """

    def __init__(self, max_bytes: int, what: str, reason: str) -> None:
        self._max_bytes = max_bytes
        self._what = what
        self._reason = reason
        self._held = 0
        self._lock = threading.Lock()  # archives are expanded in threads

    @contextmanager
    def share(self) -> Iterator[Callable[[int], None]]:
        """For one request: a function that takes room for so many bytes more; all are given back at the end.

        Raises:
            ProblemError: 503, by that function, when there is no room.
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
                detail = f"too many {self._what} are under way; try again in a moment"
                raise ProblemError(503, detail, headers={"Retry-After": RETRY_SECONDS}, reason=self._reason)

        try:
            yield take
        finally:
            with self._lock:
                self._held -= own
