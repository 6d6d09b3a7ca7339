"""Helpers for tests of the running service: real servers, requests to them, and their answers, metrics and logs."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from corpora import EXAMPLE, Corpus
from evaluating import small_pair as small
from helpers import WAIT_SECONDS, until
from processes import Forked

COMMAND = (sys.executable, "-m", "nedc_bench")  # not forked from the tests, so that it shares no memory with them
UNHINDERED = {"RATE_LIMIT": "100000/minute", "STATUS_RATE_LIMIT": "100000/minute", "SHUTDOWN_DELAY_SECONDS": "0"}
ONE = EXAMPLE.pairing.pairs[5]

File = tuple[str, tuple[str, bytes]]
T = TypeVar("T")


class Server:
    """A running ``nedc-bench serve`` on a free port.

    Args:
        log: the file for its output.
        command: starts it, followed by ``serve``; by default, it is forked from a process that has loaded the package.
        ready: wait until it is ready, not only until it answers.
        settings: environment variables.
    """

    def __init__(
        self,
        log: Path,
        *,
        command: Sequence[str] = (),
        ready: Any = True,  # a bool; a dict of settings could name it, too
        **settings: str,
    ) -> None:
        environment = {**os.environ, "HOST": "127.0.0.1", "PORT": "0", **UNHINDERED, **settings}
        self.log = log
        self.process: Forked | subprocess.Popen[bytes]
        if command:
            with open(log, "wb") as output:
                self.process = subprocess.Popen([*command, "serve"], env=environment, stdout=output, stderr=output)
        else:
            self.process = Forked(["serve"], environment, log, log, Path.cwd())
        try:
            self.url = self._wait_for(self._address)
            self.client = httpx.Client(base_url=self.url, timeout=120, headers={"Accept": "application/json"})
            if ready:
                self.wait_until_ready()
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def wait_until_ready(self) -> None:
        self._wait_for(lambda: self.client.get("/api/v1/ready").status_code == 200)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def _wait_for(self, check: Callable[[], T]) -> T:
        def living() -> T:
            assert self.process.poll() is None, self.log.read_text()
            return check()

        return until(living, but=(httpx.TransportError,))

    def _address(self) -> str:
        found = re.search(r"Running on (http://[^ ]+)", self.log.read_text())
        return found[1] if found else ""

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and return the exit status."""
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=WAIT_SECONDS)

    def lines(self, event: str | None = None) -> list[dict[str, Any]]:
        """The lines of the log, or those of one event; a line that is being written is left out."""
        written, _, _ = self.log.read_text().rpartition("\n")
        found = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
        return [line for line in found if event in {None, line["event"]}]

    def children(self) -> list[psutil.Process]:
        """The processes that it started, and their children."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def workers(self) -> list[psutil.Process]:
        """The worker processes; those that have just ended are left out."""
        found = []
        for child in self.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if child.ppid() != self.process.pid:
                    found.append(child)
        return found

    def memory(self) -> int:
        """The memory of the serving process, in bytes."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def exposition(self) -> str:
        """The metrics as Prometheus gets them."""
        return self.client.get("/metrics", headers={"Accept": "*/*"}).text

    def samples(self) -> dict[tuple[Any, ...], float]:
        """The metrics, by name and sorted labels."""
        return {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(self.exposition())
            for sample in family.samples
        }

    def count(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        return sum(
            value for (found, *rest), value in self.samples().items() if found == name and labels.items() <= set(rest)
        )


Start = Callable[..., Server]


# -- requests


def parts(corpus: Corpus) -> list[File]:
    """A corpus as parts of a form."""
    found: list[File] = []
    for pair in corpus.pairing.pairs:
        for name, source in (("reference", pair.reference), ("hypothesis", pair.hypothesis)):
            found.append((name, (Path(str(source)).name, Path(str(source)).read_bytes())))
    if (corpus.folder / "params.toml").exists():
        found.append(("parameters", ("params.toml", (corpus.folder / "params.toml").read_bytes())))
    return found


def one_pair() -> list[File]:
    """A pair of the example corpus."""
    return [
        (name, (Path(str(source)).name, Path(str(source)).read_bytes()))
        for name, source in (("reference", ONE.reference), ("hypothesis", ONE.hypothesis))
    ]


def small_pair(number: int) -> list[File]:
    """A pair that is different for each number, so that it is not cached."""
    pair = small(number)
    return [("reference", ("a.csv_bi", pair.reference)), ("hypothesis", ("a.csv_bi", pair.hypothesis))]


def hashed(token: str) -> str:
    """A token as the file of tokens has it."""
    return hashlib.sha256(token.encode()).hexdigest()


def write_tokens(folder: Path, *tokens: str) -> str:
    """Write the file of tokens; the setting ``API_TOKENS_FILE``."""
    (folder / "tokens").write_text("".join(f"{hashed(token)}\n" for token in tokens))
    return str(folder / "tokens")


def post(server: Server, files: list[File], headers: dict[str, str] | None = None, **data: Any) -> httpx.Response:
    """Ask for an evaluation; without ``headers``, wait for its result."""
    return server.client.post(
        "/api/v1/evaluate", files=files, data=data, headers={"Prefer": "wait=60"} if headers is None else headers
    )


def accept(server: Server, files: list[File], **data: Any) -> str:
    """Ask for an evaluation that must be accepted, and return the job's id."""
    answer = post(server, files, headers={}, **data)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


# -- jobs


def show(server: Server, job_id: str) -> httpx.Response:
    return server.client.get(f"/api/v1/evaluate/{job_id}")


def status(server: Server, job_id: str) -> str:
    return str(show(server, job_id).json()["status"])


def figures(corpus: Corpus) -> dict[str, Any]:
    """The ``algorithms`` of the library's result document."""
    found: dict[str, Any] = json.loads(json.dumps(corpus.result.to_dict()))["algorithms"]
    return found


def ended(server: Server, job_id: str) -> dict[str, Any]:
    """Wait for the end of a job, and return the job."""
    until(lambda: status(server, job_id) in {"completed", "failed"})
    job: dict[str, Any] = show(server, job_id).json()
    return job


def entered(server: Server, state: str) -> float:
    """How many jobs have entered a state, by the metric of this replica."""
    return server.count("nedc_jobs_total", state=state)


def completed_lines(*servers: Server) -> list[str]:
    """The ids of the jobs that completed, according to the log."""
    return [line["job_id"] for server in servers for line in server.lines("job completed")]


def errors(server: Server) -> list[dict[str, Any]]:
    """The lines of the log about errors."""
    return [line for line in server.lines() if line["level"] not in {"debug", "info", "warning"}]


def check_problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """Check that a response is a problem with this status, and return the problem."""
    assert (response.status_code, response.headers["Content-Type"]) == (status, "application/problem+json")
    found: dict[str, Any] = response.json()
    assert (found["status"], found["type"]) == (status, f"/docs#{status}")
    assert (status == 422) == bool(found.get("errors")), "refused input names every fault"
    assert response.headers["X-Request-ID"]
    return found


# -- WebSockets


def watch(server: Server, job_id: str, headers: dict[str, str] | None = None) -> ClientConnection:
    """Open the WebSocket of a job."""
    return connect(server.url.replace("http", "ws") + f"/ws/{job_id}", additional_headers=headers)


def received(socket: ClientConnection) -> Iterator[dict[str, Any]]:
    """The messages, and at the end the code that closed the WebSocket."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            yield json.loads(socket.recv())
    yield {"closed": socket.close_code}


# -- faults


class Workers:
    """The worker processes of a replica, stopped until `go_on`."""

    def __init__(self, server: Server) -> None:
        self.processes = server.workers()
        assert self.processes
        for process in self.processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()

    def go_on(self) -> None:
        for process in self.processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


Stop = Callable[[Server], Workers]
