"""The cached form of a score: it restores every bit, and rejects anything that is not a score."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import msgpack

from corpora import Corpus, find_corpora
from evaluating import asking, expected, overlapping_pair, small_pair
from nedc_bench import ALGORITHMS, Finding
from nedc_bench.execution.codec import decode_score, encode_score, with_files
from nedc_bench.scoring import FileId, PairScore
from nedc_bench.scoring.taes import TaesContribution

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
    assert isinstance(taes, TaesContribution)
    score = replace(SCORE, contributions={"taes": taes._replace(hits=(tuple(numbers), ()))})
    decoded = decode_score(encode_score(score), ["taes"], CLASSES).contributions["taes"]
    assert isinstance(decoded, TaesContribution)
    assert repr(decoded.hits[0]) == repr(tuple(numbers))


def test_the_time_of_each_algorithm_is_kept() -> None:
    assert decode_score(ENTRY, ALGORITHMS, CLASSES).seconds == WARNED.seconds
    assert WARNED.seconds.keys() == set(ALGORITHMS)
    assert min(WARNED.seconds.values()) > 0


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_one_algorithm_alone(algorithm: str) -> None:
    (score,) = expected([small_pair()], asking(algorithms=[algorithm])).scores
    decoded = decode_score(encode_score(score), [algorithm], CLASSES)
    assert decoded.contributions == score.contributions


def test_an_entry_knows_no_name_and_takes_the_present_ones() -> None:
    assert b"ref" not in ENTRY.replace(b"reference", b"")
    reference, hypothesis = FileId("a.csv_bi", "1" * 64), FileId("b.csv_bi", "2" * 64)
    score = with_files(decode_score(ENTRY, ALGORITHMS, CLASSES), reference, hypothesis)
    assert (score.reference, score.hypothesis) == (reference, hypothesis)
    assert [(found.side, found.file, found.line) for found in score.warnings] == [
        ("reference", "a.csv_bi", 5),
        ("hypothesis", "b.csv_bi", 5),
    ]


def change(*path: str | int, to: Any) -> Callable[[Any], None]:
    def apply(entry: Any) -> None:
        for step in path[:-1]:
            entry = entry[step]
        entry[path[-1]] = to

    return apply


def without(*path: str | int) -> Callable[[Any], None]:
    def apply(entry: Any) -> None:
        for step in path[:-1]:
            entry = entry[step]
        del entry[path[-1]]

    return apply


# The fields of an entry, in order.
FORMAT, DURATION, EVENTS, WARNINGS, CONTENT, SECONDS = range(6)
TIMES, CLASS_CODES = range(2)
INSERTIONS, DELETIONS, DP_CONFUSION, DP_ALIGNMENT = range(4)
EPOCH_CONFUSION, EPOCH_ALIGNMENT = range(2)
TARGETS, HITS, MISSES, FALSE_ALARMS, SUMS = range(5)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(change(FORMAT, to=1), id="another format"),
        pytest.param(without(SECONDS), id="a place is missing"),
        pytest.param(without(CONTENT, "dp"), id="an algorithm is missing"),
        pytest.param(change(CONTENT, "dp", to=None), id="an algorithm is null"),
        pytest.param(change(CONTENT, "extra", to=1), id="an unknown algorithm"),
        pytest.param(without(CONTENT, "taes", SUMS), id="a field is missing"),
        pytest.param(change(CONTENT, "taes", SUMS, to=[0.0, 0.0]), id="two sums"),
        pytest.param(change(CONTENT, "taes", SUMS, to=[0.0, 0.0, math.nan]), id="a sum that is no number"),
        pytest.param(change(CONTENT, "taes", HITS, 0, to=["1.0"]), id="a number is text"),
        pytest.param(change(CONTENT, "taes", HITS, 0, to=[math.inf]), id="an infinite number"),
        pytest.param(change(CONTENT, "taes", HITS, to=[[1.0]]), id="a class is missing"),
        pytest.param(change(CONTENT, "taes", HITS, to=[[], [], []]), id="a class too many"),
        pytest.param(change(CONTENT, "taes", HITS, to=[]), id="no class"),
        pytest.param(change(CONTENT, "taes", TARGETS, to=[]), id="no targets"),
        pytest.param(change(CONTENT, "taes", TARGETS, 0, to=1.0), id="a float for a target"),
        pytest.param(change(CONTENT, "dp", INSERTIONS, 0, to=1.0), id="a float for a count"),
        pytest.param(change(CONTENT, "dp", INSERTIONS, 0, to=True), id="a boolean for a count"),
        pytest.param(change(CONTENT, "dp", DELETIONS, 0, to=-1), id="a negative count"),
        pytest.param(change(CONTENT, "dp", INSERTIONS, 0, to=[1, 1]), id="two numbers for a count"),
        pytest.param(change(CONTENT, "dp", DP_ALIGNMENT, to=[b"\0\1", b"\0"]), id="alignments of different length"),
        pytest.param(change(CONTENT, "dp", DP_ALIGNMENT, to=[b"\2", b"\0"]), id="a class that is none"),
        pytest.param(change(CONTENT, "dp", DP_ALIGNMENT, to=["0", "0"]), id="an alignment is text"),
        pytest.param(change(CONTENT, "epoch", EPOCH_ALIGNMENT, to=[b"\xff", b"\0"]), id="null where there is none"),
        pytest.param(change(CONTENT, "epoch", EPOCH_ALIGNMENT, to=[b"\0"] * 3), id="three sides"),
        pytest.param(change(CONTENT, "epoch", EPOCH_CONFUSION, to=[[1, 2]]), id="a matrix that is not square"),
        pytest.param(change(CONTENT, "ira", 0, to=[[1, 2], [1]]), id="a row that is too short"),
        pytest.param(change(CONTENT, "ira", 0, to=[[1, 2], [1, -1]]), id="a negative cell"),
        pytest.param(change(CONTENT, "ira", 0, to=[]), id="no matrix"),
        pytest.param(change(CONTENT, "overlap", 0, to=[1, 2, 3]), id="a count of a third class"),
        pytest.param(change(EVENTS, 0, CLASS_CODES, to=b"\0"), id="too few classes for the times"),
        pytest.param(change(EVENTS, 0, to=[bytes(16), b"\2"]), id="an event of a class that is none"),
        pytest.param(change(EVENTS, 0, to=[b"\xff" * 16, b"\0"]), id="an event at no number"),
        pytest.param(change(EVENTS, 1, to=[b"", b""]), id="a side without events"),
        pytest.param(change(DURATION, to=-1.0), id="a negative duration"),
        pytest.param(change(DURATION, to=math.inf), id="an infinite duration"),
        pytest.param(change(DURATION, to=math.nan), id="a duration that is no number"),
        pytest.param(change(WARNINGS, 0, 0, to=""), id="a warning of no side"),
        pytest.param(change(WARNINGS, 0, 1, to=0), id="line 0"),
        pytest.param(change(WARNINGS, 0, to=["reference"]), id="half a warning"),
        pytest.param(change(SECONDS, "dp", to=-1.0), id="negative seconds"),
    ],
)
def test_a_damaged_entry_is_refused(damage: Callable[[Any], None]) -> None:
    entry = msgpack.decode(ENTRY)
    damage(entry)
    with pytest.raises(ValueError, match=r".+"):
        decode_score(msgpack.encode(entry), ALGORITHMS, CLASSES)


@pytest.mark.parametrize("data", [b"", b"\xc0", b"\x90", b"\x80", b"\xff", b"\x91" * 100_000, ENTRY[:-1], ENTRY + b"x"])
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
