"""Faults under load: documented answers alone, no wrong figure, no lost job."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import pytest
from redis import Redis

from balancer import Balancer
from e2e.load import Load
from helpers import until
from redis_names import key
from redis_server import RedisServer
from serving import Server, Start, errors

pytestmark = pytest.mark.integration

PER_SECOND = 8
REQUESTS = 16  # during a fault
KILLS = 3
CACHED_OR_RATE = re.compile(re.escape(key("")) + r"([0-9a-f]{64}|rate.*)")


def check_sound(load: Load, *servers: Server) -> None:
    """Every posted pair completed with the right figures, and no replica failed."""
    assert load.failures == []
    assert load.completed == load.posted
    for server in servers:
        assert server.count("nedc_http_requests_total", status="500") == 0
        assert errors(server) == []


def let_come(load: Load) -> None:
    """Wait for more requests."""
    wanted = load.posted + REQUESTS
    until(lambda: load.posted >= wanted)


# -- Redis


def killed(redis: RedisServer, load: Load) -> None:
    redis.kill()
    let_come(load)
    redis.start()
    for _ in range(2):
        load.go_on(3)
        redis.restart()


def frozen(redis: RedisServer, load: Load) -> None:
    redis.freeze()
    let_come(load)
    redis.thaw()


def full(redis: RedisServer, load: Load) -> None:
    redis.fill()
    let_come(load)
    redis.ask(lambda client: client.config_set("maxmemory", 0))


def spoil(client: Redis, key: str, *, hashed: bool) -> None:
    """Replace a key atomically, so that the service cannot write it in between."""
    with client.pipeline(transaction=True) as transaction:
        transaction.delete(key)
        if hashed:
            transaction.hset(key, "garbage", "")
        else:
            transaction.set(key, "garbage")
        transaction.execute()


def garbage(redis: RedisServer, load: Load) -> None:
    """Damage every cached entry and every rate: some by content, some by type."""
    wanted, damaged = load.posted + REQUESTS, 0
    while load.posted < wanted:
        load.go_on(1)
        for found in filter(CACHED_OR_RATE.fullmatch, redis.keys()):
            redis.ask(partial(spoil, key=found, hashed=damaged % 2 == 1))
            damaged += 1
    assert damaged > REQUESTS / 2


@pytest.mark.parametrize("fault", [killed, frozen, full, garbage])
def test_redis_fails(replica: Start, redis: RedisServer, fault: Callable[[RedisServer, Load], None]) -> None:
    replicas = [replica() for _ in range(2)]
    with Balancer(*replicas) as balancer, Load(balancer.url, per_second=PER_SECOND, patient=True) as load:
        load.go_on(5)
        fault(redis, load)
        load.go_on(5)
    check_sound(load, *replicas)
    if fault in {killed, frozen, full}:
        assert load.retries > 0
    for server in replicas:
        assert server.client.get("/api/v1/ready").status_code == 200


# -- processes


def test_workers_are_killed(start_server: Start) -> None:
    server = start_server(MAX_WORKERS="2")
    with Load(server.url, per_second=PER_SECOND) as load:
        for killed in range(1, KILLS + 1):
            load.go_on(5)
            server.workers()[0].kill()
            until(lambda: server.count("nedc_worker_restarts_total") >= killed)  # noqa: B023  # called at once
            until(lambda: server.count("nedc_workers") == 2)
    check_sound(load, server)
    assert server.count("nedc_worker_restarts_total") >= KILLS


def test_replicas_are_replaced_one_by_one(replica: Start) -> None:
    old = [replica(SHUTDOWN_DELAY_SECONDS="2") for _ in range(2)]
    with Balancer(*old) as balancer, Load(balancer.url, per_second=PER_SECOND) as load:
        for leaving in old:
            load.go_on(5)
            new = replica(SHUTDOWN_DELAY_SECONDS="2")
            balancer.servers = [*balancer.servers, new]
            until(partial(balancer.is_ready, new))
            assert leaving.stop() == 0
            assert not balancer.is_ready(leaving)
            balancer.servers = [server for server in balancer.servers if server is not leaving]
        load.go_on(5)
    check_sound(load, *balancer.servers)
    assert errors(old[0]) + errors(old[1]) == []
    assert all(server.count("nedc_jobs_total", state="completed") > 0 for server in balancer.servers)
