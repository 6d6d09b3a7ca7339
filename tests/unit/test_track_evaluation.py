"""What `track_evaluation` counts and times, however an evaluation ends, and that it leaves a function as it was."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import inspect
from collections.abc import Awaitable, Callable

import pytest

from nedc_bench import ALGORITHMS, InputError
from nedc_bench.monitoring import Metrics
from sampling import durations, statuses, value

NONE = {"success": 0, "error": 0, "cancelled": 0, "refused": 0}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def check(metrics: Metrics, algorithm: str = "taes", /, **counts: int) -> None:
    """So many evaluations have ended with each status, each was timed, and none is under way."""
    assert statuses(metrics, algorithm) == NONE | counts
    assert durations(metrics, algorithm) == sum(counts.values())
    assert value(metrics, "nedc_active_evaluations") == 0


def test_success_is_counted_timed_and_returned(metrics: Metrics) -> None:
    @metrics.track_evaluation("taes", "beta")
    def evaluate(left: int, *, right: int) -> int:
        assert value(metrics, "nedc_active_evaluations") == 1
        return left + right

    assert evaluate(1, right=2) == 3
    check(metrics, success=1)
    check(metrics, "dp")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param(ZeroDivisionError(), "error", id="an error"),
        pytest.param(KeyboardInterrupt(), "error", id="Ctrl-C"),
        pytest.param(InputError([]), "refused", id="refused input"),
    ],
)
def test_an_exception_is_counted_timed_and_raised(metrics: Metrics, error: BaseException, status: str) -> None:
    @metrics.track_evaluation("taes", "beta")
    def evaluate() -> None:
        raise error

    with pytest.raises(type(error)):
        evaluate()
    check(metrics, **{status: 1})


async def test_a_coroutine_is_timed_until_it_ends(metrics: Metrics) -> None:
    go_on = asyncio.Event()

    @metrics.track_evaluation("taes", "beta")
    async def evaluate() -> str:
        await go_on.wait()
        return "done"

    running = [asyncio.ensure_future(evaluate()) for _ in range(3)]
    await asyncio.sleep(0)
    assert value(metrics, "nedc_active_evaluations") == 3
    assert durations(metrics) == 0
    go_on.set()
    assert await asyncio.gather(*running) == ["done"] * 3
    check(metrics, success=3)


async def test_an_exception_of_a_coroutine_is_counted_timed_and_raised(metrics: Metrics) -> None:
    @metrics.track_evaluation("taes", "beta")
    async def evaluate() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await evaluate()
    check(metrics, error=1)


async def test_cancelling_a_task_is_no_error(metrics: Metrics) -> None:
    @metrics.track_evaluation("taes", "beta")
    async def evaluate() -> None:
        await asyncio.Event().wait()

    task = asyncio.ensure_future(evaluate())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    check(metrics, cancelled=1)


def test_cancelling_a_future_is_no_error(metrics: Metrics) -> None:
    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    future.cancel()
    with pytest.raises(concurrent.futures.CancelledError):
        metrics.track_evaluation("taes", "beta")(future.result)()
    check(metrics, cancelled=1)


def test_a_coroutine_that_is_never_awaited_is_not_counted(metrics: Metrics) -> None:
    @metrics.track_evaluation("taes", "beta")
    async def evaluate() -> None:
        """Never awaited."""

    evaluate().close()
    gc.collect()
    check(metrics)


async def test_signature_name_docstring_kind_and_types_are_kept(metrics: Metrics) -> None:
    def plain(left: int, *, right: str = "x") -> bool:
        """Doc."""
        return bool(left or right)

    async def awaited(left: int, *, right: str = "x") -> bool:
        """Doc."""
        return bool(left or right)

    for function in (plain, awaited):
        tracked = metrics.track_evaluation("dp", "beta")(function)
        assert inspect.signature(tracked) == inspect.signature(function)
        assert (tracked.__name__, tracked.__doc__) == (function.__name__, "Doc.")
        assert inspect.iscoroutinefunction(tracked) == inspect.iscoroutinefunction(function)
    checked_by_mypy: Callable[[int], bool] = metrics.track_evaluation("dp", "beta")(plain)
    awaited_checked_by_mypy: Callable[[int], Awaitable[bool]] = metrics.track_evaluation("dp", "beta")(awaited)
    assert checked_by_mypy(1) is await awaited_checked_by_mypy(1) is True


def test_a_method_can_be_tracked(metrics: Metrics) -> None:
    class Scorer:
        @metrics.track_evaluation("ira", "beta")
        def evaluate(self, pair: str) -> str:
            return f"{type(self).__name__} {pair}"

    assert Scorer().evaluate("x") == "Scorer x"
    check(metrics, "ira", success=1)


def test_a_block_can_be_tracked(metrics: Metrics) -> None:
    with metrics.evaluating("dp", "beta"):
        assert value(metrics, "nedc_active_evaluations") == 1
    check(metrics, "dp", success=1)


def test_a_request_counts_under_each_of_its_algorithms_with_the_time_of_each(metrics: Metrics) -> None:
    metrics.evaluated({"dp": 0.25, "taes": 4.0}, "beta", "success")
    for name in ALGORITHMS:
        check(metrics, name, success=int(name in {"dp", "taes"}))
    for name, seconds in (("dp", 0.25), ("taes", 4.0), ("ira", 0.0)):
        spent = value(metrics, "nedc_evaluation_duration_seconds_sum", algorithm=name, pipeline="beta")
        assert spent == seconds
