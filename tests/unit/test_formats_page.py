"""The examples and lists of docs/formats.md are true."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path

import pytest

from helpers import blocks
from nedc_bench import read_parameters, read_recording
from nedc_bench.annotations.layout import BIDS_ASIDE, FORMATS, SUFFIXES
from nedc_bench.annotations.presets import PRESETS
from nedc_bench.cli import _parser
from reading import EXPECTED, rows

PAGE = (Path(__file__).parents[2] / "docs/formats.md").read_text()
FORMATS_PART = PAGE.partition("\n## Formats\n")[2].partition("\n### Everything else\n")[0]
SECTIONS = dict(re.findall(r"^### (.*?)\n(.*?)(?=^### |\Z)", FORMATS_PART, re.DOTALL | re.MULTILINE))
EXAMPLES = re.findall(r"^```(\w+)\n(.*?)^```", FORMATS_PART, re.DOTALL | re.MULTILINE)
BINARY = {"EDF+"}  # which a page cannot show


def test_every_format_has_a_section_with_an_example() -> None:
    for name in set(FORMATS.values()):
        found = [text for title, text in SECTIONS.items() if re.search(rf"(^|\W){re.escape(name)}(?!\w)", title)]
        assert len(found) == 1, f"docs/formats.md has {len(found)} sections on {name}"
        assert found[0].count("```") == (0 if name in BINARY else 2), f"the section on {name} needs one example"


def test_every_block_of_the_page_is_an_example_or_read_by_another_test() -> None:
    names = re.findall(r"^```(\w*)\n(?:.*?)^```", PAGE.replace(FORMATS_PART, ""), re.DOTALL | re.MULTILINE)
    assert set(names) == {"python", "toml", "sh"}


@pytest.mark.parametrize(("name", "text"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_the_examples_hold_the_same_recording(name: str, text: str) -> None:
    channels = "union" if name == "csv" else "refuse"
    assert rows(read_recording(io.StringIO(text), channels=channels)) == EXPECTED


def test_the_parameter_examples_are_read() -> None:
    by_type, ours = blocks(PAGE, "toml")
    assert read_parameters(io.StringIO(by_type)).label_map.classes == ("focal", "generalised", "seiz", "bckg")
    parameters = read_parameters(io.StringIO(ours))
    assert (parameters.channels, parameters.duration_tolerance, parameters.warnings) == ("union", 0.01, ())


def test_the_commands_can_be_parsed() -> None:
    lines = "".join(blocks(PAGE, "sh")).splitlines()
    assert [_parser().parse_args(shlex.split(line)[1:]).channels for line in lines] == ["union"]


def test_the_label_sets_are_those_of_the_table() -> None:
    described = dict(re.findall(r"^\| `([a-z][a-z-]+)` \| (.*) \|$", PAGE, re.MULTILINE))
    assert list(described) == list(PRESETS)
    for name, row in described.items():
        seizures, background = PRESETS[name].labels
        named = set(re.findall(r"[a-z0-9_]+", "".join(re.findall(r"`([^`]*)`", row.partition("against")[0]))))
        assert named <= set(seizures)
        if name != "hed-score":
            assert named == set(seizures)
            others = re.findall(r"`([^`]*)`", row.partition("against")[2])
            assert {word for text in others for word in text.split()} in (set(), set(background))


def test_the_order_of_suffixes_is_the_one_that_counts() -> None:
    listed = re.findall(r"`(\S+)`", PAGE.partition("the first of these counts: ")[2].partition(". With")[0])
    assert listed == [suffix for suffix in SUFFIXES if suffix not in {"_ieeg.json", ".bdf"}]
    assert all(f"`{name}/`" in PAGE for name in BIDS_ASIDE - {"phenotype", "stimuli"})
