"""Ctrl-C and other signals while a real command scores a corpus: no process is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from corpora import DATA
from helpers import COMMAND, living_processes, readers_of, until, write_corpus
from nedc_bench.evaluation.cpus import available_cpus

CORPUS = DATA / "golden/overlapping"
PIPE = "ref/1199.csv_bi"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(available_cpus() < 2, reason="on one CPU no worker is started"),
]


@contextmanager
def started_command(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command scoring 1,200 pairs in its own session; the last one is a pipe that nobody has opened to write.

    `env` has it obey every signal, also those that our own caller ignores, as `nohup` does.
    """
    texts = {side: [path.read_text() for path in sorted((CORPUS / side).iterdir())] * 20 for side in ("ref", "hyp")}
    lists = write_corpus(tmp_path, texts["ref"], texts["hyp"])
    pipe = tmp_path / PIPE
    pipe.unlink()
    os.mkfifo(pipe)
    arguments = ["env", "--default-signal", COMMAND, "score", *map(str, lists), "-o", str(tmp_path / "out")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def starts_workers(command: subprocess.Popen[bytes]) -> bool:
    """Whether the server from which the command's workers are forked is loading their modules."""
    for process in living_processes(command.pid):
        folder = Path(f"/proc/{process}")
        with suppress(OSError):  # it has just ended
            if b"forkserver" in (folder / "cmdline").read_bytes() and "numpy" in (folder / "maps").read_text():
                return True
    return False


@pytest.fixture
def command(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command; one worker is reading the last pair, an endless pipe."""
    with started_command(tmp_path) as process, open(tmp_path / PIPE, "w"):  # opens when a process has opened it to read
        (reader,) = readers_of(tmp_path / PIPE)
        assert reader in set(living_processes(process.pid)) - {process.pid}
        yield process


def test_ctrl_c_ends_the_command_with_status_130_and_no_process_behind(
    command: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    os.killpg(command.pid, signal.SIGINT)
    output, errors = command.communicate()
    assert (command.returncode, output, errors) == (130, b"", b"interrupted\n")
    until(lambda: not living_processes(command.pid))
    assert not (tmp_path / "out").exists()


def test_ctrl_c_while_the_workers_start_prints_nothing_else(tmp_path: Path) -> None:
    with started_command(tmp_path) as command:
        until(lambda: starts_workers(command))
        os.killpg(command.pid, signal.SIGINT)
        assert (*command.communicate(), command.returncode) == (b"", b"interrupted\n", 130)
        until(lambda: not living_processes(command.pid))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_end_the_command_as_ctrl_c_does(command: subprocess.Popen[bytes], number: int) -> None:
    command.send_signal(number)
    output, errors = command.communicate()
    assert (command.returncode, output, errors) == (128 + number, b"", b"interrupted\n")
    until(lambda: not living_processes(command.pid))


def test_ctrl_c_of_the_command_alone_ends_its_workers_too(command: subprocess.Popen[bytes]) -> None:
    command.send_signal(signal.SIGINT)
    assert command.wait() == 130
    until(lambda: not living_processes(command.pid))


def test_workers_leave_with_a_command_that_is_killed(command: subprocess.Popen[bytes]) -> None:
    command.kill()
    assert command.wait() == -signal.SIGKILL
    until(lambda: not living_processes(command.pid))
