"""Runs the cluster commands in the documents exactly as written."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from e2e.kube import CHART, PROJECT, rollback_flag

# The documents install a published image; the tests replace it with their own, and Helm 3 has another flag.
PRELUDE = """
helm() {
    case "$1" in
    install | upgrade) command helm "${@/--rollback-on-failure/$ROLLBACK_FLAG}" --values "$IMAGE_VALUES" ;;
    *) command helm "$@" ;;
    esac
}
"""


def commands(document: str) -> list[str]:
    """The blocks of a document that are marked to be run, in order."""
    found = re.findall(r"(?ms)^<!-- run: cluster -->\n```sh\n(.*?)^```", (PROJECT / document).read_text())
    assert found, document
    return found


@dataclass(frozen=True)
class Shell:
    """An operator's shell.

    Attributes:
        folder: the working directory; its ``charts`` are the project's.
        values: chart values in addition to those that the commands set.
    """

    folder: Path
    values: Mapping[str, Any]

    def run(self, block: str, **given: str) -> str:
        """Run the commands and return their output; a failing one is an error. ``given`` sets environment variables."""
        charts = self.folder / "charts"
        if not charts.exists():
            charts.symlink_to(CHART.parent)
        values = self.folder / "values.yaml"
        values.write_text(yaml.safe_dump(dict(self.values)))
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", PRELUDE + block],
            cwd=self.folder,
            env=os.environ | {"IMAGE_VALUES": str(values), "ROLLBACK_FLAG": rollback_flag()} | given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}"
        return done.stdout
