"""The pages of the site that are made from the code, the chart and the alert rules, each from its one source."""

from __future__ import annotations

import argparse
import inspect
from pathlib import Path
from typing import Any

import yaml
from doctests import fenced

import nedc_bench
from chart.document import table as values_table
from documented_settings import whole_table
from nedc_bench.api.openapi import build_openapi
from nedc_bench.cli import _parser

ROOT = Path(__file__).parents[2]


def read(path: str) -> str:
    """The text of a page that lies elsewhere in the repository."""
    return (ROOT / path).read_text(encoding="utf-8")


def command() -> str:
    """The command's help, from argparse."""
    parser = _parser()
    (subparsers,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))  # noqa: SLF001  # argparse has no other way
    text = ["# Command", "", "What `nedc-bench --help` and `nedc-bench COMMAND --help` print.", "", *_help(parser)]
    for name, subparser in subparsers.choices.items():
        text += ["", f"## {name}", "", *_help(subparser)]
    return "\n".join(text) + "\n"


def _help(parser: argparse.ArgumentParser) -> list[str]:
    return ["```text", parser.format_help().rstrip(), "```"]


def python() -> str:
    """The public names of the package; mkdocstrings adds signatures and docstrings."""
    kinds: dict[str, list[str]] = {"Functions": [], "Classes": [], "Errors": [], "Constants": []}
    for name in nedc_bench.__all__:
        kinds[_kind(getattr(nedc_bench, name))].append(name)
    text = ["# Python API", "", fenced(nedc_bench.__doc__ or ""), ""]
    for kind, names in kinds.items():
        first_score = sorted(names, key=lambda name: not name.startswith("score"))
        text += [f"## {kind}", "", *(f"::: nedc_bench.{name}\n" for name in first_score)]
    return "\n".join(text)


def _kind(value: object) -> str:
    if not inspect.isclass(value):
        return "Functions" if callable(value) else "Constants"
    return "Errors" if issubclass(value, Exception) else "Classes"


def http() -> str:
    """The operations of the HTTP API, from the OpenAPI document."""
    document = build_openapi(tokens=True, metrics_need_token=False)
    schemas = document["components"]["schemas"]
    text = [
        "# HTTP operations",
        "",
        "Every operation of `/openapi.json`. [HTTP API](api.md) shows how to use them.",
        "",
    ]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                text += [f"## {method.upper()} {path}", "", f"{operation['summary']}.", ""]
                text += _parameters([*item.get("parameters", []), *operation.get("parameters", [])])
                text += _responses(operation["responses"], document)
    text += ["## The form of an evaluation", "", *_properties(schemas["Evaluation"])]
    return "\n".join(text) + "\n"


def _parameters(parameters: list[dict[str, Any]]) -> list[str]:
    if not parameters:
        return []
    rows = [
        f"| `{each['name']}` | {each['in']} | {_type(each['schema'])} | {each.get('description', '')} |"
        for each in parameters
    ]
    return ["| Parameter | In | Type | Meaning |", "| --- | --- | --- | --- |", *rows, ""]


def _responses(responses: dict[str, Any], document: dict[str, Any]) -> list[str]:
    rows = []
    for status, response in responses.items():
        name = response.get("$ref", "").rpartition("/")[2]
        said = document["components"]["responses"][name] if name else response
        rows.append(
            f"| {status} | {said['description']} | {', '.join(f'`{kind}`' for kind in said.get('content', {}))} |"
        )
    return ["| Status | Meaning | Content |", "| --- | --- | --- |", *rows, ""]


def _properties(schema: dict[str, Any]) -> list[str]:
    rows = [
        f"| `{name}` | {_type(each)} | {each.get('description', '')} |" for name, each in schema["properties"].items()
    ]
    return ["| Part | Type | Meaning |", "| --- | --- | --- |", *rows, ""]


def _type(schema: dict[str, Any]) -> str:
    """A JSON schema in words."""
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "array":
        return f"repeatable: {_type(schema['items'])}"
    bounds = [f"{word} {schema[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in schema]
    return " ".join([schema.get("format", schema["type"]), *bounds])


def settings() -> str:
    """The environment variables of the service."""
    return (
        "# Settings\n\nThe service reads these environment variables once, when it starts. "
        "[Deployment](deployment.md) says how to set them.\n\n" + whole_table()
    )


def values() -> str:
    """The values of the chart."""
    return "# Chart values\n\nThe [chart](chart.md) takes these values.\n\n" + values_table()


def chart() -> str:
    """The chart's README without the table of values, which has a page of its own."""
    before, _, rest = read("charts/nedc-bench/README.md").partition("<!-- values: begin")
    return f"{before}[Chart values](values.yaml) lists them.\n{rest.partition('values: end -->')[2]}"


def alerts() -> str:
    """Every alert of the Prometheus rules, with its section of the runbook."""
    text = ["# Alerts", "", "The alerts of the chart and the compose stack. Each has a section in the runbook.", ""]
    for name, rules in _alerts().items():
        severities = ", ".join(dict.fromkeys(rule["labels"]["severity"] for rule in rules))
        text += [f"## {name}", "", f"Severity: {severities}. [Runbook](runbook.md#{name.lower()}).", ""]
        for rule in rules:
            text += [rule["annotations"]["summary"], "", rule["annotations"].get("description", ""), ""]
            text += [f"Fires after: {rule.get('for', '0s')}.", "", "```promql", rule["expr"].strip(), "```", ""]
    return "\n".join(text)


def _alerts() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((ROOT / "monitoring/rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    found.setdefault(rule["alert"], []).append(rule)
    return found
