"""The runbook: a section for each alert that stands by itself, and commands that run and say what the section names."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import blocks
from home import PAGES
from monitoring.conftest import Stack
from monitoring.files import ALERTS, DASHBOARDS, ROOT, RUNBOOK
from serving import hashed

PARTS = ["Meaning", "Severity", "Normal", "Look", "Decide and fix", "Fixed when", "Dashboard", "Call"]
TEXT = RUNBOOK.partition("\n## Alerts\n")[2].partition("\n## ")[0]
_, *_SECTIONS = re.split(r"^### ", TEXT, flags=re.MULTILINE)
SECTIONS = dict(section.split("\n", 1) for section in _SECTIONS)
EMERGENCIES = ("emergency-argocd.md", "emergency-helm.md")
HELM = (ROOT / "docs/emergency-helm.md").read_text()
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


def test_both_emergency_pages_have_the_same_parts() -> None:
    argo_cd, helm = (re.findall(r"^## (.*)$", (ROOT / "docs" / page).read_text(), re.MULTILINE) for page in EMERGENCIES)
    assert sorted(argo_cd) == sorted(helm)


@pytest.mark.parametrize("page", ["runbook.md", *EMERGENCIES])
def test_every_block_is_shell(page: str) -> None:
    for block in blocks((ROOT / "docs" / page).read_text(), "sh"):
        subprocess.run(["bash", "-n"], input=block, text=True, check=True)


def test_helm_goes_back_to_a_revision_that_is_named() -> None:
    text = RUNBOOK + "".join((ROOT / "docs" / page).read_text() for page in EMERGENCIES)
    assert all(
        re.search(r'helm rollback "\$RELEASE" "\$\{GOOD:\?', line)
        for line in text.splitlines()
        if "helm rollback " in line
    )


def following(text: str, heading: str) -> list[str]:
    """The blocks under a heading of a page."""
    return blocks(re.split(rf"^##+ {heading}$", text, flags=re.MULTILINE)[1].partition("\n## ")[0], "sh")


def shell(script: str, folder: Path, **given: str) -> subprocess.CompletedProcess[str]:
    """Paste a script into a shell, which goes on after a command that failed."""
    return subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=os.environ | given,
        capture_output=True,
        text=True,
        check=False,
    )


# Helm's history, and what Helm and kubectl are told to change.
HISTORY = """
helm() {
    case "$1" in
    history) [ -n "$HISTORY" ] && echo "$HISTORY" ;;
    *) echo "helm $*" >> changes ;;
    esac
}
kubectl() { :; }
"""
FAILED = 'Upgrade "nedc" failed: context deadline exceeded'


def history(*entries: str) -> str:
    """What `helm history --output json` prints: a status for each revision, and a description after a comma."""
    found = [(number, *entry.partition(", ")) for number, entry in enumerate(entries, 1)]
    return json.dumps(
        [{"revision": number, "status": status, "description": text} for number, status, _, text in found]
    )


@pytest.mark.parametrize(
    ("entries", "good"),
    [
        (("superseded", "deployed", f"failed, {FAILED}"), 2),
        (("deployed", f"failed, {FAILED}"), 1),
        (("deployed", f"failed, {FAILED}", f"failed, {FAILED}"), 1),
        (("superseded", "deployed", "pending-upgrade"), 2),
        (("superseded", "deployed"), 1),
        (("superseded", "deployed", f"failed, {FAILED}", "pending-rollback, Rollback to 2"), 2),
        (("superseded", f"failed, {FAILED}", "deployed"), 1),
        (("superseded", f"superseded, {FAILED}", "deployed"), 1),  # a rollback that failed supersedes a failed upgrade
        (("superseded", "superseded", "superseded", "deployed, Rollback to 2"), 1),
        (
            (
                "superseded",
                "superseded",
                "superseded",
                "superseded, Rollback to 2",
                "superseded",
                "deployed, Rollback to 4",
            ),
            1,
        ),
    ],
)
def test_the_rollback_goes_to_the_newest_revision_that_worked(
    tmp_path: Path, entries: tuple[str, ...], good: int
) -> None:
    (block,) = following(HELM, "Roll back")
    done = shell(HISTORY + block, tmp_path, HISTORY=history(*entries), RELEASE="nedc", NAMESPACE="scoring")
    assert done.stderr == ""
    told = (tmp_path / "changes").read_text()
    assert told == f"helm rollback nedc {good} --namespace scoring --wait --timeout 5m\n"


@pytest.mark.parametrize(
    "given",
    [history("deployed"), history(f"failed, {FAILED}"), history(f"failed, {FAILED}", "deployed"), ""],
    ids=["one revision", "a failed one", "none worked before", "helm fails"],
)
def test_without_a_revision_that_worked_the_rollback_says_so_and_changes_nothing(tmp_path: Path, given: str) -> None:
    (block,) = following(HELM, "Roll back")
    done = shell(HISTORY + block, tmp_path, HISTORY=given, RELEASE="nedc", NAMESPACE="scoring")
    assert "GOOD: nothing to roll back to" in done.stderr
    assert not (tmp_path / "changes").exists()


ARGO_CD = (ROOT / "docs/emergency-argocd.md").read_text()


@pytest.mark.parametrize("autoscaler", [True, False])
def test_argo_cds_prod_is_one_replica_before_it_is_without_redis(tmp_path: Path, *, autoscaler: bool) -> None:
    kubectl = 'kubectl() { echo "$*" >> changes; case "$*" in *" patch hpa "*) $AUTOSCALER ;; esac; }\n'
    block, _ = following(ARGO_CD, "Take Redis away")
    done = shell(f"set -euo pipefail\n{kubectl}{block}", tmp_path, AUTOSCALER=str(autoscaler).lower())
    assert done.returncode == 0, done.stderr
    told = (tmp_path / "changes").read_text()
    assert told.index("scale deployment/nedc-bench --replicas 1") < told.index("REDIS_URL-")


# kubectl's part in the Secret of the tokens, which is a file here; `broken` lets it read nothing.
SECRET = """
kubectl() {
    case "$*" in
    *" get secret nedc-bench-tokens "*) [ ! -e broken ] && base64 --wrap 0 tokens ;;
    *" logs "*) cat log ;;
    *" create secret generic nedc-bench-tokens "*) printf %s "${@: -1}" | sed '1s/^--from-literal=tokens=//' ;;
    "apply "*) cat > tokens.new && mv tokens.new tokens ;;
    esac
}
"""


ALICE, BOB = f"{hashed('old')}  alice", f"{hashed('his')}  bob"
TOKENS, ADD_TOKEN, _, LAST_USE, DROP_TOKEN, _ = following(RUNBOOK, "Rotating secrets")[2:]


def test_a_callers_token_is_rotated_and_the_other_callers_keep_theirs(tmp_path: Path) -> None:
    secret, given = tmp_path / "tokens", {"OLD": "old", "NEW": "new", "NAME": "alice"}
    secret.write_text(f"{ALICE}\n{BOB}\n")
    added = shell(SECRET + TOKENS + ADD_TOKEN, tmp_path, **given)
    assert (added.stderr, secret.read_text().splitlines()) == ("", [ALICE, BOB, f"{hashed('new')}  alice"])
    (tmp_path / "log").write_text("".join(f'{{"token": "{hashed(token)[:16]}"}}\n' for token in ("old", "new", "old")))
    assert shell(SECRET + TOKENS + LAST_USE, tmp_path, **given).stdout == "2\n"
    dropped = shell(SECRET + TOKENS + DROP_TOKEN, tmp_path, **given)
    assert (dropped.stdout, dropped.stderr) == (f"{ALICE}\n", "")
    assert secret.read_text().splitlines() == [BOB, f"{hashed('new')}  alice"]


def test_a_hash_in_place_of_the_old_token_removes_nothing_and_is_told(tmp_path: Path) -> None:
    secret = tmp_path / "tokens"
    secret.write_text(f"{ALICE}\n{BOB}\n")
    done = shell(SECRET + TOKENS + DROP_TOKEN, tmp_path, OLD=hashed("old"))
    assert "no line is removed: OLD is not a token of this Secret" in done.stderr
    assert secret.read_text().splitlines() == [ALICE, BOB]


@pytest.mark.parametrize(
    ("block", "unreadable"),
    [(ADD_TOKEN, True), (DROP_TOKEN, True), (DROP_TOKEN, False)],
    ids=["the Secret cannot be read, to add", "it cannot be read, to remove", "it holds the last token"],
)
def test_a_rotation_that_would_let_nobody_in_changes_nothing(tmp_path: Path, block: str, *, unreadable: bool) -> None:
    secret = tmp_path / "tokens"
    secret.write_text(ALICE)
    if unreadable:
        (tmp_path / "broken").touch()
    done = shell(SECRET + TOKENS + block, tmp_path, OLD="old", NEW="new", NAME="alice")
    assert re.search(r"the Secret cannot be read|no tokens to write", done.stderr)
    assert secret.read_text() == ALICE


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
