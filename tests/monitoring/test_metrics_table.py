"""docs/metrics.md has every metric as the service exposes it, and no other."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from monitoring.conftest import Stack
from monitoring.files import ROOT

BEGIN, END = "<!-- metrics: begin -->\n", "<!-- metrics: end -->\n"


def table(text: str) -> str:
    """The table of the service's own metrics in an exposition."""
    rows = ["| Metric | Type | Labels | Meaning |", "| --- | --- | --- | --- |"]
    for family in sorted(text_string_to_metric_families(text), key=lambda family: family.name):
        if family.name.startswith("nedc_"):
            name = family.name + ("_total" if family.type == "counter" else "")
            labels = sorted({label for sample in family.samples for label in sample.labels} - {"le"})
            listed = ", ".join(f"`{label}`" for label in labels)
            rows.append(f"| `{name}` | {family.type} | {listed} | {family.documentation} |")
    return "\n".join(rows) + "\n"


@pytest.mark.integration
def test_the_table_is_what_is_exposed(stack: Stack) -> None:
    page = (ROOT / "docs/metrics.md").read_text()
    assert page.partition(BEGIN)[2].partition(END)[0] == table(stack.server.exposition())
