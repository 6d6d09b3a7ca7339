"""``nedc-bench compare``."""

from __future__ import annotations

import argparse
import sys

from nedc_bench.cli.arguments import (
    FINE,
    Commands,
    add_parameters_argument,
    command,
    named_pairs,
    named_parameters,
    score_pairs,
)
from nedc_bench.cli.uncertain import (
    DEFAULT_ALGORITHMS,
    add_statistics_arguments,
    named_settings,
    named_table,
    workers,
)
from nedc_bench.evaluation import Result
from nedc_bench.reports import write_json
from nedc_bench.reports.comparison import build_comparison, format_comparison
from nedc_bench.statistics import compare


def add(commands: Commands) -> None:
    """Add the command."""
    comparison = command(commands, "compare", _compare, "test whether two systems differ on the same references")
    comparison.add_argument("reference", help="an annotation file, a list of files, or a folder")
    comparison.add_argument("first", help="the hypotheses of one system")
    comparison.add_argument(
        "second", help="the hypotheses of the other system; a difference is the second minus the first"
    )
    comparison.add_argument(
        "--pattern", metavar="P", help="for folders: the hypothesis's name from its reference's, such as '{id}_pred'"
    )
    add_parameters_argument(comparison)
    add_statistics_arguments(comparison)
    comparison.add_argument(
        "--format", choices=["text", "json"], default="text", help="what to print (default: %(default)s)"
    )


def _compare(arguments: argparse.Namespace) -> int:
    settings = named_settings(arguments)
    table = named_table(arguments)
    first, second = (_scored(arguments, hypothesis) for hypothesis in (arguments.first, arguments.second))
    with workers(arguments) as executor:
        found = compare(first, second, settings=settings, table=table, executor=executor)
    document = build_comparison(first, second, found)
    if arguments.format == "json":
        write_json(document, sys.stdout)
    else:
        print(format_comparison(document))
    return FINE


def _scored(arguments: argparse.Namespace, hypothesis: str) -> Result:
    parameters = named_parameters(arguments)
    pairing = named_pairs(arguments, parameters, hypothesis=hypothesis)
    algorithms = arguments.algorithm or DEFAULT_ALGORITHMS
    return score_pairs(pairing, parameters, algorithms=algorithms, jobs=arguments.jobs)
