"""The one way to Redis: a client for every kind of Redis that users run, asked in bounded time.

`RedisAddress` reads ``REDIS_URL``; `RedisClient` asks, and knows from a write whether Redis can be used.
"""

from nedc_bench.redis.address import RedisAddress
from nedc_bench.redis.breaker import CircuitBreaker
from nedc_bench.redis.client import RedisClient, RedisUnavailableError, unlink

__all__ = ["CircuitBreaker", "RedisAddress", "RedisClient", "RedisUnavailableError", "unlink"]
