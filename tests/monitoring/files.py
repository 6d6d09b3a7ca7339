"""The files of monitoring/ and what their queries name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "monitoring"
RULE_FILES = sorted((FOLDER / "rules").glob("*.yml"))
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "dashboards").glob("*.json"))}
RUNBOOK = (ROOT / "docs/runbook.md").read_text()

_STRING = r'"(?:[^"\\]|\\.)*"'
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_SELECTOR = re.compile(rf"([a-zA-Z_][\w:]*)\s*(\{{(?:[^}}\"]|{_STRING})*\}})?(?!\w|:|\s*\()")
_WORDS = {"and", "or", "unless", "bool", "offset", "Inf"}


class Query(NamedTuple):
    """A PromQL expression and where it stands."""

    place: str
    expression: str


def rules(kind: str) -> Iterator[dict[str, Any]]:
    """The rules that have a ``kind``, ``record`` or ``alert``."""
    for path in RULE_FILES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from (rule for rule in group["rules"] if kind in rule)


ALERTS = list(rules("alert"))
RECORDS = list(rules("record"))
RECORDED = {rule["record"] for rule in RECORDS}


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """The panels that show something; rows only part them."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def panel_queries() -> Iterator[Query]:
    for name, dashboard in DASHBOARDS.items():
        for panel in panels(dashboard):
            for target in panel["targets"]:
                yield Query(f"{name}: {panel['title']} {target['refId']}", target["expr"])


def rule_queries() -> Iterator[Query]:
    for rule in [*RECORDS, *ALERTS]:
        yield Query(rule.get("record") or f"{rule['alert']} {rule['labels']['severity']}", rule["expr"])


def selectors(expression: str) -> set[str]:
    """The series that an expression selects, as ``name`` or ``name{matchers}``."""
    plain = re.sub(r"\[[^\]]*\]", "", _GROUPING.sub("", expression))
    return {name + matchers for name, matchers in _SELECTOR.findall(plain) if name not in _WORDS}


def names(expression: str) -> set[str]:
    """The metrics that an expression names, without the suffixes of a histogram's series."""
    found = {selector.partition("{")[0] for selector in selectors(expression)}
    return {re.sub(r"_(?:bucket|count|sum)$", "", name) for name in found}
