"""A request to the service: pairs of files, hashed and named once, and how to score them.

A cache key is the hash of everything that a score depends on, contents but not names, so a cache entry is never stale.
Every part is length-prefixed, so that different parts never hash the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from nedc_bench.annotations import LabelMap, Parameters
from nedc_bench.errors import Finding
from nedc_bench.execution.codec import FORMAT
from nedc_bench.scoring.szcore_figures import subject_of
from nedc_bench.version import __version__

LENGTH_BYTES = 8
VERSION = f"{__version__}+{FORMAT}"  # of the scorer and of the cache format


class Study(NamedTuple):
    """A request for confidence intervals.

    Attributes:
        seed, replicates: of the bootstrap.
        subjects: for each pair the number of its subject, or -1 if it is unknown. Names are not kept.
    """

    seed: int
    replicates: int
    subjects: tuple[int, ...]

    @classmethod
    def of(cls, seed: int, replicates: int, names: Iterable[str]) -> Study:
        """The study of recordings with these file names."""
        numbers: dict[str, int] = {}
        subjects = map(subject_of, names)
        return cls(seed, replicates, tuple(-1 if s is None else numbers.setdefault(s, len(numbers)) for s in subjects))


class Contents(NamedTuple):
    """The bytes of a pair's files; a hypothesis of None is scored as one without events.

    The sidecars are those of BIDS, if there were any beside the files.
    """

    reference: bytes
    hypothesis: bytes | None
    reference_sidecar: bytes = b""
    hypothesis_sidecar: bytes = b""


class PairInput(msgspec.Struct, frozen=True, array_like=True):
    """The two files of a pair: contents, names and hexadecimal SHA-256, and their sidecars as in `Contents`.

    A missing hypothesis has no SHA-256, and is scored as one without events.
    """

    reference: bytes
    reference_name: str
    reference_sha256: str
    hypothesis: bytes
    hypothesis_name: str
    hypothesis_sha256: str
    reference_sidecar: bytes = b""
    hypothesis_sidecar: bytes = b""

    @classmethod
    def of(
        cls,
        reference: bytes,
        reference_name: str,
        hypothesis: bytes | None,
        hypothesis_name: str,
        *,
        sidecars: tuple[bytes, bytes] = (b"", b""),
    ) -> PairInput:
        """The pair, with its files hashed."""
        return cls(
            reference,
            reference_name,
            sha256(reference).hexdigest(),
            hypothesis or b"",
            hypothesis_name,
            "" if hypothesis is None else sha256(hypothesis).hexdigest(),
            *sidecars,
        )

    @property
    def size(self) -> int:
        """The size of the files in bytes."""
        return sum(map(len, (self.reference, self.hypothesis, self.reference_sidecar, self.hypothesis_sidecar)))

    @property
    def contents(self) -> Contents:
        """The bytes of the files."""
        hypothesis = self.hypothesis if self.hypothesis_sha256 else None
        return Contents(self.reference, hypothesis, self.reference_sidecar, self.hypothesis_sidecar)

    @property
    def names(self) -> tuple[str, str]:
        """The names of the two files."""
        return self.reference_name, self.hypothesis_name


@dataclass(frozen=True, slots=True)
class Asked:
    """How to score pairs.

    Attributes:
        algorithms: in report order.
        parameters: of the algorithms.
        strict: turn warnings into errors.
        per_pair: add the figures of every pair to the document.
        study: add intervals, or None.
    """

    algorithms: tuple[str, ...]
    parameters: Parameters
    strict: bool = False
    per_pair: bool = False
    study: Study | None = None

    def pair_key(self, pair: PairInput) -> str:
        """The cache key of the pair's score; strictness and the form of the document are not part of it."""
        sidecars = (sha256(sidecar).hexdigest() for sidecar in (pair.reference_sidecar, pair.hypothesis_sidecar))
        asked = _canonical(self.algorithms, self.parameters)
        return _hash(pair.reference_sha256, pair.hypothesis_sha256, *sidecars, asked)

    def request_key(self, pair_keys: Sequence[str]) -> str:
        """The cache key of the figures of a request with these pairs, in this order."""
        noticed = json.dumps([found.to_dict() for found in self.parameters.warnings])
        form = f"request strict={self.strict} per_pair={self.per_pair} study={json.dumps(self.study)}"
        return _hash(form, noticed, *pair_keys)

    def to_dict(self) -> dict[str, Any]:
        """The form in a job's record."""
        return {
            "algorithms": self.algorithms,
            "parameters": self.parameters.to_dict(),
            "warnings": [found.to_dict() for found in self.parameters.warnings],
            "strict": self.strict,
            "per_pair": self.per_pair,
            "study": self.study,
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Asked:
        """Restore from the form that `to_dict` returns."""
        values = dict(record["parameters"])
        label_map = replace(LabelMap.from_mapping(values.pop("label_map")), warnings=())  # they are among the notes
        notes = tuple(Finding(**found) for found in record["warnings"])
        parameters = Parameters(label_map=label_map, notes=notes, **values)
        seed, replicates, subjects = record.get("study") or (0, 0, ())  # earlier releases wrote no study
        study = Study(seed, replicates, tuple(subjects)) if replicates else None
        return cls(tuple(record["algorithms"]), parameters, record["strict"], record["per_pair"], study)


def _hash(*parts: str) -> str:
    hashed = sha256()
    for part in map(str.encode, parts):
        hashed.update(len(part).to_bytes(LENGTH_BYTES, "big"))
        hashed.update(part)
    return hashed.hexdigest()


@lru_cache(maxsize=256)
def _canonical(algorithms: tuple[str, ...], parameters: Parameters) -> str:
    """Everything besides the files that a score depends on; label map order counts, since it orders the classes."""
    values = parameters.to_dict()
    label_map = list(values.pop("label_map").items())
    numbers = {name: float(value) if isinstance(value, int) else value for name, value in values.items()}
    return json.dumps([sorted(algorithms), label_map, numbers, VERSION], sort_keys=True, separators=(",", ":"))
