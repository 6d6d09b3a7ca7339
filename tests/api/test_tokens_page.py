"""docs/tokens.md, followed with a service that needs tokens: issue, rotate; and what needs no token."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from helpers import blocks
from nedc_bench.api.access import OPEN
from nedc_bench.api.exchange import PROBES
from serving import Start, hashed, one_pair, write_tokens

PAGE = (Path(__file__).parents[2] / "docs/tokens.md").read_text()


def section(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


ISSUE, _, CALL = blocks(section("Issue"), "sh")
ADD, LOGGED, REMOVE, REFUSED = blocks(section("Rotate"), "sh")


def follow(folder: Path, *script: str, **given: str) -> subprocess.CompletedProcess[str]:
    """Paste blocks into a shell."""
    return subprocess.run(
        ["bash", "-c", "".join(script)],
        cwd=folder,
        env=os.environ | given,
        check=True,
        capture_output=True,
        text=True,
    )


def test_a_token_is_issued_and_rotated_as_the_page_says(start_server: Start, tmp_path: Path) -> None:
    token = follow(tmp_path, ISSUE, 'echo "$TOKEN"').stdout.strip()
    server = start_server(API_TOKENS_FILE=str(tmp_path / "tokens"))
    for side, (_, content) in one_pair():
        (tmp_path / f"{side[:3]}.csv_bi").write_bytes(content)
    given = {"NEDC": server.url, "TOKEN": token}
    assert '"job_id"' in follow(tmp_path, CALL, **given).stdout

    shown = follow(tmp_path, ADD, LOGGED, 'echo "$NEW"', **given).stdout.splitlines()
    assert shown[0] in server.log.read_text()
    given |= {"NEW": shown[1]}
    both = f"{hashed(token)}  alice\n{hashed(shown[1])}  alice\n"
    assert (tmp_path / "tokens").read_text() == both

    helper = re.findall(r"(?m)^hash_of.*\n", ADD)[0]
    done = follow(tmp_path, helper, REMOVE, REFUSED, OLD=token, **given)
    assert (done.stdout, done.stderr) == (f"{hashed(token)}  alice\n401\n", "")
    assert '"job_id"' in follow(tmp_path, CALL, **given | {"TOKEN": shown[1]}).stdout


def test_a_hash_in_place_of_the_old_token_removes_nothing_and_is_told(tmp_path: Path) -> None:
    tokens = Path(write_tokens(tmp_path, "secret"))
    helper = re.findall(r"(?m)^hash_of.*\n", ADD)[0]
    done = follow(tmp_path, helper, REMOVE, OLD=hashed("secret"))
    assert "no line is removed: OLD is not a token of this file" in done.stderr
    assert tokens.read_text() == f"{hashed('secret')}\n"


@pytest.mark.parametrize("metrics_too", [False, True])
def test_the_page_says_what_needs_no_token(start_server: Start, tmp_path: Path, *, metrics_too: bool) -> None:
    server = start_server(API_TOKENS_FILE=write_tokens(tmp_path, "secret"), METRICS_NEED_TOKEN=str(metrics_too).lower())
    paths = (
        OPEN
        | PROBES
        | {path.replace("{", "").replace("}", "") for path in server.client.get("/openapi.json").json()["paths"]}
    )
    open_ = {path for path in paths if server.client.get(path).status_code != 401}
    probes = {path for path in PROBES if path.startswith("/api/")}
    named = set(re.findall(r"`(/[\w.]*)`", PAGE.partition("\n## ")[0])) | probes
    assert open_ == named - ({"/metrics"} if metrics_too else set())
