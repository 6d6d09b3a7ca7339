"""``nedc-bench score``."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from nedc_bench.annotations import Pairing, Parameters
from nedc_bench.annotations.layout import MISSING
from nedc_bench.annotations.timeline import FILLER
from nedc_bench.cli.arguments import (
    FINE,
    USAGE,
    Commands,
    add_pair_arguments,
    command,
    named_pairs,
    named_parameters,
    positive,
    score_pairs,
)
from nedc_bench.errors import EvaluationError
from nedc_bench.evaluation import Result, operating_curve
from nedc_bench.reports import build_document, format_table, whole_file, write_csv, write_events, write_json
from nedc_bench.scoring import ALGORITHM, ALGORITHMS
from nedc_bench.scoring.operating import ALGORITHMS as CURVED
from nedc_bench.scoring.operating import OperatingCurve


def add(commands: Commands) -> None:
    """Add the command."""
    score = command(commands, "score", _score, "score hypotheses against references")
    add_pair_arguments(score)
    score.add_argument(
        "--missing",
        choices=MISSING,
        default="refuse",
        help="for folders: refuse a reference without hypothesis, or score it as no detections (default: refuse)",
    )
    score.add_argument("-o", "--output", metavar="DIR", help="folder for NEDC's reports, report.html and result.json")
    score.add_argument(
        "--curves", action="store_true", help="add operating curves to the page, where confidences differ (needs -o)"
    )
    score.add_argument(
        "--algorithm",
        action="append",
        choices=[*ALGORITHM, "all"],
        help="run this algorithm; may be repeated (default: all, which means NEDC's five)",
    )
    score.add_argument(
        "--strict", action="store_true", help="refuse input that causes warnings, such as overlapping events"
    )
    score.add_argument(
        "--jobs", type=positive, metavar="N", help="use at most N worker processes (default: the available CPUs)"
    )
    score.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="score on the Dask cluster of this scheduler, such as tcp://host:8786; its workers need nedc-bench and "
        "the same files under the same paths",
    )
    score.add_argument(
        "--format",
        choices=["text", "json", "csv"],
        default="text",
        help="print a table, the result document, or one row per recording, algorithm and label (default: %(default)s)",
    )
    score.add_argument("--per-pair", action="store_true", help="add the figures of each pair to the JSON document")
    score.add_argument("--per-event", action="store_true", help="add each event with its verdicts to the JSON document")
    score.add_argument(
        "--events", metavar="FILE", help="write each event's verdicts, with the rules behind them, to a CSV file"
    )


def _score(arguments: argparse.Namespace) -> int:
    for option, given in (("--per-pair", arguments.per_pair), ("--per-event", arguments.per_event)):
        if given and arguments.format != "json" and arguments.output is None:
            print(f"error: {option} needs a JSON document: add --format json or -o", file=sys.stderr)
            return USAGE
    if arguments.curves and arguments.output is None:
        print("error: --curves adds to the page: give -o", file=sys.stderr)
        return USAGE
    parameters = named_parameters(arguments)
    pairing = named_pairs(arguments, parameters)
    with _executor(arguments.dask) as executor:
        result = score_pairs(
            pairing if executor is None else _with_whole_paths(pairing),
            parameters,
            algorithms=arguments.algorithm or ALGORITHMS,
            strict=arguments.strict,
            jobs=arguments.jobs,
            executor=executor,
        )
    if arguments.output is not None:
        result.write_reports(
            arguments.output,
            reference=arguments.reference,
            hypothesis=arguments.hypothesis,
            per_pair=arguments.per_pair,
            events=arguments.per_event,
            curves=_curves(pairing, parameters, result) if arguments.curves else (),
        )
    if arguments.events is not None:
        with whole_file(arguments.events, encoding="utf-8", newline="") as file:
            write_events(result, file)
    if arguments.format == "json":
        write_json(build_document(result, per_pair=arguments.per_pair, events=arguments.per_event), sys.stdout)
    elif arguments.format == "csv":
        write_csv(result, sys.stdout)
    else:
        print(format_table(result.to_dict()))
        if arguments.output is not None:
            print(f"\nreports: {arguments.output}")
    return FINE


def _curves(pairing: Pairing, parameters: Parameters, result: Result) -> list[OperatingCurve]:
    """The curves of each algorithm that was scored and has one, of each class but background."""
    background = parameters.label_map.index.get(FILLER)
    return [
        operating_curve(pairing, algorithm=algorithm, label=label, parameters=parameters)
        for algorithm in CURVED
        if algorithm in result.algorithms
        for c, label in enumerate(parameters.label_map.classes)
        if c != background
    ]


@contextmanager
def _executor(dask: str | None) -> Iterator[Executor | None]:
    """The executor of a Dask cluster, if the address of its scheduler is given."""
    if dask is None:
        yield None
        return
    try:
        distributed: Any = importlib.import_module("distributed")  # an extra, without types
    except ModuleNotFoundError as error:
        raise EvaluationError(f"--dask needs Dask ({error}): pip install 'nedc-bench[dask]'") from error
    try:
        client = distributed.Client(dask)
    except (OSError, ValueError) as error:  # a time-out is an OSError
        raise EvaluationError(f"the Dask scheduler {dask} cannot be reached: {error}") from error
    with client, client.get_executor() as executor:
        try:
            yield executor
        except (distributed.KilledWorker, distributed.client.FutureCancelledError) as error:
            raise EvaluationError(f"the workers of the Dask scheduler {dask} died: {error}") from error


def _with_whole_paths(pairing: Pairing) -> Pairing:
    """The pairs with absolute paths, which are valid in any folder; their names stay as given."""
    pairs = []
    for pair in pairing.pairs:
        found = replace(pair)
        if isinstance(pair.reference, (str, os.PathLike)):
            name = pair.reference_name or os.fspath(pair.reference)
            found = replace(found, reference=os.path.abspath(pair.reference), reference_name=name)
        if isinstance(pair.hypothesis, (str, os.PathLike)):
            name = pair.hypothesis_name or os.fspath(pair.hypothesis)
            found = replace(found, hypothesis=os.path.abspath(pair.hypothesis), hypothesis_name=name)
        pairs.append(found)
    return replace(pairing, pairs=tuple(pairs))
