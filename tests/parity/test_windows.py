"""Detectors often write one row per window: here a day, in 172,800 rows of half a second.

`hyp.runs` has the label and length of each run of windows; the test makes the file from it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from corpora import DATA, OUR_OWN, PAIR_REPORTS, Corpus, check_figures, in_golden_names
from helpers import COLUMNS

WINDOW = 0.5  # seconds
ORIGINAL = "2697a70b7c14b027d2aff641227d7ebe5bb0a1cd6b80840dc8c1ce54cac1793b"  # the file that the original scored


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    folder = tmp_path_factory.mktemp("windows") / "corpus"
    shutil.copytree(DATA / "windows", folder)
    labels: list[str] = []
    for line in (folder / "hyp.runs").read_text().splitlines():
        count, label = line.split()
        labels += [label] * int(count)
    rows = "".join(f"TERM,{k * WINDOW:g},{(k + 1) * WINDOW:g},{label},1\n" for k, label in enumerate(labels))
    text = f"# version = csv_v1.0.0\n# duration = 86400.0000 secs\n#\n{COLUMNS}\n{rows}"
    assert hashlib.sha256(text.encode()).hexdigest() == ORIGINAL
    (folder / "hyp").mkdir()
    (folder / "hyp/night.csv_bi").write_text(text)
    yield Corpus(folder)
    shutil.rmtree(folder)


def test_the_figures_are_those_of_the_original(corpus: Corpus) -> None:
    document = json.loads(json.dumps(corpus.result.to_dict()))
    assert check_figures(in_golden_names(document["algorithms"]), corpus.expected, 86400.0) > 200
    assert corpus.result.warnings == ()


@pytest.mark.parametrize("name", ["summary.txt", *PAIR_REPORTS])
def test_the_reports_are_those_of_the_original(corpus: Corpus, name: str, tmp_path: Path) -> None:
    corpus.result.write_reports(tmp_path, reference="./ref.list", hypothesis="./hyp.list")
    ours = (tmp_path / name).read_text().replace(f"{corpus.folder}/./", "<corpus>/")
    assert OUR_OWN.sub(r"\1", ours) == OUR_OWN.sub(r"\1", corpus.report(name))
