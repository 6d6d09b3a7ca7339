"""The label map: specification section 2."""

from __future__ import annotations

import pytest

from helpers import refusal
from nedc_bench import InputError, LabelMap, Recording
from nedc_bench.annotations.labels import MAX_CLASSES

EXAMPLE = 'give it a class in the parameter file (--params), such as [MAP] PET = "cat,dog,cow"'
ANIMALS = LabelMap.from_mapping({"PET": ["cat", " Dog "], "BCKG": ["bckg"]})


def test_both_sides_are_lower_cased_and_trimmed() -> None:
    assert (ANIMALS.classes, ANIMALS.labels) == (("pet", "bckg"), (("cat", "dog"), ("bckg",)))


def test_the_order_of_classes_is_kept() -> None:
    assert LabelMap.from_mapping({"z": ["z"], "bckg": ["bckg"], "a": ["a"]}).classes == ("z", "bckg", "a")


def test_every_label_leads_to_its_class() -> None:
    assert ANIMALS.index == {"cat": 0, "dog": 0, "bckg": 1}


def test_the_mapping_comes_back() -> None:
    assert ANIMALS.to_mapping() == {"pet": ["cat", "dog"], "bckg": ["bckg"]}
    assert LabelMap.from_mapping(ANIMALS.to_mapping()) == ANIMALS


def test_events_are_classified_after_merging() -> None:
    """Events with two labels of one class are not merged: the map is applied after section 3."""
    recording = Recording.from_events(4.0, [(0, 1, "cat"), (1, 2, "dog"), (2, 3, "dog")])
    assert [event[:3] for event in recording.events] == [(0, 1, "cat"), (1, 3, "dog"), (3, 4, "bckg")]
    assert ANIMALS.classify(recording).tolist() == [0, 0, 1]


def test_every_unknown_label_of_a_recording_is_reported() -> None:
    recording = Recording.from_events(4.0, [(0, 1, "cow"), (1, 2, "cat"), (2, 3, "Cat")], "a")
    caught = refusal(lambda: ANIMALS.classify(recording, "hypothesis"))
    known = "known labels: cat, dog, bckg"
    assert [str(finding) for finding in caught.findings] == [
        f"hypothesis a: label 'cow' is not in the label map; {known}; {EXAMPLE}",
        f"hypothesis a: label 'Cat' is not in the label map; {known}; write labels in files in lower case: 'cat'",
    ]


def test_no_more_than_twenty_known_labels_are_shown() -> None:
    many = LabelMap.from_mapping({"x": [f"l{k}" for k in range(100)], "bckg": ["bckg"]})
    assert many.unknown("COW").startswith("label 'COW' is not in the label map; known labels: l0, l1")
    assert many.unknown("COW").count(", l") == 19


def test_labels_may_be_one_text_as_in_a_parameter_file() -> None:
    assert LabelMap.from_mapping({"PET": "cat, Dog", "BCKG": "bckg"}) == ANIMALS


# -- irregular maps that the original accepts


def warnings(label_map: LabelMap) -> list[str]:
    return [warning.message for warning in label_map.warnings]


def test_a_label_of_two_classes_belongs_to_the_last() -> None:
    doubles = LabelMap.from_mapping({"a": ["x", "y"], "b": ["X", "x"], "c": ["y"], "bckg": ["bckg"]})
    assert doubles.index == {"x": 1, "y": 2, "bckg": 3}
    assert warnings(doubles) == [
        "[MAP] names the label 'x' under 2 classes; 'b' has it",
        "[MAP] names the label 'y' under 2 classes; 'c' has it",
    ]
    assert LabelMap.from_mapping(doubles.to_mapping()).index == doubles.index


def test_of_two_equal_classes_the_second_gives_the_labels_and_the_first_the_place() -> None:
    doubles = LabelMap.from_mapping({"A": ["x"], "bckg": ["bckg"], "a": ["y"]})
    assert (doubles.classes, doubles.index) == (("a", "bckg"), {"y": 0, "bckg": 1})
    assert warnings(doubles) == ["[MAP] names the class 'a' twice; the labels of the last one count"]


def test_a_class_without_labels_has_the_empty_label() -> None:
    assert LabelMap.from_mapping({"none": "", "bckg": "bckg"}).index == {"": 0, "bckg": 1}


def test_a_map_may_lack_background_where_no_gap_needs_it() -> None:
    without = LabelMap.from_mapping({"seiz": ["seiz"]})
    assert without.classify(Recording.from_events(4.0, [(0, 4, "seiz")])).tolist() == [0]
    with pytest.raises(InputError, match=r"hypothesis a: has a gap at 2.0 s, which is filled with background"):
        without.classify(Recording.from_events(4.0, [(0, 2, "seiz"), (3, 4, "seiz")], "a"), "hypothesis")


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({}, '[MAP] has no class; give it some, such as SEIZ = "seiz" and BCKG = "bckg"'),
        ({" ": ["x"], "bckg": ["bckg"]}, "[MAP] has a class without a name"),
        (
            {"***": ["x"]},
            "[MAP] has a class '***', which is dp's symbol for no event; name it otherwise",
        ),
        (
            {f"c{k}": [f"l{k}"] for k in range(MAX_CLASSES)} | {"bckg": ["bckg"]},
            f"[MAP] has {MAX_CLASSES + 1} classes; at most {MAX_CLASSES} are scored",
        ),
    ],
)
def test_a_map_that_cannot_be_scored_with_is_refused(mapping: dict[str, list[str]], message: str) -> None:
    assert [str(finding) for finding in refusal(lambda: LabelMap.from_mapping(mapping)).findings] == [message]
