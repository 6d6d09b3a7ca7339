"""The runbook: a section for each alert and an alert for each section, and commands that run."""

from __future__ import annotations

import os
import re
import subprocess
from typing import NamedTuple

import pytest

from home import PAGES
from monitoring.conftest import Stack
from monitoring.files import ALERTS, ROOT, RUNBOOK

PARTS = ["Meaning", "Impact", "Diagnosis", "Mitigation", "Escalation"]
TEXT = RUNBOOK.partition("\n## Alerts\n")[2].partition("\n## ")[0]
PREAMBLE, *_SECTIONS = re.split(r"^### ", TEXT, flags=re.MULTILINE)
SECTIONS = dict(section.split("\n", 1) for section in _SECTIONS)
FUNCTIONS = {"get", "logs", "redis", "query", "restart"}


class Block(NamedTuple):
    """A shell block of a section."""

    alert: str
    text: str


def blocks(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


BLOCKS = [Block(name, text) for name, section in SECTIONS.items() for text in blocks(section)]


def anchors(text: str) -> set[str]:
    """The anchors that a page's headings have on GitHub."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_alert_has_a_section_and_every_section_an_alert() -> None:
    assert len(_SECTIONS) == len(SECTIONS)
    assert set(SECTIONS) == {rule["alert"] for rule in ALERTS}


@pytest.mark.parametrize("name", [*SECTIONS])
def test_a_section_has_its_five_parts(name: str) -> None:
    parts = re.findall(r"^- \*\*(\w+)\*\*: (\S.*)$", SECTIONS[name], re.MULTILINE)
    assert [part for part, _ in parts] == PARTS
    diagnosis = SECTIONS[name].partition("**Diagnosis**")[2].partition("**Mitigation**")[0]
    assert blocks(diagnosis)


def test_the_address_in_an_alert_leads_to_its_section() -> None:
    for rule in ALERTS:
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert page == f"{PAGES}/docs/runbook.md"
        assert anchor == rule["alert"].lower()
        assert anchor in anchors(RUNBOOK)


def test_links_within_the_section_lead_somewhere() -> None:
    for page, anchor in re.findall(r"\]\(([^)#]*)#([^)]+)\)", TEXT):
        target = ROOT / "docs" / page if page else ROOT / "docs/runbook.md"
        assert anchor in anchors(target.read_text()), (page, anchor)


def test_both_ways_of_running_define_the_same_commands() -> None:
    compose, kubernetes = blocks(PREAMBLE)
    for block, program in ((compose, "docker compose"), (kubernetes, "kubectl")):
        assert set(re.findall(r"^(\w+)\(\)", block, re.MULTILINE)) == FUNCTIONS
        assert program in block
        subprocess.run(["bash", "-n"], input=block, text=True, check=True)


# Those that need the preamble's commands alone.
PORTABLE = [block for block in BLOCKS if not re.search(r"^(docker|kubectl) ", block.text, re.MULTILINE)]


@pytest.mark.integration
@pytest.mark.timeout(300)
@pytest.mark.parametrize("block", PORTABLE, ids=lambda block: block.alert)
def test_the_commands_run(stack: Stack, block: Block) -> None:
    """With the same commands as the preamble's, for processes of this machine."""
    here = """
        get() { curl -sS "$NEDC$1"; }
        logs() { cat "$LOG"; }
        redis() { redis-cli -p "$REDIS_PORT" "$@"; }
        query() { promtool query instant "$PROMETHEUS" "$1"; }
    """
    environment = os.environ | {
        "NEDC": stack.server.url,
        "LOG": str(stack.server.log),
        "REDIS_PORT": str(stack.redis.port),
        "PROMETHEUS": stack.prometheus.url,
    }
    for line in re.split(r"\n(?!  )", block.text.strip()):
        ran = subprocess.run(["bash", "-c", here + line], env=environment, capture_output=True, text=True, check=False)
        assert ran.stderr == "", line
        assert ran.returncode in ({0, 1} if "grep" in line else {0}), line  # grep may find nothing
