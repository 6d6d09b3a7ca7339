"""Evaluation: scores pairs and corpora in this process or on an executor."""

from nedc_bench.evaluation.corpus import Result, evaluate_pair, score, score_corpus
from nedc_bench.evaluation.parallel import ParallelEvaluator

__all__ = ["ParallelEvaluator", "Result", "evaluate_pair", "score", "score_corpus"]
