"""Helpers for all tests: files and pages, refusals, the command in its own process, and real faults."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
import termios
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest

from nedc_bench import InputError
from processes import Forked

T = TypeVar("T")

WAIT_SECONDS = 120.0  # for anything, on the busiest machine
COMMAND = str(Path(sys.executable).parent / "nedc-bench")
COLUMNS = "channel,start_time,stop_time,label,confidence"

# A small process between the test and the command: a child's measured memory includes its parent's when it was forked.
_MEASURE = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[2:]).returncode
with open(sys.argv[1], "w") as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024))
sys.exit(status)
"""


def annotation(*events: tuple[float, float, str], duration: float | str = 10.0) -> str:
    """The text of a ``csv_bi`` file with these ``(start, stop, label)`` events."""
    rows = "".join(f"TERM,{start},{stop},{label},1.0\n" for start, stop, label in events)
    return f"# version = csv_v1.0.0\n# duration = {duration} secs\n{COLUMNS}\n{rows}"


class Lists(NamedTuple):
    """The list files of a corpus that a test wrote."""

    reference: Path
    hypothesis: Path


def write_lists(folder: Path, references: Iterable[str], hypotheses: Iterable[str]) -> Lists:
    """Write the lists ``ref.list`` and ``hyp.list`` with these lines."""
    lists = Lists(folder / "ref.list", folder / "hyp.list")
    for path, lines in zip(lists, (references, hypotheses), strict=True):
        path.write_text("".join(f"{line}\n" for line in lines))
    return lists


def write_corpus(folder: Path, references: Sequence[str], hypotheses: Sequence[str]) -> Lists:
    """Write the texts as ``ref/0000.csv_bi`` ... and ``hyp/0000.csv_bi`` ..., and their lists."""
    names = []
    for side, texts in (("ref", references), ("hyp", hypotheses)):
        (folder / side).mkdir(parents=True)
        names.append([f"{side}/{k:04}.csv_bi" for k in range(len(texts))])
        for name, text in zip(names[-1], texts, strict=True):
            (folder / name).write_text(text)
    return write_lists(folder, *names)


def write_tree(root: Path, files: Mapping[str, str]) -> Path:
    """Write files, and the folders that they are in; the root."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def write_small_corpus(folder: Path, pairs: int) -> Lists:
    """A corpus of 10 s recordings; each hypothesis finds the seizure of its reference half a second late."""
    starts = [1 + k % 5 for k in range(pairs)]
    return write_corpus(
        folder,
        [annotation((start, start + 3, "seiz")) for start in starts],
        [annotation((start + 0.5, start + 3.5, "seiz")) for start in starts],
    )


def make_archive(kind: str, files: Mapping[str, bytes]) -> bytes:
    """An archive with these files: ``zip``, ``tar``, or a tar with its compression, such as ``tar.gz``."""
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(None, f"w:{kind[4:]}", buffer) as tar:  # type: ignore[call-overload]
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


def page_data(page: str) -> Any:
    """The data that a page of a result holds for its script."""
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(found)


def refusal(call: Callable[[], object]) -> InputError:
    """The error with which a call refuses its input; its text has a line for each finding."""
    with pytest.raises(InputError) as caught:
        call()
    return caught.value


def late(module: str) -> Any:
    """Import a slow module when a test needs it, not when tests are collected."""
    return import_module(module)


class Ran(NamedTuple):
    """The exit status and output of a command."""

    status: int
    stdout: str
    stderr: str


def run(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Ran:
    """Run ``nedc-bench`` with these arguments, its output in files; Python itself does not see the environment."""
    with tempfile.TemporaryDirectory() as folder:
        output, errors = Path(folder, "output"), Path(folder, "errors")
        process = Forked(list(map(str, arguments)), os.environ | environment, output, errors, cwd or Path.cwd())
        try:
            status = process.wait()
        finally:
            process.kill()
        return Ran(status, output.read_text(), errors.read_text())


def run_program(*command: str | Path, cwd: Path | None = None, **environment: str) -> Ran:
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def run_measured(folder: Path, *arguments: str | Path) -> tuple[Ran, int]:
    """Run ``nedc-bench``; also its peak memory in MiB."""
    measurement = folder / "peak-memory"
    ran = run_program(sys.executable, "-c", _MEASURE, measurement, COMMAND, *arguments)
    return ran, int(measurement.read_text())


def on_terminal(*command: str | Path) -> str:
    """What a command that ends well writes to standard error when that is a terminal of 80 columns."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=slave) as process:
        os.close(slave)
        shown = bytearray()
        with suppress(OSError):  # how Linux reports that the terminal's other end is closed
            while piece := os.read(master, 65536):
                shown += piece
        os.close(master)
    assert process.returncode == 0
    return shown.decode()


def until(check: Callable[[], T | None], but: tuple[type[Exception], ...] = ()) -> T:
    """Call ``check`` until it returns something true: for conditions that no event announces, as in another process.

    Args:
        check: called again and again.
        but: errors of ``check`` that mean "not yet".
    """
    deadline = time.monotonic() + WAIT_SECONDS
    pause = 0.01
    while True:
        with suppress(*but):
            if found := check():
                return found
        assert time.monotonic() < deadline, "it does not come true"
        time.sleep(pause)
        pause = min(1.25 * pause, 0.25)


def living_processes(session: int) -> list[int]:
    """The processes of a session that have not ended."""
    return [pid for pid, state, of in _processes() if of == session and state != "Z"]


def readers_of(path: Path) -> list[int]:
    """The processes that have ``path`` open."""
    found = []
    for pid, _, _ in _processes():
        try:
            files = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
        except OSError:  # it has ended meanwhile
            continue
        if str(path) in files and pid != os.getpid():
            found.append(pid)
    return found


def _processes() -> Iterator[tuple[int, str, int]]:
    """The id, state and session of every process."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            except OSError:  # it has ended meanwhile
                continue
            yield int(entry.name), state, int(session)


class DeadlyFile(io.StringIO):
    """An open file that kills the process that reads it: each time, or (``once``) until that path exists."""

    def __init__(self, name: str, text: str = "", once: Path | None = None) -> None:
        super().__init__(text)
        self.name = name
        self.once = once

    def read(self, size: int | None = -1) -> str:
        if self.once is None or not self.once.exists():
            if self.once is not None:
                self.once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(size)


def die_half_way() -> None:
    """End this worker as if it were killed while it sends its answer."""
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # the descriptor of the listing itself is closed by now
            if os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:"):
                os.write(int(descriptor), (1000).to_bytes(4, "big") + b"the beginning")
    os.kill(os.getpid(), signal.SIGKILL)
