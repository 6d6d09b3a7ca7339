"""The service's settings: environment variables, each declared once, read once at start.

A declaration holds the variable's name, its default as an operator would write it, its notation (which parses the text
and says what is expected) and one sentence on its effect. `make settings-docs` writes the table in docs/deployment.md.
An empty variable counts as unset, since compose files and charts pass empty ones. Unknown variables are ignored.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from limits import RateLimitItem
from limits import parse as parse_rate

from nedc_bench.errors import SettingsError, quoted
from nedc_bench.redis import RedisAddress

T = TypeVar("T")
Number = TypeVar("Number", int, float)
Network = IPv4Network | IPv6Network

UNITS = {"": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
YEAR_SECONDS = 366 * 86400

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
_SIZE = re.compile(r"([0-9]+) ?(|KiB|MiB|GiB)")


@dataclass(frozen=True, slots=True)
class Notation(Generic[T]):
    """How a value is written.

    Attributes:
        expected: what the text must be, for messages and the table.
        parse: parses the text; raises ValueError if it is invalid.
        shown: the text without secrets, for messages.
    """

    expected: str
    parse: Callable[[str], T]
    shown: Callable[[str], str] = quoted


def _setting(variable: str, default: str, notation: Notation[T], effect: str, *, secret: bool = False) -> T:
    """A field of `Settings`, typed as its value so that the type checker compares it with the field's type."""
    metadata = {"variable": variable, "default": default, "notation": notation, "effect": effect}
    return field(default=notation.parse(default), metadata=metadata, repr=not secret)


def _in_range(number: Number, low: float, high: float) -> Number:
    if not low <= number <= high:  # false for NaN, too
        raise ValueError
    return number


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError
    return int(text)


def whole(low: int, high: int) -> Notation[int]:
    """A whole number."""
    return Notation(f"a whole number from {low} to {high}", lambda text: _in_range(_whole(text), low, high))


def seconds(low: float, high: float) -> Notation[float]:
    """A number of seconds."""
    expected = f"a number of seconds from {low} to {high}"
    return Notation(expected, lambda text: _in_range(float(text), low, high))


def size(low: str, high: str) -> Notation[int]:
    """A number of bytes, plain or with a unit."""
    expected = f"a number of bytes from {low} to {high}, plain or with KiB, MiB or GiB (`64MiB`)"
    return Notation(expected, lambda text: _in_range(_bytes(text), _bytes(low), _bytes(high)))


def _bytes(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError
    return int(match[1]) * UNITS[match[2]]


def one_of(*words: str) -> Notation[str]:
    """One of a few words, in any case."""
    return Notation(f"one of {', '.join(words)}", lambda text: words[words.index(text.lower())])


def optional(notation: Notation[T], empty: str) -> Notation[T | None]:
    """As ``notation``; an empty variable is None, which means ``empty``."""
    return Notation(
        f"{notation.expected}; empty: {empty}", lambda text: notation.parse(text) if text else None, notation.shown
    )


def or_word(word: str, notation: Notation[T]) -> Notation[T | None]:
    """As ``notation``, or a word that means None."""
    return Notation(
        f"`{word}`, or {notation.expected}", lambda text: None if text == word else notation.parse(text), notation.shown
    )


def comma_list(notation: Notation[T], empty: str) -> Notation[tuple[T, ...]]:
    """A comma-separated list; an empty variable is an empty list, which means ``empty``."""
    return Notation(
        f"{notation.expected}, or several separated by commas; empty: {empty}",
        lambda text: tuple(notation.parse(part.strip()) for part in text.split(",")) if text else (),
    )


def _host(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        if _HOST_NAME.fullmatch(text) is None:
            raise
        return text


def _rate(text: str) -> RateLimitItem:
    if re.search(r"[,;|]", text):  # several limits: the library would use the first and ignore the others
        raise ValueError
    rate = parse_rate(text)
    _in_range(rate.amount, 1, math.inf)
    return rate


def _prefix(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_.:-]{1,40}", text) is None:
        raise ValueError
    return text


def _without_password(text: str) -> str:
    """A URL without user, password and query, which may hold a password too."""
    scheme, found, rest = text.partition("://")
    _, at, place = rest.rpartition("@")
    return quoted(f"{scheme}://{'***@' if at else ''}{place.partition('?')[0]}" if found else "***")


def _origin(text: str) -> str:
    url = urlsplit(text.lower())
    place = f"{url.scheme}://{url.netloc}"
    if (
        url.scheme not in {"http", "https"}
        or not url.hostname
        or url.port == 0
        or "@" in place
        or place != text.lower()
    ):
        raise ValueError
    return place


def _readable_file(text: str) -> str:
    if not (os.path.isfile(text) and os.access(text, os.R_OK)):
        raise ValueError
    return text


HOST = Notation("an IP address or a host name", _host)
PATH = Notation("a path", str)
READABLE_FILE = Notation("the path of a file that can be read", _readable_file)
TRUTH = Notation("true or false", lambda text: bool(("false", "true").index(text.lower())))
RATE = Notation("one rate in the notation of the `limits` package (`100/minute`, `5 per 10 seconds`)", _rate)
REDIS_URL = Notation(
    "`redis://`, `rediss://`, `unix://`, `redis+sentinel://` or `redis+cluster://` with the server's address",
    RedisAddress.parse,
    _without_password,
)
PREFIX = Notation("1 to 40 letters, digits and `-_.:`", _prefix)
ORIGIN = Notation("an origin as a browser sends it (`https://lab.example.org`)", _origin)
NETWORK: Notation[Network] = Notation("a network in CIDR notation (`10.0.0.0/8`)", ip_network)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator can set. The table in docs/deployment.md describes each setting.

    >>> Settings.from_env({"PORT": "8080", "CACHE_MAX_BYTES": "1GiB"}).port
    8080
    """

    host: str = _setting("HOST", "0.0.0.0", HOST, "The address to listen on.")  # noqa: S104
    port: int = _setting("PORT", "8000", whole(0, 65535), "The port to listen on; 0: a free one, which the log names.")
    log_level: str = _setting("LOG_LEVEL", "info", one_of(*LOG_LEVELS), "The lowest severity that is logged.")
    redis_url: RedisAddress | None = _setting(  # noqa: RUF009  # never changed
        "REDIS_URL",
        "",
        optional(REDIS_URL, "in memory"),
        "The Redis for cache, jobs and rate limits, so that replicas share them.",
        secret=True,
    )
    redis_prefix: str = _setting(
        "REDIS_PREFIX", "nedc", PREFIX, "The prefix of every key, so that installations can share a Redis database."
    )
    redis_ca_file: str | None = _setting(
        "REDIS_CA_FILE",
        "",
        optional(READABLE_FILE, "the system's CAs"),
        "The CA that signed Redis' certificate, for `rediss://`; certificates are always verified.",
    )
    redis_grace_seconds: float | None = _setting(
        "REDIS_GRACE_SECONDS",
        "stay",
        or_word("stay", seconds(0, YEAR_SECONDS)),
        "How long the service stays ready without Redis once it has started; `stay`: forever.",
    )
    cache_ttl_seconds: int = _setting(
        "CACHE_TTL_SECONDS", "86400", whole(1, YEAR_SECONDS), "How long a scored pair is kept in the cache."
    )
    cache_max_bytes: int = _setting(
        "CACHE_MAX_BYTES", "64MiB", size("1KiB", "1024GiB"), "The size limit of the in-memory cache (without Redis)."
    )
    max_workers: int = _setting(
        "MAX_WORKERS", "0", whole(0, 1024), "The number of worker processes that score; 0: one per available CPU."
    )
    nedc_nfc: str | None = _setting(
        "NEDC_NFC", "", optional(PATH, "none"), "The folder of an installed original; only manual parity checks use it."
    )
    evaluation_timeout_seconds: float = _setting(
        "EVALUATION_TIMEOUT_SECONDS",
        "300",
        seconds(0.1, 86400),
        "How long a worker may take for a batch of at most 8 pairs. After that each pair is tried alone, and the job "
        "fails if one pair takes as long.",
    )
    max_upload_bytes: int = _setting(
        "MAX_UPLOAD_BYTES", "64MiB", size("1KiB", "16GiB"), "The largest request body; a larger one gets 413."
    )
    uploads_max_bytes: int = _setting(
        "UPLOADS_MAX_BYTES",
        "96MiB",
        size("1KiB", "1024GiB"),
        "The most memory that request bodies and expanded archives may take together until their jobs are accepted; "
        "requests beyond it get 503.",
    )
    responses_max_bytes: int = _setting(
        "RESPONSES_MAX_BYTES",
        "64MiB",
        size("1KiB", "1024GiB"),
        "The most memory that large responses may take together until their clients have read them; requests beyond "
        "it get 503.",
    )
    max_pairs: int = _setting("MAX_PAIRS", "10000", whole(1, 1_000_000), "The most pairs per request; more get 413.")
    max_queued_jobs: int = _setting(
        "MAX_QUEUED_JOBS",
        "1000",
        whole(1, 1_000_000),
        "The most jobs in the queue; further ones get 503.",
    )
    saturation_seconds: float = _setting(
        "SATURATION_SECONDS",
        "10",
        seconds(0.1, 3600),
        "The longest expected queueing time for a client with `Prefer: wait`; beyond it the client gets 503.",
    )
    jobs_max_bytes: int = _setting(
        "JOBS_MAX_BYTES",
        "128MiB",
        size("1KiB", "1024GiB"),
        "The most memory that jobs may take, input and result (without Redis). The oldest ended jobs make room for a "
        "new one; if that is not enough, it gets 503.",
    )
    job_ttl_seconds: int = _setting(
        "JOB_TTL_SECONDS", "86400", whole(1, YEAR_SECONDS), "How long a job is kept, with its input and result."
    )
    rate_limit: RateLimitItem = _setting(  # noqa: RUF009  # never changed
        "RATE_LIMIT", "100/minute", RATE, "The rate limit per token (or client address); more requests get 429."
    )
    status_rate_limit: RateLimitItem = _setting(  # noqa: RUF009  # never changed
        "STATUS_RATE_LIMIT", "600/minute", RATE, "The rate limit for reading a job's state, counted separately."
    )
    api_tokens_file: str | None = _setting(
        "API_TOKENS_FILE",
        "",
        optional(READABLE_FILE, "no token is needed"),
        "SHA-256 hashes of accepted tokens, one per line, optionally followed by the caller's name; required except "
        "on probes and documentation. Reloaded when it changes; empty or deleted: no token is accepted.",
    )
    metrics_need_token: bool = _setting(
        "METRICS_NEED_TOKEN", "false", TRUTH, "Whether `/metrics` needs a token too; needs API_TOKENS_FILE."
    )
    cors_origins: tuple[str, ...] = _setting(
        "CORS_ORIGINS",
        "",
        comma_list(ORIGIN, "none"),
        "The origins whose pages may call the service from a browser.",
    )
    trusted_proxies: tuple[Network, ...] = _setting(
        "TRUSTED_PROXIES",
        "",
        comma_list(NETWORK, "none"),
        "The proxies whose `X-Forwarded-For` is trusted for the client's address.",
    )
    body_timeout_seconds: float = _setting(
        "BODY_TIMEOUT_SECONDS", "60", seconds(0.1, 3600), "How long a request's body may take to arrive; then 408."
    )
    write_timeout_seconds: float = _setting(
        "WRITE_TIMEOUT_SECONDS",
        "30",
        seconds(0.1, 3600),
        "How long a client may take to read 64 KiB of a response; then its connection is closed.",
    )
    keep_alive_seconds: float = _setting(
        "KEEP_ALIVE_SECONDS",
        "75",
        seconds(0.1, 3600),
        "How long an idle connection is kept; longer than a proxy in front keeps it.",
    )
    shutdown_delay_seconds: float = _setting(
        "SHUTDOWN_DELAY_SECONDS",
        "2",
        seconds(0, 3600),
        "How long the service keeps serving after SIGTERM, not ready, so that load balancers notice.",
    )
    shutdown_grace_seconds: float = _setting(
        "SHUTDOWN_GRACE_SECONDS",
        "30",
        seconds(0, 3600),
        "How long running work may take to finish after SIGTERM, including the delay; then the process ends.",
    )

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """The settings of an environment (``os.environ``).

        Raises:
            SettingsError: some values are bad; every one is named, with what is expected.
        """
        values: dict[str, Any] = {}
        problems: list[str] = []
        for declared in _declarations():
            text = environ.get(declared.variable, "").strip() or declared.default
            try:
                values[declared.name] = declared.notation.parse(text)
            except ValueError:
                problems.append(
                    f"{declared.variable} is {declared.notation.shown(text)}; expected {declared.notation.expected}"
                )
        if values.get("metrics_need_token") and values.get("api_tokens_file", "refused") is None:
            problems.append("METRICS_NEED_TOKEN is 'true', but there is no token; expected API_TOKENS_FILE to be set")
        if problems:
            raise SettingsError(problems)
        return cls(**values)


@dataclass(frozen=True, slots=True)
class _Declaration:
    name: str
    variable: str
    default: str
    notation: Notation[Any]
    effect: str


def _declarations() -> Iterator[_Declaration]:
    for declared in fields(Settings):
        yield _Declaration(declared.name, **declared.metadata)


def shown_settings(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The variables that differ from their defaults, without secrets."""
    for declared in _declarations():
        text = environ.get(declared.variable, "").strip()
        if text and text != declared.default:
            yield declared.variable, declared.notation.shown(text)


def settings_table() -> str:
    """The Markdown table of all settings in docs/deployment.md."""
    lines = ["| Variable | Default | Value | Effect |", "| --- | --- | --- | --- |"]
    for declared in _declarations():
        default = f"`{declared.default}`" if declared.default else "empty"
        lines.append(f"| `{declared.variable}` | {default} | {declared.notation.expected} | {declared.effect} |")
    return "\n".join(lines) + "\n"
