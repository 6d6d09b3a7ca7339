"""The service with a real Redis and a real Prometheus, after the traffic that makes every series."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from monitoring import traffic
from monitoring.prometheus_server import PrometheusServer
from redis_server import RedisServer
from serving import Server

EVALUATIONS = 5  # after the traffic, so that what is recorded of what is recorded is there, too


class Stack(NamedTuple):
    """What runs, and has had its traffic."""

    server: Server
    redis: RedisServer
    prometheus: PrometheusServer


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("monitoring")
    with RedisServer(folder) as redis:
        server = Server(folder / "server.log", REDIS_URL=redis.url, **traffic.SETTINGS)
        try:
            with PrometheusServer(folder / "prometheus", server.url.removeprefix("http://")) as prometheus:

                def seen(expression: str) -> None:
                    prometheus.wait_for(lambda: prometheus.values(expression))

                traffic.make_every_series(server, redis, seen)
                done = prometheus.ask("query", query="time()")["result"][0]
                seen(f"min(prometheus_rule_group_last_evaluation_timestamp_seconds) > {done} + {EVALUATIONS}")
                yield Stack(server, redis, prometheus)
        finally:
            server.stop()
