"""Two files, and two folders: how they are paired, and what is refused of them: specification sections 6 and 8."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from helpers import write_lists
from nedc_bench import InputError, find_pairs, read_recording, score, score_corpus
from nedc_bench.annotations.lists import list_files
from pairing import paths, refused, write_files

# -- files


def test_two_files_are_a_pair_whatever_their_names(tmp_path: Path) -> None:
    write_files(tmp_path, "a.csv_bi", "b.txt")
    pairing = find_pairs(str(tmp_path / "a.csv_bi"), str(tmp_path / "b.txt"))
    assert paths(pairing) == [(str(tmp_path / "a.csv_bi"), str(tmp_path / "b.txt"))]


@pytest.mark.parametrize(
    ("reference", "hypothesis", "kinds"),
    [
        ("a.csv_bi", "folder", "the reference is a file and the hypothesis a folder"),
        ("x.list", "a.csv_bi", "the reference is a list and the hypothesis a file"),
        ("folder", "x.list", "the reference is a folder and the hypothesis a list"),
    ],
)
def test_two_kinds_are_refused(tmp_path: Path, reference: str, hypothesis: str, kinds: str) -> None:
    write_files(tmp_path, "a.csv_bi", "folder/a.csv_bi")
    (tmp_path / "x.list").write_text("a.csv_bi\n")
    assert refused(tmp_path / reference, tmp_path / hypothesis) == [
        ("", "", None, f"{kinds}; give two files, two lists or two folders")
    ]


@pytest.mark.parametrize("kind", ["file", "list", "folder"])
def test_a_note_says_that_both_sides_are_the_same(tmp_path: Path, kind: str) -> None:
    write_files(tmp_path, "folder/a.csv_bi", "other/a.csv_bi")
    (tmp_path / "list.list").write_text(str(tmp_path / "folder/a.csv_bi"))
    given = tmp_path / {"file": "folder/a.csv_bi", "list": "list.list", "folder": "folder"}[kind]
    (tmp_path / "link").symlink_to(given)
    pairing = find_pairs(given, tmp_path / "link") if kind == "folder" else find_pairs(given, given)
    (note,) = pairing.notes
    assert note.startswith(f"reference and hypothesis are the same {kind}, so figures are perfect")
    assert find_pairs(tmp_path / "folder", tmp_path / "other").notes == ()


# -- folders


def test_folders_are_paired_by_relative_name_in_order(tmp_path: Path) -> None:
    names = ["b.csv_bi", "a.csv_bi", "s01/t/c.csv_bi", "s01.csv_bi"]
    write_files(tmp_path, *(f"{side}/{name}" for side in ("r", "h") for name in names), "r/notes.txt", "h/r.list")
    ref, hyp = str(tmp_path / "r"), str(tmp_path / "h")
    expected = sorted(names)
    assert paths(find_pairs(ref, hyp)) == [(os.path.join(ref, name), os.path.join(hyp, name)) for name in expected]


def test_files_of_folders_without_a_counterpart_are_refused_on_both_sides(tmp_path: Path) -> None:
    write_files(tmp_path, "r/a.csv_bi", "r/s/b.csv_bi", "h/a.csv_bi", "h/c.csv_bi")
    ref, hyp = tmp_path / "r", tmp_path / "h"
    assert refused(ref, hyp) == [
        ("", "", None, "1 of 2 references and 1 of 2 hypotheses have no counterpart"),
        ("reference", str(ref / "s/b.csv_bi"), None, "has no hypothesis of the same name"),
        ("hypothesis", str(hyp / "c.csv_bi"), None, "has no reference of the same name"),
    ]


@pytest.mark.parametrize("empty", ["r", "h"])
def test_an_empty_folder_is_refused(tmp_path: Path, empty: str) -> None:
    (tmp_path / empty).mkdir()
    write_files(tmp_path, "h/a.csv_bi" if empty == "r" else "r/a.csv_bi")
    ((_, file, _, message),) = refused(tmp_path / "r", tmp_path / "h")
    assert (file, message[:27]) == (str(tmp_path / empty), "holds no annotation file (.")


def test_a_missing_hypothesis_is_scored_as_one_without_events_where_that_is_asked_for(tmp_path: Path) -> None:
    write_files(tmp_path, "r/a.csv_bi", "r/b.csv_bi", "h/a.csv_bi")
    pairing = find_pairs(tmp_path / "r", tmp_path / "h", missing="empty")
    result = score_corpus(pairing)
    assert (result.overlap.labels["seiz"].targets, result.overlap.labels["seiz"].tp) == (2, 1)
    assert [warning.code for warning in result.warnings] == ["missing"]
    assert result.to_dict()["inputs"][1]["hypothesis"] == {"name": "(none for b.csv_bi)", "sha256": ""}
    with pytest.raises(InputError, match=r"is scored against an empty one \(missing=empty\); strict refuses it"):
        score_corpus(pairing, strict=True)


@pytest.mark.parametrize("options", [{"missing": "empty"}, {"pattern": "{id}_pred"}])
def test_options_of_folders_are_refused_for_lists(tmp_path: Path, options: dict[str, str]) -> None:
    with pytest.raises(InputError, match="is for two folders; lists are paired by position"):
        find_pairs(*write_lists(tmp_path, ["a.csv_bi"], ["b.csv_bi"]), **options)


@pytest.mark.parametrize("kind", ["folder", "list", "file"])
def test_paths_may_be_path_objects(tmp_path: Path, kind: str) -> None:
    write_files(tmp_path, "r/a.csv_bi", "h/a.csv_bi")
    written = write_lists(tmp_path, ["r/a.csv_bi"], ["h/a.csv_bi"])
    given = {
        "folder": (tmp_path / "r", tmp_path / "h"),
        "list": tuple(written),
        "file": (tmp_path / "r/a.csv_bi", tmp_path / "h/a.csv_bi"),
    }[kind]
    assert score_corpus(find_pairs(*given)).overlap.labels["seiz"].tp == 1


# -- links and pointers


def test_a_broken_link_is_named_as_one(tmp_path: Path) -> None:
    (tmp_path / "a.csv_bi").symlink_to("../elsewhere/a.csv_bi")
    with pytest.raises(InputError, match=r"is a link to '\.\./elsewhere/a\.csv_bi', where nothing is"):
        score(tmp_path / "a.csv_bi", tmp_path / "a.csv_bi")


def test_content_that_is_still_elsewhere_is_named_with_the_command_that_gets_it(tmp_path: Path) -> None:
    (tmp_path / "link.csv_bi").symlink_to(".git/annex/objects/Xx/Yy/SHA256E-s1.csv_bi/SHA256E-s1.csv_bi")
    (tmp_path / "unlocked.csv_bi").write_text("/annex/objects/SHA256E-s1.csv_bi\n")
    (tmp_path / "lfs.csv_bi").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    for name, words in (("link", "datalad get"), ("unlocked", "git annex get"), ("lfs", "git lfs pull")):
        with pytest.raises(InputError, match=words):
            read_recording(tmp_path / f"{name}.csv_bi")


def test_a_fifo_in_a_folder_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv_bi")
    for look in (lambda: find_pairs(tmp_path, tmp_path), lambda: list_files(tmp_path)):
        with pytest.raises(InputError, match="is not a regular file"):
            look()
