"""Inputs that users sent, with the original's figures: `tests/data/cases`, one folder per case."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest

from corpora import DATA
from helpers import run
from nedc_bench import (
    InputError,
    Parameters,
    Result,
    find_pairs,
    read_label_map,
    read_parameters,
    score,
    score_corpus,
)

CASES = DATA / "cases"


def scored(case: str, *, params: bool = False, strict: bool = False) -> Result:
    folder = CASES / case
    parameters = read_parameters(folder / "params.toml") if params else Parameters()
    return score(folder / "ref.csv_bi", folder / "hyp.csv_bi", parameters=parameters, strict=strict)


def test_a_confidence_that_is_not_finite_is_scored_with_a_warning() -> None:
    result = scored("confidence-not-used")
    assert (result.overlap.labels["seiz"].tp, result.taes.labels["seiz"].tp) == (1, 1.0)
    assert [(warning.side, warning.code) for warning in result.warnings] == [("hypothesis", "confidence")]
    with pytest.raises(InputError, match="whose confidence is not finite"):
        scored("confidence-not-used", strict=True)


@pytest.mark.parametrize(
    ("variant", "codes"), [("licfirst", []), ("blankfirst", []), ("ver-second", []), ("nocols", ["columns"])]
)
def test_headers_that_the_original_reads_are_read(variant: str, codes: list[str]) -> None:
    result = scored(f"header-variants-original-scores/{variant}")
    assert result.overlap.labels["seiz"].tp == 1
    assert [warning.code for warning in result.warnings] == codes


def test_a_map_without_background_scores_recordings_without_gaps() -> None:
    result = scored("map-without-bckg", params=True)
    assert [f"{figures.hits:.2f}" for figures in result.taes.labels.values()] == ["1.86", "0.80", "0.50"]
    assert [figures.targets for figures in result.taes.labels.values()] == [2, 1, 1]
    assert [*result.taes.labels] == ["c0", "c1", "c2"]


def test_short_classes_have_columns_four_wide(tmp_path: Path) -> None:
    folder = CASES / "report-width-short-classes"
    files = (folder / "ref.csv_bi", folder / "hyp.csv_bi")
    assert run("score", *files, "--params", folder / "params.toml", "-o", tmp_path).status == 0
    for name in ("summary_dpalign.txt", "summary_epoch.txt"):
        for line in (tmp_path / name).read_text().splitlines():
            if line.startswith(("  Ref: ", "  Hyp: ")):
                symbols = line[7:]
                assert len(symbols) % 5 == 0
                assert all(symbols[k : k + 5].endswith(" ") for k in range(0, len(symbols), 5))


@pytest.mark.parametrize(
    ("variant", "side", "targets", "hits", "false_alarms"),
    [
        ("zero-hyp", "hypothesis", 1, 1, 0),
        ("zero-hyp-4dig", "hypothesis", 1, 1, 0),
        ("zero-ref", "reference", 2, 1, 0),
        ("zero-only", "reference", 1, 0, 1),
    ],
)
def test_an_event_of_no_length_counts_with_a_warning(
    variant: str, side: str, targets: int, hits: int, false_alarms: int
) -> None:
    result = scored(f"zero-length-event/{variant}")
    seizure = result.overlap.labels["seiz"]
    assert (seizure.targets, seizure.hits, seizure.false_alarms) == (targets, hits, false_alarms)
    assert [(warning.side, warning.code) for warning in result.warnings] == [(side, "zero-length")]
    with pytest.raises(InputError, match="of no length"):
        scored(f"zero-length-event/{variant}", strict=True)


def test_the_parameter_file_of_the_documentation_is_one() -> None:
    example = read_parameters(DATA.parent.parent / "docs/params.toml")
    assert example.label_map.index["fnsz"] == example.label_map.index["seiz"]
    assert example.warnings == ()


# -- what people bring: formats, layouts, lists


def command(case: str, *arguments: str) -> tuple[int, list[str]]:
    ran = run("score", *arguments, cwd=CASES / case)
    return ran.status, ran.stderr.splitlines()


@pytest.mark.parametrize("name", ["a.tse", "a.tse_bi", "b.tse"])
def test_tse_files_are_scored(name: str) -> None:
    folder = CASES / "foreign-format-as-list"
    result = score(folder / name, folder / "a.tse")
    assert (result.taes.labels["seiz"].tp, result.duration_seconds) == (1.0, 300.0)


def test_bids_events_are_scored_as_they_are() -> None:
    folder = CASES / "foreign-format-as-list"
    result = score(folder / "ref_events.tsv", folder / "hyp_events.tsv")
    assert (result.taes.labels["seiz"].targets, result.taes.labels["seiz"].tp) == (1, 1.0)
    assert (result.duration_seconds, result.warnings) == (64979.0, ())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.rec", "has rows of channel, start, stop and a number"),
        ("a.xml", "is XML"),
        ("b.xml", "is XML"),
        ("mne.csv", "is an annotation table of MNE-Python"),
        ("a.lbl", "line 6: has 2 probabilities for the 3 symbols of level 0"),
    ],
)
def test_a_foreign_format_is_named_in_one_line_a_file(name: str, words: str) -> None:
    status, (note, *errors) = command("foreign-format-as-list", name, name)
    assert note.startswith("note: reference and hypothesis are the same file")
    assert (status, len(errors)) == (1, 2)
    assert errors[0].startswith(f"error: reference {name}")
    assert all(words in error for error in errors)


def test_seizure_types_are_refused_with_the_option_that_knows_them_and_scored_with_it() -> None:
    status, errors = command("tusz-types-and-channels", "ref.csv_bi", "hyp.csv_bi")
    assert status == 1
    assert (
        "line 7: label 'fnsz' is not in the label map; known labels: seiz, bckg; set labels to tusz (--labels tusz)"
        in errors[0]
    )
    folder = CASES / "tusz-types-and-channels"
    parameters = Parameters(label_map=read_label_map("tusz"))
    result = score(folder / "ref.csv_bi", folder / "hyp.csv_bi", parameters=parameters)
    assert (result.overlap.labels["seiz"].targets, result.overlap.labels["seiz"].tp) == (2, 1)
    assert command("tusz-types-and-channels", "ref.csv_bi", "hyp.csv_bi", "--labels", "tusz") == (0, [])


def test_per_channel_events_are_refused_or_their_union_is_scored() -> None:
    status, (_, *errors) = command("tusz-types-and-channels", "tusz.csv", "tusz.csv", "--labels", "tusz")
    assert status == 1
    assert "use the csv_bi that TUSZ has beside each csv" in errors[0]
    assert "--channels union" in errors[0]
    options = ("--labels", "tusz", "--channels", "union")
    status, (_, *errors) = command("tusz-types-and-channels", "tusz.csv", "tusz.csv", *options)
    assert status == 0
    assert "scored as the union of 2 channels" in errors[0]


def test_durations_that_differ_by_rounding_are_refused_or_tolerated() -> None:
    status, errors = command("duration-differs-by-rounding", "ref.csv_bi", "hyp.csv_bi")
    assert status == 1
    assert "lasts 300.9961 s, its reference ref.csv_bi 301.0 s" in errors[0]
    assert "duration_tolerance (--duration-tolerance)" in errors[0]
    folder = CASES / "duration-differs-by-rounding"
    result = score(folder / "ref.csv_bi", folder / "hyp.csv_bi", parameters=Parameters(duration_tolerance=0.01))
    assert (result.taes.labels["seiz"].tp, result.duration_seconds) == (1.0, 301.0)
    assert [(warning.side, warning.code) for warning in result.warnings] == [("hypothesis", "duration")]


def test_a_missing_hypothesis_is_refused_or_scored_as_no_events() -> None:
    status, errors = command("missing-hypothesis", "ref", "hyp")
    assert status == 1
    assert errors[1] == "error: reference ref/p2.csv_bi: has no hypothesis of the same name"
    status, errors = command("missing-hypothesis", "ref", "hyp", "--missing", "empty")
    assert (status, len(errors)) == (0, 1)
    assert errors[0].startswith("warning [missing] reference ref/p2.csv_bi: ")


def test_a_tusz_tree_pairs_with_flat_hypotheses() -> None:
    folder = CASES / "tusz-tree-vs-flat-hypotheses"
    pairs = find_pairs(folder / "ref", folder / "hyp").pairs
    assert [Path(str(pair.reference)).name for pair in pairs] == [Path(str(pair.hypothesis)).name for pair in pairs]
    assert len(pairs) == 2


def test_lists_in_different_orders_are_said_first() -> None:
    status, errors = command("list-order-hidden", "ref.list", "hyp.list")
    assert status == 1
    assert "2 of 2 pairs have different names: are the lists in different orders?" in errors[0]
    assert "lasts 300.0 s" in errors[1]
    folder = CASES / "list-order-hidden"
    assert score_corpus(find_pairs(folder / "ref", folder / "hyp")).overlap.labels["seiz"].targets == 2


@pytest.mark.parametrize("name", ["mac.zip", "appledouble.tgz", "edf.tgz"])
def test_archives_of_macs_unpacked_are_folders_that_pair(name: str, tmp_path: Path) -> None:
    archive = CASES / "mac-and-windows-archives" / name
    if name.endswith(".zip"):
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(tmp_path)
    else:
        with tarfile.open(archive) as tar:
            tar.extractall(tmp_path, filter="data")
    assert run("score", tmp_path / "ref", tmp_path / "hyp").status == 0
    assert run("check", tmp_path / "ref").status == 0
