"""Lists of files: their lines, what makes a text a list, and how two lists are paired: specification section 6."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from helpers import refusal, write_lists
from nedc_bench import InputError, Pairing, find_pairs, score, score_corpus
from nedc_bench.annotations import read_list
from pairing import paths, refused, write_files


def pair_lists(folder: Path, references: Iterable[str], hypotheses: Iterable[str]) -> Pairing:
    return find_pairs(*map(str, write_lists(folder, references, hypotheses)))


def test_a_list_holds_one_path_a_line(tmp_path: Path) -> None:
    path = tmp_path / "x.list"
    path.write_text("\ufeff# comment\n\n  /a/1 .csv_bi\t\r\n   # indented comment\n/a/2.csv_bi")
    assert read_list(str(path)) == ["/a/1.csv_bi", "/a/2.csv_bi"]


def test_environment_variables_in_a_path_are_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORPUS", "/data/v$1")
    path = tmp_path / "x.list"
    path.write_text("$CORPUS/1.csv_bi\n${CORPUS}/2.csv_bi\n/a/cheap$.csv_bi\n")
    assert read_list(str(path)) == ["/data/v$1/1.csv_bi", "/data/v$1/2.csv_bi", "/a/cheap$.csv_bi"]


def test_environment_variables_that_are_not_set_are_refused_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "x.list"
    path.write_text("/a.csv_bi\n$NOT_SET_HERE/1.csv_bi\n# $NOR_THIS\n${NOT_SET_HERE}/2.csv_bi\n")
    assert str(refusal(lambda: read_list(str(path), "reference"))).splitlines() == [
        f"reference {path}, line 2: '$NOT_SET_HERE/1.csv_bi' names an environment variable that is not set",
        f"reference {path}, line 4: '${{NOT_SET_HERE}}/2.csv_bi' names an environment variable that is not set",
    ]


def test_a_relative_path_leads_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path, "here/a.csv_bi", "lists/a.csv_bi")
    (tmp_path / "lists/x.list").write_text("a.csv_bi\n")
    monkeypatch.chdir(tmp_path / "here")
    assert read_list("../lists/x.list") == ["a.csv_bi"]


def test_a_relative_path_leads_from_the_folder_of_the_list_where_it_leads_nowhere_else(tmp_path: Path) -> None:
    write_files(tmp_path, "lists/ref/a.csv_bi")
    path = tmp_path / "lists/x.list"
    path.write_text("./ref/a.csv_bi\n")
    assert [os.path.normpath(entry) for entry in read_list(str(path))] == [str(tmp_path / "lists/ref/a.csv_bi")]


def test_a_path_that_leads_nowhere_is_named_as_it_stands_in_the_list(tmp_path: Path) -> None:
    pairing = pair_lists(tmp_path, ["ref/none.csv_bi"], ["hyp/none.csv_bi"])
    assert str(refusal(lambda: score_corpus(pairing))).splitlines() == [
        "reference ref/none.csv_bi: there is no such file",
        "hypothesis hyp/none.csv_bi: there is no such file",
    ]


def test_lists_are_paired_by_position(tmp_path: Path) -> None:
    pairing = pair_lists(tmp_path, ["/r/2.csv_bi", "/r/1.csv_bi"], ["/h/x.csv_bi", "/h/y.csv_bi"])
    assert paths(pairing) == [("/r/2.csv_bi", "/h/x.csv_bi"), ("/r/1.csv_bi", "/h/y.csv_bi")]
    assert pairing.warnings == ()


def test_the_same_names_at_other_positions_are_a_warning(tmp_path: Path) -> None:
    pairing = pair_lists(tmp_path, ["/r/1.csv_bi", "/r/2.csv_bi"], ["/h/2.csv_bi", "/h/1.csv_bi"])
    (warning,) = pairing.warnings
    assert str(warning) == (
        "reference /r/1.csv_bi: is paired with '2.csv_bi' by position, "
        "while '1.csv_bi' stands elsewhere in the other list; "
        "2 of 2 pairs have different names: are the lists in different orders?"
    )
    assert warning.code == "list-order"
    assert paths(pairing)[0] == ("/r/1.csv_bi", "/h/2.csv_bi")


def test_a_warning_about_the_lists_reaches_the_result_and_strict_refuses_it(tmp_path: Path) -> None:
    write_files(tmp_path, "r/1.csv_bi", "r/2.csv_bi", "h/1.csv_bi", "h/2.csv_bi")
    pairing = pair_lists(tmp_path, ["r/1.csv_bi", "r/2.csv_bi"], ["h/2.csv_bi", "h/1.csv_bi"])
    assert score_corpus(pairing).warnings == pairing.warnings
    with pytest.raises(InputError, match=r"by position.*are the lists in different orders\? strict refuses it$"):
        score_corpus(pairing, strict=True)


def test_lists_of_different_length_are_refused_with_what_has_no_counterpart(tmp_path: Path) -> None:
    reference, hypothesis = write_lists(
        tmp_path, ["/r/1.csv_bi", "/r/2.csv_bi", "/r/3.csv_bi"], ["/h/1.csv_bi", "/h/4.csv_bi"]
    )
    assert refused(reference, hypothesis) == [
        ("", "", None, "the lists differ in length: 3 reference and 2 hypothesis files"),
        ("reference", "/r/2.csv_bi", None, "has no hypothesis file of the same name"),
        ("reference", "/r/3.csv_bi", None, "has no hypothesis file of the same name"),
        ("hypothesis", "/h/4.csv_bi", None, "has no reference file of the same name"),
    ]


def test_files_that_are_listed_twice_are_refused_on_both_sides(tmp_path: Path) -> None:
    reference, hypothesis = write_lists(
        tmp_path, ["/r/1.csv_bi", "/r/./1.csv_bi", "/r/2.csv_bi"], ["/h/1.csv_bi", "/h/2.csv_bi", "/h/2.csv_bi"]
    )
    assert refused(reference, hypothesis) == [
        ("reference", "/r/1.csv_bi", None, "is listed twice"),
        ("hypothesis", "/h/2.csv_bi", None, "is listed twice"),
    ]


def test_a_file_may_stand_in_both_lists(tmp_path: Path) -> None:
    assert paths(pair_lists(tmp_path, ["/1.csv_bi"], ["/1.csv_bi"])) == [("/1.csv_bi", "/1.csv_bi")]


def test_faults_of_both_lists_are_reported_together(tmp_path: Path) -> None:
    reference, hypothesis = write_lists(tmp_path, ["# nothing"], ["$NOT_SET_HERE"])
    assert refused(reference, hypothesis) == [
        ("reference", str(reference), None, "lists no file"),
        ("hypothesis", str(hypothesis), 1, "'$NOT_SET_HERE' names an environment variable that is not set"),
    ]


def test_arguments_that_do_not_exist_are_refused_together(tmp_path: Path) -> None:
    assert refused(tmp_path / "r.list", tmp_path / "h.list") == [
        ("reference", str(tmp_path / "r.list"), None, "there is no such file"),
        ("hypothesis", str(tmp_path / "h.list"), None, "there is no such file"),
    ]


def test_a_list_that_is_no_text_is_refused(tmp_path: Path) -> None:
    reference, hypothesis = write_lists(tmp_path, ["/r/1.csv_bi"], ["/h/1.csv_bi"])
    hypothesis.write_bytes(b"/h/\xff.csv_bi\n")
    (finding,) = refused(reference, hypothesis)
    assert finding[:3] == ("hypothesis", str(hypothesis), 1)


# -- what is a list


def test_a_path_with_blanks_is_taken_as_written_where_there_is_no_such_file_without_them(tmp_path: Path) -> None:
    write_files(tmp_path, "my data/a 1.csv_bi", "b2.csv_bi", "b 2.csv_bi")
    path = tmp_path / "x.list"
    path.write_text("my data/a 1.csv_bi\nb 2.csv_bi\n")
    assert read_list(path) == [str(tmp_path / "my data/a 1.csv_bi"), str(tmp_path / "b2.csv_bi")]


def test_a_leading_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "x.list"
    path.write_text("~/a.csv_bi\n")
    assert read_list(path) == [str(tmp_path / "a.csv_bi")]


@pytest.mark.parametrize("name", ["x.list", "x.lst", "x.txt", "corpus", "x.files"])
def test_a_text_is_a_list_where_its_lines_are_paths(tmp_path: Path, name: str) -> None:
    write_files(tmp_path, "a.csv_bi", "b.tse")
    (tmp_path / name).write_text("# the corpus\na.csv_bi\n\nb.tse\n")
    assert len(find_pairs(tmp_path / name, tmp_path / name).pairs) == 2


def test_a_list_may_name_files_of_any_name_that_are_there(tmp_path: Path) -> None:
    write_files(tmp_path, "a.annotation")
    (tmp_path / "corpus").write_text("a.annotation\n")
    assert paths(find_pairs(tmp_path / "corpus", tmp_path / "corpus")) == [(str(tmp_path / "a.annotation"),) * 2]


@pytest.mark.parametrize("text", ["1 2 3\n", "seiz\n", "a.csv_bi,b.csv_bi\n", "notes about a.csv_bi and so on\n"])
def test_other_text_is_no_list(tmp_path: Path, text: str) -> None:
    (tmp_path / "x").write_text(text)
    pairing = find_pairs(tmp_path / "x", tmp_path / "x")
    assert {finding.code for finding in refusal(lambda: score_corpus(pairing)).findings} == {"format"}


def test_a_list_handed_to_score_is_named_as_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "x.list").write_text("a.csv_bi\n")
    with pytest.raises(InputError, match="is a list of files, where one annotation file is expected"):
        score(tmp_path / "x.list", tmp_path / "x.list")
