"""Score a corpus over HTTP: the program of ``make demo``, and an example of a client (docs/api.md).

    python docs/demo.py CORPUS OUTPUT

CORPUS holds ``ref/`` and ``hyp/``, paired by name; the reports go to OUTPUT. The program starts the service on a free
port, without Redis, and always stops it at the end.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import connect

from nedc_bench.reports import format_table

REPORTS = (
    "report.html",
    "summary.txt",
    "summary_dpalign.txt",
    "summary_epoch.txt",
    "summary_ovlp.txt",
    "summary_taes.txt",
)
STOP_SECONDS = 10.0


def main(corpus: Path, output: Path) -> None:
    """Submit the corpus, show the progress, print the table and write the reports."""
    with running_service() as url, httpx.Client(base_url=url, timeout=60) as client:
        job = submit(client, corpus)
        follow(url, job)
        ended = client.get(job).raise_for_status().json()
        if ended["status"] != "completed":
            sys.exit(explain(ended["error"]))
        output.mkdir(parents=True, exist_ok=True)
        (output / "result.json").write_text(json.dumps(ended["result"]) + "\n")
        for name in REPORTS:
            (output / name).write_bytes(client.get(f"{job}/reports/{name}").raise_for_status().content)
    print(format_table(ended["result"]))
    print(f"\nreports: {output}")


def submit(client: httpx.Client, corpus: Path) -> str:
    """Post all pairs in one request. Returns the location of the job."""
    sides = {"reference": corpus / "ref", "hypothesis": corpus / "hyp"}
    names = sorted(path.name for path in sides["reference"].iterdir())
    files = [(part, (str(side / name), (side / name).read_bytes())) for part, side in sides.items() for name in names]
    accepted = client.post("/api/v1/evaluate", files=files)
    if accepted.is_error:
        sys.exit(explain(accepted.json()))
    return accepted.headers["Location"]


def follow(url: str, job: str) -> None:
    """Show the job's progress from the WebSocket until the job has finished."""
    with connect(f"{url.replace('http', 'ws', 1)}/ws/{job.rpartition('/')[2]}") as states:
        for message in map(json.loads, states):
            if message["type"] != "heartbeat":
                progress = message["job"]["progress"]
                say(f"{message['job']['status']}: {progress['done']} of {progress['total']} pairs")


def explain(problem: dict[str, Any]) -> str:
    """A problem (RFC 9457) as text."""
    faults = [f"{fault['file']}, line {fault['line']}: {fault['reason']}" for fault in problem.get("errors", [])]
    return f"{problem['title']}: " + "\n".join(faults or [problem["detail"]])


@contextmanager
def running_service() -> Iterator[str]:
    """Run the service in its own process. Yields its address."""
    settings = {"HOST": "127.0.0.1", "PORT": "0", "LOG_LEVEL": "info", "REDIS_URL": "", "API_TOKENS_FILE": ""}
    process = subprocess.Popen(
        [sys.executable, "-m", "nedc_bench", "serve"],
        env=os.environ | settings,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C reaches only this process, which stops the service
    )
    assert process.stderr is not None
    try:
        log = ""
        while not (address := re.search(r"Running on (http://[^ ]+)", log)):
            line = process.stderr.readline()
            if not line:
                sys.exit(f"the service failed to start:\n{log}")
            log += line
        say(f"service at {address[1]}")
        yield address[1]
    finally:
        process.terminate()
        try:
            process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        say("service stopped")


def say(words: str) -> None:
    """Print progress to standard error."""
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    if len(sys.argv) != 3:
        sys.exit("usage: python docs/demo.py CORPUS OUTPUT")
    try:
        main(*map(Path, sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
