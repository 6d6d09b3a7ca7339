"""The labels of the common label sets, by set and class. `nedc_bench.annotations.presets` turns them into label maps.

Source: the TUH EEG corpora's list of labels; HED-SCORE's seizure labels (ILAE 2017) as SzCORE and SeizeIT2 write them.
"""

from __future__ import annotations

from collections.abc import Mapping

_TUSZ = "seiz fnsz gnsz spsz cpsz absz tnsz cnsz tcsz atsz mysz nesz"
_MOTOR = "automatisms atonic clonic spasms hyperkinetic myoclonic tonic"
_NON_MOTOR = "autonomic behavior cognitive emotional sensory"
_GENERALISED = "m_tonicclonic m_clonic m_tonic m_myoclonic m_myotc m_myoatonic m_atonic m_spasms"
_GENERALISED += " nm_typical nm_atypical nm_myoclonic nm_eyelidmyo nm_eyelidmyio"
_UNKNOWN = "m_tonicclonic m_spasms m_hyperkinetic m_myoclonic m_tonicmyio nm_behavior"


def _hed_score() -> list[str]:
    """Seizure labels of HED-SCORE: focal by awareness and onset, generalised, and of unknown onset."""
    labels = ["seiz", "sz", "seizure", "sz_foc", "sz_foc_f2b", "sz_gen", "sz_uo"]
    for aware in ("a", "ia", "ua"):
        focal = f"sz_foc_{aware}"
        labels += [focal, f"{focal}_m", f"{focal}_nm", f"{focal}_um"]
        labels += [f"{focal}_m_{sign}" for sign in _MOTOR.split()]
        labels += [f"{focal}_nm_{sign}" for sign in _NON_MOTOR.split()]
    for onset, signs in (("gen", _GENERALISED), ("uo", _UNKNOWN)):
        labels += [f"sz_{onset}_m", f"sz_{onset}_nm", *(f"sz_{onset}_{sign}" for sign in signs.split())]
    return labels


LABEL_SETS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "tusz": {"seiz": tuple(_TUSZ.split()), "bckg": ("bckg",)},
    "hed-score": {"seiz": tuple(_hed_score()), "bckg": ("bckg", "impd")},
    "binary": {
        "seiz": ("seiz", "1", "sz", "seizure", "ictal"),
        "bckg": ("bckg", "0", "background", "interictal", "nosz"),
    },
}


def set_with(label: str) -> str:
    """The name of the first set with ``label``, or an empty text."""
    return next((name for name, classes in LABEL_SETS.items() if any(label in group for group in classes.values())), "")
