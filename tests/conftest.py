"""What holds for all tests: nothing is left of them, and where they run beside one another, who shares what."""

from __future__ import annotations

import signal
from collections.abc import Generator

import pytest

from processes import Guard, close_nursery

# A shell starts background commands with Ctrl-C ignored, and what they start inherits that: tests of Ctrl-C would hang.
signal.signal(signal.SIGINT, signal.default_int_handler)

STARTED_BY_THE_TEST = {"start_server", "redis_server"}  # fixtures
SHARED = {"server", "weighed", "shared", "owned", "browser"}  # by the tests of a file

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


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of a file stay together, for they share servers; but each one that starts its own goes where there is room.

    The longest begin first, so that none of them is alone at the end.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None and not _is_alone(item):
            item.add_marker(pytest.mark.xdist_group(str(item.path)))
    items.sort(key=_longest_seconds, reverse=True)


def _is_alone(item: pytest.Item) -> bool:
    used = set(getattr(item, "fixturenames", ()))
    return bool(used & STARTED_BY_THE_TEST) and not used & SHARED


def _longest_seconds(item: pytest.Item) -> float:
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker else 0.0
