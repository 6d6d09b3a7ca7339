"""The service's settings: environment variables, each declared once, read once at start.

A declaration holds the variable's name, its default as an operator would write it, its notation
(`nedc_bench.notation`) and one sentence on its effect. `make settings-docs` writes the table in docs/deployment.md.
An empty variable counts as unset, since compose files and charts pass empty ones. Unknown variables are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from limits import RateLimitItem

from nedc_bench.errors import SettingsError
from nedc_bench.notation import (
    HOST,
    NETWORK,
    ORIGIN,
    PATH,
    PREFIX,
    RATE,
    READABLE_FILE,
    REDIS_URL,
    TRUTH,
    Network,
    Notation,
    comma_list,
    one_of,
    optional,
    or_word,
    seconds,
    size,
    whole,
)
from nedc_bench.redis import RedisAddress

T = TypeVar("T")

LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
YEAR_SECONDS = 366 * 86400


def _setting(variable: str, default: str, notation: Notation[T], effect: str, *, secret: bool = False) -> T:
    """A field of `Settings`, typed as its value so that the type checker compares it with the field's type."""
    metadata = {"variable": variable, "default": default, "notation": notation, "effect": effect}
    return field(default=notation.parse(default), metadata=metadata, repr=not secret)


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
        "MAX_WORKERS",
        "0",
        whole(0, 1024),
        "The number of worker processes, at least 2; 0: one per available CPU.",
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
        "SHA-256 hashes of accepted tokens, one per line, optionally followed by the caller's name; needed except "
        "for probes, documentation, the page `/` and metrics. Reloaded when it changes; empty or deleted: no token is "
        "accepted.",
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
