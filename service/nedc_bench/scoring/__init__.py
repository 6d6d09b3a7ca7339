"""Scoring: one pair to its ordered contributions, one module an algorithm, and their fold to a corpus' figures."""

from nedc_bench.scoring.corpus import (
    ALGORITHMS,
    Agreement,
    AlgorithmResult,
    CorpusScore,
    FileId,
    PairScore,
    check_algorithms,
    score_pair,
)
from nedc_bench.scoring.figures import Figures

__all__ = [
    "ALGORITHMS",
    "Agreement",
    "AlgorithmResult",
    "CorpusScore",
    "Figures",
    "FileId",
    "PairScore",
    "check_algorithms",
    "score_pair",
]
