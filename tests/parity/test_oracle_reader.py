"""The csv_bi reader and the label map against the oracle: irregular headers, rows and maps."""

from __future__ import annotations

import io
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

import oracle
from corpora import in_golden_names
from helpers import annotation
from nedc_bench import InputError, LabelMap, Parameters, Result, read_recording, score

FEWER = settings.default.max_examples // 3 if settings.default else 500

PLAIN_NUMBERS = "0 1 2 2.5 3 4 5.00004 5.00006 6 9.99999 10 12 -1 -0 -0.00001 +1e0 .5 5. 1_0"
ODD_NUMBERS = "0x5 nan inf -inf n/a 1,5 6s"
NUMBERS = st.sampled_from([*PLAIN_NUMBERS.split(), *ODD_NUMBERS.split(), "\uff13", "\t4\t", "\xa06", "8e0 ", ""])
CONFIDENCES = st.sampled_from(["1", "1", "1.0000", "0.5", "-3", "nan", "inf", "n/a", ""])
CHANNELS = st.sampled_from([*["TERM"] * 9, " T E R M", "FP1-F7", "term", "TERM\t", "version"])
LABELS = st.sampled_from(["seiz", "seiz", "bckg", "a", "b", "", " s e i z", "SEIZ", "seiz\t"])
GOOD_ROW = st.tuples(st.integers(0, 20), st.integers(0, 20), st.sampled_from(["seiz", "bckg", "a"])).map(
    lambda row: f"TERM,{min(row[:2]) / 2},{max(row[:2]) / 2},{row[2]},1.0"
)
ANY_ROW = st.tuples(CHANNELS, NUMBERS, NUMBERS, LABELS, CONFIDENCES).map(",".join)
COLUMN_NAMES = st.sampled_from(
    [oracle.COLUMNS] * 3
    + [oracle.COLUMNS.replace(",", ", "), f"x{oracle.COLUMNS}y", f"# {oracle.COLUMNS}", f" #{oracle.COLUMNS}"]
    + [oracle.COLUMNS.title(), oracle.COLUMNS.replace(",", "\t,"), "channel,start,stop,label,confidence"]
)
BEFORE = st.sampled_from(["# ", "# ", "# ", "#", " #", "#\t", "\t# ", "##", "#  ", "", "\t"])
VERSIONS = st.tuples(
    BEFORE,
    st.sampled_from(["version", "version", "VERSION", "Version", "versions", "the version"]),
    st.sampled_from([" = ", "=", " ", ": ", "\t=\t", " == "]),
    st.sampled_from(["csv_v1.0.0"] * 4 + ["CSV_V1.0.0", '"csv_v1.0.0"', "csv_v1.0.0 (2026)", "csv_v1.0.0b", "7", ""]),
).map("".join)
DURATIONS = st.tuples(
    BEFORE,
    st.sampled_from(["duration", "duration", "duration", "Duration", "file duration", "duration (s)"]),
    st.sampled_from([" = ", "=", ": ", "\t=", " == "]),
    st.sampled_from(
        ["10", "10", "10.0000", "1e1", "1_0", "\uff11\uff10", "10.00004", "9", "0", "-1", "nan", "inf", "x", ""]
    ),
    st.sampled_from([" secs", " secs", "", " s", " Seconds.", " min", "\xa0secs", "secs", " = 5", " "]),
).map("".join)
COMMENTS = st.sampled_from(
    ["", "", "#", "# a, b", "  ", "\t", " \t ", "  # x", "\t# x", "# a\fb\x85c\u2028d", "; x", "# bname = x"]
)
GOOD_LINES = st.lists(
    st.one_of(GOOD_ROW, GOOD_ROW, st.sampled_from(["", "# x", "# version = csv_v1.0.0", "# duration = 10 secs"])),
    max_size=6,
)
ANY_LINE = st.one_of(ANY_ROW, ANY_ROW, COLUMN_NAMES, VERSIONS, DURATIONS, COMMENTS)
HEADER = ["# version = csv_v1.0.0", "# duration = 10.0 secs", oracle.COLUMNS]


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A valid file with some irregular lines added, some lines left out, and the lines in any order."""
    lines = [line for line in HEADER if draw(st.integers(0, 9))] + draw(GOOD_LINES)
    for line in draw(st.lists(ANY_LINE, max_size=3)):
        lines.insert(draw(st.integers(0, len(lines))), line)
    if draw(st.integers(0, 3)) == 0:
        lines = draw(st.permutations(lines))
    ends = draw(st.sampled_from(["\n", "\n", "\r\n", "\r", "mixed"]))
    mixed = st.sampled_from(["\n", "\r\n", "\r", "\n\r"])
    text = "".join(line + (draw(mixed) if ends == "mixed" else ends) for line in lines)
    if draw(st.integers(0, 3)) == 0:
        text = text.rstrip("\r\n")
    return draw(st.sampled_from(["", "", "", "\ufeff"])) + text


def by_oracle(text: str) -> tuple[float, list[tuple[Any, ...]], set[str]] | None:
    try:
        duration, events = oracle.read(text)
    except oracle.Refused:
        return None
    return duration, [event[:3] for event in oracle.prepare(duration, events)], oracle.find_warnings(text)


def by_reader(text: str) -> tuple[float, list[tuple[Any, ...]], set[str]] | None:
    try:
        recording = read_recording(io.BytesIO(text.encode()))
    except InputError:
        return None
    events = [event[:3] for event in recording.events]
    return recording.duration, events, {warning.code for warning in recording.warnings}


@given(texts())
def test_header_and_rows(text: str) -> None:
    """The same events, the same warnings, the same refusals."""
    assert by_reader(text) == by_oracle(text)


@given(texts(), st.integers(1, 40))
@settings(max_examples=FEWER)
def test_a_file_read_in_several_blocks(text: str, characters: int) -> None:
    import nedc_bench.annotations.csv_bi as module  # noqa: PLC0415  # the test makes its blocks small

    whole = module.BLOCK_CHARACTERS
    module.BLOCK_CHARACTERS = characters
    try:
        assert by_reader(text) == by_oracle(text)
    finally:
        module.BLOCK_CHARACTERS = whole


# -- maps

CLASSES = st.sampled_from(["seiz", "SEIZ", "bckg", "Bckg", "k", "NONE"])
MAP_LABELS = st.lists(st.sampled_from(["seiz", "SEIZ", " a ", "b", "bckg", "Bckg", ""]), min_size=1, max_size=3)
MAPS = st.dictionaries(CLASSES, MAP_LABELS, min_size=1, max_size=4)
EVENTS = st.lists(
    st.tuples(st.integers(0, 8), st.integers(0, 8), st.sampled_from(["seiz", "seiz", "bckg", "a", "b", ""])), max_size=4
)


def as_text(events: list[tuple[int, int, str]], *, tiled: bool) -> str:
    """A recording of 8 s; if ``tiled``, without gaps."""
    if tiled:
        times = sorted({0, 8, *(start for start, _, _ in events)})
        labels = [label for _, _, label in events] or ["seiz"]
        events = [(times[k], times[k + 1], labels[k % len(labels)]) for k in range(len(times) - 1)]
    return annotation(*((min(a, b), max(a, b), label) for a, b, label in events), duration=8)


@given(MAPS, EVENTS, EVENTS, st.booleans(), st.integers(0, 3))
@settings(max_examples=FEWER)
def test_maps(
    mapping: dict[str, list[str]],
    ref: list[tuple[int, int, str]],
    hyp: list[tuple[int, int, str]],
    tiled: bool,  # noqa: FBT001  # drawn
    null: int,
) -> None:
    """The same classes in the same order and all figures, or the same refusal."""
    null_class = [*oracle.classes_of(oracle.Options(mapping))][null % len({name.lower() for name in mapping})]
    sides = [as_text(side, tiled=tiled) for side in (ref, hyp)]
    expected, result = figures_by_oracle(mapping, sides, null_class), figures_by_scorer(mapping, sides, null_class)
    if result is None or expected is None:
        assert (expected is None) == (result is None)
        return
    ours = in_golden_names(result.to_dict()["algorithms"])
    for algorithm, content in expected.items():
        assert content.pop("duration") == result.duration_seconds
        assert content == {key: ours[algorithm][key] for key in content}, algorithm
    assert [*ours["dp"]["labels"]] == [*expected["dp"]["labels"]]


def figures_by_oracle(mapping: dict[str, list[str]], sides: list[str], null_class: str) -> dict[str, Any] | None:
    try:
        pair = [oracle.prepare(*oracle.read(side)) for side in sides]
        return oracle.score([(pair[0], pair[1])], oracle.Options(mapping, epoch_null_class=null_class))
    except (oracle.Refused, ZeroDivisionError):
        return None


def figures_by_scorer(mapping: dict[str, list[str]], sides: list[str], null_class: str) -> Result | None:
    label_map = LabelMap.from_mapping({name: ",".join(labels) for name, labels in mapping.items()})
    try:
        return score(
            io.StringIO(sides[0]),
            io.StringIO(sides[1]),
            parameters=Parameters(label_map, epoch_null_class=null_class),
        )
    except InputError:
        return None
