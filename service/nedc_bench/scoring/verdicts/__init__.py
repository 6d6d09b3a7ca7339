"""Verdicts: how each algorithm judged each event, with which partners and by which rule.

They are computed on demand from a `PairScore`; scoring does not depend on them.
"""

from nedc_bench.scoring.verdicts.differences import Difference, differences
from nedc_bench.scoring.verdicts.judging import judge
from nedc_bench.scoring.verdicts.model import RULES, Part, Verdict, described

__all__ = ["RULES", "Difference", "Part", "Verdict", "described", "differences", "judge"]
