"""Evaluation: scores pairs and corpora in this process or on an executor."""

from nedc_bench.evaluation.burden import seizure_burden
from nedc_bench.evaluation.corpus import Result, evaluate_pair, score, score_corpus
from nedc_bench.evaluation.curve import operating_curve
from nedc_bench.evaluation.parallel import ParallelEvaluator

__all__ = ["ParallelEvaluator", "Result", "evaluate_pair", "operating_curve", "score", "score_corpus", "seizure_burden"]
