"""The service's settings: defaults, notations, refusals, and the table in the documentation."""

from __future__ import annotations

import dataclasses
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from limits import RateLimitItemPerDay, RateLimitItemPerMinute, RateLimitItemPerSecond

from documented_settings import documented, whole_table
from nedc_bench.errors import NedcBenchError, SettingsError
from nedc_bench.redis import RedisAddress
from nedc_bench.settings import Settings, settings_table

DEFAULTS: dict[str, Any] = {
    "host": "0.0.0.0",
    "port": 8000,
    "log_level": "info",
    "redis_url": None,
    "redis_prefix": "nedc",
    "redis_ca_file": None,
    "redis_grace_seconds": None,
    "cache_ttl_seconds": 86400,
    "cache_max_bytes": 64 * 1024**2,
    "max_workers": 0,
    "nedc_nfc": None,
    "evaluation_timeout_seconds": 300.0,
    "max_upload_bytes": 64 * 1024**2,
    "uploads_max_bytes": 96 * 1024**2,
    "responses_max_bytes": 64 * 1024**2,
    "max_pairs": 10000,
    "max_queued_jobs": 1000,
    "saturation_seconds": 10.0,
    "jobs_max_bytes": 128 * 1024**2,
    "job_ttl_seconds": 86400,
    "rate_limit": RateLimitItemPerMinute(100),
    "status_rate_limit": RateLimitItemPerMinute(600),
    "api_tokens_file": None,
    "metrics_need_token": False,
    "cors_origins": (),
    "trusted_proxies": (),
    "body_timeout_seconds": 60.0,
    "write_timeout_seconds": 30.0,
    "keep_alive_seconds": 75.0,
    "shutdown_delay_seconds": 2.0,
    "shutdown_grace_seconds": 30.0,
}


def refusal_of(environ: dict[str, str]) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(environ)
    return caught.value


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = Settings.from_env({})
    assert {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)} == DEFAULTS
    assert settings == Settings()


def test_an_empty_variable_counts_as_not_set() -> None:
    variables = [line.split("`")[1] for line in settings_table().splitlines()[2:]]
    assert len(variables) == len(DEFAULTS)
    assert Settings.from_env(dict.fromkeys(variables, " ")) == Settings()


def test_unknown_variables_are_ignored() -> None:
    assert Settings.from_env({"PORTS": "x", "NEDC_BENCH_PORT": "tcp://10.0.0.1:80"}) == Settings()


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("HOST", "127.0.0.1", "host", "127.0.0.1"),
        ("HOST", "::", "host", "::"),
        ("HOST", "node-1.lab.example", "host", "node-1.lab.example"),
        ("PORT", "0", "port", 0),
        ("PORT", " 8080\n", "port", 8080),
        ("LOG_LEVEL", "DEBUG", "log_level", "debug"),
        ("REDIS_URL", "redis://:secret@cache:6379/1", "redis_url", RedisAddress.parse("redis://:secret@cache:6379/1")),
        ("REDIS_PREFIX", "lab-1_a.b:c", "redis_prefix", "lab-1_a.b:c"),
        ("REDIS_CA_FILE", __file__, "redis_ca_file", __file__),
        ("REDIS_GRACE_SECONDS", "stay", "redis_grace_seconds", None),
        ("REDIS_GRACE_SECONDS", "0", "redis_grace_seconds", 0.0),
        ("REDIS_GRACE_SECONDS", "2.5", "redis_grace_seconds", 2.5),
        ("CACHE_TTL_SECONDS", "60", "cache_ttl_seconds", 60),
        ("CACHE_MAX_BYTES", "1048576", "cache_max_bytes", 1024**2),
        ("CACHE_MAX_BYTES", "512 KiB", "cache_max_bytes", 512 * 1024),
        ("CACHE_MAX_BYTES", "2GiB", "cache_max_bytes", 2 * 1024**3),
        ("MAX_WORKERS", "4", "max_workers", 4),
        ("NEDC_NFC", "opt/nedc", "nedc_nfc", "opt/nedc"),
        ("EVALUATION_TIMEOUT_SECONDS", "0.5", "evaluation_timeout_seconds", 0.5),
        ("MAX_UPLOAD_BYTES", "5MiB", "max_upload_bytes", 5 * 1024**2),
        ("MAX_PAIRS", "1", "max_pairs", 1),
        ("MAX_QUEUED_JOBS", "10", "max_queued_jobs", 10),
        ("SATURATION_SECONDS", "0.5", "saturation_seconds", 0.5),
        ("WRITE_TIMEOUT_SECONDS", "5", "write_timeout_seconds", 5.0),
        ("JOB_TTL_SECONDS", "3600", "job_ttl_seconds", 3600),
        ("RATE_LIMIT", "5 per 10 seconds", "rate_limit", RateLimitItemPerSecond(5, 10)),
        ("STATUS_RATE_LIMIT", "1/day", "status_rate_limit", RateLimitItemPerDay(1)),
        ("METRICS_NEED_TOKEN", "False", "metrics_need_token", False),
        ("CORS_ORIGINS", "https://Lab.example.org", "cors_origins", ("https://lab.example.org",)),
        (
            "CORS_ORIGINS",
            "https://a.example, http://localhost:3000",
            "cors_origins",
            ("https://a.example", "http://localhost:3000"),
        ),
        (
            "TRUSTED_PROXIES",
            "10.0.0.0/8,fd00::/8, 192.0.2.7",
            "trusted_proxies",
            (ip_network("10.0.0.0/8"), ip_network("fd00::/8"), ip_network("192.0.2.7/32")),
        ),
        ("BODY_TIMEOUT_SECONDS", "0.5", "body_timeout_seconds", 0.5),
        ("KEEP_ALIVE_SECONDS", "5", "keep_alive_seconds", 5.0),
        ("SHUTDOWN_DELAY_SECONDS", "0", "shutdown_delay_seconds", 0.0),
        ("SHUTDOWN_GRACE_SECONDS", "0", "shutdown_grace_seconds", 0.0),
    ],
)
def test_a_variable_sets_its_field_alone(variable: str, text: str, name: str, value: Any) -> None:
    assert Settings.from_env({variable: text}) == dataclasses.replace(Settings(), **{name: value})


def test_tokens_are_asked_for_once_their_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("")
    settings = Settings.from_env({"API_TOKENS_FILE": str(file), "METRICS_NEED_TOKEN": "true"})
    assert (settings.api_tokens_file, settings.metrics_need_token) == (str(file), True)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("HOST", "not a host"),
        ("HOST", "-x"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "8000.0"),
        ("PORT", "8_000"),
        ("PORT", "\u0668\u0660"),  # digits, but not ASCII
        ("PORT", "9" * 5000),
        ("LOG_LEVEL", "trace"),
        ("REDIS_URL", "cache:6379"),
        ("REDIS_PREFIX", "a b"),
        ("REDIS_PREFIX", "{a}"),
        ("REDIS_PREFIX", "*"),
        ("REDIS_PREFIX", "x" * 41),
        ("REDIS_CA_FILE", "there/is/none"),
        ("SATURATION_SECONDS", "0"),
        ("WRITE_TIMEOUT_SECONDS", "nan"),
        ("REDIS_GRACE_SECONDS", "go"),
        ("REDIS_GRACE_SECONDS", "-1"),
        ("CACHE_TTL_SECONDS", "0"),
        ("CACHE_MAX_BYTES", "1023"),
        ("CACHE_MAX_BYTES", "64MB"),
        ("CACHE_MAX_BYTES", "64Mi"),
        ("CACHE_MAX_BYTES", "1.5GiB"),
        ("MAX_WORKERS", "many"),
        ("EVALUATION_TIMEOUT_SECONDS", "0"),
        ("EVALUATION_TIMEOUT_SECONDS", "nan"),
        ("EVALUATION_TIMEOUT_SECONDS", "inf"),
        ("MAX_UPLOAD_BYTES", "17GiB"),
        ("MAX_PAIRS", "0"),
        ("MAX_QUEUED_JOBS", "0"),
        ("JOB_TTL_SECONDS", "1h"),
        ("RATE_LIMIT", "100"),
        ("RATE_LIMIT", "0/minute"),
        ("RATE_LIMIT", "100/fortnight"),
        ("RATE_LIMIT", "100/minute;5/second"),
        ("STATUS_RATE_LIMIT", "unlimited"),
        ("API_TOKENS_FILE", "there/is/none"),
        ("API_TOKENS_FILE", "."),
        ("METRICS_NEED_TOKEN", "yes"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://lab.example.org/"),
        ("CORS_ORIGINS", "lab.example.org"),
        ("CORS_ORIGINS", "https://a.example,"),
        ("CORS_ORIGINS", "https://me@a.example"),
        ("CORS_ORIGINS", "https://a.example:0"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "proxy.lab"),
        ("BODY_TIMEOUT_SECONDS", "0"),
        ("KEEP_ALIVE_SECONDS", "for ever"),
        ("SHUTDOWN_DELAY_SECONDS", "-1"),
        ("SHUTDOWN_GRACE_SECONDS", "3601"),
    ],
)
def test_a_bad_value_is_refused_by_name(variable: str, text: str) -> None:
    (problem,) = refusal_of({variable: text}).problems
    assert problem.startswith(f"{variable} is ")
    assert "; expected " in problem


def test_all_bad_values_are_named_at_once() -> None:
    error = refusal_of({"PORT": "eighty", "HOST": "127.0.0.1", "LOG_LEVEL": "loud", "MAX_PAIRS": "-5"})
    assert isinstance(error, NedcBenchError)
    assert str(error).splitlines() == [
        "PORT is 'eighty'; expected a whole number from 0 to 65535",
        "LOG_LEVEL is 'loud'; expected one of debug, info, warning, error, critical",
        "MAX_PAIRS is '-5'; expected a whole number from 1 to 1000000",
    ]


def test_metrics_cannot_need_a_token_when_there_is_none() -> None:
    (problem,) = refusal_of({"METRICS_NEED_TOKEN": "true"}).problems
    assert problem == "METRICS_NEED_TOKEN is 'true', but there is no token; expected API_TOKENS_FILE to be set"


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:hunter2@cache:port",
        "redis://:hunter2://x@cache:port",
        "redis://cache:port?password=hunter2",
        "user:hunter2@cache:6379",
        "hunter2",
    ],
)
def test_neither_message_nor_repr_shows_a_password(url: str) -> None:
    assert "hunter2" not in str(refusal_of({"REDIS_URL": url}))
    assert "hunter2" not in repr(Settings.from_env({"REDIS_URL": "redis://:hunter2@cache"}))


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc]


def test_the_documentation_holds_the_table() -> None:
    assert documented() == whole_table()
