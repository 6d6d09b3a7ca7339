"""What holds for all tests: nothing is left of them, and where they run beside one another, who shares what."""

from __future__ import annotations

import signal
from collections.abc import Generator

import pytest

from processes import Guard, close_nursery

# A shell starts background commands with Ctrl-C ignored, and what they start inherits that: tests of Ctrl-C would hang.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Fixtures: of a test that starts servers of its own, and of those that share them.
OWN = {"start_server", "redis_server"}
SHARED = {"server", "weighed", "shared", "owned", "browser", "stack"}

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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of a file stay together, for they share servers; but each one that starts its own goes where there is room.

    The longest begin first, so that none of them is alone at the end.
    """
    for item in items:
        used = set(getattr(item, "fixturenames", ()))
        if used & (OWN | SHARED) or any(map(item.get_closest_marker, ("integration", "browser"))):
            item.add_marker("slow")
        if item.get_closest_marker("xdist_group") is None and not (used & OWN and not used & SHARED):
            item.add_marker(pytest.mark.xdist_group(str(item.path)))
    items.sort(key=_order)


def _order(item: pytest.Item) -> tuple[bool, float]:
    timeout = item.get_closest_marker("timeout")
    return item.get_closest_marker("slow") is None, -float(timeout.args[0]) if timeout else 0.0
