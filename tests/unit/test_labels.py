"""The label map: specification section 2."""

from __future__ import annotations

import pytest

from nedc_bench import InputError, LabelMap, Recording
from nedc_bench.annotations.labels import MAX_CLASSES

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
    """Two labels of one class stay two events: the map is applied after section 3."""
    recording = Recording.from_events(4.0, [(0, 1, "cat"), (1, 2, "dog"), (2, 3, "dog")])
    assert [event[:3] for event in recording.events] == [(0, 1, "cat"), (1, 3, "dog"), (3, 4, "bckg")]
    assert ANIMALS.classify(recording).tolist() == [0, 0, 1]


def test_every_unknown_label_of_a_recording_is_reported() -> None:
    recording = Recording.from_events(4.0, [(0, 1, "cow"), (1, 2, "cat"), (2, 3, "Cat")], "a")
    with pytest.raises(InputError) as caught:
        ANIMALS.classify(recording, "hypothesis")
    assert [str(finding) for finding in caught.value.findings] == [
        "hypothesis a: label 'cow' is not in the label map; known labels: cat, dog, bckg",
        "hypothesis a: label 'Cat' is not in the label map (labels are lower case); known labels: cat, dog, bckg",
    ]


def test_no_more_than_twenty_known_labels_are_shown() -> None:
    many = LabelMap.from_mapping({"x": [f"l{k}" for k in range(100)], "bckg": ["bckg"]})
    assert many.unknown("cow").endswith("known labels: " + ", ".join(f"l{k}" for k in range(20)))


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"seiz": ["seiz"]}, "[MAP] has no class for the label 'bckg', which fills the gaps between events"),
        ({}, "[MAP] has no class for the label 'bckg', which fills the gaps between events"),
        ({"a": ["x"], "A": ["y"], "bckg": ["bckg"]}, "[MAP] names the class 'a' twice"),
        ({"a": ["x"], "b": ["X"], "bckg": ["bckg"]}, "[MAP] names the label 'x' twice"),
        ({"a": ["x", "x"], "bckg": ["bckg"]}, "[MAP] names the label 'x' twice"),
        ({" ": ["x"], "bckg": ["bckg"]}, "[MAP] has an empty class"),
        ({"a": ["x", " "], "bckg": ["bckg"]}, "[MAP] has an empty label"),
        (
            {f"c{k}": [f"l{k}"] for k in range(MAX_CLASSES)} | {"bckg": ["bckg"]},
            f"[MAP] has {MAX_CLASSES + 1} classes; at most {MAX_CLASSES} are scored",
        ),
    ],
)
def test_a_map_that_cannot_be_scored_with_is_refused(mapping: dict[str, list[str]], message: str) -> None:
    with pytest.raises(InputError) as caught:
        LabelMap.from_mapping(mapping)
    assert [str(finding) for finding in caught.value.findings] == [message]
