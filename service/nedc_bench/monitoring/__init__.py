"""Monitoring: the metrics, the middleware that counts HTTP requests, and the golden self-check.

Used by execution, jobs and api. It imports annotations and scoring, and none of its users.
"""

from nedc_bench.monitoring.edge import EdgeMiddleware, set_route, set_waited
from nedc_bench.monitoring.metrics import Metrics
from nedc_bench.monitoring.parity import self_check

__all__ = ["EdgeMiddleware", "Metrics", "self_check", "set_route", "set_waited"]
