"""The evidence document, the command and its exit status, and a verification that notices any changed byte."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from corpora import EXAMPLE
from everything import of
from helpers import run
from nedc_bench import InputError, Parameters, find_pairs, score_corpus, seizure_burden
from nedc_bench.cli import main
from nedc_bench.evaluation.verification import verify
from nedc_bench.reports import build_evidence, evidence_text, write_reports
from nedc_bench.reports.page import PAGE_NAME
from nedc_bench.statistics import Settings, read_table, uncertainty
from studies import study

CHANGES = of(1_000, 200)


# -- the document


def test_the_document_names_all_that_is_needed_to_make_it_again(evidenced: Path) -> None:
    document = json.loads((evidenced / "out/evidence.json").read_text())
    assert (document["schema"], document["pairs"]) == ("nedc-bench/evidence/1", 6)
    assert document["method"]["seed"] == 0
    assert document["method"]["replicates"] == 100
    assert document["method"]["cautions"] == [
        "6 subjects; intervals of fewer than 50 subjects are too narrow",
        "sex=F: 3 subjects; intervals of fewer than 50 subjects are too narrow",
        "sex=M: 3 subjects; intervals of fewer than 50 subjects are too narrow",
    ]
    assert document["requested"] == {"subgroups": ["sex"], "require": ["sensitivity > 0.1"]}
    result = score_corpus(find_pairs("ref", "hyp"), algorithms=["overlap", "taes", "szcore-event"])
    plain = result.to_dict()
    assert {name: document[name] for name in ("version", "parameters", "inputs", "warnings", "duration_seconds")} == {
        name: plain[name] for name in ("version", "parameters", "inputs", "warnings", "duration_seconds")
    }
    table = read_table("ref/participants.tsv")
    assert document["participants"] == {"name": "ref/participants.tsv", "sha256": table.sha256}
    assert list(document["subgroups"]["sex"]) == ["sex=F", "sex=M"]
    own = document["overall"]["algorithms"]["overlap"]["seiz"]["sensitivity"]
    assert own["estimate"] == result.overlap.labels["seiz"].sensitivity
    assert list(own) == ["estimate", "bca", "percentile", "undefined", "wilson"]


def test_the_document_has_delay_and_burden(evidenced: Path) -> None:
    document = json.loads((evidenced / "out/evidence.json").read_text())
    expected = seizure_burden(find_pairs("ref", "hyp")).to_dict()
    del expected["delay"]["seconds"]
    assert document["burden"] == {"seiz": {name: expected[name] for name in ("delay", "burden")}}


def test_the_digest_is_of_the_rest_of_the_text(evidenced: Path) -> None:
    import hashlib  # noqa: PLC0415  # what a reader of the document would do

    text = (evidenced / "out/evidence.json").read_text()
    document = json.loads(text)
    digest = document.pop("digest")
    assert hashlib.sha256((json.dumps(document, indent=1) + "\n").encode()).hexdigest() == digest


def test_floats_survive_the_file() -> None:
    result = study([(f"{k}", k % 3, 1, k % 2) for k in range(25)])
    found = uncertainty(result, settings=Settings(replicates=200))
    document = build_evidence(result, found)
    assert json.loads(evidence_text(document)) == document


def test_evidence_of_an_earlier_run_does_not_stay(evidenced: Path) -> None:
    assert main(["score", "ref", "hyp", "-o", "out"]) == 0
    assert not (evidenced / "out/evidence.json").exists()
    assert '"evidence":null' in (evidenced / "out" / PAGE_NAME).read_text()


def test_the_page_holds_the_evidence(evidenced: Path) -> None:
    document = (evidenced / "out/evidence.json").read_text()
    compact = json.dumps(json.loads(document), separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    assert f'"evidence":{compact}' in (evidenced / "out" / PAGE_NAME).read_text()


# -- the command


def test_a_limit_that_is_not_met_is_exit_status_4(evidenced: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--replicates", "100", "--algorithm", "overlap", "--jobs", "1"]
    assert main(["evidence", "ref", "hyp", "-o", "out", *options, "--require", "sensitivity >= 0.9"]) == 4
    assert "NOT MET: sensitivity >= 0.9 (overlap.seiz.sensitivity: all 0.3333333333333333)" in capsys.readouterr().out
    assert json.loads((evidenced / "out/evidence.json").read_text())["accepted"] is False
    assert main(["evidence", "ref", "hyp", "-o", "out", *options, "--require", "sensitivity >= 0.3"]) == 0
    assert json.loads((evidenced / "out/evidence.json").read_text())["accepted"] is True


def test_a_bad_limit_is_refused_before_anything_is_written(evidenced: Path) -> None:
    ran = run("evidence", "ref", "hyp", "-o", "new", "--require", "sensitivity >= 70%", cwd=evidenced)
    assert ran.status == 1
    assert ran.stderr.startswith("error: 'sensitivity >= 70%' is not a limit, such as ")
    assert not (evidenced / "new").exists()


def test_the_bits_do_not_depend_on_workers(evidenced: Path) -> None:
    for jobs in ("1", "2"):
        ran = run("evidence", "ref", "hyp", "-o", f"out{jobs}", "--replicates", "2100", "--jobs", jobs, cwd=evidenced)
        assert ran.status == 0, ran.stderr
    assert (evidenced / "out1/evidence.json").read_bytes() == (evidenced / "out2/evidence.json").read_bytes()


# -- verification


@pytest.mark.parametrize(
    "extra", [["--per-pair"], ["--per-event"], ["--algorithm", "taes", "--per-pair", "--per-event"]]
)
def test_every_result_of_score_is_verified(evidenced: Path, extra: list[str]) -> None:
    assert main(["score", "ref", "hyp", "-o", "scored", *extra]) == 0
    assert verify(evidenced / "scored/result.json", find_pairs("ref", "hyp")) == []


def test_parameters_are_stated_by_who_verifies(evidenced: Path) -> None:
    (evidenced / "p.toml").write_text("[NEDC_IRA]\nnull_class = 'seiz'\n")
    assert main(["score", "ref", "hyp", "-o", "scored", "--params", "p.toml"]) == 0
    assert main(["verify", "scored/result.json", "ref", "hyp", "--params", "p.toml"]) == 0
    cause, difference = verify("scored/result.json", find_pairs("ref", "hyp"))
    assert cause.startswith("parameters: the document has others than you give")
    assert difference == 'parameters.ira_null_class: "seiz" is written, "bckg" is given'


def test_other_parameters_are_named_before_figures_and_files_are_compared(
    evidenced: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (evidenced / "p.toml").write_text("[NEDC_EPOCH]\nepoch_duration = 1.0\n")
    options = ["--params", "p.toml", "--channels", "union", "--labels", "tusz"]
    assert main(["score", "ref", "hyp", "-o", "scored", *options]) == 0
    capsys.readouterr()
    assert main(["verify", "scored/result.json", "ref", "hyp"]) == 1
    cause, *differences, last = capsys.readouterr().out.splitlines()
    assert cause.endswith("(--params, --labels, --channels, --duration-tolerance)")
    assert {line.partition(":")[0] for line in differences} == {
        "parameters.label_map.seiz",
        "parameters.epoch_duration",
        "parameters.channels",
    }
    assert last.endswith("of these files with these options")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"hits": 4,', '"hits": 5,', "algorithms.overlap.labels.seiz.hits: 5 is written, 4 is right"),
        ('"hits": 4,', '"hits": 2.0,', "algorithms.overlap.labels.seiz.hits: 2.0 is written, 4 is right"),
        ('"hits": 4,', "", "algorithms.overlap.labels.seiz.hits: is missing"),
        ('"hits": 4,', '"hits": 4,  ', "byte "),
        ('{"schema"', '{"note": "fine", "schema"', "note: is written, and does not belong there"),
        ('"version": "', '"version": "9.', "version: '9."),
    ],
)
def test_a_difference_is_named(evidenced: Path, old: str, new: str, said: str) -> None:
    path = evidenced / "out/result.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    (difference,) = verify(path, find_pairs("ref", "hyp"))
    assert difference.startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "is neither a result document"),
        ("{", r"is not a JSON document \(Expecting .*\); give the result.json"),
        ("[" * 100_000, "is not a JSON document"),
        ('{"schema": "nedc-bench/result/1", "version": "VERSION"}', "has no 'algorithms'"),
        ('{"schema": "nedc-bench/result/1", "version": "VERSION", "algorithms": {"x": 1}}', "names algorithms that"),
    ],
)
def test_what_is_no_document_of_ours_is_refused(tmp_path: Path, text: str, said: str) -> None:
    from nedc_bench import __version__  # noqa: PLC0415  # of the document

    (tmp_path / "result.json").write_text(text.replace("VERSION", __version__))
    with pytest.raises(InputError, match=said):
        verify(tmp_path / "result.json", EXAMPLE.pairing)


@pytest.mark.usefixtures("evidenced")
def test_a_folder_is_refused_with_the_names_of_documents_in_it() -> None:
    with pytest.raises(InputError, match=r"out: is a folder; give the result\.json"):
        verify("out", find_pairs("ref", "hyp"))


@pytest.mark.parametrize(("document", "changes"), [("out/result.json", CHANGES), ("out/evidence.json", CHANGES // 5)])
@pytest.mark.timeout(600)
def test_every_change_of_a_byte_is_refused(evidenced: Path, document: str, changes: int) -> None:
    """One random byte of the document or of an input is changed."""
    inputs = [*sorted((evidenced / "ref").iterdir()), *sorted((evidenced / "hyp").iterdir())]
    if "result" in document:
        inputs.remove(evidenced / "ref/participants.tsv")  # no result depends on it
    generator = random.Random(14)
    passed = []
    for number in range(changes):
        path = evidenced / document if number % 2 else generator.choice(inputs)
        content = path.read_bytes()
        place = generator.randrange(len(content))
        other = generator.choice([byte for byte in range(256) if byte != content[place]])
        path.write_bytes(content[:place] + bytes([other]) + content[place + 1 :])
        if not _is_refused(document):
            passed.append((path.name, place, other))
        path.write_bytes(content)
    assert passed == []
    assert not _is_refused(document)


def _is_refused(document: str) -> bool:
    try:
        table = read_table("ref/participants.tsv") if "evidence" in document else None
        return bool(verify(document, find_pairs("ref", "hyp"), table=table))
    except InputError:
        return True


def test_reports_can_hold_evidence_from_python(tmp_path: Path) -> None:
    result = study([("a", 1, 1, 0), ("b", 2, 0, 1)])
    document = build_evidence(result, uncertainty(result, settings=Settings(replicates=100)))
    paths = write_reports(result, tmp_path, evidence=document)
    assert tmp_path / "evidence.json" in paths
    assert (tmp_path / "evidence.json").read_text() == evidence_text(document)
    assert document["parameters"] == Parameters().to_dict()
