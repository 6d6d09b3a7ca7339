"""The compose file and .env.example: complete, hardened, and consistent with the settings and the image."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from nedc_bench.settings import Settings, settings_table

PROJECT = Path(__file__).parents[2]
TEXT = (PROJECT / "docker-compose.yml").read_text()
STACK = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
API = SERVICES["api"]
DEFAULTS = dict(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", TEXT))
EXAMPLE = dict(re.findall(r"^# ([A-Z_]+)=(.*)$", (PROJECT / ".env.example").read_text(), re.MULTILINE))
SETTINGS = dict(re.findall(r"^\| `([A-Z_]+)` \| (?:`(.*?)`|empty)", settings_table(), re.MULTILINE))

# HOST and PORT are inside the container, NEDC_NFC is the image's, the stack's Prometheus has no token, and its Redis is
# its own and has no certificate.
NOT_PASSED_ON = {"HOST", "PORT", "NEDC_NFC", "METRICS_NEED_TOKEN", "REDIS_PREFIX", "REDIS_CA_FILE"}
CONNECTION_SECONDS = 15


def in_bytes(text: str) -> int:
    """A size as written in the compose file: ``512m``, or a variable with such a default."""
    size = DEFAULTS[text[2:].partition(":")[0]] if text.startswith("${") else text
    return int(size.rstrip("mgb")) * (2**30 if "g" in size else 2**20)


def test_every_setting_is_passed_on_and_nothing_else() -> None:
    assert set(API["environment"]) == set(SETTINGS) - NOT_PASSED_ON
    for name, value in API["environment"].items():
        assert value.startswith(f"${{{name}:") or name == "REDIS_URL"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert (service["restart"], service["read_only"], service["cap_drop"]) == ("unless-stopped", True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert in_bytes(service["mem_limit"]) <= 2**30
    address = "${BIND_ADDRESS:-127.0.0.1}:" if name == "api" else "127.0.0.1:"
    assert all(port.startswith(address) for port in service.get("ports", []))
    assert "healthcheck" in service or name == "api"  # the image's own


def test_redis_keeps_what_it_has_and_is_reached_by_the_service_alone() -> None:
    redis = SERVICES["redis"]
    for option in ("--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction"):
        assert option in redis["command"]
    maxmemory = re.search(r"--maxmemory (\S+)", redis["command"])
    assert maxmemory is not None
    assert 2 * in_bytes(maxmemory[1]) <= in_bytes(redis["mem_limit"])
    assert [name for name, service in SERVICES.items() if "cache" in service.get("networks", [])] == ["api", "redis"]
    assert STACK["networks"]["cache"] == {"internal": True}
    assert "ports" not in redis


def test_the_runbook_looks_at_the_queue_that_there_is() -> None:
    assert f"redis-cli xlen {Settings().redis_prefix}:v1:chunks " in (PROJECT / "docs/runbook.md").read_text()


def test_what_waits_for_what() -> None:
    assert API["depends_on"] == {"redis": {"condition": "service_started"}}  # the service waits for Redis itself
    assert SERVICES["grafana"]["depends_on"] == {"prometheus": {"condition": "service_healthy"}}
    profiles = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
    assert profiles == {"alertmanager": ["alertmanager"], "grafana": ["grafana"]}


def test_docker_waits_longer_than_the_service_takes_to_end() -> None:
    seconds = float(DEFAULTS["STOP_GRACE_PERIOD"].removesuffix("s"))
    assert seconds >= Settings().shutdown_grace_seconds + CONNECTION_SECONDS


def test_what_is_mounted_exists() -> None:
    mounts = [mount.split(":") for service in SERVICES.values() for mount in service.get("volumes", [])]
    folders = [source for source, *_ in mounts if source.startswith("./")]
    assert len(folders) >= 5
    assert [source for source in folders if not (PROJECT / source).exists()] == []
    assert {source for source, *_ in mounts} - set(folders) == set(STACK["volumes"])


def test_mounts_of_the_project_are_labelled_for_selinux() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", []) if mount.startswith("./")]
    assert [mount for mount in mounts if not mount.endswith(":ro,z")] == []


def test_health_is_asked_for_seldom_enough_for_a_laptop() -> None:
    checks = [service["healthcheck"]["interval"] for service in SERVICES.values() if "healthcheck" in service]
    image = re.findall(r"HEALTHCHECK --interval=(\S+)", (PROJECT / "Dockerfile.api").read_text())
    assert {*checks, *image} == {"10s"}


def test_grafana_finds_what_it_is_told_of() -> None:
    mounted = dict(mount.split(":")[:2] for mount in SERVICES["grafana"]["volumes"])
    assert mounted["./monitoring/grafana"] == "/etc/grafana/provisioning"
    (provider,) = yaml.safe_load((PROJECT / "monitoring/grafana/dashboards/nedc-bench.yml").read_text())["providers"]
    assert provider["options"]["path"] == mounted["./monitoring/dashboards"]


def test_the_example_of_env_names_what_the_stack_reads_with_its_defaults() -> None:
    ours = set(DEFAULTS) - {"IMAGE"} | {"COMPOSE_PROFILES"}
    assert set(EXAMPLE) <= ours
    assert ours - set(EXAMPLE) <= set(SETTINGS)  # the others are in the table of settings
    for name, value in EXAMPLE.items():
        if name not in {"API_TOKENS_FILE", "COMPOSE_PROFILES", "GRAFANA_ADMIN_PASSWORD"}:
            assert value == (DEFAULTS[name] or SETTINGS[name]), name
