"""The number of CPUs that this process may use: by its affinity and its cgroup's quota, not the machine's count."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def available_cpus(root: Path = Path("/")) -> int:
    """The number of CPUs that this process may use, at least 1; ``root`` holds ``/proc`` and ``/sys``."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min([affinity, *_quotas(root)])))


def _quotas(root: Path) -> Iterator[float]:
    """The CPU quotas of the process' cgroup and its ancestors, for versions 1 and 2."""
    mount = root / "sys/fs/cgroup"
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            for folder in _upwards(mount, path):
                quota, _, period = _read(folder / "cpu.max").partition(" ")
                yield from _quota(quota, period)
        elif "cpu" in controllers.split(","):
            for name in (controllers, "cpu"):  # the mount may list its controllers in another order
                for folder in _upwards(mount / name, path):
                    yield from _quota(_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us"))


def _upwards(mount: Path, path: str) -> Iterator[Path]:
    """The folders of the cgroup and its ancestors. Inside a container the path may not exist; the mount does."""
    folder = mount / path.strip().lstrip("/")
    yield folder
    while folder != mount:
        folder = folder.parent
        yield folder


def _quota(quota: str, period: str) -> Iterator[float]:
    try:
        cpus = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):  # "max", or no such file
        return
    if cpus > 0:
        yield cpus


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
