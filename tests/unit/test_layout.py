"""Which names of two trees form pairs: one rule for the command, the library and HTTP."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from helpers import refusal
from nedc_bench import InputError
from nedc_bench.annotations import layout as layout_module
from nedc_bench.annotations.layout import Layout, is_ignored, names_that_count, pair_names, split_sides


def pairs(layout: Layout) -> list[tuple[str, str | None]]:
    return [(pair.reference, pair.hypothesis) for pair in layout.pairs]


def refused(references: Iterable[str], hypotheses: Iterable[str], **options: str) -> list[str]:
    return [str(finding) for finding in refusal(lambda: pair_names(references, hypotheses, **options)).findings]


@pytest.mark.parametrize(
    "name",
    [
        ".DS_Store",
        "ref/.DS_Store",
        "__MACOSX/ref/._a.csv_bi",
        "._a.csv_bi",
        ".git/a.csv_bi",
        "Thumbs.db",
        "desktop.ini",
        "README.md",
        "notes.txt",
        "participants.tsv",
        "sub-01/sub-01_scans.tsv",
        "sub-01/eeg/sub-01_channels.tsv",
        "dataset_description.json",
        "sub-01/eeg/sub-01_task-rest_events.json",
        ".csv_bi",
        "s/.csv_bi",
    ],
)
def test_what_is_no_annotation_is_ignored(name: str) -> None:
    assert is_ignored(name)


@pytest.mark.parametrize(
    "name",
    [
        "a.csv_bi",
        "s/A.CSV_BI",
        "a.csv",
        "a.tse",
        "a.tse_bi",
        "a.lbl",
        "a.lbl_bi",
        "a.tsv",
        "a.csv_bi.gz",
        "a.edf",
        "sub-01/eeg/sub-01_task-rest_events.tsv",
        "sub-01/eeg/sub-01_task-rest_eeg.json",
        "./a.csv_bi",
        "../a.csv_bi",
    ],
)
def test_an_annotation_is_known_by_its_suffix(name: str) -> None:
    assert not is_ignored(name)


def test_suffixes_may_differ_between_the_sides() -> None:
    layout = pair_names(["a.csv_bi", "b.tse", "c.csv_bi.gz"], ["a.tsv", "b.CSV_BI", "c_events.tsv"])
    assert pairs(layout) == [("a.csv_bi", "a.tsv"), ("b.tse", "b.CSV_BI"), ("c.csv_bi.gz", "c_events.tsv")]


def test_a_tree_pairs_with_a_flat_folder_where_base_names_are_unique() -> None:
    layout = pair_names(
        ["p1/s1/01_tcp_ar/p1_s1_t0.csv_bi", "p2/s2/03/p2_s2_t0.csv_bi"], ["p2_s2_t0.csv", "p1_s1_t0.csv"]
    )
    assert pairs(layout) == [
        ("p1/s1/01_tcp_ar/p1_s1_t0.csv_bi", "p1_s1_t0.csv"),
        ("p2/s2/03/p2_s2_t0.csv_bi", "p2_s2_t0.csv"),
    ]
    assert layout.notes == ("files are paired by base name, without folders",)
    assert layout.warnings == ()


def test_base_names_that_are_not_unique_pair_with_their_folders_alone() -> None:
    names = ["s1/a.csv_bi", "s2/a.csv_bi"]
    assert pairs(pair_names(names, names)) == [(name, name) for name in names]
    assert refused(names, ["a.csv_bi"])[0] == (
        "2 of 2 references and 1 of 1 hypothesis have no counterpart; "
        "one folder holds 's1/a.csv_bi' and 's2/a.csv_bi': name the folder that holds the files of one side alone"
    )


def test_the_longest_suffix_counts_whatever_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    for suffixes in (layout_module.SUFFIXES, layout_module.SUFFIXES[::-1]):
        monkeypatch.setattr(layout_module, "SUFFIXES", suffixes)
        assert layout_module.split_suffix("s1/_events.tsv") == ("s1/_events", ".tsv")
        assert [layout_module.split_suffix(f"a{suffix}") for suffix in suffixes] == [
            ("a", suffix) for suffix in suffixes
        ]


def test_capitals_do_not_keep_files_apart() -> None:
    layout = pair_names(["P1.csv_bi", "P2.csv_bi"], ["p1.csv_bi", "p2.csv_bi"])
    assert pairs(layout) == [("P1.csv_bi", "p1.csv_bi"), ("P2.csv_bi", "p2.csv_bi")]


def test_names_that_capitals_alone_tell_apart_stay_apart() -> None:
    names = ["a.csv_bi", "A.csv_bi"]
    assert pairs(pair_names(names, names)) == [("A.csv_bi", "A.csv_bi"), ("a.csv_bi", "a.csv_bi")]


def test_of_several_files_of_one_recording_the_one_for_all_channels_counts() -> None:
    tusz = ["p/a.csv", "p/a.csv_bi", "p/a.edf", "p/b.csv", "p/b.csv_bi", "p/b.edf"]
    assert pairs(pair_names(tusz, ["a.csv_bi", "b.csv_bi"])) == [
        ("p/a.csv_bi", "a.csv_bi"),
        ("p/b.csv_bi", "b.csv_bi"),
    ]
    old = ["a.lbl", "a.lbl_bi", "a.tse", "a.tse_bi"]
    assert pairs(pair_names(old, old)) == [("a.tse_bi", "a.tse_bi")]


def test_the_union_of_channels_takes_the_file_of_channels_beside_the_one_for_all() -> None:
    tusz = ["p/a.csv", "p/a.csv_bi", "p/b.csv_bi", "p/c.csv.gz", "p/c.csv_bi.gz"]
    union = pair_names(tusz, ["a.csv_bi", "b.csv", "c.csv_bi"], channels="union")
    assert pairs(union) == [("p/a.csv", "a.csv_bi"), ("p/b.csv_bi", "b.csv"), ("p/c.csv.gz", "c.csv_bi")]
    assert union.passed_over == ()
    assert names_that_count(tusz, "union") == ["p/a.csv", "p/b.csv_bi", "p/c.csv.gz"]
    bids = ["sub-1_run-1_events.tsv", "sub-1_run-1.csv"]  # another table
    assert pairs(pair_names(bids, bids[:1], channels="union")) == [(bids[0], bids[0])]


def test_files_of_channels_that_do_not_count_are_kept_for_a_warning() -> None:
    layout = pair_names(["a.csv", "a.csv_bi", "b.csv", "b.csv_bi"], ["a.csv_bi", "b.csv_bi"], reference_folder="r")
    assert layout.warnings == ()
    said = "reference r/a.csv_bi: counts, and 'a.csv' beside it does not (2 such recordings); "
    said += "for the union of channels, give channels='union' to find_pairs too"
    assert [str(found) for found in layout.passed_over] == [said]


def test_edf_files_are_annotations_only_where_nothing_else_is() -> None:
    assert pairs(pair_names(["p1.csv_bi", "notes.edf"], ["p1.csv_bi"])) == [("p1.csv_bi", "p1.csv_bi")]
    assert pairs(pair_names(["p1.edf"], ["p1.csv_bi"])) == [("p1.edf", "p1.csv_bi")]


def test_other_tables_beside_annotations_are_passed_over_with_a_note() -> None:
    layout = pair_names(["p1.csv_bi", "montages.csv"], ["p1.csv_bi", "metrics.tsv"])
    assert pairs(layout) == [("p1.csv_bi", "p1.csv_bi")]
    assert layout.notes == (
        "1 file ignored, such as montages.csv: no annotation of that name elsewhere",
        "1 file ignored, such as metrics.tsv: no annotation of that name elsewhere",
    )


def test_bids_trees_pair_and_a_sidecar_without_events_is_a_reference_without_events() -> None:
    eeg = "sub-{0}/eeg/sub-{0}_task-rest_run-1"
    first, second = (eeg.format(subject) for subject in ("01", "02"))
    references = [first + "_events.tsv", first + "_eeg.json", first + "_eeg.edf", second + "_eeg.json"]
    references += ["participants.tsv", "derivatives/detector/sub-01_task-rest_run-1_events.tsv"]
    layout = pair_names(references, [first + "_events.tsv", second + "_events.tsv", second + "_eeg.json"])
    assert pairs(layout) == [
        (first + "_events.tsv", first + "_events.tsv"),
        (second + "_eeg.json", second + "_events.tsv"),
    ]


def test_a_sidecar_is_no_hypothesis() -> None:
    assert refused(["sub-1_eeg.json"], ["sub-1_eeg.json"]) == [
        "hypothesis: holds no annotation file (.csv_bi, _events.tsv, .tse_bi, .csv, .tse, .tsv ...)"
    ]


# -- patterns


def test_a_pattern_says_how_hypotheses_are_named() -> None:
    layout = pair_names(["p/a.csv_bi", "p/b.csv_bi"], ["x/a_pred.csv", "x/b_pred.csv", "x/c.csv"], pattern="{id}_pred")
    assert pairs(layout) == [("p/a.csv_bi", "x/a_pred.csv"), ("p/b.csv_bi", "x/b_pred.csv")]
    assert "1 file ignored: not matching the pattern '{id}_pred'" in layout.notes


def test_a_pattern_may_hold_folders() -> None:
    assert pairs(pair_names(["a.csv_bi"], ["a/events.csv"], pattern="{id}/events")) == [("a.csv_bi", "a/events.csv")]


def test_a_pattern_without_id_is_refused() -> None:
    assert refused(["a.csv_bi"], ["a.csv_bi"], pattern="pred_") == [
        "pattern must hold {id} once, as in '{id}_pred', not 'pred_'"
    ]


def test_a_pattern_that_no_hypothesis_fits_is_refused_with_one_that_does_not() -> None:
    (said,) = refused(["a.csv_bi"], ["a_hyp.csv_bi"], pattern="{id}_pred")
    first = "the first is 'a_hyp.csv_bi', 'a_hyp' without its suffix .csv_bi"
    assert said == f"hypothesis: no hypothesis fits the pattern '{{id}}_pred'; {first}"


def test_a_pattern_that_holds_the_suffix_is_refused_with_the_suffix() -> None:
    (said,) = refused(["a_events.tsv"], ["sub/a_events.tsv"], pattern="{id}_events")
    assert said.endswith("the first is 'sub/a_events.tsv', 'a' without its suffix _events.tsv")


# -- files without a counterpart


def test_the_pattern_of_names_that_differ_is_guessed() -> None:
    assert refused(["a.csv_bi", "b.csv_bi"], ["a_pred.csv_bi", "b_pred.csv_bi"])[0] == (
        "2 of 2 references and 2 of 2 hypotheses have no counterpart; "
        "if names differ by design, give the pattern '{id}_pred' (--pattern)"
    )


def test_what_has_no_counterpart_is_counted_and_named() -> None:
    references = [f"{k:02}.csv_bi" for k in range(31)]
    messages = refused(references, [*references[:6], "x.csv_bi"], reference_folder="r", hypothesis_folder="h")
    assert messages[0] == "25 of 31 references and 1 of 7 hypotheses have no counterpart"
    assert messages[1] == "reference r/06.csv_bi: has no hypothesis of the same name"
    assert messages[-1] == "hypothesis h/x.csv_bi: has no reference of the same name"
    assert len(messages) == 1 + 20 + 1


def test_a_missing_hypothesis_is_refused_and_the_way_out_named() -> None:
    assert refused(["p1.csv_bi", "p2.csv_bi", "p3.csv_bi"], ["p1.csv_bi", "p3.csv_bi"]) == [
        (
            "1 of 3 references has no hypothesis; "
            "to score a missing hypothesis as one without events, set missing to empty (--missing empty)"
        ),
        "reference p2.csv_bi: has no hypothesis of the same name",
    ]


@pytest.mark.parametrize("missing", ["refuse", "empty"])
def test_a_lone_hypothesis_is_refused_and_the_way_out_named(missing: str) -> None:
    names = ["p1.csv_bi", "p2.csv_bi", "p3.csv_bi"]
    assert refused(names[:2], names, missing=missing) == [
        "1 of 3 hypotheses has no reference; remove it, or add the reference",
        "hypothesis p3.csv_bi: has no reference of the same name",
    ]
    lone, *_ = refused(names[:1], names, missing=missing)
    assert lone == "2 of 3 hypotheses have no reference; remove them, or add the references"


def test_a_missing_hypothesis_is_empty_where_that_is_asked_for() -> None:
    layout = pair_names(["p1.csv_bi", "p2.csv_bi"], ["p1.csv_bi"], missing="empty")
    assert pairs(layout) == [("p1.csv_bi", "p1.csv_bi"), ("p2.csv_bi", None)]
    assert [str(warning) for warning in layout.warnings] == [
        "reference p2.csv_bi: has no hypothesis and is scored against an empty one (missing=empty)"
    ]


def test_a_hypothesis_without_reference_is_refused_all_the_same() -> None:
    messages = refused(["p1.csv_bi"], ["p1.csv_bi", "p2.csv_bi"], missing="empty")
    assert messages[-1] == "hypothesis p2.csv_bi: has no reference of the same name"


def test_all_hypotheses_may_be_missing() -> None:
    assert pairs(pair_names(["a.csv_bi"], [], missing="empty")) == [("a.csv_bi", None)]


def test_missing_is_one_of_two_words() -> None:
    assert refused(["a.csv_bi"], [], missing="skip") == ["missing must be one of refuse, empty, not 'skip'"]


# -- archives


def test_sides_of_an_archive_from_a_mac() -> None:
    names = [".DS_Store", "README.txt", "hyp/a.csv_bi", "__MACOSX/ref/._a.csv_bi", "ref/.DS_Store", "ref/._a.csv_bi"]
    assert split_sides([*names, "ref/a.csv_bi"]) == {
        "reference": {"a.csv_bi": "ref/a.csv_bi"},
        "hypothesis": {"a.csv_bi": "hyp/a.csv_bi"},
    }


def test_sides_of_an_archive_from_windows_and_in_capitals() -> None:
    assert split_sides(["top\\Ref\\s1\\a.csv_bi", "top\\HYPOTHESES\\a.csv_bi"]) == {
        "reference": {"s1/a.csv_bi": "top\\Ref\\s1\\a.csv_bi"},
        "hypothesis": {"a.csv_bi": "top\\HYPOTHESES\\a.csv_bi"},
    }


@pytest.mark.parametrize(
    "name", ["../ref/a.csv_bi", "ref/../../a", "/ref/a.csv_bi", "ref\\..\\..\\a", "C:\\ref\\a.csv_bi"]
)
def test_names_that_lead_out_of_the_archive_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="leads out of the archive"):
        split_sides([name])


def test_a_name_that_is_there_twice_is_refused() -> None:
    with pytest.raises(InputError, match="twice"):
        split_sides(["ref/a.csv_bi", "ref\\a.csv_bi"])


def test_composed_and_decomposed_letters_are_the_same() -> None:
    layout = pair_names(["f\u00fcr.csv_bi"], ["fu\u0308r.csv_bi"])
    assert pairs(layout) == [("f\u00fcr.csv_bi", "fu\u0308r.csv_bi")]
