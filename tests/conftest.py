"""What holds for all tests: nothing is left of them, and where they run beside one another, who shares what."""

from __future__ import annotations

import signal
from collections.abc import Generator
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from processes import Guard, close_nursery

# A shell starts background commands with Ctrl-C ignored, and what they start inherits that: tests of Ctrl-C would hang.
signal.signal(signal.SIGINT, signal.default_int_handler)

# They start worker processes for nearly every test.
WORKERS = tuple(
    f"tests/unit/test_{name}.py"
    for name in ("evaluator", "evaluator_faults", "memory_jobs", "no_surprises", "parallel", "pool", "processes")
)
# Fixtures that start servers and browsers, or take as long.
SERVERS = {"start_server", "start_build", "redis_server", "server", "browser", "stack", "cluster", "site"}

# What memory they take, how late they answer: of services that have no other test beside them.
MEASURED = {f"tests/api/test_{name}.py" for name in ("attacks_connections", "attacks_uploads", "fairness")}
MEASURED |= {"tests/api/test_slow_clients.py", "tests/integration/test_warm_cold.py"}
# They share a service, its Redis and a Prometheus.
STACK = {f"tests/monitoring/test_{name}.py" for name in ("closed_loop", "metrics_table", "runbook")}
PAGE = "tests/page/"  # share a browser
# Each of their tests starts what it needs, so each may be anywhere.
APART = {
    f"tests/api/test_{name}.py"
    for name in (
        *("access", "access_lines", "demo", "doctor", "full_redis", "jobs", "load_client", "lost_replicas"),
        *("redis_faults", "redis_kinds", "shared_jobs", "shutdown", "under_load", "without_redis"),
    )
}

GUARD = pytest.StashKey[Guard]()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # of pytest-xdist; who started it has a guard
        config.stash[GUARD] = Guard()


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    yield
    close_nursery()
    if GUARD not in session.config.stash:
        return
    guard = session.config.stash[GUARD]
    if left := guard.left():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print("\nleft running by the tests, and killed:")
        for pid, command in left.items():
            print(pid, command)
    guard.close()


class Scheduler(LoadScopeScheduling):  # type: ignore[misc]  # published without types
    """The tests of a file run one after the other in one process, but for what is said above.

    It takes the place of ``--dist loadgroup``, which finds no groups since pytest 9.2 (pytest-xdist 3.8.0).
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file in MEASURED:
            return "measured"
        if file in STACK:
            return "stack"
        if file.startswith(PAGE):
            return PAGE
        return nodeid if file in APART else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return Scheduler(config, log)


def pytest_itemcollected(item: pytest.Item) -> None:
    serves = item.nodeid.startswith(("tests/api/", *WORKERS)) or set(getattr(item, "fixturenames", ())) & SERVERS
    if serves or any(map(item.get_closest_marker, ("integration", "browser"))):
        item.add_marker("slow")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first, so that none of it is alone at the end."""
    items.sort(key=_order)


def _order(item: pytest.Item) -> tuple[bool, bool]:
    file = item.nodeid.partition("::")[0]
    long = file.startswith(PAGE) or file in MEASURED | STACK | {"tests/gitops/test_fork.py"}
    return not long, item.get_closest_marker("slow") is None
