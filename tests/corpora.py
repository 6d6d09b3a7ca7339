"""The corpora with the original's figures: those in ``tests/data`` and, by NEDC_BENCH_CORPORA, others beside them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nedc_bench import ALGORITHMS, Figures, Pairing, Parameters, Result, find_pairs, read_parameters, score_corpus
from nedc_bench.reports import report_names
from nedc_bench.reports.files import report_lines

DATA = Path(__file__).parent / "data"

# The golden files' keys and our names, in order.
GOLDEN_KEYS = ["tgt", "hit", "mis", "fal", "ins", "del", "tp", "tn", "fp", "fn", "tpr", "tnr", "ppv", "npv"]
GOLDEN_KEYS += ["fnr", "fpr", "fdr", "for", "acc", "msr", "prv", "f1s", "mcc", "flr"]
NAMES = list(Figures._fields)

# The original's reports; in summary.txt, what depends on where and when it was written.
PAIR_REPORTS = ("summary_dpalign.txt", "summary_epoch.txt", "summary_ovlp.txt", "summary_taes.txt")
OUR_OWN = re.compile(r"(     Date|     File| Mod Time|File|NEDC EEG Eval Successfully Completed on).*")


@dataclass(frozen=True)
class Corpus:
    """A folder with ``ref.list``, ``hyp.list``, perhaps ``params.toml``, and ``expected/``."""

    folder: Path

    @property
    def lists(self) -> tuple[str, str]:
        """The paths of both lists, as a command takes them."""
        return str(self.folder / "ref.list"), str(self.folder / "hyp.list")

    @property
    def pairing(self) -> Pairing:
        return find_pairs(*self.lists)

    @property
    def parameters(self) -> Parameters:
        file = self.folder / "params.toml"
        return read_parameters(file) if file.exists() else Parameters()

    @cached_property
    def result(self) -> Result:
        return score_corpus(self.pairing, parameters=self.parameters, jobs=1)

    @property
    def expected(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.folder / "expected/expected.json").read_text())
        return document

    @property
    def expected_pairs(self) -> Iterator[dict[str, Any]]:
        for line in (self.folder / "expected/pairs.jsonl").read_text().splitlines():
            yield json.loads(line)

    def report(self, name: str) -> str:
        with open(self.folder / "expected" / name, encoding="utf-8", newline="") as file:
            return file.read()


EXAMPLE = Corpus(DATA / "chb-mit")


def find_corpora() -> list[Corpus]:
    others = [folder for folder in os.environ.get("NEDC_BENCH_CORPORA", "").split(os.pathsep) if folder]
    folders = [*sorted((DATA / "golden").iterdir()), EXAMPLE.folder, *map(Path, others)]
    return [Corpus(folder) for folder in folders if folder.is_dir()]


def reports(result: Result) -> list[list[str]]:
    """The lines of every report, except those with the date."""
    return [
        [line for line in report_lines(result, name) if "Date: " not in line and " Completed on " not in line]
        for name in report_names(result.algorithms)
    ]


def in_golden_names(document: dict[str, Any]) -> dict[str, Any]:
    """The ``algorithms`` of a result document in the golden files' words."""
    renamed = dict(zip(NAMES, GOLDEN_KEYS, strict=True))

    def figures(values: dict[str, float]) -> dict[str, float]:
        return {renamed[name]: value for name, value in values.items()}

    return {
        algorithm: content
        if algorithm == "ira"
        else content
        | {
            "labels": {label: figures(values) for label, values in content["labels"].items()},
            "summary": figures(content["summary"]),
        }
        for algorithm, content in document.items()
    }


def check_figures(ours: dict[str, Any], golden: dict[str, Any], duration: float) -> int:
    """Compare with ``==`` whatever the golden document holds; the number of figures compared."""
    compared = 0
    for algorithm in ALGORITHMS:
        expected = golden[algorithm]
        assert expected.pop("duration", duration) == duration
        if "error" in expected:  # the original stopped in the middle: what it had computed by then, our MCC being 0
            assert expected.pop("error") == "math domain error"
            for label, values in expected.pop("labels").items():
                for key, value in values.items():
                    if key in {"tgt", "hit", "mis", "fal", "ins", "del", "tp", "tn", "fp", "fn"}:
                        assert ours[algorithm]["labels"][label][key] == value
                        compared += 1
            assert not expected
            continue
        assert set(expected) <= set(ours[algorithm])
        assert expected == {key: ours[algorithm][key] for key in expected}
        compared += str(expected).count(":")
    return compared
