"""Scoring: one pair to its ordered contributions, one module an algorithm, and their fold to a corpus' figures."""

from nedc_bench.scoring.corpus import (
    ALGORITHM,
    ALGORITHMS,
    Agreement,
    AlgorithmResult,
    Contribution,
    CorpusScore,
    FileId,
    PairScore,
    check_algorithms,
    cost,
    score_pair,
)
from nedc_bench.scoring.figures import Figures

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
    "check_algorithms",
    "cost",
    "score_pair",
]
