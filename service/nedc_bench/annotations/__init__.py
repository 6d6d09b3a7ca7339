"""Annotations: from text to `Recording` (recognise, read, check, fill, merge), label maps, parameters and pairing."""

from nedc_bench.annotations.bids import NO_EVENTS
from nedc_bench.annotations.formats import read_pair, read_recording
from nedc_bench.annotations.labels import LabelMap
from nedc_bench.annotations.layout import pair_names, split_sides
from nedc_bench.annotations.lists import find_pairs, read_list
from nedc_bench.annotations.pairs import Pair, Pairing, PairNotes
from nedc_bench.annotations.parameters import Parameters, read_parameters
from nedc_bench.annotations.presets import read_label_map
from nedc_bench.annotations.reading import DurationUnknownError, Reading
from nedc_bench.annotations.recording import Event, Recording
from nedc_bench.annotations.score_track import ScoreTrack
from nedc_bench.annotations.source import Source

__all__ = [
    "NO_EVENTS",
    "DurationUnknownError",
    "Event",
    "LabelMap",
    "Pair",
    "PairNotes",
    "Pairing",
    "Parameters",
    "Reading",
    "Recording",
    "ScoreTrack",
    "Source",
    "find_pairs",
    "pair_names",
    "read_label_map",
    "read_list",
    "read_pair",
    "read_parameters",
    "read_recording",
    "split_sides",
]
