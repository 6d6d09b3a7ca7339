"""Helpers for tests of attacks: how late ``/health`` is meanwhile, and how much memory the service takes.

Other load on the machine delays ``/health``, too. The kernel counts (``schedstat``) how long the threads of service and
client were ready to run and got no CPU; that time is subtracted. On a quiet machine it is next to nothing.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from serving import Server

HEALTH_SECONDS = 0.5
PAUSE_SECONDS = 0.04
ANSWER_SECONDS = 60.0
POD_BYTES = 512 * 2**20  # the chart's limit
_ASKING = """
import json, os, select, socket, sys, time
port, pid = map(int, sys.argv[1:])

def without_cpu(tasks):
    return {task: int(open(f"{tasks}/{task}/schedstat").read().split()[1]) / 1e9 for task in os.listdir(tasks)}

def machine():
    return without_cpu(f"/proc/{pid}/task"), without_cpu("/proc/self/task")[str(os.getpid())]

def asked():
    service, ours = machine()
    begin = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(b"GET /api/v1/health HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
        answer = client.recv(64)
    seconds = time.perf_counter() - begin
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    after, ours_after = machine()
    loop = after.pop(str(pid)) - service[str(pid)]
    threads = max([seconds - service.get(task, 0.0) for task, seconds in after.items()], default=0.0)
    return seconds, max(0.0, seconds - loop - threads - (ours_after - ours))

found = [asked()]
print(flush=True)
while not select.select([sys.stdin], [], [], 0.03)[0]:
    found.append(asked())
print(json.dumps(found))
"""


@dataclass
class Observed:
    """Measurements during an attack.

    Attributes:
        seconds: for each ``/health`` request, its duration and the part of it that the service caused.
        peak: the highest memory of all processes of the service, in bytes; shared pages count once.
    """

    seconds: list[tuple[float, float]] = field(default_factory=list)
    peak: int = 0

    def check(self) -> None:
        """The service stayed responsive and within its memory."""
        late = max(own for _, own in self.seconds)
        took = max(seconds for seconds, _ in self.seconds)
        print(f"health {late:.3f} s (took {took:.3f}), {len(self.seconds)} asked; {self.peak >> 20} MiB")
        assert late <= HEALTH_SECONDS
        assert self.peak < POD_BYTES


@contextmanager
def observed(server: Server) -> Iterator[Observed]:
    """Request ``/health`` and measure memory repeatedly while the block runs."""
    found = Observed()
    ended = threading.Event()
    weighing = threading.Thread(target=_watch_memory, args=(found, server, ended))
    command = [sys.executable, "-c", _ASKING, str(server.port), str(server.process.pid)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as asking:
        assert asking.stdout is not None
        asking.stdout.readline()
        weighing.start()
        try:
            yield found
        finally:
            ended.set()
            weighing.join()
            answers = asking.communicate("end\n")[0]
    found.seconds = [(seconds, own) for seconds, own in json.loads(answers)]


def _watch_memory(found: Observed, server: Server, ended: threading.Event) -> None:
    while not ended.wait(PAUSE_SECONDS):
        found.peak = max(found.peak, memory(server))


def memory(server: Server) -> int:
    """The memory of all processes of the service."""
    total = 0
    for process in [psutil.Process(server.process.pid), *server.children()]:
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total


# -- raw clients


@contextmanager
def client(server: Server, receive_buffer: int | None = None) -> Iterator[socket.socket]:
    """A raw connection."""
    with socket.socket() as opened:
        if receive_buffer is not None:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        opened.settimeout(ANSWER_SECONDS)
        opened.connect(("127.0.0.1", server.port))
        yield opened


def flood(opened: socket.socket, data: bytes) -> bool:
    """Send everything; whether the service accepted it all."""
    try:
        opened.sendall(data)
    except OSError:
        return False
    return True


def rest(opened: socket.socket) -> bytes:
    """Everything received until the connection ends."""
    found = b""
    try:
        while piece := opened.recv(65_536):
            found += piece
    except ConnectionResetError:
        pass
    return found
