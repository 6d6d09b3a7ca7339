"""Label maps: presets for common label sets, by name, or the user's own from a TOML file.

``tusz``: the seizure types of the TUH EEG Seizure Corpus. ``hed-score``: the seizure types of HED-SCORE, as in BIDS
data sets. ``binary``: ``1`` and words for a seizure, against ``0`` and words for background. Each has the classes of
the default map, ``seiz`` and ``bckg``. A file has the original's form:

    [MAP]
    SEIZ = "seiz,fnsz,gnsz"
    BCKG = "bckg"

Source: `nedc_bench.annotations.label_sets`.
"""

from __future__ import annotations

import os

from nedc_bench.annotations.label_sets import LABEL_SETS
from nedc_bench.annotations.labels import LabelMap
from nedc_bench.annotations.parameters import read_parameters
from nedc_bench.annotations.source import Path, check_path
from nedc_bench.errors import quoted, refusal

PRESETS = {name: LabelMap.from_mapping(classes) for name, classes in LABEL_SETS.items()}


def read_label_map(labels: Path) -> LabelMap:
    """The label map of a preset in `PRESETS`, or of a TOML file with a table ``[MAP]``.

    Raises:
        InputError: there is no such preset or file, or the file has no table ``[MAP]``.

    >>> read_label_map("tusz").index["fnsz"], read_label_map("binary").classes
    (0, ('seiz', 'bckg'))
    """
    if isinstance(labels, str) and labels in PRESETS:
        return PRESETS[labels]
    if not os.path.exists(check_path(labels)):
        names = ", ".join(PRESETS)
        message = f"{quoted(str(labels))} is neither a set of labels ({names}) nor a TOML file with a table [MAP]"
        raise refusal("labels", message)
    return read_parameters(labels).label_map
