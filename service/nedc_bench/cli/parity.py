"""``nedc-bench parity``."""

from __future__ import annotations

import argparse

from nedc_bench.cli.arguments import (
    FINE,
    REFUSED,
    Commands,
    add_pair_arguments,
    command,
    named_pairs,
    named_parameters,
    score_pairs,
)
from nedc_bench.scoring import ALGORITHMS


def add(commands: Commands) -> None:
    """Add the command."""
    parity = command(commands, "parity", _parity, "compare every figure with an installed original")
    parity.add_argument("--alpha", required=True, metavar="DIR", help="the folder of NEDC EEG Eval v6.0.0")
    parity.add_argument(
        "--python", metavar="PATH", help="the Python that runs the original; it needs numpy, scipy, lxml and toml"
    )
    add_pair_arguments(parity)


def _parity(arguments: argparse.Namespace) -> int:
    from nedc_bench.evaluation.alpha import compare_with_original  # noqa: PLC0415  # only this command needs subprocess

    parameters = named_parameters(arguments)
    pairing = named_pairs(arguments, parameters)
    result = score_pairs(pairing, parameters)
    differences = compare_with_original(arguments.alpha, pairing, result, arguments.params, arguments.python)
    for difference in differences:
        print(difference)
    lines = "1 line differs" if len(differences) == 1 else f"{len(differences)} lines differ"
    verdict = lines if differences else "no figure differs"
    print(f"{len(pairing.pairs)} pairs, {len(ALGORITHMS)} algorithms: {verdict}")
    return REFUSED if differences else FINE
