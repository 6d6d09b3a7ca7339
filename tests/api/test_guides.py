"""The guides can be followed: the code blocks of each run from top to bottom, in a folder of its own.

A comment above a block names what it needs and a test lacks: a registry, a cluster, a data set. The commands of such a
block must parse, and those for a cluster must be in docs/deployment.md or docs/tokens.md, whose commands the cluster's
tests run.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from nedc_bench.cli import _parser
from serving import Server

ROOT = Path(__file__).parents[2]
GUIDES = (
    "start-score.md",
    "start-deploy.md",
    "labels.md",
    "training-loop.md",
    "challenge.md",
    "dask.md",
    "verify.md",
    "tokens.md",
)
NEEDS = {"install", "compose", "cluster", "with TUSZ and bids", "with Dask", "with the original", "with a token"}
# A service that others reach has tokens; one for yourself is on loopback.
SERVING = ("HOST=127.0.0.1 nedc-bench serve", "API_TOKENS_FILE=tokens nedc-bench serve")
INSTALLING = ("pip install", "python3 -m venv", ". .venv/bin/activate", *SERVING)
BLOCK = re.compile(r"^(?:<!-- run: (.*?) -->\n)?```(sh|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    guide: str
    needs: str
    language: str
    text: str


def blocks(guide: str) -> Iterator[Block]:
    return (Block(guide, *found) for found in BLOCK.findall((ROOT / "docs" / guide).read_text()))


BLOCKS = [block for guide in GUIDES for block in blocks(guide)]


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_can_be_followed(server: Server, guide: str, tmp_path: Path) -> None:
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    given = {"NEDC": server.url, "PATH": path, "PYTHONWARNINGS": "error"}
    shell = ""  # one shell, so that a block sees what earlier ones set
    for number, block in enumerate(blocks(guide)):
        if block.needs:
            continue
        (tmp_path / f"{number}.py").write_text(block.text)
        shell += block.text if block.language == "sh" else f"python {number}.py\n"
    assert shell
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", shell],
        cwd=tmp_path,
        env=os.environ | given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.needs], ids=lambda block: block.guide)
def test_blocks_that_cannot_run_here_have_valid_commands(block: Block) -> None:
    assert block.needs in NEEDS
    subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)
    if block.needs == "install":
        assert [line for line in block.text.splitlines() if not line.startswith(INSTALLING)] == []
    if block.needs == "cluster":
        assert any(block.text in (ROOT / "docs" / page).read_text() for page in ("deployment.md", "tokens.md"))
    for command in re.findall(r"^nedc-bench (.*?)(?: +#.*)?$", block.text, re.MULTILINE):
        assert _parser().parse_args(shlex.split(command)).run
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"^make ([a-z-]+)", block.text, re.MULTILINE)) <= set(targets)
