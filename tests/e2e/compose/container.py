"""Images and single containers of the Docker engine, for the image's tests."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from e2e.kube import command

HARDENED = ("--read-only", "--cap-drop", "ALL", "--user", "12345", "--memory", "256m", "--cpus", "0.5")
PROCESSES = """
import json, pathlib
found = []
for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
    head, _, rest = stat.read_text().rpartition(")")
    state, parent = rest.split()[:2]
    found.append([int(stat.parent.name), state, int(parent), stat.with_name("cmdline").read_text()])
print(json.dumps(found))
"""


def inspected(name: str) -> dict[str, Any]:
    """The output of ``docker inspect`` for an image or a container."""
    (found,) = json.loads(command("docker", "inspect", name))
    document: dict[str, Any] = found
    return document


def layers(image: str) -> list[tuple[str, str]]:
    """Size and origin of every non-empty layer, newest first."""
    rows = command("docker", "history", "--no-trunc", "--format", "{{.Size}}\t{{.CreatedBy}}", image).splitlines()
    split = [row.partition("\t") for row in rows]
    return [(size, origin.removesuffix(" # buildkit")[:100]) for size, _, origin in split if size != "0B"]


@contextmanager
def running(image: str, *options: str) -> Iterator[str]:
    """The id of a container of the service, which runs during the block."""
    identifier = command("docker", "run", "--detach", *options, image).strip()
    try:
        yield identifier
    finally:
        command("docker", "rm", "--force", "--volumes", identifier)


def python(container: str, code: str) -> str:
    """The output of code run by the image's own Python, in a running container."""
    return command("docker", "exec", container, "python", "-c", code)


def processes(container: str) -> list[tuple[int, str, int, str]]:
    """The id, state, parent and command line of every process in a container."""
    return [(pid, state, parent, words) for pid, state, parent, words in json.loads(python(container, PROCESSES))]


def contents(image: str) -> dict[str, tuple[str, ...]]:
    """Every path of an image, with its kind, mode, owner and content hash."""
    identifier = command("docker", "create", image).strip()
    found: dict[str, tuple[str, ...]] = {}
    try:
        with subprocess.Popen(["docker", "export", identifier], stdout=subprocess.PIPE) as export:
            assert export.stdout is not None
            with tarfile.open(fileobj=export.stdout, mode="r|") as archive:
                for entry in archive:
                    file = archive.extractfile(entry) if entry.isfile() else None
                    content = hashlib.sha256(file.read()).hexdigest() if file else entry.linkname
                    found[entry.name] = (entry.type.decode(), oct(entry.mode), f"{entry.uid}:{entry.gid}", content)
            # A reader of archives may stop before the zeros at their end, and docker fails when nobody takes them.
            while export.stdout.read(1 << 20):
                pass
        assert export.returncode == 0
    finally:
        command("docker", "rm", identifier)
    return found


def build(context: Path, tag: str, *options: str) -> None:
    """Build an image from a folder with a Dockerfile.api."""
    words = ["docker", "build", "--quiet", "--file", str(context / "Dockerfile.api"), "--tag", tag]
    command("env", "DOCKER_BUILDKIT=1", *words, *options, str(context), seconds=1800)
