"""Input on which the original crashes, hangs or gives garbage is refused (`tests/data/refused/table.md`)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from corpora import DATA
from helpers import COLUMNS, refusal, run
from nedc_bench import ALGORITHMS, Pair, Parameters, find_pairs, read_parameters, score_corpus

FOLDER = DATA / "refused"
NO_LENGTH = [algorithm for algorithm in ALGORITHMS if algorithm != "taes"]


class Place(NamedTuple):
    """The place that the error names, and words of its message."""

    side: str
    line: int | None
    words: str


def ref(line: int | None, words: str) -> Place:
    return Place("reference", line, words)


def hyp(line: int | None, words: str) -> Place:
    return Place("hypothesis", line, words)


def parameter(words: str) -> Place:
    return Place("", None, words)


READ = "version-tse"  # another format, which has its own reader
NOT_A_DURATION = "duration must be a number of seconds above 0 and at most 1000000000, not "
NO_DURATION = "has no line '# duration = ... secs', with the length of the recording in seconds"
UNKNOWN = "is not in the label map; known labels: seiz, bckg"
GAP = "which is filled with background: [MAP] must have a class for the label 'bckg'"
FORM = 'SEIZ = "seiz" and BCKG = "bckg"'

REFUSED = {
    "columns-other-case": ref(3, "is not the column names"),
    "columns-other-names": ref(3, f"'channel,start,stop,label,confidence' is not the column names {COLUMNS!r}"),
    "columns-with-tab": ref(3, "is not the column names"),
    "confidence-dash": ref(4, "confidence '-' is not a number"),
    "confidence-empty": ref(4, "confidence '' is not a number"),
    "confidence-na": ref(4, "confidence 'n/a' is not a number"),
    "confidence-none": ref(4, "confidence 'None' is not a number"),
    "confidence-percent": ref(4, "confidence '95%' is not a number"),
    "confidence-text": ref(4, "confidence 'high' is not a number"),
    "duration-clock": ref(2, NOT_A_DURATION + "'00:05:00'"),
    "duration-colon": ref(None, NO_DURATION),
    "duration-decimal-comma": ref(2, NOT_A_DURATION + "'321,0 secs'"),
    "duration-differs": hyp(None, "lasts 321.0001 s, its reference"),
    "duration-double-hash": ref(None, NO_DURATION),
    "duration-in-minutes": hyp(None, "lasts 321.0 s, its reference"),
    "duration-inf": ref(2, "duration must be a finite number of seconds, not 'inf secs'"),
    "duration-missing": ref(None, NO_DURATION),
    "duration-nan": ref(2, NOT_A_DURATION + "'nan secs'"),
    "duration-negative": ref(2, NOT_A_DURATION + "'-321.0 secs'"),
    "duration-no-value": ref(2, NOT_A_DURATION + "''"),
    "duration-quoted": ref(2, NOT_A_DURATION + "'\"321.0\" secs'"),
    "duration-twice-last-differs": hyp(None, "lasts 321.0 s, its reference"),
    "duration-two-equals": ref(2, NOT_A_DURATION + "'= 321.0'"),
    "duration-unit-attached": ref(2, NOT_A_DURATION + "'321.0secs'"),
    "duration-upper-case": ref(None, NO_DURATION),
    "duration-with-brackets": ref(None, NO_DURATION),
    "duration-zero": ref(2, NOT_A_DURATION + "'0.0 secs'"),
    "empty-file": ref(None, "is empty; a csv_bi file has the line '# version = csv_v1.0.0'"),
    "epoch-inf": parameter("epoch_duration must be a finite number from 0.001 to 86400, not inf"),
    "epoch-negative": parameter("epoch_duration must be a number from 0.001 to 86400, not -0.25"),
    "epoch-text": parameter("epoch_duration must be a number, not '0,25'"),
    "epoch-zero": parameter("epoch_duration must be a number from 0.001 to 86400, not 0.0"),
    "label-empty": ref(4, f"label '' {UNKNOWN}"),
    "label-unknown": ref(4, f"label 'null' {UNKNOWN}"),
    "label-upper-case": ref(4, f"label 'SEIZ' {UNKNOWN}; write labels in files in lower case: 'seiz'"),
    "label-with-tab": ref(4, rf"label 'seiz\t' {UNKNOWN}"),
    "list-both-twice": ref(None, "is listed twice"),
    "list-hypothesis-twice": hyp(None, "is listed twice"),
    "list-lengths-differ": Place("", None, "the lists differ in length: 2 reference and 1 hypothesis files"),
    "list-same-file-twice": ref(None, "is listed twice"),
    "map-class-null-symbol": parameter("[MAP] has a class '***', which is dp's symbol for no event"),
    "map-empty": parameter(f"[MAP] has no class; give it some, such as {FORM}"),
    "map-section-lower-case": parameter("[map] must be written [MAP], in capitals"),
    "map-value-a-list": parameter('SEIZ must be one text, its labels separated by commas: SEIZ = "seiz"'),
    "no-bckg-gap-at-end": hyp(None, f"has a gap at 320.9999 s, {GAP}"),
    "no-bckg-gap-at-start": ref(None, f"has a gap at 0.0 s, {GAP}"),
    "no-bckg-gap-in-hyp": hyp(None, f"has a gap at 98.0 s, {GAP}"),
    "no-bckg-gap-in-ref": ref(None, f"has a gap at 98.0 s, {GAP}"),
    "no-bckg-hyp-empty": hyp(None, "has no event, which makes all of it background"),
    "no-bckg-label-bckg": hyp(5, "label 'bckg' is not in the label map; known labels: cat, dog"),
    "no-bckg-overlap": hyp(None, f"has an overlap at 93.0 s, {GAP}"),
    "not-utf-8": ref(1, "byte 0xfc"),
    "null-class-unknown": parameter("null_class 'bckg' of [NEDC_EPOCH] is not a class of [MAP]: c0, c1"),
    "only-lower-case-term": ref(4, "has 1 per-channel events and none for TERM (all channels): "),
    "only-per-channel": ref(4, "has 2 per-channel events and none for TERM (all channels): "),
    "penalty-nan": parameter("penalty_del must be a finite number from 0 to 1000000, not nan"),
    "penalty-negative": parameter("penalty_del must be a number from 0 to 1000000, not -3.0"),
    "penalty-text": parameter("penalty_del must be a number, not 'one'"),
    "row-4-fields": ref(4, "'TERM,28,55,seiz' has 4 fields"),
    "row-6-fields": ref(4, "'TERM,28,55,seiz,1.0,' has 6 fields"),
    "row-channel-time-no-number": ref(5, "start_time 'a' is not a number"),
    "row-clock-time": ref(4, "start_time '00:00:10' is not a number"),
    "row-comment-at-its-end": ref(4, "confidence '1.0#sure' is not a number"),
    "row-decimal-comma": ref(4, "has 8 fields"),
    "row-hexadecimal": ref(4, "start_time '0x1c' is not a number"),
    "row-semicolon-comment": ref(4, "';reviewed' has 1 field;"),
    "stop-before-start-by-rounding": ref(5, "stop_time 98.00001 is before start_time 98.00004"),
    "stop-before-start-hyp": hyp(5, "stop_time 99.0 is before start_time 103.0"),
    "stop-before-start-ref": ref(5, "stop_time 75.0 is before start_time 95.0"),
    "time-inf": hyp(4, "the event from 28.0 to inf s must have finite times"),
    "time-minus-inf": hyp(4, "the event from -inf to 55.0 s must have finite times"),
    "time-nan": hyp(4, "the event from 28.0 to nan s must have finite times"),
    "time-nan-ref": ref(4, "the event from nan to 55.0 s must have finite times"),
    "utf-16": ref(1, "is UTF-16 text; save it as UTF-8"),
    "version-colon": ref(1, "is of version ':', not csv_v1.0.0"),
    "version-empty": ref(1, "has no version behind 'version'"),
    "version-longer": ref(1, "is of version 'csv_v1.0.0b', not csv_v1.0.0"),
    "version-missing": ref(None, "has no line '# version = csv_v1.0.0', which names the format"),
    "version-no-hash": ref(1, "'version=csv_v1.0.0' is not a comment; the version line is '# version = csv_v1.0.0'"),
    "version-words-before-right": ref(1, "is of version 'control:', not csv_v1.0.0"),
    "version-wrong": ref(1, "is of version 'csv_v7.0.0', not csv_v1.0.0"),
    "version-wrong-before-right": ref(1, "is of version 'csv_v2.0.0', not csv_v1.0.0"),
    "version-xml": ref(1, "is of version '1.0', not csv_v1.0.0"),
    "zero-length-bckg-hit": ref(None, "the reference event at 55.0 s has length zero"),
    "zero-length-by-merging": ref(None, "the reference event at 55.0 s has length zero"),
    "zero-length-ref-hit": ref(None, "the reference event at 98.0 s has length zero"),
    "zero-length-ref-hit-by-short": ref(None, "the reference event at 98.5 s has length zero"),
}


def parameters_of(folder: Path) -> Parameters:
    file = folder / "params.toml"
    return read_parameters(file) if file.exists() else Parameters()


def pairs_of(folder: Path) -> tuple[Pair, ...]:
    suffix = "list" if (folder / "ref.list").exists() else "csv_bi"
    return find_pairs(str(folder / f"ref.{suffix}"), str(folder / f"hyp.{suffix}")).pairs


def test_every_input_of_the_table_is_tested() -> None:
    lines = (FOLDER / "table.md").read_text().splitlines()
    named = {line.split("|")[1].strip() for line in lines if line.startswith("| ") and " --- " not in line} - {"name"}
    assert {*REFUSED, READ} == named == {entry.name for entry in FOLDER.iterdir() if entry.is_dir()}


@pytest.mark.parametrize("name", REFUSED)
def test_the_refusal_names_side_file_line_and_reason(name: str) -> None:
    folder, place = FOLDER / name, REFUSED[name]
    first = refusal(lambda: score_corpus(pairs_of(folder), parameters=parameters_of(folder))).findings[0]
    assert (first.side, first.line) == (place.side, place.line)
    assert place.words in first.message
    if name != "list-lengths-differ":
        assert Path(first.file).parent.resolve() == folder.resolve()


@pytest.mark.parametrize("name", ["confidence-na", "map-section-lower-case", "list-both-twice", "zero-length-ref-hit"])
def test_the_command_prints_the_same_errors_and_exits_with_1(name: str) -> None:
    folder, place = FOLDER / name, REFUSED[name]
    suffix = "list" if (folder / "ref.list").exists() else "csv_bi"
    params = ["--params", str(folder / "params.toml")] if (folder / "params.toml").exists() else []
    ran = run("score", folder / f"ref.{suffix}", folder / f"hyp.{suffix}", *params)
    assert (ran.status, ran.stdout) == (1, "")
    assert f": {place.words}" in ran.stderr.splitlines()[0]


@pytest.mark.parametrize("name", [name for name in REFUSED if name.startswith("zero-length")])
def test_without_taes_a_zero_length_event_is_scored(name: str) -> None:
    result = score_corpus(pairs_of(FOLDER / name), algorithms=NO_LENGTH)
    assert list(result.algorithms) == NO_LENGTH
    assert result.overlap.labels["seiz"].targets > 0


def test_a_format_with_its_own_reader_is_read() -> None:
    result = score_corpus(pairs_of(FOLDER / READ))
    assert (result.duration_seconds, result.overlap.labels["seiz"].tp) == (321.0, 1)
