"""The table of all settings as docs/deployment.md holds it: `make settings-docs` writes it, a test compares it.

What a setting is comes from the settings module; what sets it, from the compose file and the chart's values.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from nedc_bench.settings import settings_table

PROJECT = Path(__file__).parents[1]
DOCUMENTATION = PROJECT / "docs/deployment.md"
BEGIN = "<!-- settings: begin; made by make settings-docs -->\n"
END = "<!-- settings: end -->\n"

IN_CHART = {
    "PORT": "`8000`",
    "REDIS_URL": "`redis.url`, `redis.existingSecret`",
    "REDIS_PREFIX": "`redis.prefix`",
    "REDIS_CA_FILE": "`redis.caSecret`",
    "API_TOKENS_FILE": "`apiTokens`",
}


def documented() -> str:
    """What the documentation holds between the marks."""
    _, begin, rest = DOCUMENTATION.read_text(encoding="utf-8").partition(BEGIN)
    table, end, _ = rest.partition(END)
    assert (begin, end) == (BEGIN, END)
    return table


def whole_table() -> str:
    """The settings module's table, with what sets each in the compose stack and in the chart."""
    environment = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]["api"]["environment"]
    values = yaml.safe_load((PROJECT / "charts/nedc-bench/values.yaml").read_text())["config"]
    head, line, *rows = settings_table().splitlines()
    named = [(row, row.split("`")[1]) for row in rows]
    rows = [f"{row} {in_compose(name, environment)} | {in_chart(name, values)} |" for row, name in named]
    return "".join(f"{row}\n" for row in (f"{head} Compose | Chart |", f"{line} --- | --- |", *rows))


def in_compose(name: str, environment: dict[str, str]) -> str:
    """``.env`` where it can be set there, or what it is fixed to."""
    value = environment.get(name, "")
    return "`.env`" if value.startswith(f"${{{name}:") else f"`{value}`" if value else "as it is"


def in_chart(name: str, values: dict[str, object]) -> str:
    """The value that sets it; ``extraEnv`` sets all that has none."""
    value = re.sub("_(.)", lambda match: match[1].upper(), name.lower())
    return IN_CHART.get(name) or (f"`config.{value}`" if value in values else "`extraEnv`")


def main() -> None:
    """Write the table anew."""
    text = DOCUMENTATION.read_text(encoding="utf-8")
    DOCUMENTATION.write_text(text.replace(documented(), whole_table()), encoding="utf-8")


if __name__ == "__main__":
    main()
