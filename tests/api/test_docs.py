"""The examples of docs/api.md run as they are, and do what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import blocks
from serving import Server

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/api.md").read_text()


def run(server: Server, command: list[str], tmp_path: Path) -> str:
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    environment = os.environ | {"NEDC": server.url}
    return subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("block", blocks(TEXT, "sh"))
def test_shell_examples(server: Server, block: str, tmp_path: Path) -> None:
    assert '"job_id":' in run(server, ["bash", "-euc", block], tmp_path)


@pytest.mark.parametrize("block", blocks(TEXT, "python"))
def test_python_examples(server: Server, block: str, tmp_path: Path) -> None:
    assert 0 <= float(run(server, [sys.executable, "-W", "error", "-c", block], tmp_path)) <= 1


def test_every_error_is_described() -> None:
    from nedc_bench.api.problem import TITLES  # noqa: PLC0415

    described = {
        int(status) for row in re.findall(r"^\| ([\d, ]+) \|", TEXT, re.MULTILINE) for status in row.split(",")
    }
    assert described == set(TITLES)
