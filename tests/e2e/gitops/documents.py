"""Runs the commands in the documents exactly as written."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from textwrap import dedent

from e2e.kube import PROJECT, WAIT_SECONDS

_BLOCK = re.compile(r"(?ms)^( *)```sh\n(.*?)^\1```$")


def blocks(document: str, heading: str) -> list[str]:
    """The shell blocks under the only heading of a document with this text, up to the next heading."""
    text = (PROJECT / "docs" / document).read_text()
    _, *sections = re.split(rf"(?m)^##+ {re.escape(heading)}$", text)
    assert len(sections) == 1, f"{document} has {len(sections)} headings {heading!r}"
    return [dedent(text) for _, text in _BLOCK.findall(re.split(r"(?m)^##", sections[0])[0])]


def follow(folder: Path, document: str, heading: str, *numbers: int, **variables: str) -> str:
    """Run some of the blocks under a heading in one shell. Returns their output.

    Args:
        folder: the clone to run them in.
        document, heading, numbers: which blocks; the first is 0.
        variables: the environment variables that the blocks use.
    """
    found = blocks(document, heading)
    script = "\n".join(found[number] for number in numbers)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=4 * WAIT_SECONDS,
    )
    assert done.returncode == 0, f"{document}, {heading}: exit {done.returncode}\n{script}\n{done.stdout}{done.stderr}"
    return done.stdout
