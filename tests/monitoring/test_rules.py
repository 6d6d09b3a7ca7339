"""The rules: what promtool says, their shape, and that their tests leave none out."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring.files import ALERTS, FOLDER, RECORDS, RULE_FILES

RULE_TESTS = sorted((FOLDER / "tests").glob("*.yml"))
BURNS = {
    "1h": ("14.4", "5m", "critical"),
    "6h": ("6", "30m", "critical"),
    "1d": ("3", "2h", "warning"),
    "3d": ("1", "6h", "warning"),
}
SECONDS = {"1h": 3600, "6h": 21600, "1d": 86400, "3d": 259200}

pytestmark = pytest.mark.integration  # promtool comes with Prometheus


def promtool(*arguments: str | Path) -> None:
    checked = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_promtool_accepts_the_rules() -> None:
    assert RULE_FILES
    promtool("check", "rules", *RULE_FILES)


def test_promtool_accepts_the_configuration() -> None:
    promtool("check", "config", FOLDER / "prometheus.yml")


@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.stem)
def test_rules_fire_and_stay_silent_as_their_tests_say(path: Path) -> None:
    promtool("test", "rules", path)


def cases() -> Iterator[dict[str, Any]]:
    for path in RULE_TESTS:
        for test in yaml.safe_load(path.read_text())["tests"]:
            yield from test["alert_rule_test"]


def test_every_alert_has_a_case_in_which_it_fires_with_all_its_words() -> None:
    fired = {
        (case["alertname"], alert["exp_labels"]["severity"], alert["exp_labels"].get("window"))
        for case in cases()
        for alert in case["exp_alerts"]
        if set(alert["exp_annotations"]) == {"summary", "description", "runbook_url"}
    }
    assert fired == {(rule["alert"], rule["labels"]["severity"], rule["labels"].get("window")) for rule in ALERTS}


def test_every_alert_has_a_case_in_which_it_is_silent() -> None:
    silent = {case["alertname"] for case in cases() if not case["exp_alerts"]}
    assert silent == {rule["alert"] for rule in ALERTS} - {"NedcBenchWatchdog"}  # that is never silent


def test_every_alert_says_who_must_act_and_where_to_read_on() -> None:
    for rule in ALERTS:
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
        assert len(rule["annotations"]["summary"]) < 120


def test_every_alert_tells_installations_apart() -> None:
    for rule in [*ALERTS, *RECORDS]:
        for grouping in re.findall(r"\bby\s*\(([^)]*)\)", rule["expr"]):
            assert {"job", "namespace", "service"} <= set(grouping.split(", ")), rule


def test_recorded_series_are_named_level_metric_operations() -> None:
    for rule in RECORDS:
        level, metric, operations = rule["record"].split(":")
        assert level.startswith("namespace_job_service")
        assert metric.startswith("nedc_")
        assert re.fullmatch(r"(ratio|rate\d+[mhd]|ratio_rate\d+[mhd]|p\d\d_rate\d+m|remaining\d+d)", operations)


def test_every_window_is_recorded_in_the_same_way() -> None:
    """The windows' rules are equal but for the window."""
    by_name: dict[str, set[str]] = {}
    windows: dict[str, set[str]] = {}
    for rule in RECORDS:
        if match := re.fullmatch(r"(.*_api_.*:(?:ratio_)?rate)(\d+[mhd])", rule["record"]):
            name, window = match.groups()
            by_name.setdefault(name, set()).add(re.sub(rf"(?<=\[|e){window}\b", "W", rule["expr"]))
            windows.setdefault(name, set()).add(window)
    assert len(by_name) == 6
    assert all(len(found) == 1 for found in by_name.values()), by_name
    assert all(found == {"5m", "30m", "1h", "2h", "6h", "1d", "3d"} for found in windows.values())


@pytest.mark.parametrize(
    ("alert", "series", "budget"),
    [
        ("NedcBenchErrorBudgetBurn", "namespace_job_service:nedc_api_errors", "0.001"),
        ("NedcBenchLatencyBudgetBurn", "namespace_job_service_method:nedc_api_slow", "0.01"),
    ],
)
def test_burn_rates_are_those_of_the_table(alert: str, series: str, budget: str) -> None:
    found = {rule["labels"]["window"]: rule for rule in ALERTS if rule["alert"] == alert}
    assert set(found) == set(BURNS)
    for long, (factor, short, severity) in BURNS.items():
        assert found[long]["labels"]["severity"] == severity
        assert found[long]["expr"] == (
            f"{series}:ratio_rate{long} > {factor} * {budget}\n"
            f"and {series}:ratio_rate{short} > {factor} * {budget}\n"
            f"and {series}:rate{long} * {SECONDS[long]} >= 5\n"
        )
    text = (FOLDER / "README.md").read_text()
    table = re.findall(r"^\| ([\d.]+) \| (\d+) (h|d) \| (\d+) (min|h) \| [^|]+ \| (\w+) \|$", text, re.MULTILINE)
    assert {f"{n}{u}": (f, f"{m}{v[0]}", s) for f, n, u, m, v, s in table} == BURNS


def test_alertmanager_knows_each_severity_and_inhibits_alerts_that_exist() -> None:
    config = yaml.safe_load((FOLDER / "alertmanager.yml").read_text())
    receivers = {receiver["name"] for receiver in config["receivers"]}
    routed = {config["route"]["receiver"], *(route["receiver"] for route in config["route"]["routes"])}
    assert receivers == routed == {rule["labels"]["severity"] for rule in ALERTS} | {"watchdog"}
    alerts = {rule["alert"] for rule in ALERTS}
    for rule in config["inhibit_rules"]:
        assert {"namespace", "job", "service"} <= set(rule["equal"])
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            name, pattern = re.fullmatch(r'(\w+)=~?"(.*)"', matcher).groups()  # type: ignore[union-attr]
            if name == "alertname":
                assert {match for match in alerts if re.fullmatch(pattern, match)}
                words = re.sub(r"\w+\(|\)", "", pattern).split("|")
                assert all(any(alert.endswith(word) for alert in alerts) for word in words)
