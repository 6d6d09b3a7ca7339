"""The cached form of a pair's score: compact JSON, exact, and free of file names.

Conventions: an entry is decoded to what was encoded, to the last bit and type: floats are written in their shortest
round-trip form, counts are ints, and an alignment is text with one character a symbol (``1`` is class 0, ``2`` is
class 1 ..., ``0`` is `NULL`). Names of files are put in after decoding, by `with_files`: the cache knows contents.

What is decoded is not trusted. Whatever is not exactly the shape that the scorer makes for the algorithms and
classes in hand is refused, so that a damaged entry costs an evaluation and never a figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, Protocol

from msgspec import Meta, Struct, json

from nedc_bench.errors import Finding
from nedc_bench.scoring import ALGORITHMS, FileId, PairScore
from nedc_bench.scoring.contribution import NULL, Alignment, Contribution

FORMAT = 1

_SHIFT = 49  # from a symbol to its character, modulo 256
_TO_TEXT = bytes((symbol + _SHIFT) % 256 for symbol in range(256))
_TO_SYMBOL = bytes((character - _SHIFT) % 256 for character in range(256))
_SYMBOLS = bytes(range(256))
_NULL = bytes([NULL])

_NO_FILE = FileId("", "")

Count = Annotated[int, Meta(ge=0)]
Counts = tuple[tuple[Count], ...]  # a class, one number each
Parts = tuple[tuple[float, ...], ...]  # a class, any number of them
Cells = tuple[tuple[Count, ...], ...]
Texts = tuple[str, str]
Counters = dict[str, tuple[Sequence[float], ...]]


class _Content(Protocol):
    """What an entry holds of one algorithm."""

    def contribution(self, classes: int) -> Contribution:
        """The contribution; ValueError where it does not fit ``classes``."""


class _Dp(Struct, forbid_unknown_fields=True):
    insertions: Counts
    deletions: Counts
    confusion: Cells
    alignment: Texts

    def contribution(self, classes: int) -> Contribution:
        counters: Counters = {"insertions": self.insertions, "deletions": self.deletions}
        alignment = _even(_symbols(self.alignment, _SYMBOLS[:classes] + _NULL))
        return Contribution(_per_class(counters, classes), _square(self.confusion, classes), alignment)


class _Epoch(Struct, forbid_unknown_fields=True):
    confusion: Cells
    alignment: Texts

    def contribution(self, classes: int) -> Contribution:
        alignment = _even(_symbols(self.alignment, _SYMBOLS[:classes]))
        return Contribution({}, _square(self.confusion, classes), alignment)


class _Overlap(Struct, forbid_unknown_fields=True):
    hits: Counts
    misses: Counts
    false_alarms: Counts
    alignment: Texts

    def contribution(self, classes: int) -> Contribution:
        counters: Counters = {"hits": self.hits, "misses": self.misses, "false_alarms": self.false_alarms}
        return Contribution(_per_class(counters, classes), alignment=_symbols(self.alignment, _SYMBOLS[:classes]))


class _Taes(Struct, forbid_unknown_fields=True):
    targets: tuple[tuple[float], ...]
    hits: Parts
    misses: Parts
    false_alarms: Parts
    alignment: Texts
    sums: tuple[float, float, float]

    def contribution(self, classes: int) -> Contribution:
        counters: Counters = {
            "targets": self.targets,
            "hits": self.hits,
            "misses": self.misses,
            "false_alarms": self.false_alarms,
        }
        alignment = _symbols(self.alignment, _SYMBOLS[:classes])
        if alignment.hypothesis:
            raise ValueError("taes has no alignment of the hypothesis")
        return Contribution(_per_class(counters, classes), alignment=alignment, sums=self.sums)


class _Ira(Struct, forbid_unknown_fields=True):
    confusion: Cells

    def contribution(self, classes: int) -> Contribution:
        return Contribution({}, _square(self.confusion, classes))


class _Warning(Struct, array_like=True, forbid_unknown_fields=True):
    side: Literal["reference", "hypothesis"]
    line: Annotated[int, Meta(ge=1)] | None
    code: str
    message: str


class _Entry(Struct, forbid_unknown_fields=True):
    format: Literal[1]
    duration: Annotated[float, Meta(ge=0)]
    warnings: tuple[_Warning, ...] = ()
    dp: _Dp | None = None
    epoch: _Epoch | None = None
    overlap: _Overlap | None = None
    taes: _Taes | None = None
    ira: _Ira | None = None


_SHAPES = {"dp": _Dp, "epoch": _Epoch, "overlap": _Overlap, "taes": _Taes, "ira": _Ira}
_decoder = json.Decoder(_Entry)


def encode_score(score: PairScore) -> bytes:
    """The score as it is cached.

    Raises:
        TypeError: a contribution is not of the shape that this module knows.
    """
    entry: dict[str, object] = {"format": FORMAT, "duration": score.duration_seconds}
    if score.warnings:
        entry["warnings"] = [(found.side, found.line, found.code, found.message) for found in score.warnings]
    for name, contribution in score.contributions.items():
        entry[name] = _content(name, contribution)
    return json.encode(entry)


def decode_score(data: bytes, algorithms: Sequence[str], classes: int) -> PairScore:
    """The score of an entry, with no files.

    Args:
        data: what `encode_score` made.
        algorithms: those that it must hold, and no others.
        classes: how many the label map has.

    Raises:
        ValueError: the entry is damaged, or of another shape than a score of these algorithms and classes.
    """
    entry = _decoder.decode(data)
    contributions: dict[str, Contribution] = {}
    for name in ALGORITHMS:
        content: _Content | None = getattr(entry, name)
        if (content is not None) != (name in algorithms):
            raise ValueError(f"{name} is missing, or was not asked for")
        if content is not None:
            contributions[name] = content.contribution(classes)
    warnings = tuple(Finding(found.side, "", found.line, found.code, found.message) for found in entry.warnings)
    return PairScore(_NO_FILE, _NO_FILE, entry.duration, contributions, warnings)


def with_files(score: PairScore, reference: FileId, hypothesis: FileId) -> PairScore:
    """A decoded score with the files that it is of now."""
    names = {"reference": reference.name, "hypothesis": hypothesis.name}
    warnings = tuple(replace(found, file=names[found.side]) for found in score.warnings)
    return PairScore(reference, hypothesis, score.duration_seconds, score.contributions, warnings)


def _content(name: str, contribution: Contribution) -> object:
    shape: type[Any] = _SHAPES[name]
    fields: dict[str, object] = dict(contribution.counters)
    if "confusion" in shape.__struct_fields__:
        fields["confusion"] = contribution.confusion
    if "alignment" in shape.__struct_fields__:
        fields["alignment"] = tuple(side.translate(_TO_TEXT).decode("latin-1") for side in contribution.alignment)
    if "sums" in shape.__struct_fields__:
        fields["sums"] = contribution.sums
    return shape(**fields)


def _symbols(texts: Texts, known: bytes) -> Alignment:
    reference, hypothesis = (text.encode("latin-1").translate(_TO_SYMBOL) for text in texts)
    if reference.translate(None, known) or hypothesis.translate(None, known):
        raise ValueError("an alignment has a symbol of no class")
    return Alignment(reference, hypothesis)


def _even(alignment: Alignment) -> Alignment:
    if len(alignment.reference) != len(alignment.hypothesis):
        raise ValueError("the sides of an alignment differ in length")
    return alignment


def _per_class(counters: Counters, classes: int) -> Counters:
    for numbers in counters.values():
        if len(numbers) != classes:
            raise ValueError("a counter is not of these classes")
    return counters


def _square(cells: Cells, classes: int) -> Cells:
    if {len(cells), *map(len, cells)} != {classes}:
        raise ValueError("a confusion matrix is not of these classes")
    return cells
