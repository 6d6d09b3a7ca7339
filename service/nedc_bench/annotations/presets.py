"""Label maps for the common label sets, by name, and one's own from a TOML file.

``tusz``: the seizure types of the TUH EEG Seizure Corpus as seizures. ``hed-score``: those of HED-SCORE, as BIDS data
sets have them. ``binary``: ``1`` and words for a seizure against ``0`` and words for none. Each has the classes of the
default map, ``seiz`` and ``bckg``. A file has the original's form:

    [MAP]
    SEIZ = "seiz,fnsz,gnsz"
    BCKG = "bckg"

Source: the TUH EEG corpora's list of labels; HED-SCORE's seizure labels (ILAE 2017) as SzCORE and SeizeIT2 write them.
"""

from __future__ import annotations

import os

from nedc_bench.annotations.labels import LabelMap
from nedc_bench.annotations.parameters import read_parameters
from nedc_bench.annotations.source import Path
from nedc_bench.errors import quoted, refusal

_TUSZ = "seiz fnsz gnsz spsz cpsz absz tnsz cnsz tcsz atsz mysz nesz"
_MOTOR = "automatisms atonic clonic spasms hyperkinetic myoclonic tonic"
_NON_MOTOR = "autonomic behavior cognitive emotional sensory"
_GENERALISED = "m_tonicclonic m_clonic m_tonic m_myoclonic m_myotc m_myoatonic m_atonic m_spasms"
_GENERALISED += " nm_typical nm_atypical nm_myoclonic nm_eyelidmyo nm_eyelidmyio"
_UNKNOWN = "m_tonicclonic m_spasms m_hyperkinetic m_myoclonic m_tonicmyio nm_behavior"


def _hed_score() -> list[str]:
    """Seizure labels of HED-SCORE: focal by awareness and onset, generalised, of unknown onset."""
    labels = ["seiz", "sz", "seizure", "sz_foc", "sz_foc_f2b", "sz_gen", "sz_uo"]
    for aware in ("a", "ia", "ua"):
        focal = f"sz_foc_{aware}"
        labels += [focal, f"{focal}_m", f"{focal}_nm", f"{focal}_um"]
        labels += [f"{focal}_m_{sign}" for sign in _MOTOR.split()]
        labels += [f"{focal}_nm_{sign}" for sign in _NON_MOTOR.split()]
    for onset, signs in (("gen", _GENERALISED), ("uo", _UNKNOWN)):
        labels += [f"sz_{onset}_m", f"sz_{onset}_nm", *(f"sz_{onset}_{sign}" for sign in signs.split())]
    return labels


PRESETS = {
    "tusz": LabelMap.from_mapping({"seiz": _TUSZ.split(), "bckg": ["bckg"]}),
    "hed-score": LabelMap.from_mapping({"seiz": _hed_score(), "bckg": ["bckg", "impd"]}),
    "binary": LabelMap.from_mapping(
        {"seiz": ["seiz", "1", "sz", "seizure", "ictal"], "bckg": ["bckg", "0", "background", "interictal", "nosz"]}
    ),
}


def read_label_map(labels: Path) -> LabelMap:
    """The label map of a name in `PRESETS`, or of a TOML file with a table ``[MAP]``.

    Raises:
        InputError: there is no such preset or file, or the file has no such table.

    >>> read_label_map("tusz").index["fnsz"], read_label_map("binary").classes
    (0, ('seiz', 'bckg'))
    """
    if isinstance(labels, str) and labels in PRESETS:
        return PRESETS[labels]
    if not os.path.exists(labels):
        names = ", ".join(PRESETS)
        message = f"{quoted(str(labels))} is neither a set of labels ({names}) nor a TOML file with a table [MAP]"
        raise refusal("labels", message)
    return read_parameters(labels).label_map
