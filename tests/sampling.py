"""All metrics of a service, and the values of some."""

from __future__ import annotations

from nedc_bench.monitoring import EdgeMiddleware, Metrics


def all_metrics() -> Metrics:
    """The metrics of a service that uses Redis, with those of its requests."""
    metrics = Metrics(redis=True)
    EdgeMiddleware(_nothing_behind, metrics.registry)
    return metrics


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """The value of a sample; None where there is none with these labels."""
    return metrics.registry.get_sample_value(name, labels)


def statuses(metrics: Metrics, algorithm: str = "taes") -> dict[str, float | None]:
    """How many evaluations of an algorithm ended with each status."""
    return {
        status: value(metrics, "nedc_evaluations_total", algorithm=algorithm, pipeline="beta", status=status)
        for status in ("success", "error", "cancelled", "refused")
    }


def durations(metrics: Metrics, algorithm: str = "taes") -> float | None:
    """How many evaluations of an algorithm were timed."""
    return value(metrics, "nedc_evaluation_duration_seconds_count", algorithm=algorithm, pipeline="beta")


async def _nothing_behind(*_: object) -> None:
    pass
