"""The original's figures and reports for the golden corpora, exact to the bit and the byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from corpora import OUR_OWN, PAIR_REPORTS, Corpus, check_figures, find_corpora, in_golden_names

CORPORA = [pytest.param(corpus, id=corpus.folder.name) for corpus in find_corpora()]


def test_no_golden_corpus_is_missing() -> None:
    names = {corpus.folder.name for corpus in find_corpora()}
    assert names >= {"chb-mit", "edges", "independent", "multiclass", "overlapping", "realistic"}


@pytest.mark.parametrize("corpus", CORPORA)
def test_corpus_figures(corpus: Corpus) -> None:
    document = json.loads(json.dumps(corpus.result.to_dict()))
    assert check_figures(in_golden_names(document["algorithms"]), corpus.expected, corpus.result.duration_seconds) > 200


@pytest.mark.parametrize("corpus", CORPORA)
def test_figures_of_every_pair(corpus: Corpus) -> None:
    document = json.loads(json.dumps(corpus.result.to_dict(per_pair=True)))
    compared = 0
    for ours, golden in zip(document["per_pair"], corpus.expected_pairs, strict=True):
        assert Path(ours["reference"]).name == golden["pair"]
        compared += check_figures(in_golden_names(ours["algorithms"]), golden, ours["duration_seconds"])
    assert compared > 200 * len(document["per_pair"])


@pytest.mark.parametrize("corpus", CORPORA)
def test_summary_report_bytes(corpus: Corpus, tmp_path: Path) -> None:
    corpus.result.write_reports(tmp_path, reference="./ref.list", hypothesis="./hyp.list")
    with open(tmp_path / "summary.txt", encoding="utf-8", newline="") as file:
        ours = file.read()
    assert OUR_OWN.sub(r"\1", ours) == OUR_OWN.sub(r"\1", corpus.report("summary.txt"))
    assert len(OUR_OWN.findall(ours)) == 5


@pytest.mark.parametrize("name", PAIR_REPORTS)
@pytest.mark.parametrize("corpus", CORPORA)
def test_pair_report_bytes(corpus: Corpus, name: str, tmp_path: Path) -> None:
    corpus.result.write_reports(tmp_path)
    with open(tmp_path / name, encoding="utf-8", newline="") as file:
        ours = file.read()
    assert ours.replace(f"{corpus.folder}/./", "<corpus>/") == corpus.report(name)
