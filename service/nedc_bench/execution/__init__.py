"""Scoring in the service: worker processes, the cache, and fair scheduling between callers."""

from nedc_bench.execution.cache import Cache, MemoryCache, RedisCache
from nedc_bench.execution.evaluator import Evaluated, Evaluator
from nedc_bench.execution.folded import Folded
from nedc_bench.execution.gate import Gate
from nedc_bench.execution.pool import WorkerPool
from nedc_bench.execution.request import Asked, PairInput, Study

__all__ = [
    "Asked",
    "Cache",
    "Evaluated",
    "Evaluator",
    "Folded",
    "Gate",
    "MemoryCache",
    "PairInput",
    "RedisCache",
    "Study",
    "WorkerPool",
]
