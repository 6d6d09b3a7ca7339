"""``nedc-bench verify``."""

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
)
from nedc_bench.cli.uncertain import add_missing_argument, add_participants_argument, named_table
from nedc_bench.evaluation.differences import ONLY_NAMES
from nedc_bench.evaluation.verification import verify
from nedc_bench.version import __version__

MOST_SHOWN = 10


def add(commands: Commands) -> None:
    """Add the command."""
    verification = command(
        commands, "verify", _verify, "recompute a result or evidence document, and report what differs"
    )
    verification.add_argument("document", help="result.json or evidence.json")
    add_pair_arguments(verification)
    add_missing_argument(verification)
    add_participants_argument(verification)


def _verify(arguments: argparse.Namespace) -> int:
    parameters = named_parameters(arguments)
    pairing = named_pairs(arguments, parameters)
    differences = verify(arguments.document, pairing, parameters=parameters, table=named_table(arguments))
    for difference in differences[:MOST_SHOWN]:
        print(difference)
    if len(differences) > MOST_SHOWN:
        print(f"and {len(differences) - MOST_SHOWN} more differences")
    if differences and not differences[0].startswith(ONLY_NAMES):
        print(f"{arguments.document} is NOT what nedc-bench {__version__} makes of these files with these options")
    if differences:
        return REFUSED
    pairs = f"{len(pairing.pairs)} pair{'' if len(pairing.pairs) == 1 else 's'}"
    print(f"{arguments.document} is, to the last byte, what nedc-bench {__version__} makes of these files ({pairs})")
    return FINE
