"""NEDC EEG Eval v6.0.0, to the last bit: scoring of EEG event annotations as a library, a command and a service.

>>> from nedc_bench import Recording, score
>>> reference = Recording.from_events(10.0, [(1.0, 8.0, "seiz")])
>>> hypothesis = Recording.from_events(10.0, [(3.0, 9.0, "seiz")])
>>> score(reference, hypothesis).overlap.labels["seiz"].tp
1
"""

from nedc_bench.annotations import (
    Event,
    LabelMap,
    Pair,
    Pairing,
    Parameters,
    Recording,
    ScoreTrack,
    find_pairs,
    read_label_map,
    read_parameters,
    read_recording,
)
from nedc_bench.errors import EvaluationError, Finding, InputError, NedcBenchError
from nedc_bench.evaluation import ParallelEvaluator, Result, operating_curve, score, score_corpus, seizure_burden
from nedc_bench.evaluation.verification import verify
from nedc_bench.scoring import ALGORITHMS, Agreement, AlgorithmResult, Figures, SzcoreFigures, SzcoreResult
from nedc_bench.scoring.burden import BurdenResult
from nedc_bench.scoring.operating import OperatingCurve, OperatingPoint
from nedc_bench.scoring.verdicts import Verdict
from nedc_bench.statistics import Comparison, Settings, Uncertainty, compare, read_table, uncertainty
from nedc_bench.version import __version__

__all__ = [
    "ALGORITHMS",
    "Agreement",
    "AlgorithmResult",
    "BurdenResult",
    "Comparison",
    "EvaluationError",
    "Event",
    "Figures",
    "Finding",
    "InputError",
    "LabelMap",
    "NedcBenchError",
    "OperatingCurve",
    "OperatingPoint",
    "Pair",
    "Pairing",
    "ParallelEvaluator",
    "Parameters",
    "Recording",
    "Result",
    "ScoreTrack",
    "Settings",
    "SzcoreFigures",
    "SzcoreResult",
    "Uncertainty",
    "Verdict",
    "__version__",
    "compare",
    "find_pairs",
    "operating_curve",
    "read_label_map",
    "read_parameters",
    "read_recording",
    "read_table",
    "score",
    "score_corpus",
    "seizure_burden",
    "uncertainty",
    "verify",
]
