"""The most workers: limited by CPU affinity and by the cgroup's quota."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from helpers import Ran, run_program, write_tree
from nedc_bench import ParallelEvaluator
from nedc_bench.evaluation.cpus import available_cpus

AFFINITY = len(os.sched_getaffinity(0))

# Each prints the CPUs for quotas of half a CPU, one and a half, and 1000.
QUOTAS = [("50000 100000", 1), ("100000 100000", 1), ("150000 100000", 1), ("100000000 100000", AFFINITY)]


def version_1(quota: str) -> dict[str, str]:
    allowed, period = quota.split()
    return {"cpu.cfs_quota_us": allowed, "cpu.cfs_period_us": period}


def at(folder: str, files: dict[str, str]) -> dict[str, str]:
    return {f"{folder}/{name}": text for name, text in files.items()}


@pytest.mark.parametrize(("quota", "cpus"), QUOTAS)
@pytest.mark.parametrize("folder", ["a/b/c", "a/b", "a", "."])
def test_a_quota_of_version_2_counts_wherever_it_is_set(tmp_path: Path, folder: str, quota: str, cpus: int) -> None:
    own = {"proc/self/cgroup": "0::/a/b/c", "sys/fs/cgroup/a/b/c/cpu.max": "max 100000"}
    assert available_cpus(write_tree(tmp_path, own | {f"sys/fs/cgroup/{folder}/cpu.max": quota})) == cpus


@pytest.mark.parametrize(("quota", "cpus"), QUOTAS)
@pytest.mark.parametrize("folder", ["a/b", "a", "."])
@pytest.mark.parametrize("mount", ["cpu", "cpu,cpuacct"])
def test_a_quota_of_version_1_counts_wherever_it_is_set(
    tmp_path: Path, mount: str, folder: str, quota: str, cpus: int
) -> None:
    own = {"proc/self/cgroup": f"5:memory:/x\n4:{mount}:/a/b\n0::/"}
    files = at(f"sys/fs/cgroup/{mount}/{folder}", version_1(quota))
    assert available_cpus(write_tree(tmp_path, own | files)) == cpus


def test_controllers_may_be_named_in_another_order_than_their_mount(tmp_path: Path) -> None:
    """As RHEL 7 mounts them: the controllers ``cpuacct,cpu``, the mount ``cpu,cpuacct``, and links to it."""
    root = write_tree(
        tmp_path,
        {"proc/self/cgroup": "4:cpuacct,cpu:/"} | at("sys/fs/cgroup/cpu,cpuacct", version_1("100000 100000")),
    )
    (root / "sys/fs/cgroup/cpu").symlink_to("cpu,cpuacct")
    assert available_cpus(root) == 1


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(
            {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "100000 100000"}, id="version 2, own namespace"
        ),
        pytest.param(
            {"proc/self/cgroup": "0::/../sibling", "sys/fs/cgroup/cpu.max": "100000 100000"},
            id="version 2, seen from beside",
        ),
        pytest.param(
            {"proc/self/cgroup": "4:cpu,cpuacct:/docker/0123"}
            | at("sys/fs/cgroup/cpu,cpuacct", version_1("100000 100000")),
            id="version 1, the path of the host",
        ),
        pytest.param(
            {"proc/self/cgroup": "4:cpu:/\n0::/system.slice"} | at("sys/fs/cgroup/cpu", version_1("100000 100000")),
            id="both versions",
        ),
    ],
)
def test_the_quota_of_a_container_counts(tmp_path: Path, files: dict[str, str]) -> None:
    assert available_cpus(write_tree(tmp_path, files)) == 1


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({}, id="no files"),
        pytest.param({"proc/self/cgroup": "0::/a"}, id="no quota file"),
        pytest.param({"proc/self/cgroup": "0::/a", "sys/fs/cgroup/a/cpu.max": "max 100000"}, id="max"),
        pytest.param({"proc/self/cgroup": "4:cpu:/"} | at("sys/fs/cgroup/cpu", version_1("-1 100000")), id="-1"),
        pytest.param({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "100000 0"}, id="period 0"),
        pytest.param({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "garbage"}, id="garbage"),
        pytest.param({"proc/self/cgroup": "nonsense"}, id="nonsense"),
        pytest.param(
            {"proc/self/cgroup": "3:cpuset:/"} | at("sys/fs/cgroup/cpuset", version_1("100000 100000")),
            id="another controller",
        ),
    ],
)
def test_without_a_quota_the_affinity_counts(tmp_path: Path, files: dict[str, str]) -> None:
    assert available_cpus(write_tree(tmp_path, files)) == AFFINITY


def test_the_affinity_counts() -> None:
    cpu = min(os.sched_getaffinity(0))
    program = (
        f"import os; os.sched_setaffinity(0, {{{cpu}}})\n"
        "from nedc_bench import ParallelEvaluator\n"
        "from nedc_bench.evaluation.cpus import available_cpus\n"
        "print(available_cpus(), ParallelEvaluator().workers, ParallelEvaluator(8).workers)\n"
    )
    assert run_program(sys.executable, "-c", program) == Ran(0, "1 1 1\n", "")


def test_workers_are_as_many_as_asked_for_and_no_more_than_cpus() -> None:
    assert ParallelEvaluator().workers == available_cpus()
    assert ParallelEvaluator(1).workers == 1
    assert ParallelEvaluator(10_000).workers == available_cpus()
