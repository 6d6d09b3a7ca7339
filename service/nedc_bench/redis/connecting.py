"""redis-py's client for each kind of Redis."""

from __future__ import annotations

from typing import Any

from nedc_bench.redis.address import RedisAddress

CONNECTIONS = 16  # for requests
READERS = 2  # for blocking readers: the queue and the changes
CONNECT_SECONDS = 1.0
READ_BYTES = 256 * 1024


def connect(address: RedisAddress, ca_file: str | None) -> Any:
    """A client, which connects on first use.

    Args:
        address: the address of Redis.
        ca_file: the CA of its certificate, if the system does not trust it.
    """
    from redis.asyncio import ConnectionPool, Redis, RedisCluster, Sentinel, UnixDomainSocketConnection  # noqa: PLC0415  # a tenth of the service's start-up time
    from redis.asyncio.cluster import ClusterNode  # noqa: PLC0415
    from redis.asyncio.connection import Connection, SSLConnection  # noqa: PLC0415
    from redis.asyncio.retry import Retry  # noqa: PLC0415
    from redis.backoff import NoBackoff  # noqa: PLC0415

    common: dict[str, Any] = {
        "protocol": 2,  # saves a round trip when connecting
        "socket_connect_timeout": 2 * CONNECT_SECONDS,  # `ask` and the probe give up before
        "socket_timeout": None,  # `ask` limits the time of an attempt as a whole
        "socket_read_size": READ_BYTES,
        "max_connections": CONNECTIONS + READERS + 2,  # and the probe's
    }
    once = Retry(NoBackoff(), 0)  # `ask` retries, so that the circuit breaker counts each attempt
    tls = address.tls_options(ca_file)
    if address.kind == "cluster":
        nodes = [ClusterNode(host, port) for host, port in address.nodes]
        return RedisCluster(startup_nodes=nodes, require_full_coverage=False, **address.login, **tls, **common)
    common |= {"db": address.database, "retry": once}
    if address.kind == "sentinel":
        bounded = {"socket_connect_timeout": CONNECT_SECONDS, "socket_timeout": CONNECT_SECONDS, "protocol": 2}
        login = {**bounded, **address.sentinel_login, **tls}
        sentinels: Any = Sentinel(address.nodes, sentinel_kwargs=login, **address.login, **common)  # type: ignore[no-untyped-call]
        return sentinels.master_for(address.service, **tls)
    if address.kind == "unix":
        pool = ConnectionPool(connection_class=UnixDomainSocketConnection, path=address.path, **address.login, **common)
    else:
        ((host, port),) = address.nodes
        common |= {name: value for name, value in tls.items() if name != "ssl"}
        kind = SSLConnection if address.tls else Connection
        pool = ConnectionPool(connection_class=kind, host=host, port=port, **address.login, **common)
    return Redis(connection_pool=pool)
