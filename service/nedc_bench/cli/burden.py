"""``nedc-bench burden``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from nedc_bench.cli.arguments import (
    FINE,
    Commands,
    add_pair_arguments,
    command,
    named_pairs,
    named_parameters,
    print_warnings,
)
from nedc_bench.evaluation import seizure_burden
from nedc_bench.reports import write_json
from nedc_bench.scoring.burden import BurdenResult


def add(commands: Commands) -> None:
    """Add the command."""
    burden = command(commands, "burden", _burden, "report detection delays and seizure burden")
    add_pair_arguments(burden)
    burden.add_argument("--label", help="the class (default: the only one besides background)")
    burden.add_argument("--format", choices=["text", "json"], default="text", help="default: %(default)s")


def _burden(arguments: argparse.Namespace) -> int:
    parameters = named_parameters(arguments)
    result = seizure_burden(named_pairs(arguments, parameters), label=arguments.label, parameters=parameters)
    print_warnings(result.warnings)
    if arguments.format == "json":
        write_json(result.to_dict(), sys.stdout)
    else:
        print("\n".join(_lines(result)))
    return FINE


def _lines(result: BurdenResult) -> Iterator[str]:
    pairs = f"{result.pairs} pair{'' if result.pairs == 1 else 's'}"
    yield f"class {result.label}: {pairs}, {result.duration_seconds / 3600:.2f} hours of recording"
    yield ""
    delays = result.delays
    yield f"detected: {delays.hits} of {delays.hits + delays.misses}"
    if delays.median is not None:
        quartiles = f"{delays.lower_quartile:.1f} to {delays.upper_quartile:.1f}"
        yield f"detection delay: median {delays.median:.1f} s, quartiles {quartiles} s (negative: before the seizure)"
    yield ""
    yield "burden      seconds/24h  longest (s)  5-min windows with 30 s or more"
    for side, burden in (("reference", result.reference), ("hypothesis", result.hypothesis)):
        share = "-" if burden.share_over is None else f"{burden.share_over:.2%}"
        windows = f"{burden.windows_over} of {burden.windows} ({share})"
        yield f"{side:10}  {burden.seconds_per_24h:11.1f}  {burden.longest_seconds:11.1f}  {windows}"
