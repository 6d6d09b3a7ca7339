"""The address of Redis: ``REDIS_URL``, parsed once, for every kind of Redis.

    redis://[user:password@]host[:6379][/database]
    rediss://...                                          TLS; ``REDIS_CA_FILE`` names the CA of a private certificate
    unix://[user:password@]/path/to/redis.sock[?db=0]
    redis+sentinel://[user:password@]host:26379,host:26379/NAME[/database]      also rediss+sentinel://
    redis+cluster://[user:password@]host:6379,host:6379                         also rediss+cluster://

Passwords in a URL are percent-encoded. Sentinels get no password, unless the URL's query has one:
``?sentinel_username=...&sentinel_password=...``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

PORT, SENTINEL_PORT = 6379, 26379
KINDS = ("plain", "unix", "sentinel", "cluster")

Node = tuple[str, int]


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """A parsed ``REDIS_URL``.

    Attributes:
        kind: one of `KINDS`.
        tls: whether connections use TLS.
        nodes: host and port of the server, or of the sentinels or cluster nodes to contact first.
        path: the path of the Unix socket.
        service: the sentinels' name for the primary.
        database: the index of the database.
        login: ``username`` and ``password``, if given.
        sentinel_login: the same for the sentinels.

    >>> RedisAddress.parse("redis+sentinel://a,b:26380/primary/2").nodes
    (('a', 26379), ('b', 26380))
    """

    kind: str
    tls: bool
    nodes: tuple[Node, ...]
    path: str = ""
    service: str = ""
    database: int = 0
    login: dict[str, Any] = field(default_factory=dict, repr=False)
    sentinel_login: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, text: str) -> RedisAddress:
        """Parse a URL.

        Raises:
            ValueError: it is not a valid address.
        """
        url = urlsplit(text)
        scheme, _, kind = url.scheme.partition("+")
        query = {name: values[-1] for name, values in parse_qs(url.query, strict_parsing=bool(url.query)).items()}
        place = url.netloc.rpartition("@")[2]
        if url.scheme == "unix" and url.path and not place and not query.keys() - {"db"}:
            return cls("unix", False, (), path=url.path, database=_database(query.get("db", "0")), login=_login(url))
        if scheme not in {"redis", "rediss"} or url.fragment:
            raise ValueError(text)
        kind = kind or "plain"
        words = [part for part in url.path.split("/") if part]
        service = words.pop(0) if kind == "sentinel" and words else ""
        database = _database(words.pop(0)) if words and kind != "cluster" else 0
        nodes = tuple(_node(part, SENTINEL_PORT if kind == "sentinel" else PORT) for part in place.split(","))
        known = {"sentinel_username", "sentinel_password"} if kind == "sentinel" else set()
        if (
            kind not in {"plain", "sentinel", "cluster"}
            or words
            or query.keys() - known
            or (kind == "sentinel") != bool(service)
            or (kind == "plain" and len(nodes) > 1)
        ):
            raise ValueError(text)
        sentinel_login = {name.removeprefix("sentinel_"): value for name, value in query.items()}
        return cls(kind, scheme == "rediss", nodes, "", service, database, _login(url), sentinel_login)

    def __str__(self) -> str:
        """The address without secrets."""
        places = self.path or ",".join(f"{host}:{port}" for host, port in self.nodes)
        return f"{'single' if self.kind == 'plain' else self.kind} Redis at {places}{' (TLS)' if self.tls else ''}"

    def tls_options(self, ca_file: str | None) -> dict[str, Any]:
        """redis-py's options for TLS; certificates are always verified."""
        if not self.tls:
            return {}
        return {"ssl": True, "ssl_cert_reqs": "required", "ssl_check_hostname": True, "ssl_ca_certs": ca_file}


def _login(url: SplitResult) -> dict[str, Any]:
    user = unquote(url.username or "")
    login: dict[str, Any] = {"username": user} if user else {}
    if url.password is not None:
        login["password"] = unquote(url.password)
    return login


def _database(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(text)
    return int(text)


def _node(text: str, port: int) -> Node:
    parsed = urlsplit(f"//{text}")
    if not parsed.hostname or parsed.port == 0:
        raise ValueError(text)
    return parsed.hostname, parsed.port or port
