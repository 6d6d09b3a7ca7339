"""The commands of the documents, run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from textwrap import dedent

from e2e.kube import PROJECT, WAIT_SECONDS

_BLOCK = re.compile(r"(?ms)^( *)```sh\n(.*?)^\1```$")


def blocks(document: str, heading: str) -> list[str]:
    """The shell blocks under a heading: of the GitOps part of a document, or of a page for emergencies."""
    text = (PROJECT / "docs" / document).read_text()
    if document.startswith("emergency"):
        section = text.partition(f"\n## {heading}\n")[2]
    else:
        section = text.partition("\n## GitOps\n")[2].partition(f"\n### {heading}\n")[2]
    assert section, f"{document} has no {heading}"
    return [dedent(text) for _, text in _BLOCK.findall(re.split(r"(?m)^##", section)[0])]


def follow(folder: Path, document: str, heading: str, *numbers: int, **variables: str) -> str:
    """Run some of the blocks under a heading, the first is 0, in one shell; give what they print.

    Args:
        folder: the clone that a person is in.
        document, heading, numbers: which blocks.
        variables: what the text takes from the environment.
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
