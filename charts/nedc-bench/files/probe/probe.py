"""Has a running service score known pairs, and compares every figure with the original's.

    python probe.py URL FOLDER

It is the chart's own judge, not the image's: this file, the pairs and the figures (``NAME.ref``, ``NAME.hyp`` and
``NAME.json`` in FOLDER) come with the chart, so that an image that scores wrongly cannot vouch for itself. Right after
a rollout a pod of the old image may still answer, so it asks until several rounds in a row agree. Each round marks its
files with a comment of its own, so that no cache answers.

``API_TOKEN`` is sent when it is set; ``WAIT_SECONDS`` bounds how long the service may take to be ready and to answer.
Exit status: 0 the figures are the original's, 1 they are not, or the service did not answer in time.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any

PAUSE_SECONDS = 0.5
ROUNDS, ROUND_SECONDS = 3, 2.0  # that must agree, and between them
SHOWN = 20  # lines; the pod's message has room for 4 KiB
TRY_LATER = (429, 502, 503, 504)


class ProbeError(Exception):
    """The service does not answer as it should."""


class Client:
    """Asks the service, again and again while it is not there, until the time is over."""

    def __init__(self, url: str, token: str, wait_seconds: float) -> None:
        self.url = url.rstrip("/")
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.deadline = time.monotonic() + wait_seconds

    def ask(self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
        """The JSON that a path answers with; a POST when there is a body."""
        request = urllib.request.Request(self.url + path, body, self.headers | (headers or {}))  # noqa: S310  # as below
        while True:
            try:
                with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310  # the chart's own URL
                    return json.load(response)
            except urllib.error.HTTPError as error:
                answer = f"{error.code} {error.read().decode(errors='replace')}"
                if error.code not in TRY_LATER:
                    raise ProbeError(f"{path} answers {answer}") from None
            except (OSError, HTTPException, ValueError) as error:  # no connection, half an answer, no JSON
                answer = str(error)
            if time.monotonic() > self.deadline:
                raise ProbeError(f"{path} does not answer in time; the last answer: {answer}")
            time.sleep(PAUSE_SECONDS)

    def score(self, body: bytes, content_type: str) -> dict[str, Any]:
        """The result document of an evaluation."""
        job = self.ask("/api/v1/evaluate", body, {"Content-Type": content_type, "Prefer": "wait=10"})
        while job["status"] in {"pending", "running"}:
            if time.monotonic() > self.deadline:
                raise ProbeError(f"job {job['job_id']} is still {job['status']} when the time is over")
            time.sleep(PAUSE_SECONDS)
            job = self.ask(f"/api/v1/evaluate/{job['job_id']}")
        if job["status"] != "completed":
            raise ProbeError(f"job {job['job_id']} is {job['status']}: {job['error']}")
        return dict(job["result"])


def form(folder: Path, names: list[str]) -> tuple[bytes, str]:
    """The pairs as a multipart form, and its content type."""
    mark = uuid.uuid4().hex
    parts = ['Content-Disposition: form-data; name="per_pair"\r\n\r\ntrue\r\n']
    for name in names:
        for side, suffix in (("reference", "ref"), ("hypothesis", "hyp")):
            version, rest = (folder / f"{name}.{suffix}").read_text(encoding="utf-8").split("\n", 1)
            head = f'Content-Disposition: form-data; name="{side}"; filename="{name}.csv_bi"'
            parts.append(f"{head}\r\n\r\n{version}\n# probe = {mark}\n{rest}\r\n")
    body = "".join(f"--{mark}\r\n{part}" for part in parts) + f"--{mark}--\r\n"
    return body.encode(), f"multipart/form-data; boundary={mark}"


def differences(expected: Any, found: Any, path: str) -> Iterator[str]:
    """Each figure that is not the expected one, or is missing."""
    if not isinstance(expected, dict):
        if found != expected:
            yield f"{path} is {found}, the original's is {expected}"
        return
    inner = found if isinstance(found, dict) else {}
    for key, value in expected.items():
        yield from differences(value, inner.get(key), f"{path} {key}")


def wrong_figures(client: Client, folder: Path, names: list[str]) -> Iterator[tuple[str, str]]:
    """Each wrong figure of a round: its algorithm, and a line about it."""
    pairs = client.score(*form(folder, names)).get("per_pair", [])
    if len(pairs) != len(names):
        raise ProbeError(f"{len(names)} pairs were sent, {len(pairs)} came back")
    for name, pair in zip(names, pairs, strict=True):
        expected = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        for algorithm, figures in expected.items():
            for line in differences(figures, pair["algorithms"].get(algorithm), f"{name}: {algorithm}"):
                yield algorithm, line


def probe(client: Client, folder: Path) -> list[tuple[str, str]]:
    """The wrong figures on which several rounds in a row agree."""
    client.ask("/api/v1/ready")
    names = sorted(path.stem for path in folder.glob("*.json"))
    if not names:
        raise ProbeError(f"{folder} holds no pair")
    last = list(wrong_figures(client, folder, names))
    agreeing = 1
    while agreeing < ROUNDS:
        time.sleep(ROUND_SECONDS)
        found = list(wrong_figures(client, folder, names))
        agreeing = agreeing + 1 if found == last else 1
        if agreeing == 1 and time.monotonic() > client.deadline:
            raise ProbeError("figures differ from round to round: its pods run different images")
        last = found
    return last


def main(url: str, folder: str) -> int:
    """Probe; the exit status."""
    client = Client(url, os.environ.get("API_TOKEN", ""), float(os.environ.get("WAIT_SECONDS", "120")))
    try:
        found = probe(client, Path(folder))
    except ProbeError as error:
        print(f"probe failed: {error}")
        return 1
    if found:
        algorithms = sorted({algorithm for algorithm, _ in found})
        print(f"probe failed: {len(found)} figures of {', '.join(algorithms)} are not the original's")
        print(*(line for _, line in found[:SHOWN]), sep="\n")
        return 1
    print("probe passed: every figure is the original's")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
