"""``nedc-bench evidence``."""

from __future__ import annotations

import argparse

from nedc_bench.cli.arguments import (
    FINE,
    NOT_MET,
    Commands,
    add_pair_arguments,
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
from nedc_bench.reports import EVIDENCE_NAME, build_evidence, format_evidence
from nedc_bench.statistics import uncertainty


def add(commands: Commands) -> None:
    """Add the command."""
    evidence = command(
        commands, "evidence", _evidence, "compute confidence intervals, in a document that others can verify"
    )
    add_pair_arguments(evidence)
    add_statistics_arguments(evidence)
    evidence.add_argument(
        "-o", "--output", metavar="DIR", required=True, help=f"write {EVIDENCE_NAME} and reports there"
    )
    evidence.add_argument(
        "--strict", action="store_true", help="refuse input that causes warnings, such as overlapping events"
    )
    evidence.add_argument(
        "--subgroup",
        action="append",
        default=[],
        metavar="COLUMN[:CUTS]",
        help="also report subgroups by this column of the participants, such as 'sex' or 'age:18,65'; may be repeated",
    )
    evidence.add_argument(
        "--require",
        action="append",
        default=[],
        metavar="LIMIT",
        help="a limit, such as 'sensitivity.lower >= 0.70'; exit status 4 if it is not met; may be repeated",
    )


def _evidence(arguments: argparse.Namespace) -> int:
    settings = named_settings(arguments)
    parameters = named_parameters(arguments)
    table = named_table(arguments)
    result = score_pairs(
        named_pairs(arguments, parameters),
        parameters,
        algorithms=arguments.algorithm or DEFAULT_ALGORITHMS,
        strict=arguments.strict,
        jobs=arguments.jobs,
    )
    with workers(arguments) as executor:
        found = uncertainty(
            result,
            settings=settings,
            table=table,
            subgroups=arguments.subgroup,
            require=arguments.require,
            executor=executor,
        )
    document = build_evidence(result, found)
    names = {"reference": arguments.reference, "hypothesis": arguments.hypothesis}
    result.write_reports(arguments.output, **names, evidence=document)
    print(f"{format_evidence(document)}\n\nevidence: {arguments.output}")
    return FINE if found.accepted else NOT_MET
