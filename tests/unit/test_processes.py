"""Processes that the tests start never outlive them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from helpers import until
from processes import MARK, Guard

TESTS = Path(__file__).parents[1]
# Starts a process in its own session, stops it as a test may stop a worker, and is then killed.
RUN = """
import os, signal, subprocess, sys
from processes import Guard
guard = Guard()
left = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
left.send_signal(signal.SIGSTOP)
print(left.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_run_leaves_is_killed_too() -> None:
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    ran = subprocess.run([sys.executable, "-c", RUN], env=environment, stdout=subprocess.PIPE, text=True, check=False)
    assert ran.returncode < 0
    until(lambda: not psutil.pid_exists(int(ran.stdout)))


def test_what_is_left_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processes.END_SECONDS", 0.1)
    monkeypatch.setenv(MARK, os.environ.get(MARK, ""))
    guard = Guard()
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE) as left:
        until(lambda: "input()" in guard.left().get(left.pid, ""))
        guard.close()
        assert left.wait() < 0
    assert guard.left() == {}
