"""HTTP metrics: an ASGI middleware based on aioprometheus, bridged into the service's single exposition.

    nedc_http_requests_total{method,route,status}
    nedc_http_request_duration_seconds{method,route}
    nedc_http_response_delay_seconds{method,route}
    nedc_http_requests_in_progress

Conventions: a request is counted when its response has been sent. ``route`` is the template that the app sets with
`set_route`, never a path; requests without a route are ``unmatched``. ``status`` 499 means that the client left before
a response. The delay is the service's part: from the end of the request's body to the start of the response, without
the wait that the client chose (`set_waited`); a body that never arrived has none. Routes that the app announces start
with zero requests and errors, so that the rate of the first ones is visible. WebSockets and lifespan are not counted.

aioprometheus' own middleware labels by path, writes label values unescaped and breaks Prometheus' naming rules. We use
its metric types and its place in the ASGI stack; prometheus_client renders the exposition.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from functools import cache
from math import inf
from typing import Any, cast

from aioprometheus import histogram
from aioprometheus.asgi.middleware import MetricsMiddleware
from aioprometheus.collectors import Counter, Gauge, Histogram, Registry
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

App = Callable[[Any, Any, Any], Awaitable[None]]  # an ASGI app; each framework has its own types

ROUTE_KEY = "nedc_route"
WAITED_KEY = "nedc_waited"
UNMATCHED = "unmatched"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
CLIENT_LEFT, SERVER_ERROR, UNAVAILABLE = "499", "500", "503"
BODY_LATE = "408"
DURATION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)

_VARIABLE = re.compile(r"<(?:[^<>]*:)?([^<>:]+)>")


def set_route(scope: Mapping[str, Any], rule: str) -> None:
    """Tell the middleware which route a request matched.

    Args:
        scope: the request's ASGI scope (``request.scope`` in Quart).
        rule: the URL rule as Quart writes it; ``/ws/<uuid:job_id>`` is counted as ``/ws/{job_id}``.
    """
    cast(MutableMapping[str, Any], scope)[ROUTE_KEY] = _template(rule)


def set_waited(scope: Mapping[str, Any], seconds: float) -> None:
    """Tell the middleware how long a request waited for a job because its client asked for it.

    Args:
        scope: as for `set_route`.
        seconds: the wait, which does not count as delay.
    """
    cast(MutableMapping[str, Any], scope)[WAITED_KEY] = seconds


@cache
def _template(rule: str) -> str:
    return _VARIABLE.sub(r"{\1}", rule)


class EdgeMiddleware(MetricsMiddleware):
    """Counts the HTTP requests that pass through it.

    Args:
        app: the ASGI callable behind it; ``app.asgi_app`` of a Quart app.
        registry: the registry of the exposition.
    """

    def __init__(self, app: App, registry: CollectorRegistry) -> None:
        super().__init__(app, registry=Registry())
        self.create_metrics()
        registry.register(_Bridge(self.registry))

    def create_metrics(self) -> None:
        """Create the metrics, under our own names."""
        self.requests = Counter("nedc_http_requests_total", "Completed HTTP requests.", registry=self.registry)
        self.duration = Histogram(
            "nedc_http_request_duration_seconds",
            "Time from a request's arrival to the end of its response.",
            registry=self.registry,
            buckets=DURATION_BUCKETS,
        )
        self.delay = Histogram(
            "nedc_http_response_delay_seconds",
            "Time from the end of a request's body to the start of its response, without a wait that the client chose.",
            registry=self.registry,
            buckets=DURATION_BUCKETS,
        )
        self.in_progress = Gauge("nedc_http_requests_in_progress", "HTTP requests in progress.", registry=self.registry)
        self.in_progress.set({}, 0)
        self.metrics_created = True

    def start_at_zero(self, method: str, rule: str) -> None:
        """Expose a route before its first request; ``rule`` as for `set_route`."""
        labels = {"method": method, "route": _template(rule)}
        for timed in (self.duration, self.delay):
            timed.set_value(labels, histogram.Histogram(*DURATION_BUCKETS))
        for status in (SERVER_ERROR, UNAVAILABLE):
            self.requests.set(labels | {"status": status}, 0)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the connection on; count and time it if it is an HTTP request."""
        if scope["type"] != "http":
            await self.asgi_callable(scope, receive, send)
            return
        started = received = time.perf_counter()
        status = CLIENT_LEFT

        async def watched_receive() -> Any:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received = time.perf_counter()
            return message

        async def watched_send(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
                if status != BODY_LATE:
                    delay = time.perf_counter() - received - scope.get(WAITED_KEY, 0.0)
                    self.delay.observe(self._labels(scope), max(0.0, delay))
            await send(message)

        self.in_progress.inc({})
        try:
            await self.asgi_callable(scope, watched_receive, watched_send)
        except Exception:
            status = SERVER_ERROR
            raise
        finally:
            self.in_progress.dec({})
            self._count(scope, status, time.perf_counter() - started)

    def _count(self, scope: Mapping[str, Any], status: str, duration: float) -> None:
        labels = self._labels(scope)
        self.duration.observe(labels, duration)
        self.requests.inc(labels | {"status": status})

    def _labels(self, scope: Mapping[str, Any]) -> dict[str, str]:
        method = scope["method"] if scope["method"] in METHODS else OTHER
        return {"method": method, "route": self.get_full_or_template_path(scope)}

    def get_full_or_template_path(self, scope: Mapping[str, Any]) -> str:
        """The route template, never the path."""
        return str(scope.get(ROUTE_KEY, UNMATCHED))


class _Bridge(Collector):
    """The metrics of an aioprometheus registry as prometheus_client collects them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.get_all():
            family = Metric(metric.name.removesuffix("_total"), metric.doc, metric.kind.name)
            for labels, value in metric.get_all():
                if isinstance(value, dict):
                    _add_histogram(family, labels, value)
                else:
                    family.add_sample(metric.name, labels, cast(float, value))
            yield family


def _add_histogram(family: Metric, labels: dict[str, str], value: Mapping[float | str, float]) -> None:
    """Add the samples of one set of labels. The buckets, keyed by their bounds, are already cumulative."""
    for key, number in value.items():
        if isinstance(key, str):  # sum and count
            family.add_sample(f"{family.name}_{key}", labels, number)
        else:
            family.add_sample(f"{family.name}_bucket", labels | {"le": "+Inf" if key == inf else repr(key)}, number)
