"""The values: every one is used, described and checked, and a wrong one is refused with a word that helps."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import helm_python as helm
import pytest
import yaml

from chart import document
from chart.rendering import CASES, CHART, REDIS, env, templates
from nedc_bench.errors import SettingsError
from nedc_bench.settings import Settings, settings_table

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())
SET_BY_OTHER_VALUES = {"PORT", "REDIS_URL", "REDIS_PREFIX", "REDIS_CA_FILE", "API_TOKENS_FILE", "NEDC_NFC"}
TOKENS = {"apiTokens": {"existingSecret": "tokens"}}
WHY = (
    "each replica would have jobs of its own, and a client would ask the wrong one; "
    "set redis.url or redis.existingSecret"
)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"replicas": 1}, "at '': additional properties 'replicas' not allowed"),
        ({"redis": {"uri": "redis://a"}}, "at '/redis': additional properties 'uri' not allowed"),
        ({"config": {"logLevl": "info"}}, "at '/config': additional properties 'logLevl' not allowed"),
        (
            {"serviceMonitor": {"tokenSecret": {"nam": ""}}},
            "at '/serviceMonitor/tokenSecret': additional properties 'nam'",
        ),
        (
            {"networkPolicy": {"redis": [{"podSelctor": {}}]}},
            "at '/networkPolicy/redis/0': additional properties 'podSelc",
        ),
        ({"replicaCount": "1"}, "at '/replicaCount': got string, want null or integer"),
        ({"replicaCount": 0}, "at '/replicaCount': minimum: got 0, want 1"),
        ({"image": {"tag": 1.1}}, "at '/image/tag': got number, want string"),
        ({"image": {"digest": "sha256:abc"}}, "at '/image/digest': 'sha256:abc' does not match pattern"),
        ({"image": {"pullPolicy": "always"}}, "at '/image/pullPolicy': value must be one of 'Always'"),
        ({"config": {"cacheTtlSeconds": 0}}, "at '/config/cacheTtlSeconds': minimum: got 0, want 1"),
        ({"config": {"rateLimit": "fast"}}, "at '/config/rateLimit': 'fast' does not match pattern"),
        ({"redis": {"url": "rediss://:p/w@redis:6380"}}, "at '/redis/url': 'rediss://:p/w@redis:6380' does not match"),
        ({"redis": {"url": "http://redis"}}, "at '/redis/url': 'http://redis' does not match pattern '^(rediss?"),
        (
            {"apiTokens": {"hashes": ["token"]}},
            "at '/apiTokens/hashes/0': 'token' does not match pattern '^[0-9a-f]{64}$'",
        ),
        ({"replicaCount": 2}, f"replicaCount is 2, but there is no Redis: {WHY}, or replicaCount to 1"),
        (
            {"autoscaling": {"enabled": True}},
            f"autoscaling.enabled is true, but there is no Redis: {WHY}, or autoscaling.enabled to false",
        ),
        (
            REDIS | {"autoscaling": {"minReplicas": 11}},
            "autoscaling.minReplicas (11) is more than autoscaling.maxReplicas (10)",
        ),
        (
            REDIS | {"replicaCount": 3},
            "replicaCount is set, but the autoscaler decides; set autoscaling.minReplicas, or",
        ),
        (
            REDIS | {"podDisruptionBudget": {"maxUnavailable": 0}},
            "no node with a pod could ever be drained; set 1 or more",
        ),
        (REDIS | {"podDisruptionBudget": {"maxUnavailable": "0%"}}, "no node with a pod could ever be drained"),
        (REDIS | {"podDisruptionBudget": {"maxUnavailable": None}}, "no node with a pod could ever be drained"),
        ({"config": {"shutdownGraceSeconds": None}}, "the pods' grace period follows it; give a number of seconds"),
        (
            {"redis": {"url": "redis://a", "existingSecret": "b"}},
            "redis.url and redis.existingSecret are both set; keep one",
        ),
        (
            {"apiTokens": {"hashes": ["0" * 64], "existingSecret": "b"}},
            "apiTokens.existingSecret are both set; keep one",
        ),
        (
            {"config": {"metricsNeedToken": True}},
            "metricsNeedToken is true, but there are no tokens; set apiTokens.exist",
        ),
        (
            TOKENS | {"config": {"metricsNeedToken": True}, "serviceMonitor": {"enabled": True}},
            "Prometheus has no token; set serviceMonitor.tokenSecret.name",
        ),
        (TOKENS | {"postSync": {"enabled": True}}, "the probe has no token; set probe.tokenSecret.name"),
        ({"redis": {"caSecret": "ca"}}, "redis.existingSecret, or empty redis.caSecret"),
        ({"redis": {"caSecret": "ca", "url": "redis://a"}}, "redis.url asks for no TLS; begin it with rediss://"),
        (REDIS | {"autoscaling": {"external": True, "enabled": True}}, "two autoscalers would fight; keep one"),
        (REDIS | {"autoscaling": {"external": True}, "replicaCount": 2}, "leaves the replicas to another; keep one"),
        (
            {"autoscaling": {"external": True}},
            f"autoscaling.external is true, but there is no Redis: {WHY}, or autoscaling.external to false",
        ),
        (REDIS | {"autoscaling": {"targetCPUUtilizationPercentage": None}}, "metrics is empty; set one of them"),
        ({"service": {"nodePort": 30000}}, "service.nodePort is set, but service.type is ClusterIP; set NodePort"),
        (
            {"service": {"externalTrafficPolicy": "Local"}},
            "service.externalTrafficPolicy is set, but service.type is C",
        ),
        ({"service": {"loadBalancerClass": "a"}}, "service.loadBalancerClass is set, but service.type is ClusterIP"),
        (
            {"prometheusRule": {"enabled": True, "disabled": ["NedcBenchDwn"]}},
            "prometheusRule names the alert NedcBenchDwn, but there is none; there are NedcBench",
        ),
        (
            {"prometheusRule": {"enabled": True, "severities": {"NedcBenchDwn": "info"}}},
            "prometheusRule names the alert NedcBenchDwn, but there is none; there are NedcBench",
        ),
        ({"prometheusRule": {"thresholds": {"NedcBenchDown": 1}}}, "invalid propertyName 'NedcBenchDown'"),
        (
            {"extraEnv": [{"name": "MAX_WORKERS"}]},
            "extraEnv sets MAX_WORKERS, which the chart sets itself; use config.",
        ),
        ({"ingress": {"enabled": True}}, "ingress.enabled is true, but ingress.hosts is empty; name the hosts"),
        ({"httpRoute": {"enabled": True}}, "httpRoute.parentRefs is empty; name the Gateway"),
        (
            {"extraEnv": [{"name": "REDIS_URL"}]},
            "extraEnv sets REDIS_URL, which the chart sets itself; use redis.url or",
        ),
        (
            {"config": {"logLevel": "debug"}, "extraEnv": [{"name": "LOG_LEVEL"}]},
            "extraEnv sets LOG_LEVEL, which the chart sets itself; use config.logLevel",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_a_message_that_helps(values: Any, message: str) -> None:
    with pytest.raises(helm.HelmError) as refused:
        templates(values)
    assert message in str(refused.value)


def test_no_value_is_accepted_that_the_schema_does_not_declare() -> None:
    open_ended = [path for path, schema in SCHEMAS.items() if "properties" in schema and schema.get(REST) is not False]
    assert open_ended == []
    declared, known = _keys(SCHEMA), {("global",)} | set(_leaves(DEFAULTS, SCHEMA))
    wrong = [f"values.schema.json does not declare {'.'.join(path)}" for path in sorted(known - declared)]
    wrong += [f"values.yaml does not have {'.'.join(path)}" for path in sorted(declared - known)]
    assert not wrong, "\n".join(wrong)


def test_the_schema_describes_every_value() -> None:
    assert [path for path, schema in SCHEMAS.items() if not path.endswith("[]") and not schema.get("description")] == [
        ""
    ]


def _schemas(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """A schema and those of all that is within, by path."""
    yield path, schema
    for key, inner in schema.get("properties", {}).items():
        yield from _schemas(inner, f"{path}.{key}")
    if "items" in schema:
        yield from _schemas(schema["items"], f"{path}[]")


REST = "additionalProperties"
SCHEMAS = dict(_schemas(SCHEMA))


def _keys(schema: Any, above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """The paths of a schema's leaves."""
    inner = schema.get("properties", {})
    return {path for key, value in inner.items() for path in _keys(value, (*above, key))} if inner else {above}


def _leaves(values: Any, schema: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of the values down to where the schema says no more."""
    if "properties" not in schema:
        yield above
        return
    for key, value in values.items():
        yield from _leaves(value, schema["properties"].get(key, {}), (*above, key))


READ_BY_HELM = {("enabled",)}  # the condition of a parent chart: see test_platforms.py


@pytest.mark.parametrize("path", [path for path in _leaves(DEFAULTS, SCHEMA) if path not in READ_BY_HELM], ids=".".join)
def test_every_value_is_used(path: tuple[str, ...]) -> None:
    case = next((values for values in CASES.values() if _has(values, path)), None)
    assert case is not None, f"no file of tests/chart/cases sets {'.'.join(path)}"
    without = copy.deepcopy(case)
    _parent(without, path).pop(path[-1])
    assert _outcome(case) != _outcome(without)


def _has(values: Any, path: tuple[str, ...]) -> bool:
    return not path or (path[0] in values and _has(values[path[0]], path[1:]))


def _parent(values: Any, path: tuple[str, ...]) -> Any:
    for key in path[:-1]:
        values = values[key]
    return values


def _outcome(values: Any) -> Any:
    try:
        return templates(values)
    except helm.HelmRenderError as refused:
        return str(refused)


def test_every_value_that_a_template_uses_is_declared() -> None:
    used = {
        tuple(path.split("."))
        for template in (CHART / "templates").rglob("*.*")
        for path in re.findall(r"\.Values\.([A-Za-z.]+)", template.read_text())
    }
    assert used
    assert [path for path in sorted(used) if not _has(DEFAULTS, path)] == []


def test_values_are_few_and_each_is_described() -> None:
    assert len((CHART / "values.yaml").read_text().splitlines()) < 350
    assert [value.path for value in document.values() if not value.description] == []


def test_readme_and_schema_say_what_the_values_say() -> None:
    assert (CHART / "README.md").read_text() == document.readme(), "make chart-docs"
    assert (CHART / "values.schema.json").read_text() == document.schema(), "make chart-docs"


def test_config_names_every_setting_of_the_service() -> None:
    variables = set(re.findall(r"^\| `([A-Z_]+)`", settings_table(), re.MULTILINE))
    assert {_variable(key) for key in DEFAULTS["config"]} == variables - SET_BY_OTHER_VALUES


def _variable(key: str) -> str:
    return re.sub(r"(?=[A-Z])", "_", key).upper()


def test_what_is_not_set_is_the_services_own_default() -> None:
    assert Settings.from_env(_env()) == Settings()


def _env(**values: Any) -> dict[str, str]:
    return {name: entry.get("value", "") for name, entry in env(values).items()}


def test_the_service_takes_the_settings_as_the_chart_writes_them() -> None:
    config = CASES["everything"]["config"] | {"metricsNeedToken": False}
    settings = Settings.from_env(_env(config=config))
    assert settings.cache_ttl_seconds == 31622400
    assert settings.max_upload_bytes == 134217728
    assert settings.evaluation_timeout_seconds == 0.5
    assert settings.cors_origins == ("https://lab.example.org", "https://clinic.example.org")
    assert [str(network) for network in settings.trusted_proxies] == config["trustedProxies"]


BOUNDED = [
    (key, bound, schema[bound])
    for key, schema in SCHEMA["properties"]["config"]["properties"].items()
    for bound in ("minimum", "maximum")
    if bound in schema
]


@pytest.mark.parametrize(("key", "bound", "limit"), BOUNDED)
def test_the_schema_takes_the_numbers_that_the_service_takes(key: str, bound: str, limit: float) -> None:
    beyond = limit - 1 if bound == "minimum" else limit + 1
    Settings.from_env({_variable(key): str(limit)})
    with pytest.raises(SettingsError):
        Settings.from_env({_variable(key): str(beyond)})
    templates({"config": {key: limit}})
    with pytest.raises(helm.HelmValuesError, match=bound):
        templates({"config": {key: beyond}})
