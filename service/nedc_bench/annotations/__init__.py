"""Annotations: text to `Recording` (read, check, label-map, fill, merge), parameters, and which files form pairs."""

from nedc_bench.annotations.csv_bi import read_recording
from nedc_bench.annotations.labels import LabelMap
from nedc_bench.annotations.lists import Pair, Pairing, find_pairs, read_list
from nedc_bench.annotations.parameters import Parameters, read_parameters
from nedc_bench.annotations.recording import Event, Recording
from nedc_bench.annotations.source import Source

__all__ = [
    "Event",
    "LabelMap",
    "Pair",
    "Pairing",
    "Parameters",
    "Recording",
    "Source",
    "find_pairs",
    "read_list",
    "read_parameters",
    "read_recording",
]
