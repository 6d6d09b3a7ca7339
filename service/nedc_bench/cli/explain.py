"""``nedc-bench explain``."""

from __future__ import annotations

import argparse

from nedc_bench.cli.arguments import (
    FINE,
    Commands,
    add_pair_arguments,
    command,
    named_pairs,
    named_parameters,
    positive,
    score_pairs,
)
from nedc_bench.errors import refusal
from nedc_bench.reports import explanation_lines
from nedc_bench.scoring import ALGORITHM


def add(commands: Commands) -> None:
    """Add the command."""
    explain = command(commands, "explain", _explain, "show which events two algorithms count differently, and why")
    add_pair_arguments(explain)
    explain.add_argument(
        "--between",
        nargs=2,
        choices=[name for name in ALGORITHM if name != "ira"],
        default=["overlap", "szcore-event"],
        metavar=("FIRST", "SECOND"),
        help="the two algorithms (default: overlap szcore-event)",
    )
    explain.add_argument("--label", help="show only this class")
    explain.add_argument(
        "--limit", type=positive, default=50, metavar="N", help="list at most N events (default: %(default)s)"
    )


def _explain(arguments: argparse.Namespace) -> int:
    first, second = arguments.between
    parameters = named_parameters(arguments)
    if arguments.label not in {None, *parameters.label_map.classes}:
        known = ", ".join(parameters.label_map.classes)
        raise refusal("label", f"--label {arguments.label!r} is not a class of the label map: {known}")
    pairing = named_pairs(arguments, parameters)
    result = score_pairs(pairing, parameters, algorithms=arguments.between)
    for line in explanation_lines(result, first, second, label=arguments.label, events=arguments.limit):
        print(line)
    return FINE
