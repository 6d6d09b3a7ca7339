"""Monitoring: every metric, HTTP counted at the edge, and the golden self-check.

Used by evaluation, jobs and api; it knows annotations and scoring, and nothing of them.
"""

from nedc_bench.monitoring.edge import EdgeMiddleware, set_route, set_waited
from nedc_bench.monitoring.metrics import Metrics
from nedc_bench.monitoring.parity import self_check

__all__ = ["EdgeMiddleware", "Metrics", "self_check", "set_route", "set_waited"]
