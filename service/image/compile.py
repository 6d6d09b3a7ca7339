"""Compile, while the image is built, every module that the service loads, the standard library's among them.

The image's files can't be written to, so whatever is not compiled now would be compiled at every start, in every
process. The code is bound to its source by nothing but its place (``unchecked-hash``), so that two builds of one commit
give the same files.
"""

from __future__ import annotations

import importlib
import py_compile
import sys

ENTRIES = (
    "nedc_bench.__main__",
    "nedc_bench.server",
    "nedc_bench.jobs.redis",
    # what these import late
    "encodings.idna",
    "hypercorn.asyncio.run",
    "multiprocessing.forkserver",
    "multiprocessing.popen_forkserver",
    "multiprocessing.resource_tracker",
    "redis.asyncio",
)


def main() -> None:
    """Load everything, then compile what that has loaded."""
    for entry in ENTRIES:
        importlib.import_module(entry)
    for module in list(sys.modules.values()):
        source = getattr(module, "__file__", None) or ""
        if source.endswith(".py"):
            py_compile.compile(source, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)


if __name__ == "__main__":
    main()
