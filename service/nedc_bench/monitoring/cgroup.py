"""The memory and CPU of the process' cgroup: usage, limits and throttling.

Read from the cgroup itself, version 1 or 2, so that no metrics of kubelet or cAdvisor are needed. The figures cover the
whole container: the serving process and its workers. Without a cgroup, or on another system, all are missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

NO_LIMIT = 1 << 60  # version 1 writes the largest number of whole pages for "no limit"


@dataclass(frozen=True, slots=True)
class Cgroup:
    """The content of the cgroup's files; None where a file is missing.

    Attributes:
        memory: bytes in use, without the file cache that can be dropped at once (as kubelet counts).
        memory_limit: bytes; None: no limit.
        periods: periods of the CPU quota in which the process ran.
        throttled_periods: the number of them in which the quota was used up.
        throttled_seconds: the time for which the process was throttled.
    """

    memory: int | None = None
    memory_limit: int | None = None
    periods: int | None = None
    throttled_periods: int | None = None
    throttled_seconds: float | None = None


def read_cgroup(root: Path = Path("/")) -> Cgroup:
    """Read the cgroup of this process; ``root`` holds ``/proc`` and ``/sys``."""
    mount = root / "sys/fs/cgroup"
    if (mount / "cgroup.controllers").is_file():
        folder = _folder(mount, _path(root, ""))
        memory, limit, stat = (_text(folder / name) for name in ("memory.current", "memory.max", "memory.stat"))
        return _cgroup(memory, limit, _table(stat).get("inactive_file"), _table(_text(folder / "cpu.stat")))
    memory_folder = _folder(mount / "memory", _path(root, "memory"))
    memory = _text(memory_folder / "memory.usage_in_bytes")
    limit = _text(memory_folder / "memory.limit_in_bytes")
    inactive = _table(_text(memory_folder / "memory.stat")).get("total_inactive_file")
    for name in ("cpu", "cpu,cpuacct", "cpuacct,cpu"):
        if cpu := _table(_text(_folder(mount / name, _path(root, "cpu")) / "cpu.stat")):
            return _cgroup(memory, limit, inactive, cpu)
    return _cgroup(memory, limit, inactive, {})


class CgroupCollector(Collector):
    """Exposes `read_cgroup`; 0 stands for unknown."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def collect(self) -> Iterable[Metric]:
        """The current metrics."""
        found = read_cgroup(self._root)
        for name, text, value in (
            ("memory", "Memory of the container, without the file cache that can be dropped at once.", found.memory),
            ("memory_limit", "Memory limit of the container (0: none).", found.memory_limit),
        ):
            yield GaugeMetricFamily(f"nedc_cgroup_{name}_bytes", text, value=value or 0)
        for name, text, number in (
            ("periods", "CPU quota periods in which the container ran.", found.periods),
            ("throttled_periods", "CPU quota periods in which the container was throttled.", found.throttled_periods),
            ("throttled_seconds", "Time for which the CPU limit throttled the container.", found.throttled_seconds),
        ):
            yield CounterMetricFamily(f"nedc_cgroup_cpu_{name}", text, value=number or 0)


def _cgroup(memory: str, limit: str, inactive: int | None, cpu: dict[str, int]) -> Cgroup:
    used, most = _number(memory), _number(limit)
    micro, nano = cpu.get("throttled_usec"), cpu.get("throttled_time")
    seconds = micro / 1e6 if micro is not None else nano / 1e9 if nano is not None else None
    return Cgroup(
        memory=None if used is None else max(0, used - (inactive or 0)),
        memory_limit=None if most is None or most >= NO_LIMIT else most,
        periods=cpu.get("nr_periods"),
        throttled_periods=cpu.get("nr_throttled"),
        throttled_seconds=seconds,
    )


def _path(root: Path, controller: str) -> str:
    """The path of the process' cgroup, from ``/proc/self/cgroup``; the empty controller is version 2."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller in controllers.split(","):
            return path
    return ""


def _folder(mount: Path, path: str) -> Path:
    """The folder of the cgroup. Inside a container the path may not exist; then it is the mount itself."""
    folder = mount / path.strip("/")
    return folder if folder.is_dir() else mount


def _table(text: str) -> dict[str, int]:
    pairs = (line.partition(" ") for line in text.splitlines())
    return {key: int(value) for key, _, value in pairs if value.isdecimal()}


def _number(text: str) -> int | None:
    return int(text) if text.strip().isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
