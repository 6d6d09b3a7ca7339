"""TUSZ by seizure type: the types are in the file of channels alone, which the union of channels takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import annotation
from nedc_bench import InputError, Parameters, find_pairs, operating_curve, read_label_map, score_corpus, seizure_burden
from nedc_bench.cli import main

TYPES = '[MAP]\nFOCAL = "fnsz,cpsz"\nGENERALISED = "gnsz"\nSEIZ = "seiz"\nBCKG = "bckg"\n'
CHANNELS = annotation((10, 20, "cpsz"), (40, 50, "gnsz"), duration=90.0).replace("TERM", "FP1-F7")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A reference as in TUSZ, and a hypothesis that names the types; the test runs in its folder."""
    (tmp_path / "ref").mkdir()
    (tmp_path / "hyp").mkdir()
    (tmp_path / "ref/a.csv").write_text(CHANNELS)
    (tmp_path / "ref/a.csv_bi").write_text(annotation((10, 20, "seiz"), (40, 50, "seiz"), duration=90.0))
    (tmp_path / "hyp/a.csv_bi").write_text(annotation((12, 18, "fnsz"), duration=90.0))
    (tmp_path / "types.toml").write_text(TYPES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def by_type() -> Parameters:
    return Parameters(label_map=read_label_map("types.toml"), channels="union")


@pytest.mark.usefixtures("tree")
def test_a_tree_is_scored_by_type() -> None:
    labels = score_corpus(find_pairs("ref", "hyp", channels="union"), parameters=by_type()).overlap.labels
    assert {name: (own.tp, own.fp, own.fn) for name, own in labels.items() if name != "bckg"} == {
        "focal": (1, 0, 0),
        "generalised": (0, 0, 1),
        "seiz": (0, 0, 0),
    }


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("command", ["score", "explain", "curve", "burden", "evidence", "compare"])
def test_every_command_takes_the_file_of_channels(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    own = {"compare": ["hyp"], "evidence": ["-o", "out"]}.get(command, [])
    assert main([command, "ref", "hyp", *own, "--channels", "union"]) == 1
    assert "ref/a.csv, line 4: label 'cpsz' is not in the label map" in capsys.readouterr().err


@pytest.mark.usefixtures("tree")
def test_the_check_takes_the_types(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "ref", "--channels", "union"]) == 1
    assert "ref/a.csv, line 4: label 'cpsz'" in capsys.readouterr().out
    assert main(["check", "ref", "--channels", "union", "--labels", "types.toml"]) == 0


@pytest.mark.usefixtures("tree")
def test_a_result_by_type_is_verified(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["ref", "hyp", "--channels", "union", "--labels", "types.toml"]
    assert main(["score", *options, "-o", "out"]) == 0
    assert main(["verify", "out/result.json", *options]) == 0
    assert "to the last byte" in capsys.readouterr().out


@pytest.mark.usefixtures("tree")
def test_a_union_that_the_pairs_were_not_found_for_is_warned_of() -> None:
    pairing = find_pairs("ref", "hyp")
    result = score_corpus(pairing, parameters=by_type())
    said = "reference ref/a.csv_bi: counts, and 'a.csv' beside it does not (1 such recording); "
    said += "for the union of channels, give channels='union' to find_pairs too"
    assert said in map(str, result.warnings)
    assert said in map(str, operating_curve(pairing, label="focal", parameters=by_type()).warnings)
    with pytest.raises(InputError, match="give channels='union'"):
        score_corpus(pairing, parameters=by_type(), strict=True)
    quiet = Parameters(label_map=read_label_map("types.toml"))
    assert [str(found) for found in score_corpus(pairing, parameters=quiet).warnings if found.code == "channel"] == []
    assert seizure_burden(find_pairs("ref", "hyp", channels="union"), label="focal", parameters=by_type())
