"""What an operator pastes into a shell from runbook and emergency pages, with stand-ins for Helm and kubectl."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from helpers import blocks
from monitoring.files import ROOT, RUNBOOK
from serving import hashed

EMERGENCIES = ("emergency-argocd.md", "emergency-helm.md")
ARGO_CD, HELM = ((ROOT / "docs" / page).read_text() for page in EMERGENCIES)


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
