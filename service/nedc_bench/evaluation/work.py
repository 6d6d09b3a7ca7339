"""What the service's workers do with a chunk of pairs: contents in, encoded scores or refusals out.

A worker knows contents, not names: its answer may be for several requests that name the same files differently. It
calls each file after its own hash, which no other text of the answer can hold by chance; `renamed` puts the names in.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from nedc_bench.annotations import Pair, Parameters
from nedc_bench.errors import Finding, InputError
from nedc_bench.evaluation.codec import encode_score
from nedc_bench.evaluation.corpus import evaluate_pair
from nedc_bench.scoring import ALGORITHMS, FileId

Answer = bytes | tuple[Finding, ...]  # an encoded score, or why the pair is refused


class Contents(NamedTuple):
    """The bytes of a pair's two files, and the sha256 of each, hexadecimal."""

    reference: bytes
    reference_sha256: str
    hypothesis: bytes
    hypothesis_sha256: str


def evaluate_chunk(
    pairs: Sequence[Contents], parameters: Parameters, algorithms: Sequence[str], *, strict: bool
) -> list[Answer]:
    """The answers for the pairs, in their order."""
    return [_evaluate(contents, parameters, algorithms, strict=strict) for contents in pairs]


def warm_up() -> None:
    """Score a small pair, so that the first one that is asked for does not wait for what is loaded on first use."""
    text = b"# version = csv_v1.0.0\n# duration = 9.0 secs\nchannel,start_time,stop_time,label,confidence\n"
    text += b"TERM,1.0,2.0,seiz,1.0\n"
    evaluate_chunk([Contents(text, "", text, "")], Parameters(), ALGORITHMS, strict=False)


def renamed(finding: Finding, reference: FileId, hypothesis: FileId) -> Finding:
    """A worker's finding with the names that the files go by now."""
    file, message = finding.file, finding.message
    for side, given in (("reference", reference), ("hypothesis", hypothesis)):
        name = _name(side, given.sha256)
        file = given.name if file == name else file
        message = message.replace(name, given.name)
    return replace(finding, file=file, message=message)


def _evaluate(contents: Contents, parameters: Parameters, algorithms: Sequence[str], *, strict: bool) -> Answer:
    pair = Pair(
        io.BytesIO(contents.reference),
        io.BytesIO(contents.hypothesis),
        _name("reference", contents.reference_sha256),
        _name("hypothesis", contents.hypothesis_sha256),
    )
    try:
        return encode_score(evaluate_pair(pair, parameters, algorithms, strict=strict))
    except InputError as error:
        return error.findings


def _name(side: str, sha256: str) -> str:
    return f"{side}-{sha256}"
