"""The cached form of a pair's score: compact MessagePack, exact, without file names.

Conventions: decoding restores what was encoded, to the last bit and type. Each algorithm's contribution is its own
typed tuple, and is decoded strictly. `with_files` adds file names after decoding: the cache knows only contents.

Decoded data is not trusted. Anything but the exact shape that the scorer produces for these algorithms and classes is
refused, so that a damaged entry costs an evaluation, never a wrong figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from msgspec import Meta, Raw, Struct, msgpack

from nedc_bench.errors import Finding
from nedc_bench.scoring import ALGORITHM, Contribution, FileId, PairScore
from nedc_bench.scoring.contribution import PackedEvents, is_events

FORMAT = 2

_NO_FILE = FileId("", "")


class _Warning(Struct, array_like=True, forbid_unknown_fields=True):
    side: Literal["reference", "hypothesis"]
    line: Annotated[int, Meta(ge=1)] | None
    code: str
    message: str


class _Entry(Struct, array_like=True, forbid_unknown_fields=True):
    format: Literal[2]
    duration: Annotated[float, Meta(ge=0, le=1e12)]
    events: tuple[PackedEvents, PackedEvents]
    warnings: tuple[_Warning, ...]
    contributions: dict[str, Raw]
    seconds: dict[str, Annotated[float, Meta(ge=0, le=1e12)]]


_encoder = msgpack.Encoder()
_decoder = msgpack.Decoder(_Entry)
_decoders: dict[str, msgpack.Decoder[Any]] = {
    name: msgpack.Decoder(algorithm.contribution) for name, algorithm in ALGORITHM.items()
}


def encode_score(score: PairScore) -> bytes:
    """Encode a score for the cache."""
    warnings = [(found.side, found.line, found.code, found.message) for found in score.warnings]
    entry = (FORMAT, score.duration_seconds, score.events, warnings, score.contributions, score.seconds)
    return _encoder.encode(entry)


def decode_score(data: bytes, algorithms: Sequence[str], classes: int) -> PairScore:
    """Decode an entry, without files.

    Args:
        data: the result of `encode_score`.
        algorithms: exactly the ones it must hold.
        classes: the number of classes in the label map.

    Raises:
        ValueError: the entry is damaged, or does not have the shape of a score for these algorithms and classes.
    """
    entry = _decoder.decode(data)
    if entry.contributions.keys() != set(algorithms):
        raise ValueError("an algorithm is missing, or was not asked for")
    contributions: dict[str, Contribution] = {}
    for name, content in entry.contributions.items():
        contribution = contributions[name] = _decoders[name].decode(content)
        if not all(fits(value, classes) for fits, value in zip(ALGORITHM[name].shape, contribution, strict=True)):
            raise ValueError(f"{name} is not of these classes, or has a number out of its range")
    if not all(is_events(side, classes) for side in entry.events):
        raise ValueError("an event has no class or no time")
    warnings = tuple(Finding(found.side, "", found.line, found.code, found.message) for found in entry.warnings)
    return PairScore(_NO_FILE, _NO_FILE, entry.duration, entry.events, contributions, warnings, entry.seconds)


def with_files(score: PairScore, reference: FileId, hypothesis: FileId) -> PairScore:
    """A decoded score with its current files."""
    names = {"reference": reference.name, "hypothesis": hypothesis.name}
    warnings = tuple(replace(found, file=names[found.side]) for found in score.warnings)
    return replace(score, reference=reference, hypothesis=hypothesis, warnings=warnings)
