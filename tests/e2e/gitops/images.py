"""The images of the tests: the service's, and three built FROM it with one change each."""

from __future__ import annotations

import os
import subprocess
import uuid
from pathlib import Path

from e2e.kube import PROJECT

RUN = f"t{uuid.uuid4().hex[:8]}"  # a tag of an earlier run may be in Argo CD's cache
FIRST, SECOND, NEVER_READY, WRONG = f"0.1.0-{RUN}", f"0.2.0-{RUN}", "0.3.0-never-ready", "0.3.0-wrong"

ALGORITHM = PROJECT / "service/nedc_bench/scoring/overlap.py"
RIGHT = "> events.starts[own])"
# Counts as overlap even if the hypothesis begins up to an hour after the reference has ended.
BROKEN = "> events.starts[own] - 3600)"
# The self-check at start finds this bug, unless it occurs only in the processes that score jobs.
BROKEN_IN_WORKERS = '> events.starts[own] - 3600 * (__import__("multiprocessing").parent_process() is not None))'

DOCKERFILE = """\
FROM {image}
LABEL version={tag}
"""
PATCHED_DOCKERFILE = """\
FROM {image}
USER 0
COPY overlap.py /tmp/
RUN python -c "import py_compile, shutil; from nedc_bench.scoring import overlap; \\
    shutil.copy('/tmp/overlap.py', overlap.__file__); \\
    py_compile.compile(overlap.__file__, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)"
USER 10001:10001
"""


def build_all(image: str, folder: Path) -> dict[str, str]:
    """Build the images. Returns the engine's name of each, by tag."""
    changes = {SECOND: None, NEVER_READY: BROKEN, WRONG: BROKEN_IN_WORKERS}
    return {FIRST: image} | {tag: build_variant(image, folder, tag, change) for tag, change in changes.items()}


def build_variant(image: str, folder: Path, tag: str, change: str | None) -> str:
    name = f"nedc-bench-gitops:{tag}"
    (folder / "Dockerfile").write_text((PATCHED_DOCKERFILE if change else DOCKERFILE).format(image=image, tag=tag))
    if change:
        right = ALGORITHM.read_text()
        assert right.count(RIGHT) == 1
        (folder / ALGORITHM.name).write_text(right.replace(RIGHT, change))
    command = ["docker", "build", "--quiet", "--tag", name, str(folder)]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"DOCKER_BUILDKIT": "1"})
    return name
