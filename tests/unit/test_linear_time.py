"""Text that a user supplies is read in time linear in its length: each of these would otherwise take hours."""

from __future__ import annotations

import io

import pytest

from helpers import refusal
from nedc_bench import LabelMap
from nedc_bench.annotations import pair_names, read_list
from nedc_bench.annotations.rows import Rows
from nedc_bench.errors import MAX_FINDINGS_PER_FILE
from nedc_bench.statistics.limits import Limit
from reading import MAP, refused

LONG = 1_000_000  # characters
LBL = "version = lbl_v1.0.0\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("symbols[0] = {0:" + " " * LONG + "'x'y}", "is not 'symbols[0] = {0: 'bckg', 1: 'seiz'}'"),
        ("symbols[0] = {" + "} " * LONG + "x", "is not 'symbols[0] = {0: 'bckg', 1: 'seiz'}'"),
        ("symbols" + " " * LONG + "x", "is not a line of an lbl file"),
        ("symbols[0] = {" + "1" * LONG + ": 'x'}", "is not 'symbols[0] = {0: 'bckg', 1: 'seiz'}'"),
        ("label = {" + ", " * LONG + "x", "is not 'label = {0, 0, start, stop, channel, [...]}'"),
        ("label = {0, 0, 1, 2, -1, [" + " " * LONG, "is not 'label = {0, 0, start, stop, channel, [...]}'"),
        ("#" + "\t" * LONG, "does not state the recording's duration"),
    ],
)
def test_a_long_line_of_an_lbl_file(line: str, message: str) -> None:
    assert message in refused(LBL + line)


@pytest.mark.parametrize("text", [" " * LONG + "!", "a" + " " * LONG + "!", "a>=1" + " " * LONG + "!", "a." * LONG])
def test_a_long_limit(text: str) -> None:
    assert "is not a limit" in str(refusal(lambda: Limit.parse(text)))


def test_a_long_line_of_a_list() -> None:
    error = refusal(lambda: read_list(io.StringIO("a.csv_bi\n" + "${" * LONG)))
    assert (error.findings[0].line, error.findings[0].code) == (2, "path")
    assert "has 2000000 characters; a path has at most 4096" in str(error)


def test_a_map_with_each_label_under_two_classes() -> None:
    labels = [f"{k}" for k in range(LONG // 5)]
    label_map = LabelMap.from_mapping({"seiz": labels, "bckg": labels})
    assert len(label_map.warnings) == len(labels)
    assert "names the label '0' under 2 classes; 'bckg' has it" in label_map.warnings[0].message


def test_long_names_without_counterpart() -> None:
    error = refusal(lambda: pair_names(["a" * LONG + ".tse"], ["b" * LONG + ".tse"]))
    assert error.findings[1].message == "has no hypothesis of the same name"


def test_of_many_unknown_labels_only_the_first_ones_are_described() -> None:
    found = Rows()
    labels = [f"label{k}" for k in range(100)]
    found.add(range(1, 101), [0.0] * 100, [1.0] * 100, labels, [1.0] * 100)
    assert [fault.line for fault in found.faults(MAP)] == list(range(1, 1 + MAX_FINDINGS_PER_FILE))
