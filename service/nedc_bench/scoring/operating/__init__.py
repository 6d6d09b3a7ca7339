"""Operating curves: the figures of a hypothesis at every threshold on its confidences, exactly and by one sweep."""

from nedc_bench.scoring.operating.curve import (
    COLUMNS,
    FALSE_ALARMS_PER_24H,
    OperatingCurve,
    OperatingPoint,
)
from nedc_bench.scoring.operating.detections import Detections
from nedc_bench.scoring.operating.states import ALGORITHMS, PairStates, pair_states

__all__ = [
    "ALGORITHMS",
    "COLUMNS",
    "FALSE_ALARMS_PER_24H",
    "Detections",
    "OperatingCurve",
    "OperatingPoint",
    "PairStates",
    "pair_states",
]
