"""The self-check at start: scores a few golden pairs from the package and compares them with the original's figures.

The pairs come from the golden corpora: no events, touching events, a recording of a few seconds with negative hits,
overlapping events, realistic and random detections, and several classes with their own label map.
``golden/expected.json`` holds the original's figures for each pair, in the form of the result document. Every figure is
compared with ``==``: a platform whose arithmetic differs in a last bit must not serve.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import structlog

from nedc_bench.annotations import Parameters, Recording, read_parameters, read_recording
from nedc_bench.monitoring.metrics import Metrics
from nedc_bench.scoring import ALGORITHMS, CorpusScore, score_pair

GOLDEN = files(__package__) / "golden"

logger = structlog.get_logger(__name__)


def self_check(metrics: Metrics, golden: Traversable = GOLDEN) -> tuple[str, ...]:
    """The algorithms with a figure that differs from the original's. Each is counted and logged; none means success.

    Args:
        metrics: its ``parity_failures`` is increased by one per algorithm.
        golden: a folder with pairs and ``expected.json``.
    """
    pairs = json.loads((golden / "expected.json").read_text(encoding="utf-8"))
    differing = {algorithm for pair in pairs for algorithm in _differing(pair, golden)}
    failed = tuple(name for name in ALGORITHMS if name in differing)
    for algorithm in failed:
        metrics.parity_failures.labels(algorithm).inc()
    return failed


def _differing(pair: dict[str, Any], golden: Traversable) -> Iterator[str]:
    """The algorithms that differ for one pair; all of them if it cannot be scored."""
    try:
        ours = _score(pair["name"], pair["parameters"], golden)
    except Exception:
        logger.exception("self-check failed to score a pair", pair=pair["name"])
        yield from ALGORITHMS
        return
    for algorithm in ALGORITHMS:
        expected = pair["algorithms"][algorithm]
        if ours[algorithm] != expected:
            logger.error(
                "self-check found a difference",
                algorithm=algorithm,
                pair=pair["name"],
                figures=_differences(ours[algorithm], expected),
            )
            yield algorithm


def _score(name: str, parameters_file: str | None, golden: Traversable) -> dict[str, Any]:
    parameters = Parameters()
    if parameters_file is not None:
        with (golden / parameters_file).open("rb") as file:
            parameters = read_parameters(file)
    reference, hypothesis = (_read(golden / side / f"{name}.csv_bi") for side in ("ref", "hyp"))
    score = CorpusScore.fold([score_pair(reference, hypothesis, parameters)], parameters)
    return {algorithm: result.to_dict() for algorithm, result in score.algorithms.items()}


def _read(path: Traversable) -> Recording:
    with path.open("rb") as file:
        return read_recording(file)


def _differences(ours: dict[str, Any], expected: dict[str, Any]) -> dict[str, tuple[float | None, float | None]]:
    """The figures that differ, as (ours, the original's)."""
    left, right = dict(_flatten(ours)), dict(_flatten(expected))
    paths = [*right, *(path for path in left if path not in right)]
    return {path: (left.get(path), right.get(path)) for path in paths if left.get(path) != right.get(path)}


def _flatten(figures: dict[str, Any], above: str = "") -> Iterator[tuple[str, float]]:
    for name, value in figures.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value
