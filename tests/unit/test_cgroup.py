"""The container's memory and CPU throttling, with cgroups v1 and v2."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry

from helpers import write_tree
from nedc_bench.monitoring.cgroup import Cgroup, CgroupCollector, read_cgroup

CPU_STAT_1 = "nr_periods 4\nnr_throttled 1\nthrottled_time 2500000000\n"


def version_2(root: Path, folder: str, limit: str = "536870912\n") -> Path:
    texts = {
        "memory.current": "200000000\n",
        "memory.max": limit,
        "memory.stat": "anon 150000000\ninactive_file 50000000\n",
        "cpu.stat": "usage_usec 9000000\nnr_periods 400\nnr_throttled 100\nthrottled_usec 2500000\n",
    }
    controllers = {"sys/fs/cgroup/cgroup.controllers": "cpu memory\n"}
    return write_tree(root, controllers | {f"sys/fs/cgroup/{folder}{name}": text for name, text in texts.items()})


def test_version_2_in_a_container_whose_mount_is_its_cgroup(tmp_path: Path) -> None:
    root = write_tree(version_2(tmp_path, ""), {"proc/self/cgroup": "0::/kubepods/pod1/abc\n"})
    assert read_cgroup(root) == Cgroup(150000000, 536870912, 400, 100, 2.5)


def test_version_2_with_the_hosts_view_and_no_limit(tmp_path: Path) -> None:
    root = write_tree(version_2(tmp_path, "user.slice/app/", "max\n"), {"proc/self/cgroup": "0::/user.slice/app\n"})
    assert read_cgroup(root) == Cgroup(150000000, None, 400, 100, 2.5)


def test_version_1_whose_controllers_lie_apart(tmp_path: Path) -> None:
    root = write_tree(
        tmp_path,
        {
            "proc/self/cgroup": "5:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "200000000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/memory.stat": "total_inactive_file 20000000\n",
            "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.stat": CPU_STAT_1,
        },
    )
    assert read_cgroup(root) == Cgroup(180000000, None, 4, 1, 2.5)


def test_without_cgroups_everything_is_0(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    registry.register(CgroupCollector(tmp_path))
    assert read_cgroup(tmp_path) == Cgroup()
    values = [sample.value for metric in registry.collect() for sample in metric.samples]
    assert values == [0] * 5


def test_what_is_known_is_exposed(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    registry.register(CgroupCollector(version_2(tmp_path, "")))
    found = {
        name: registry.get_sample_value(name)
        for name in (
            "nedc_cgroup_memory_bytes",
            "nedc_cgroup_memory_limit_bytes",
            "nedc_cgroup_cpu_periods_total",
            "nedc_cgroup_cpu_throttled_periods_total",
            "nedc_cgroup_cpu_throttled_seconds_total",
        )
    }
    assert [*found.values()] == [150000000, 536870912, 400, 100, 2.5]
