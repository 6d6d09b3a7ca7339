"""What ``nedc-bench verify`` prints when a document does not match the files: the cause first, in a few lines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers import annotation, refusal
from nedc_bench import Pairing, find_pairs
from nedc_bench.cli import main
from nedc_bench.evaluation.verification import verify
from nedc_bench.reports import evidence_text
from nedc_bench.statistics import read_table

SCORED = ("inputs[0].reference", "sub-0_x.csv_bi")
DOCUMENTS = ("out/evidence.json", "out/result.json")


def change(path: Path, edit: Callable[[dict[str, Any]], object], *, sign: bool) -> None:
    """Edit a document, and give an evidence document the digest of the new text if asked to."""
    document = json.loads(path.read_text())
    edit(document)
    if sign:
        del document["digest"]
        document["digest"] = hashlib.sha256(evidence_text(document).encode()).hexdigest()
    path.write_text(evidence_text(document))


@pytest.mark.parametrize("document", [{}, None, 7, b"result.json"])
def test_a_document_that_is_no_path_is_refused(document: Any) -> None:
    message = str(refusal(lambda: verify(document, Pairing(()))))
    assert message.startswith("document must be text or PathLike, not ")


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("folder", ["{}", "./{}", "{}/", "../{here}/{}", "{whole}/{}"])
def test_another_spelling_of_a_path_is_the_same_file(
    evidenced: Path, document: str, folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = [folder.format(side, here=evidenced.name, whole=evidenced) for side in ("ref", "hyp")]
    assert main(["verify", document, *sides]) == 0
    assert capsys.readouterr().out.startswith(f"{document} is, to the last byte, what nedc-bench ")


def test_a_missing_hypothesis_is_the_same_by_another_spelling(evidenced: Path) -> None:
    (evidenced / "hyp/sub-1_x.csv_bi").unlink()
    options = ["--replicates", "100", "--jobs", "1", "--missing", "empty"]
    assert main(["evidence", "./ref", "./hyp", "-o", "out", *options]) == 0
    for document in DOCUMENTS:
        assert main(["verify", document, "ref", "hyp", "--missing", "empty"]) == 0


def test_partners_of_events_that_agree_are_no_difference(evidenced: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", "ref", "hyp", "-o", "out", "--per-event"]) == 0
    change(evidenced / "out/result.json", lambda document: document.update(pairs=7), sign=False)
    capsys.readouterr()
    assert main(["verify", "out/result.json", "ref", "hyp"]) == 1
    assert "partners" not in capsys.readouterr().out


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_in_another_place_differ_in_their_names_alone(
    evidenced: Path, document: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for side in ("ref", "hyp"):
        (evidenced / side).rename(evidenced / f"moved_{side}")
    assert main(["verify", document, "moved_ref", "moved_hyp"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    said, _, example = line.partition(", as ")
    assert said == "figures and contents agree; only names of files differ"
    place, name = ("participants", "participants.tsv") if "evidence" in document else SCORED
    example, _, remedy = example.partition("; ")
    assert example == f'{place}.name: "ref/{name}" is written, "moved_ref/{name}" is given'
    assert remedy == "to make these agree too, verify it where the paths in the document lead to these files"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_file_that_was_changed_is_named_first(
    evidenced: Path, document: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (evidenced / "hyp/sub-0_x.csv_bi").write_text(annotation((80, 82, "seiz"), duration=90.0))
    assert main(["verify", document, "ref", "hyp"]) == 1
    first, *others, more, last = capsys.readouterr().out.splitlines()
    said = "hyp/sub-0_x.csv_bi is not the file that was scored: its sha256 is not the one in the document"
    assert first == said
    assert len(others) == 9
    assert more.startswith("and ")
    assert last.startswith(f"{document} is NOT what nedc-bench ")
    assert not any("sha256" in line or line.startswith("digest") for line in others)


def test_many_changed_files_are_one_line(evidenced: Path) -> None:
    for k in range(6):
        (evidenced / f"hyp/sub-{k}_x.csv_bi").write_text(annotation((80, 82, "seiz"), duration=90.0))
    first, *_ = verify("out/result.json", find_pairs("ref", "hyp"))
    names = "hyp/sub-0_x.csv_bi, hyp/sub-1_x.csv_bi, hyp/sub-2_x.csv_bi and 3 more"
    assert first == f"{names} are not the files that were scored: their sha256 differ"


def test_a_table_that_was_changed_is_named(evidenced: Path) -> None:
    with open(evidenced / "ref/participants.tsv", "a") as table:
        table.write("sub-9\tF\n")
    assert verify("out/evidence.json", find_pairs("ref", "hyp"), table=read_table("ref/participants.tsv")) == [
        "ref/participants.tsv is not the file that was scored: its sha256 is not the one in the document"
    ]


def test_fewer_pairs_are_told_before_their_figures(evidenced: Path) -> None:
    for side in ("ref", "hyp"):
        (evidenced / side / "sub-5_x.csv_bi").unlink()
    first, *others = verify("out/result.json", find_pairs("ref", "hyp"))
    assert first == "inputs: 6 pairs were scored, 5 are given"
    assert others
    assert not any(line.startswith(("inputs", "pairs")) for line in others)


def test_a_document_that_does_not_fit_its_digest_was_changed(evidenced: Path) -> None:
    change(evidenced / "out/evidence.json", lambda document: document["method"].update(subjects=7), sign=False)
    assert main(["verify", "out/evidence.json", "ref", "hyp"]) == 1
    found = verify("out/evidence.json", find_pairs("ref", "hyp"), table=read_table("ref/participants.tsv"))
    assert found == [
        "digest: does not fit the document's text, which was changed after it was made",
        "method.subjects: 7 is written, 6 is right",
    ]


def test_a_seed_that_intervals_were_not_drawn_with_is_the_cause(
    evidenced: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "estimates agree and intervals do not: seed 5, 100 replicates and level 0.95 in the document "
    causes = ["digest: does not fit the document's text, which was changed after it was made"]
    causes.append(f"{said}are not what its intervals were made with")
    change(evidenced / "out/evidence.json", lambda document: document["method"].update(seed=5), sign=False)
    assert main(["verify", "out/evidence.json", "ref", "hyp"]) == 1
    assert capsys.readouterr().out.splitlines()[:2] == causes
    change(evidenced / "out/evidence.json", lambda _: None, sign=True)
    assert main(["verify", "out/evidence.json", "ref", "hyp"]) == 1
    assert capsys.readouterr().out.splitlines()[0] == causes[1]


def test_a_long_text_keeps_both_of_its_quotes(evidenced: Path) -> None:
    change(
        evidenced / "out/result.json",
        lambda document: document["parameters"].update(duration_tolerance="x" * 100),
        sign=False,
    )
    _, line = verify("out/result.json", find_pairs("ref", "hyp"))
    value, _, rest = line.partition(": ")[2].partition(" is written, ")
    assert value.startswith('"xxx')
    assert value.endswith('..."')
    assert rest == "0.0 is given"
