"""The runbook's alerts: a section for each that stands by itself, and commands that run and say what it names."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from helpers import blocks
from home import PAGES
from monitoring.conftest import Stack
from monitoring.files import ALERTS, DASHBOARDS, ROOT, RUNBOOK

PARTS = ["Meaning", "Severity", "Normal", "Look", "Decide and fix", "Fixed when", "Dashboard", "Call"]
TEXT = RUNBOOK.partition("\n## Alerts\n")[2].partition("\n## ")[0]
_, *_SECTIONS = re.split(r"^### ", TEXT, flags=re.MULTILINE)
SECTIONS = dict(section.split("\n", 1) for section in _SECTIONS)
# What doctor and the service say, which the sections name.
SAID = "".join(
    (ROOT / "service/nedc_bench" / file).read_text()
    for file in (
        "doctor.py",
        "redis/causes.py",
        "redis/client.py",
        "api/context.py",
        "execution/pool.py",
        "execution/evaluator.py",
    )
)

every_section = pytest.mark.parametrize("name", [*SECTIONS])


def commands(block: str) -> list[str]:
    """The commands of a block; a loop is one."""
    return re.split(r"\n(?!  |done)", block.strip())


def part(name: str, title: str, pattern: str) -> tuple[str, ...]:
    """What a part of a section has where a pattern has groups; a missing part is named."""
    (text,) = re.findall(rf"(?ms)^- \*\*{title}\*\*(.*?)(?=^- \*\*|\Z)", SECTIONS[name]) or pytest.fail(
        f"runbook.md, {name}: no **{title}**"
    )
    found = re.search(pattern, text) or pytest.fail(f"runbook.md, {name}: **{title}** does not match {pattern!r}")
    return tuple(found.groups())


def test_every_alert_has_a_section_and_every_section_an_alert() -> None:
    assert len(_SECTIONS) == len(SECTIONS)
    alerts = {rule["alert"] for rule in ALERTS}
    wrong = [f"runbook.md: no section {name}" for name in sorted(alerts - SECTIONS.keys())]
    wrong += [f"runbook.md: a section {name}, but no such alert" for name in sorted(SECTIONS.keys() - alerts)]
    assert not wrong, "\n".join(wrong)


@every_section
def test_a_section_has_every_part(name: str) -> None:
    parts = re.findall(r"^- \*\*([\w ]+)\*\*", SECTIONS[name], re.MULTILINE)
    missing = [f"runbook.md, {name}: no **{part}**" for part in PARTS if part not in parts]
    assert not missing, "\n".join(missing)
    assert parts == PARTS, f"runbook.md, {name}: other parts, or in another order"


@every_section
def test_a_section_stands_by_itself(name: str) -> None:
    (block,) = part(name, "Look", r"(?ms)<!-- run: look -->\n```sh\n(.*?)^```")
    assert blocks(SECTIONS[name], "sh") == [block]
    assert 1 <= len(commands(block)) <= 3
    assert set(re.findall(r"\$\{?([A-Za-z_]+)", block)) <= {"NAMESPACE", "SERVICE", "pod"}
    rows = part(name, "Decide and fix", r"((?:\n\|.*)*)\s*\Z")[0].strip().splitlines()
    assert len(rows) >= 3, f"runbook.md, {name}: **Decide and fix** needs a table: what is seen, and what to do"


@every_section
def test_a_section_has_the_alerts_severities(name: str) -> None:
    (said,) = part(name, "Severity", "^: ([^:]*):")
    severities = {rule["labels"]["severity"] for rule in ALERTS if rule["alert"] == name}
    assert {word for word in ("critical", "warning", "info") if word in said} == severities


@every_section
def test_a_section_leads_to_a_panel_that_there_is(name: str) -> None:
    uid, panel, title = part(name, "Dashboard", r"`/d/nedc-bench-(\w+)\?viewPanel=(\d+)` \((.*?)\)")
    assert title in [found["title"] for found in DASHBOARDS[uid]["panels"] if found["id"] == int(panel)]


@every_section
def test_what_doctor_is_said_to_say_it_can_say(name: str) -> None:
    for line in re.findall(r"`((?:[\w-]+) (?:FAIL|ok|note) [^`]*)`", SECTIONS[name]):
        check, _, text = line.split(" ", 2)
        assert f'"{check}"' in SAID, line
        for piece in text.split("..."):
            assert piece.strip().partition(": workers")[0] in SAID, line
    for text in re.findall(r"`(it (?:is|refuses|does|took)[^`]*|its [^`]*|the connection is refused)`", SECTIONS[name]):
        for piece in text.split("..."):
            assert piece.strip().partition(" (")[0] in SAID, text


def test_the_address_in_an_alert_leads_to_its_section() -> None:
    for rule in ALERTS:
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert page == f"{PAGES}/docs/runbook.md"
        assert anchor == rule["alert"].lower()  # of the heading that the alert's section has


# kubectl's part, for processes of this machine: one pod, whose log is a file.
HERE = """
kubectl() {
    case "$*" in
    *" -- nedc-bench doctor") "$PYTHON" -m nedc_bench doctor ;;
    *" logs "*) cat "$LOG" ;;
    *" get pods --output name "*) echo pod/api-0 ;;
    *) echo "kubectl $*" ;;
    esac
}
"""


@pytest.mark.integration
@pytest.mark.parametrize(
    "command",
    sorted({found for text in SECTIONS.values() for block in blocks(text, "sh") for found in commands(block)}),
)
def test_the_commands_of_the_sections_run(stack: Stack, command: str) -> None:
    given = {
        "NAMESPACE": "nedc",
        "SERVICE": "nedc-bench",
        "LOG": str(stack.server.log),
        "PYTHON": sys.executable,
        "PORT": str(stack.server.port),
        "REDIS_URL": stack.redis.url,
    }
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", HERE + command],
        env=os.environ | given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    if "nedc-bench doctor" in command:
        assert re.search(r"^self-check +ok ", ran.stdout, re.MULTILINE)
