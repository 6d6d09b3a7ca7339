"""The differences between a document and the one computed from the files, causes first.

A *cause* is a document that was edited later, other parameters, a different number of pairs, a file other than the one
scored, or a seed other than the one its intervals were drawn with. Differences in figures follow.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from nedc_bench.errors import MAX_SHOWN_TEXT
from nedc_bench.reports import evidence_text

PARAMETERS = "parameters"
CHANGED = "digest: does not fit the document's text, which was changed after it was made"
OTHER_PARAMETERS = "parameters: the document has others than you give; give those that it was made with"
OPTIONS = "--params, --labels, --channels, --duration-tolerance"
ONLY_NAMES = "figures and contents agree; only names of files differ"
NAMES_REMEDY = "to make these agree too, verify it where the paths in the document lead to these files"
MOST_NAMES = 3  # files named in one line
SIDES = ("reference", "hypothesis")

_DRAWN = ("overall.", "subgroups.", "limits[")


class Difference(NamedTuple):
    """A place where the documents differ, and a phrase about it; ``of_name`` if the value is a file name."""

    place: str
    said: str
    of_name: bool = False

    def __str__(self) -> str:
        return f"{self.place}: {self.said}"


def explain(written: dict[str, Any], made: dict[str, Any]) -> list[str]:
    """The differences, causes first; a single line if only file names differ."""
    files = [*_other_pairs(written, made), *_other_files(written, made)]
    names = set(_names(made))
    found = [own for own in _differences(written, made, "", names) if not _is_told(own.place, files=bool(files))]
    causes = [*_changed(written), *files]
    if found and not causes and all(own.of_name for own in found):
        return [f"{ONLY_NAMES}, as {found[0]}; {NAMES_REMEDY}"]
    if _drawn_otherwise(found):
        causes.append(_other_draw(written["method"]))
    return [*causes, *map(str, found)]


def other_parameters(written: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """The differences between a document's parameters and those given; if there are any, its figures differ too."""
    found = [str(own) for own in _differences(written.get(PARAMETERS), given, PARAMETERS, set())]
    return [*_changed(written), f"{OTHER_PARAMETERS} ({OPTIONS})", *found] if found else []


def file_names(written: Mapping[str, Any], pairs: int) -> list[tuple[str, str]] | None:
    """The names of each pair's files in a document; None if its number of pairs is not ``pairs``."""
    inputs = written.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != pairs:
        return None
    names = [tuple(_part(pair, side, "name") for side in SIDES) for pair in inputs]
    return [(reference, hypothesis) for reference, hypothesis in names]


def _changed(written: Mapping[str, Any]) -> list[str]:
    return [CHANGED] if "digest" in written and not _digest_fits(written) else []


def _digest_fits(written: Mapping[str, Any]) -> bool:
    rest = {key: value for key, value in written.items() if key != "digest"}
    try:
        return bool(hashlib.sha256(evidence_text(rest).encode()).hexdigest() == written["digest"])
    except ValueError:  # NaN, or half of a surrogate pair
        return False


def _part(pair: object, side: str, key: str) -> str:
    """A text field of a file in ``inputs``; empty if it is missing, as in an edited document."""
    own = pair.get(side) if isinstance(pair, dict) else None
    value = own.get(key) if isinstance(own, dict) else None
    return value if isinstance(value, str) else ""


def _names(made: Mapping[str, Any]) -> Iterator[str]:
    for pair in made["inputs"]:
        yield from (pair[side]["name"] for side in SIDES)
    if made.get("participants"):
        yield made["participants"]["name"]


def _other_pairs(written: Mapping[str, Any], made: Mapping[str, Any]) -> Iterator[str]:
    inputs = written.get("inputs")
    if not isinstance(inputs, list) or len(inputs) == len(made["inputs"]):
        return
    yield f"inputs: {len(inputs)} pairs were scored, {len(made['inputs'])} are given"


def _other_files(written: Mapping[str, Any], made: Mapping[str, Any]) -> Iterator[str]:
    """The files whose contents differ from those that were scored."""
    inputs = written.get("inputs")
    other = []
    if isinstance(inputs, list) and len(inputs) == len(made["inputs"]):
        other = [
            own[side]["name"]
            for pair, own in zip(inputs, made["inputs"], strict=True)
            for side in SIDES
            if _part(pair, side, "sha256") != own[side]["sha256"]
        ]
    table = made.get("participants")
    if table and _part(written, "participants", "sha256") not in {"", table["sha256"]}:
        other.append(table["name"])
    if len(other) == 1:
        yield f"{other[0]} is not the file that was scored: its sha256 is not the one in the document"
    elif other:
        more = f" and {len(other) - MOST_NAMES} more" if len(other) > MOST_NAMES else ""
        yield f"{', '.join(other[:MOST_NAMES])}{more} are not the files that were scored: their sha256 differ"


def _is_told(place: str, *, files: bool) -> bool:
    """Whether a cause already covers this place; any change also changes the digest."""
    return place == "digest" or (files and (place in {"inputs", "pairs"} or place.endswith(".sha256")))


def _drawn_otherwise(found: list[Difference]) -> bool:
    """Whether intervals differ, but not the figures that they belong to."""
    return bool(found) and all(
        own.place == "accepted" or (own.place.startswith(_DRAWN) and not own.place.endswith(".estimate"))
        for own in found
    )


def _other_draw(method: Mapping[str, Any]) -> str:
    seed, replicates, level = (method[name] for name in ("seed", "replicates", "level"))
    message = f"estimates agree and intervals do not: seed {seed}, {replicates} replicates and level {level} in the "
    return message + "document are not what its intervals were made with"


def _differences(written: Any, made: Any, place: str, names: set[str]) -> Iterator[Difference]:
    """Where two documents differ, as ``algorithms.taes.labels.seiz.tp: 3.0 is written, 2.5 is right``."""
    if isinstance(written, dict) and isinstance(made, dict):
        for key in dict.fromkeys((*made, *written)):
            where = f"{place}.{key}" if place else str(key)
            if key not in made:
                yield Difference(where, "is written, and does not belong there")
            elif key not in written:
                yield Difference(where, "is missing")
            else:
                yield from _differences(written[key], made[key], where, names)
    elif isinstance(written, list) and isinstance(made, list) and len(written) == len(made):
        for k, (one, other) in enumerate(zip(written, made, strict=True)):
            yield from _differences(one, other, f"{place}[{k}]", names)
    elif type(written) is not type(made) or written != made:
        of_name = isinstance(written, str) and isinstance(made, str) and made in names
        is_given = of_name or place.startswith(PARAMETERS)
        said = f"{_shown(written)} is written, {_shown(made)} is {'given' if is_given else 'right'}"
        yield Difference(place, said, of_name)


def _shown(value: Any) -> str:
    """A value as JSON, cut to `MAX_SHOWN_TEXT` characters; a string keeps both quotes."""
    text = json.dumps(value)
    if len(text) <= MAX_SHOWN_TEXT:
        return text
    return f'{text[:MAX_SHOWN_TEXT]}..."' if isinstance(value, str) else f"{text[:MAX_SHOWN_TEXT]}..."
