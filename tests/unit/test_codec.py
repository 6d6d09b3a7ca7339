"""The cached form of a score: it gives back what was put in, to the bit, and takes nothing else for a score."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora import Corpus, find_corpora
from evaluating import expected, overlapping_pair, small_pair
from nedc_bench import ALGORITHMS, Finding
from nedc_bench.evaluation.codec import decode_score, encode_score, with_files
from nedc_bench.scoring import FileId, PairScore

CORPORA = [pytest.param(corpus, id=corpus.folder.name) for corpus in find_corpora()]
CLASSES = 2

(SCORE,) = expected([small_pair()]).scores
(WARNED,) = expected([overlapping_pair()]).scores
ENTRY = encode_score(WARNED)


@pytest.mark.parametrize("corpus", CORPORA)
def test_every_golden_pair_comes_back_to_the_bit_and_type(corpus: Corpus) -> None:
    classes = len(corpus.parameters.label_map.classes)
    for score in corpus.result.scores:
        decoded = with_files(decode_score(encode_score(score), ALGORITHMS, classes), score.reference, score.hypothesis)
        assert decoded == score
        assert repr(decoded) == repr(score)  # 1 and 1.0, 0.0 and -0.0


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_every_float_comes_back_to_the_bit(numbers: list[float]) -> None:
    taes = SCORE.contributions["taes"]
    counters = taes.counters | {"hits": (tuple(numbers), ())}
    score = SCORE._replace(contributions={"taes": taes._replace(counters=counters)})
    decoded = decode_score(encode_score(score), ["taes"], CLASSES)
    assert repr(decoded.contributions["taes"].counters["hits"][0]) == repr(tuple(numbers))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_one_algorithm_alone(algorithm: str) -> None:
    (score,) = expected([small_pair()], algorithms=[algorithm]).scores
    decoded = decode_score(encode_score(score), [algorithm], CLASSES)
    assert decoded.contributions == score.contributions


def test_an_entry_knows_no_name_and_takes_the_present_ones() -> None:
    assert b"ref" not in ENTRY.replace(b'"reference"', b"")
    reference, hypothesis = FileId("a.csv_bi", "1" * 64), FileId("b.csv_bi", "2" * 64)
    score = with_files(decode_score(ENTRY, ALGORITHMS, CLASSES), reference, hypothesis)
    assert (score.reference, score.hypothesis) == (reference, hypothesis)
    assert [(found.side, found.file, found.line) for found in score.warnings] == [
        ("reference", "a.csv_bi", 5),
        ("hypothesis", "b.csv_bi", 5),
    ]


def test_a_contribution_of_another_shape_is_not_encoded() -> None:
    dp = SCORE.contributions["dp"]
    with pytest.raises(TypeError, match="new"):
        encode_score(SCORE._replace(contributions={"dp": dp._replace(counters=dp.counters | {"new": ((1,), (2,))})}))


def change(*path: str | int, to: Any) -> Callable[[Any], None]:
    def apply(entry: Any) -> None:
        for step in path[:-1]:
            entry = entry[step]
        entry[path[-1]] = to

    return apply


def without(*path: str) -> Callable[[Any], None]:
    def apply(entry: Any) -> None:
        for step in path[:-1]:
            entry = entry[step]
        del entry[path[-1]]

    return apply


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(change("format", to=2), id="another format"),
        pytest.param(without("format"), id="no format"),
        pytest.param(without("dp"), id="an algorithm is missing"),
        pytest.param(change("dp", to=None), id="an algorithm is null"),
        pytest.param(change("extra", to=1), id="an unknown field"),
        pytest.param(change("taes", "extra", to=1), id="an unknown field of an algorithm"),
        pytest.param(without("taes", "sums"), id="a field is missing"),
        pytest.param(change("taes", "sums", to=[0.0, 0.0]), id="two sums"),
        pytest.param(change("taes", "hits", 0, to=["1.0"]), id="a number is text"),
        pytest.param(change("taes", "hits", to=[[1.0]]), id="a class is missing"),
        pytest.param(change("taes", "hits", to=[[], [], []]), id="a class too many"),
        pytest.param(change("taes", "targets", 0, to=[]), id="no targets"),
        pytest.param(change("taes", "alignment", 1, to="1"), id="an alignment that taes does not have"),
        pytest.param(change("dp", "insertions", 0, to=[1.0]), id="a float for a count"),
        pytest.param(change("dp", "insertions", 0, to=[True]), id="a boolean for a count"),
        pytest.param(change("dp", "insertions", 0, to=[-1]), id="a negative count"),
        pytest.param(change("dp", "insertions", 0, to=[1, 1]), id="two numbers for a count"),
        pytest.param(change("dp", "alignment", to=["12", "1"]), id="alignments of different length"),
        pytest.param(change("dp", "alignment", to=["3", "1"]), id="a class that is none"),
        pytest.param(change("dp", "alignment", to=["\u20ac", "1"]), id="no symbol"),
        pytest.param(change("epoch", "alignment", to=["0", "1"]), id="null where there is none"),
        pytest.param(change("epoch", "alignment", to=["1", "1", "1"]), id="three sides"),
        pytest.param(change("epoch", "confusion", to=[[1, 2]]), id="a matrix that is not square"),
        pytest.param(change("ira", "confusion", to=[[1, 2], [1]]), id="a row that is too short"),
        pytest.param(change("ira", "confusion", to=[]), id="no matrix"),
        pytest.param(change("duration", to=-1.0), id="a negative duration"),
        pytest.param(change("duration", to=math.inf), id="an infinite duration"),
        pytest.param(change("duration", to=math.nan), id="a duration that is no number"),
        pytest.param(change("warnings", 0, 0, to=""), id="a warning of no side"),
        pytest.param(change("warnings", 0, 1, to=0), id="line 0"),
        pytest.param(change("warnings", 0, to=["reference"]), id="half a warning"),
    ],
)
def test_a_damaged_entry_is_refused(damage: Callable[[Any], None]) -> None:
    entry = json.loads(ENTRY)
    damage(entry)
    with pytest.raises(ValueError, match=r".+"):
        decode_score(json.dumps(entry).encode(), ALGORITHMS, CLASSES)


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{}", b"\xff", b"[" * 100_000, ENTRY[:-1], ENTRY + b"x"])
def test_what_is_no_entry_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode_score(data, ALGORITHMS, CLASSES)


def test_an_entry_of_other_algorithms_or_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="asked for"):
        decode_score(ENTRY, ["taes"], CLASSES)
    with pytest.raises(ValueError, match="classes"):
        decode_score(ENTRY, ALGORITHMS, CLASSES + 1)


@given(st.integers(0, len(ENTRY) - 1), st.integers(0, 12), st.binary(max_size=12))
def test_no_damage_has_another_effect_than_a_refusal(begin: int, length: int, replacement: bytes) -> None:
    data = ENTRY[:begin] + replacement + ENTRY[begin + length :]
    try:
        score = decode_score(data, ALGORITHMS, CLASSES)
    except ValueError:
        return
    assert isinstance(score, PairScore)
    assert set(score.contributions) == set(ALGORITHMS)
    assert all(isinstance(found, Finding) for found in score.warnings)
