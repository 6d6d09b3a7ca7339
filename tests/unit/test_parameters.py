"""The scoring parameters and the original's TOML file: specification section 6.

tests/parity/test_refused.py has files over which the original fails, test_arguments.py parameters of the wrong kind.
"""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from helpers import refusal
from nedc_bench import LabelMap, Parameters, Recording, read_parameters, score

ORIGINAL = """\
version = "param_v1.0.0"
[MAP]
SEIZ = "SEIZ"
BCKG = "BCKG"
[NEDC_DPALIGN]
penalty_del = '1.0'
penalty_ins = '1.0'
penalty_sub = '1.0'
[NEDC_EPOCH]
epoch_duration = '0.25'
null_class = "BCKG"
[NEDC_OVERLAP]
guard_width = '0.001'
ndigits_round = '3'
[NEDC_TAES]
[NEDC_IRA]
epoch_duration = '0.25'
null_class = "BCKG"
"""
FORM = 'a parameter file has a table [MAP] with one line per class, SEIZ = "seiz" and BCKG = "bckg"'


def read(text: str) -> Parameters:
    return read_parameters(io.StringIO(text))


def refused(text: str, code: str = "parameter") -> str:
    (finding,) = refusal(lambda: read_parameters(io.StringIO(text), name="p.toml")).findings
    assert (finding.file, finding.code) == ("p.toml", code)
    return finding.message


def test_the_original_file_holds_the_defaults() -> None:
    assert read(ORIGINAL) == Parameters()


def test_the_defaults_are_the_original_ones() -> None:
    assert Parameters().to_dict() == {
        "label_map": {"seiz": ["seiz"], "bckg": ["bckg"]},
        "penalty_del": 1.0,
        "penalty_ins": 1.0,
        "penalty_sub": 1.0,
        "epoch_duration": 0.25,
        "epoch_null_class": "bckg",
        "ira_epoch_duration": 0.25,
        "ira_null_class": "bckg",
        "channels": "refuse",
        "duration_tolerance": 0.0,
        "szcore_min_overlap": 0.0,
        "szcore_tolerance_start": 30.0,
        "szcore_tolerance_end": 60.0,
        "szcore_max_event_duration": 300.0,
        "szcore_min_duration_between_events": 90.0,
    }


def test_a_file_of_five_classes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(
        '[MAP]\nPET = "cat, dog"\nFARM = "horse"\nBCKG = "bckg"\n'
        "[NEDC_DPALIGN]\npenalty_del = '2'\npenalty_ins = 3\npenalty_sub = 0.5\n"
        "[NEDC_EPOCH]\nepoch_duration = 1\nnull_class = 'PET'\n"
        "[NEDC_IRA]\nepoch_duration = '5e-1'\nnull_class = 'FARM'\n"
    )
    assert read_parameters(path) == Parameters(
        label_map=LabelMap.from_mapping({"pet": ["cat", "dog"], "farm": ["horse"], "bckg": ["bckg"]}),
        penalty_del=2.0,
        penalty_ins=3.0,
        penalty_sub=0.5,
        epoch_duration=1.0,
        epoch_null_class="pet",
        ira_epoch_duration=0.5,
        ira_null_class="farm",
    )


def test_what_a_file_leaves_out_keeps_its_default() -> None:
    assert read("") == Parameters()
    assert read("[NEDC_EPOCH]\nepoch_duration = 2") == Parameters(epoch_duration=2.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[NEDC_TEAS]", f"has no [MAP] and no other table that is known, but 'NEDC_TEAS': {FORM}"),
        ("MAP = 1", "MAP must be a table, [MAP], not '1'"),
        ("[map]\nSEIZ = 'seiz'", f"[map] must be written [MAP], in capitals: {FORM}"),
        ("[MAP]\nSEIZ = ['seiz', 'fnsz']", 'SEIZ must be one text, its labels separated by commas: SEIZ = "seiz,fnsz"'),
        ("[NEDC_EPOCH]\nepoch_duration = true", "epoch_duration must be a number, not 'True'"),
        ("[NEDC_EPOCH]\nepoch_duration = [1]", "epoch_duration must be a number, not '[1]'"),
        ("[NEDC_EPOCH]\nepoch_duration = 1979-05-27", "epoch_duration must be a number, not '1979-05-27'"),
        ("[NEDC_EPOCH]\nepoch_duration = nan", "epoch_duration must be a finite number from 0.001 to 86400, not nan"),
        ("[NEDC_EPOCH]\nepoch_duration = 1e-9", "epoch_duration must be a number from 0.001 to 86400, not 1e-09"),
        ("[NEDC_IRA]\nepoch_duration = -1", "ira_epoch_duration must be a number from 0.001 to 86400, not -1.0"),
        ("[NEDC_DPALIGN]\npenalty_ins = nan", "penalty_ins must be a finite number from 0 to 1000000, not nan"),
        ("[NEDC_DPALIGN]\npenalty_sub = 1e7", "penalty_sub must be a number from 0 to 1000000, not 10000000.0"),
        ("[NEDC_EPOCH]\nnull_class = 1", "null_class must be text in quotes, not '1'"),
        ("[NEDC_EPOCH]\nnull_class = 'none'", "null_class 'none' of [NEDC_EPOCH] is not a class of [MAP]: seiz, bckg"),
        ("[MAP]\nSEIZ = 1\nBCKG = 'bckg'", "SEIZ must be text in quotes, not '1'"),
    ],
)  # fmt: skip
def test_a_value_that_makes_no_sense_is_refused(text: str, message: str) -> None:
    assert refused(text) == message


def test_a_map_without_the_default_null_class_needs_another() -> None:
    with_map = "[MAP]\nA = 'x'\nNONE = 'bckg'\n"
    assert refused(with_map) == "null_class 'bckg' of [NEDC_EPOCH] is not a class of [MAP]: a, none"
    parameters = read(with_map + "[NEDC_EPOCH]\nnull_class = 'NONE'\n")
    assert (parameters.epoch_null_class, parameters.warnings) == ("none", ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[MAP]\nBCKG = 'bckg'\n[NEDC_TEAS]\nx = 1",
            "'NEDC_TEAS' is not a table of the parameter file and is not used",
        ),
        ("[NEDC_EPOCH]\nepoch = 1", "'epoch' is not a key of [NEDC_EPOCH] and is not used"),
        ("[NEDC_TAES]\nepoch_duration = 1", "'epoch_duration' is not a key of [NEDC_TAES] and is not used"),
        (
            "[NEDC_IRA]\nnull_class = 'none'",
            "null_class 'none' of [NEDC_IRA] is not a class of [MAP]; no figure depends on it",
        ),
        ("[MAP]\nA = 'x'\nB = 'x'\nBCKG = 'bckg'", "[MAP] names the label 'x' under 2 classes; 'b' has it"),
    ],
)
def test_what_the_original_does_not_use_is_not_used_with_a_warning_that_strict_refuses(text: str, message: str) -> None:
    parameters = read_parameters(io.StringIO(text), name="p.toml")
    assert [(warning.file, warning.message) for warning in parameters.warnings] == [("p.toml", message)]
    silent = Recording.from_events(10.0, [])
    assert score(silent, silent, parameters=parameters).warnings == parameters.warnings
    (finding,) = refusal(lambda: score(silent, silent, parameters=parameters, strict=True)).findings
    assert finding.message == f"{message}; strict refuses it"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[MAP", "is not TOML: "),
        ("a = 1\na = 2", "is not TOML: "),
        ("a = 'unfinished", "is not TOML: "),
        (f"[NEDC_EPOCH]\nepoch_duration = {'[' * 980}", "is not TOML: "),
        (f"[NEDC_EPOCH]\nepoch_duration = '{'1' * 900}'", "epoch_duration must be a finite number from 0.001 to 86400"),
        (f"[NEDC_EPOCH]\nepoch_duration = {'1' * 400}", "epoch_duration must be a number, not '1111"),
        ("seiz,bckg", "is not TOML: "),
    ],
)
def test_what_is_not_toml_is_refused(text: str, words: str) -> None:
    assert refused(text).startswith(words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\n" + "a." * 600 + "a = 1", "has 1205 characters; a line has at most 1000"),
        ("a = " + "[" * 1000, "has 1004 characters; a line has at most 1000"),
        ("# comment\n" * 7000, "has 70000 characters; at most 65536 are read"),
    ],
)
def test_what_would_take_long_to_read_is_refused(text: str, words: str) -> None:
    assert words in refused(text, "size")


def test_a_file_that_does_not_exist_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    assert str(refusal(lambda: read_parameters(path))) == f"{path}: there is no such file"
