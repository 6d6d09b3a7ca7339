"""Verdicts: what each algorithm made of each event, with which partners and by which rule.

They are computed from a `PairScore` alone, when they are asked for; scoring does not know of them.
"""

from nedc_bench.scoring.verdicts.differences import Difference, differences
from nedc_bench.scoring.verdicts.judging import judge
from nedc_bench.scoring.verdicts.model import RULES, Part, Verdict

__all__ = ["RULES", "Difference", "Part", "Verdict", "differences", "judge"]
