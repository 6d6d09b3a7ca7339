"""Scoring: one module per algorithm turns a pair into ordered contributions; the fold turns them into figures."""

from nedc_bench.scoring.corpus import Agreement, AlgorithmResult, CorpusScore
from nedc_bench.scoring.figures import Figures
from nedc_bench.scoring.pair import (
    ALGORITHM,
    ALGORITHMS,
    Contribution,
    FileId,
    PairScore,
    check_algorithms,
    cost,
    score_pair,
)
from nedc_bench.scoring.szcore_figures import SzcoreFigures, SzcoreResult

__all__ = [
    "ALGORITHM",
    "ALGORITHMS",
    "Agreement",
    "AlgorithmResult",
    "Contribution",
    "CorpusScore",
    "Figures",
    "FileId",
    "PairScore",
    "SzcoreFigures",
    "SzcoreResult",
    "check_algorithms",
    "cost",
    "score_pair",
]
