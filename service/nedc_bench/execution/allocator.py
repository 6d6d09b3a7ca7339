"""Limits the freed memory that the C library's allocator keeps, since requests of many megabytes come and go.

glibc raises its mmap threshold with each large block that is freed, so that later blocks come from heaps, which
fragment; and each thread gets its own heap. Fixed thresholds and few heaps bound the memory that a process keeps
(mallopt(3)). Other C libraries have no such options.
"""

from __future__ import annotations

import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8  # malloc.h
LARGE_BYTES = 1 << 20
ARENAS = 2


def return_freed_memory() -> None:
    """Have this process return freed memory to the system."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in ((TRIM_THRESHOLD, LARGE_BYTES), (MMAP_THRESHOLD, LARGE_BYTES), (ARENA_MAX, ARENAS)):
            mallopt(option, value)
