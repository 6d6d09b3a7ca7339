"""The stack shared by the tests of a session, and the figures that they measure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.compose.stack import PROJECT, Stack

FIGURES: dict[str, Any] = {}


@pytest.fixture(scope="session")
def figures() -> dict[str, Any]:
    """Measurements of the tests; printed at the end, and written to build/compose-test.json."""
    return FIGURES


@pytest.fixture(scope="module")
def stack(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack, removed with its data afterwards."""
    running = Stack(image, tmp_path_factory.mktemp("monitoring"))
    try:
        running.up()
        yield running
    finally:
        print(running.compose("logs", "--tail", "100", "api", "redis"))  # shown if a test fails
        running.down()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not FIGURES:
        return
    terminalreporter.section("measured")
    for name, value in FIGURES.items():
        terminalreporter.write_line(f"{name}: {value}")
    Path(PROJECT / "build").mkdir(exist_ok=True)
    Path(PROJECT / "build/compose-test.json").write_text(json.dumps(FIGURES, indent=1) + "\n")
