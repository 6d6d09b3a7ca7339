"""Processes that the tests start: commands forked from a loaded process, with nothing left at the end.

``nedc-bench serve`` takes most of a second of CPU to import what it needs, and the tests start it and the other
commands some four hundred times. So a nursery imports the package once and forks: each command is a process of its own,
with its own environment, folder, files and workers. The fork server of its workers is forked, too, from the command
while that has no threads, since it would only import the package again.

Everything that a run starts inherits a mark in its environment. By that mark the run fails when something is still
there at its end, and a guard kills what is there when the run itself is killed, or goes on for too long.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

MARK = "NEDC_BENCH_TEST_RUN"
LONGEST_RUN_SECONDS = 4 * 3600  # of all tests, with those on a cluster
END_SECONDS = 30  # in which the children of a killed process see that it has gone

# A child ends as Python does, but for taking the loaded package to pieces, which takes longer than most commands.
_NURSERY = """
import atexit, gc, json, multiprocessing.util, os, sys, threading
import nedc_bench.execution.work, nedc_bench.server
from nedc_bench.cli import main

spawn = multiprocessing.util.spawnv_passfds

def start_fork_server(path, arguments, kept):
    program = os.fsdecode(arguments[-1])
    if "forkserver" not in program or threading.active_count() > 1:  # other threads would not live on in a fork
        return spawn(path, arguments, kept)
    if pid := os.fork():
        return pid
    try:
        begin = 3
        for number in (*sorted(kept), os.sysconf("SC_OPEN_MAX")):
            os.closerange(begin, number)
            begin = number + 1
        exec(program, {})
    except Exception:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(0)

multiprocessing.util.spawnv_passfds = start_fork_server

def start(arguments, environment, folder, output, errors):
    with open(os.devnull, "rb") as nothing, open(output, "wb") as first, open(errors, "ab") as second:
        if pid := os.fork():
            return pid
        for number, file in enumerate((nothing, first, second)):
            os.dup2(file.fileno(), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    try:
        if arguments[:1] == ["-c"]:
            exec(arguments[1], {"__name__": "__main__"})
            status = 0
        else:
            status = main(arguments)
    except SystemExit as ended:
        status = ended.code or 0
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)

gc.collect()
gc.freeze()  # pages that no collection writes to stay shared
for line in sys.stdin:
    asked = json.loads(line)
    if isinstance(asked, int):
        answer = os.waitstatus_to_exitcode(os.waitpid(asked, 0)[1])
    else:
        answer = start(*asked)
    print(answer, flush=True)
"""

_GUARD = """
import os, select, signal, sys, time

mark, parent, seconds = sys.argv[1].encode(), int(sys.argv[2]), int(sys.argv[3])

def marked():
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != os.getpid():
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    if mark in file.read():
                        yield int(name)
            except OSError:
                pass

if not select.select([sys.stdin], [], [], seconds)[0]:
    print(f"the tests are killed: they ran for more than {seconds} seconds", file=sys.stderr)
    os.kill(parent, signal.SIGKILL)
looks = 10
while looks:  # a process that has just been started may not show its environment yet
    looks -= 1
    for pid in marked():
        looks = 10
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    time.sleep(0.05)
"""


class Forked:
    """A ``nedc-bench`` that the nursery has forked; used as `subprocess.Popen`.

    Args:
        arguments: of the command; or ``-c`` and Python code, as for Python itself.
        environment: all of its variables.
        output, errors: the files that it writes to, which may be the same; both begin empty.
        folder: where it runs.
    """

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], output: Path, errors: Path, folder: Path
    ) -> None:
        self._nursery = _nursery()
        self.pid = _ask(self._nursery, [list(arguments), dict(environment), *map(str, (folder, output, errors))])
        self.returncode: int | None = None
        self._ended = os.pidfd_open(self.pid)

    def __del__(self) -> None:
        os.close(self._ended)

    def poll(self) -> int | None:
        """The exit status once it has ended."""
        if self.returncode is None and select.select([self._ended], [], [], 0)[0]:
            self.returncode = _ask(self._nursery, self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status."""
        select.select([self._ended], [], [], timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired("nedc-bench", timeout or 0.0)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@cache
def _nursery() -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _NURSERY]
    alone = os.environ | {"OPENBLAS_NUM_THREADS": "1"}  # threads do not live on in what is forked
    return subprocess.Popen(command, env=alone, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _ask(nursery: subprocess.Popen[str], question: object) -> int:
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    nursery.stdin.write(json.dumps(question) + "\n")
    nursery.stdin.flush()
    return int(nursery.stdout.readline())


def close_nursery() -> None:
    """End the nursery of this process, if it has one."""
    if _nursery.cache_info().currsize:
        _nursery().communicate()


# -- what is left at the end


class Guard:
    """Marks what this process starts from now on, and kills it when this process ends."""

    def __init__(self) -> None:
        self._mark = uuid.uuid4().hex
        os.environ[MARK] = f"{os.environ.get(MARK, '')} {self._mark}"  # tests may run tests
        command = [sys.executable, "-S", "-c", _GUARD, self._mark, str(os.getpid()), str(LONGEST_RUN_SECONDS)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    def left(self) -> dict[int, str]:
        """The processes that do not end, with their commands."""
        deadline = time.monotonic() + END_SECONDS
        while (found := dict(self._marked())) and time.monotonic() < deadline:
            time.sleep(0.05)  # there is no event to wait for: they are no children of ours
        return found

    def close(self) -> None:
        """Kill what is left."""
        self._process.communicate()

    def _marked(self) -> Iterator[tuple[int, str]]:
        for place in Path("/proc").iterdir():
            if place.name.isdecimal() and int(place.name) not in {os.getpid(), self._process.pid}:
                with suppress(OSError):
                    if self._mark.encode() in (place / "environ").read_bytes():
                        command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                        parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
                        if parent != os.getpid() or "from multiprocessing" not in command:  # which ends with us
                            yield int(place.name), command
