"""Compile, while the image is built, every module that the service loads, the standard library's among them.

The image's files can't be written to, so whatever is not compiled now would be compiled at every start, in every
process. Two builds of one commit must give the same files: the code is bound to its source by nothing but its place
(``unchecked-hash``), and it is compiled by a process that has loaded nothing else, since what it writes shows which
strings it shares with others.
"""

from __future__ import annotations

import importlib
import subprocess
import sys

ENTRIES = (
    "nedc_bench.__main__",
    "nedc_bench.server",
    "nedc_bench.jobs.redis",
    # what these import late
    "encodings.idna",
    "multiprocessing.forkserver",
    "multiprocessing.popen_forkserver",
    "multiprocessing.resource_tracker",
    "redis.asyncio",
)


def main() -> None:
    """Load everything, then compile what that has loaded."""
    for entry in ENTRIES:
        importlib.import_module(entry)
    files = sorted({getattr(module, "__file__", None) or "" for module in sys.modules.values()} - {__file__})
    sources = "".join(f"{file}\n" for file in files if file.endswith(".py"))
    command = [sys.executable, "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash", "-i", "-"]
    environment = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(command, input=sources, text=True, check=True, env=environment)  # noqa: S603  # ours


if __name__ == "__main__":
    main()
