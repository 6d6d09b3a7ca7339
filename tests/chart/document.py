"""What in the chart's folder is made from other files; ``make chart-docs`` makes it.

- The table of README.md and the descriptions of values.schema.json say what values.yaml says: the comment above a key
  describes it.
- The alerts whose threshold can be set, in values.schema.json, are those of the rules.
- Rules, dashboards, the probe's pairs and the licence are copies: a symbolic link out of the chart would break Flux,
  Rancher and a clone on Windows.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from chart.rendering import CHART, ROOT

BEGIN, END = "<!-- values: begin; made by make chart-docs -->\n", "<!-- values: end -->\n"
LONGEST_DEFAULT = 60
PAIRS = ("overlapping_0050", "realistic_0006")  # that the probe has the service score
GOLDEN = ROOT / "service/nedc_bench/monitoring/golden"


class Value(NamedTuple):
    """A key of values.yaml: its path, the comment above it, and its default; a section has no default."""

    path: tuple[str, ...]
    description: str
    default: str | None


def values() -> list[Value]:
    """Every described key, in the file's order."""
    text = (CHART / "values.yaml").read_text()
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return list(_described(root, text.splitlines(), ()))


def _described(node: Any, lines: list[str], above: tuple[str, ...]) -> Iterator[Value]:
    for key, value in node.value:
        path = (*above, key.value)
        inner = list(_described(value, lines, path)) if _is_section(value, lines) else []
        yield Value(path, _comment(lines, key.start_mark.line), None if inner else _default(value))
        yield from inner


def _is_section(node: Any, lines: list[str]) -> bool:
    """Whether the keys of a mapping are described one by one."""
    if not isinstance(node, yaml.MappingNode) or node.flow_style:
        return False
    return _comment(lines, node.value[0][0].start_mark.line) != ""


def _comment(lines: list[str], line: int) -> str:
    """The comment that stands right above a line."""
    found: list[str] = []
    while line > 0 and lines[line - 1].lstrip().startswith("#"):
        line -= 1
        found.insert(0, lines[line].strip().removeprefix("#").strip())
    return " ".join(found)


def _default(node: Any) -> str:
    value = yaml.safe_load(yaml.serialize(node, Dumper=yaml.SafeDumper))
    text = json.dumps(value)
    return text if len(text) <= LONGEST_DEFAULT else "see values.yaml"


def table() -> str:
    """The table of all values."""
    rows = ["| Value | Default | What it is |", "| --- | --- | --- |"]
    for value in values():
        name, default = f"`{'.'.join(value.path)}`", "" if value.default is None else f"`{value.default}`"
        rows.append(f"| {name} | {default.replace('`see values.yaml`', 'see values.yaml')} | {value.description} |")
    return "\n".join(rows) + "\n"


def readme() -> str:
    """README.md with the table as it should be."""
    before, _, rest = (CHART / "README.md").read_text().partition(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}"


def schema() -> str:
    """values.schema.json with the descriptions as they should be."""
    document = json.loads((CHART / "values.schema.json").read_text())
    for value in values():
        _property(document, value.path)["description"] = value.description
    _property(document, ("prometheusRule", "thresholds"))["propertyNames"]["enum"] = thresholds()
    return json.dumps(document, indent=2) + "\n"


def thresholds() -> list[str]:
    """The alerts with one warning that ends in a threshold; ``> 0`` is none, since it asks whether there is any."""
    groups = [
        group
        for path in (ROOT / "monitoring/rules").glob("*.yml")
        for group in yaml.safe_load(path.read_text())["groups"]
    ]
    warnings = [
        rule for group in groups for rule in group["rules"] if rule.get("labels", {}).get("severity") == "warning"
    ]
    counted = Counter(rule["alert"] for rule in warnings)
    found = (rule["alert"] for rule in warnings if re.search(r">=? (?!0\s*$)[\d.]+\s*$", rule["expr"]))
    return sorted(alert for alert in found if counted[alert] == 1)


def _property(document: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for key in path:
        if key not in document["properties"]:
            raise LookupError(f"values.schema.json does not declare {'.'.join(path)}, which values.yaml has")
        document = document["properties"][key]
    return document


def files() -> dict[str, str]:
    """The files that the chart has from elsewhere, by their path in its folder."""
    found = {"LICENSE": (ROOT / "LICENSE").read_text()}
    for kind, suffix in (("rules", "yml"), ("dashboards", "json")):
        for path in sorted((ROOT / "monitoring" / kind).glob(f"*.{suffix}")):
            found[f"files/{kind}/{path.name}"] = path.read_text()
    expected = {pair["name"]: pair["algorithms"] for pair in json.loads((GOLDEN / "expected.json").read_text())}
    for name in PAIRS:
        found[f"files/probe/{name}.json"] = json.dumps(expected[name]) + "\n"
        for side in ("ref", "hyp"):
            found[f"files/probe/{name}.{side}"] = (GOLDEN / side / f"{name}.csv_bi").read_text()
    return found


def _write_files() -> None:
    for folder in ("rules", "dashboards"):
        shutil.rmtree(CHART / "files" / folder, ignore_errors=True)
    for name, text in files().items():
        (CHART / name).parent.mkdir(parents=True, exist_ok=True)
        (CHART / name).write_text(text)


if __name__ == "__main__":
    _write_files()
    (CHART / "README.md").write_text(readme())
    (CHART / "values.schema.json").write_text(schema())
