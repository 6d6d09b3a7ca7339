"""Uncertainty: confidence intervals by subject, subgroups, acceptance limits, and the comparison of two systems.

Everything is computed from pair scores, with numpy alone (only Clopper-Pearson intervals need scipy), and is
bit-identical for any number of workers: docs/uncertainty.md.
"""

from nedc_bench.statistics.bootstrap import Bounds, Interval
from nedc_bench.statistics.comparison import Comparison, Difference, McNemar, compare
from nedc_bench.statistics.estimates import MAX_SEED, MIN_REPLICATES, Estimate, Group, Settings
from nedc_bench.statistics.limits import Limit, Outcome
from nedc_bench.statistics.proportions import PROPORTIONS, clopper_pearson, wilson
from nedc_bench.statistics.study import ALL, Uncertainty, uncertainty
from nedc_bench.statistics.table import Table, read_table

__all__ = [
    "ALL",
    "MAX_SEED",
    "MIN_REPLICATES",
    "PROPORTIONS",
    "Bounds",
    "Comparison",
    "Difference",
    "Estimate",
    "Group",
    "Interval",
    "Limit",
    "McNemar",
    "Outcome",
    "Settings",
    "Table",
    "Uncertainty",
    "clopper_pearson",
    "compare",
    "read_table",
    "uncertainty",
    "wilson",
]
