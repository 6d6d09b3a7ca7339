"""The Redis client: one client for every kind of Redis, with bounded response times.

`RedisAddress` parses ``REDIS_URL``; `RedisClient` sends commands, and proves with a write that Redis is usable.
"""

from nedc_bench.redis.address import RedisAddress
from nedc_bench.redis.breaker import CircuitBreaker
from nedc_bench.redis.client import RedisClient, RedisUnavailableError, unlink

__all__ = ["CircuitBreaker", "RedisAddress", "RedisClient", "RedisUnavailableError", "unlink"]
