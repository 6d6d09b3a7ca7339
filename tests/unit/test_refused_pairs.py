"""Which pairs are refused, and which are scored with a warning: specification section 8."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import pytest

from helpers import COLUMNS, annotation, refusal
from nedc_bench import InputError, Recording, score, score_corpus

GOOD = annotation((2.0, 3.0, "seiz"))


def places(call: Callable[[], object]) -> list[tuple[str, int | None, str]]:
    """Side, line and code of each finding that refuses a call."""
    return [(finding.side, finding.line, finding.code) for finding in refusal(call).findings]


def test_recordings_of_different_duration_are_refused_with_both() -> None:
    ref, hyp = (Recording.from_events(duration, [], name) for duration, name in ((10.0, "r"), (10.5, "h")))
    (finding,) = refusal(lambda: score(ref, hyp)).findings
    assert (finding.side, finding.file, finding.code) == ("hypothesis", "h", "duration")
    assert finding.message.startswith("lasts 10.5 s, its reference r 10.0 s")


def test_durations_that_agree_to_four_digits_are_scored() -> None:
    assert score(Recording.from_events(10.00001, []), Recording.from_events(10.0, [])).duration_seconds == 10.00001


def test_labels_unknown_to_the_map_are_refused_in_recordings_too() -> None:
    ref, hyp = Recording.from_events(10.0, [(1, 2, "seiz"), (3, 4, "x")], "r"), Recording.from_events(10.0, [], "h")
    (finding,) = refusal(lambda: score(ref, hyp)).findings
    assert (finding.side, finding.file, finding.line, finding.code) == ("reference", "r", None, "label")


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        (annotation((1, 4, "seiz"), (2, 5, "seiz")), "overlap", 5),
        (annotation((1, 4, "seiz"), (1, 4, "seiz")), "overlap", 5),
        (annotation((1, 11, "seiz")), "past-end", 4),
        (annotation((-1, 4, "seiz")), "before-start", 4),
        (annotation((4, 4, "seiz")), "zero-length", 4),
        (annotation((4.00001, 4.00004, "seiz")), "zero-length", 4),
        (GOOD + "TERM,4,5,seiz,nan\n", "confidence", 5),
        (GOOD + "TERM,4,5,seiz,-inf\n", "confidence", 5),
        (GOOD + "O1,1,2,seiz,1\n", "channel", 5),
        (GOOD + COLUMNS + "\n", "columns", 5),
        (GOOD.replace(COLUMNS, ""), "columns", None),
        ("# duration = 9 secs\n" + GOOD, "duration", 3),
        (GOOD + "# version = csv_v2.0.0\n", "version", 5),
        (GOOD.replace("secs", "min"), "unit", 2),
    ],
)
def test_strict_refuses_what_would_be_a_warning(text: str, code: str, line: int | None) -> None:
    warnings = score(io.StringIO(text), io.StringIO(text), algorithms=["overlap"]).warnings
    both = [("reference", line, code), ("hypothesis", line, code)]
    assert [(warning.side, warning.line, warning.code) for warning in warnings] == both
    assert places(lambda: score(io.StringIO(text), io.StringIO(text), strict=True)) == both
    refused = refusal(lambda: score(io.StringIO(text), io.StringIO(text), strict=True)).findings
    for found, warning in zip(refused, warnings, strict=True):
        assert found.message.startswith(warning.message)
        assert found.message.endswith(" strict refuses it")


def test_sides_without_names_leave_no_gap_in_the_message() -> None:
    sides = Recording.from_events(3600.0, []), Recording.from_events(3000.0, [])
    message = "hypothesis: lasts 3000.0 s, its reference 3600.0 s; both must have the duration of the recording"
    assert str(refusal(lambda: score(*sides))) == message
    (warning,) = score(*(replace(sides[0], base_name=name) for name in ("a", "b"))).warnings
    assert warning.message == "is of the recording 'b' (its bname), its reference of 'a'"


def test_sides_whose_base_names_differ_are_scored_with_a_warning() -> None:
    """Recordings paired in the wrong order often have equal durations."""
    sides = [io.StringIO(f"# bname = {name}\n{GOOD}") for name in ("aaa_s001_t000", "aaa_s002_t000")]
    (warning,) = score(*sides).warnings
    assert (warning.side, warning.code) == ("hypothesis", "base-name")
    assert warning.message == "is of the recording 'aaa_s002_t000' (its bname), its reference <file> of 'aaa_s001_t000'"
    assert score(io.StringIO(f"# bname = x\n{GOOD}"), io.StringIO(GOOD)).warnings == ()


def test_a_corpus_names_every_refused_pair() -> None:
    bad = annotation((3, 2, "seiz"))
    pairs = [(io.StringIO(GOOD), io.StringIO(text)) for text in (GOOD, bad, GOOD, bad)]
    assert places(lambda: score_corpus(pairs)) == [("hypothesis", 4, "order")] * 2


def test_a_corpus_is_given_up_after_fifty_refused_pairs() -> None:
    bad = annotation((3, 2, "seiz"))
    pairs = ((io.StringIO(GOOD), io.StringIO(bad)) for _ in range(1000))
    findings = refusal(lambda: score_corpus(pairs, jobs=1)).findings
    assert len(findings) == 51
    assert findings[-1].message == "50 pairs are refused; the rest of the corpus was not checked"


@pytest.mark.parametrize("algorithms", [["tase"], []])
def test_algorithms_that_do_not_exist_are_refused_with_those_that_do(algorithms: list[str]) -> None:
    with pytest.raises(InputError, match=r"known: dp, epoch, overlap, taes, ira, .*, all"):
        score(io.StringIO(GOOD), io.StringIO(GOOD), algorithms=algorithms)


def test_an_mcc_without_a_real_value_is_zero_with_a_warning() -> None:
    """Hits of events that touch without overlapping are negative (section 4.4), and so is a product of section 5."""
    reference = Recording.from_events(10.0, [(1.0, 1.1, "seiz"), (5.0, 7.0, "seiz")])
    hypothesis = Recording.from_events(10.0, [(1.05, 1.06, "seiz"), (1.5, 1.6, "seiz"), (5.0, 7.0, "seiz")])
    result = score(reference, hypothesis, algorithms=["taes"])
    assert "seiz" in result.warnings[0].message
    assert [warning.code for warning in result.warnings] == ["mcc"] * len(result.warnings)
    assert result.taes.labels["seiz"].mcc == 0
