"""The parity self-check: it passes as packaged, and notices any change."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from corpora import DATA, Corpus, in_golden_names
from nedc_bench import ALGORITHMS
from nedc_bench.monitoring import Metrics, self_check
from nedc_bench.monitoring.parity import GOLDEN
from sampling import value

PACKAGED: list[dict[str, Any]] = json.loads((GOLDEN / "expected.json").read_text())


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """A copy of the packaged pairs, for tests to change."""
    return Path(shutil.copytree(str(GOLDEN), tmp_path / "golden"))


def alter(golden: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    pairs = json.loads((golden / "expected.json").read_text())
    change(pairs)
    (golden / "expected.json").write_text(json.dumps(pairs))


def failures(metrics: Metrics) -> dict[str, float | None]:
    return {name: value(metrics, "nedc_parity_failures_total", algorithm=name) for name in ALGORITHMS}


def test_this_machine_passes() -> None:
    metrics = Metrics()
    with capture_logs() as logs:
        assert self_check(metrics) == ()
    assert failures(metrics) == dict.fromkeys(ALGORITHMS, 0)
    assert logs == []


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_last_bit_is_noticed(golden: Path, algorithm: str) -> None:
    def change(pairs: list[dict[str, Any]]) -> None:
        figures = pairs[1]["algorithms"][algorithm]
        if algorithm == "ira":
            figures["kappa"]["seiz"] = math.nextafter(figures["kappa"]["seiz"], math.inf)
        else:
            figures["summary"]["accuracy"] = math.nextafter(figures["summary"]["accuracy"], math.inf)

    alter(golden, change)
    metrics = Metrics()
    with capture_logs() as logs:
        assert self_check(metrics, golden) == (algorithm,)
    assert failures(metrics) == dict.fromkeys(ALGORITHMS, 0) | {algorithm: 1}
    (line,) = logs
    path = "kappa.seiz" if algorithm == "ira" else "summary.accuracy"
    (ours, original) = line["figures"][path]
    assert line == {
        "event": "self-check found a difference",
        "log_level": "error",
        "algorithm": algorithm,
        "pair": PACKAGED[1]["name"],
        "figures": {path: (ours, original)},
    }
    assert original == math.nextafter(ours, math.inf)


def test_an_algorithm_that_differs_in_several_pairs_is_counted_once(golden: Path) -> None:
    def change(pairs: list[dict[str, Any]]) -> None:
        for pair in pairs:
            pair["algorithms"]["dp"]["summary"]["tp"] += 1
            pair["algorithms"]["taes"]["summary"]["tp"] += 1

    alter(golden, change)
    metrics = Metrics()
    assert self_check(metrics, golden) == ("dp", "taes")
    assert failures(metrics) == {"dp": 1, "epoch": 0, "overlap": 0, "taes": 1, "ira": 0}


def test_a_figure_too_many_or_too_few_is_noticed(golden: Path) -> None:
    def change(pairs: list[dict[str, Any]]) -> None:
        del pairs[0]["algorithms"]["epoch"]["confusion"]
        pairs[0]["algorithms"]["overlap"]["labels"]["seiz"]["extra"] = 0

    alter(golden, change)
    assert self_check(Metrics(), golden) == ("epoch", "overlap")


def test_a_pair_that_cannot_be_scored_fails_every_algorithm(golden: Path) -> None:
    (golden / "hyp" / f"{PACKAGED[0]['name']}.csv_bi").write_text("not an annotation")
    metrics = Metrics()
    with capture_logs() as logs:
        assert self_check(metrics, golden) == ALGORITHMS
    assert failures(metrics) == dict.fromkeys(ALGORITHMS, 1)
    assert [(line["event"], line["pair"]) for line in logs] == [
        ("self-check failed to score a pair", PACKAGED[0]["name"])
    ]


@pytest.mark.parametrize("pair", PACKAGED, ids=lambda pair: str(pair["name"]))
def test_packaged_pairs_are_those_of_the_golden_corpora(pair: dict[str, Any]) -> None:
    corpus = Corpus(DATA / "golden" / pair["name"].partition("_")[0])
    file = f"{pair['name']}.csv_bi"
    for side in ("ref", "hyp"):
        assert (GOLDEN / side / file).read_bytes() == (corpus.folder / side / file).read_bytes()
    assert (pair["parameters"] is not None) == (corpus.folder / "params.toml").exists()
    if pair["parameters"] is not None:
        assert (GOLDEN / pair["parameters"]).read_bytes() == (corpus.folder / "params.toml").read_bytes()
    (expected,) = (expected for expected in corpus.expected_pairs if expected.pop("pair") == file)
    for figures in expected.values():
        del figures["duration"]
    assert in_golden_names(pair["algorithms"]) == expected


def test_packaged_pairs_are_of_every_kind() -> None:
    kinds = {pair["name"].partition("_")[0] for pair in PACKAGED}
    assert kinds == {"edges", "independent", "multiclass", "overlapping", "realistic"}
    assert all(tuple(pair["algorithms"]) == ALGORITHMS for pair in PACKAGED)
