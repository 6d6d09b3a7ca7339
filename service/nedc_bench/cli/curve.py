"""``nedc-bench curve``."""

from __future__ import annotations

import argparse
import csv
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
from nedc_bench.evaluation import operating_curve
from nedc_bench.evaluation.figure import write_figure
from nedc_bench.reports import write_json
from nedc_bench.scoring.operating import ALGORITHMS, COLUMNS, FALSE_ALARMS_PER_24H, OperatingCurve


def add(commands: Commands) -> None:
    """Add the command."""
    curve = command(commands, "curve", _curve, "show a detector's figures at every threshold on its confidences")
    add_pair_arguments(curve)
    curve.add_argument("--algorithm", choices=ALGORITHMS, default="overlap", help="default: %(default)s")
    curve.add_argument("--label", help="the class (default: the only one besides background)")
    curve.add_argument(
        "--format",
        choices=["text", "json", "csv"],
        default="text",
        help="print sensitivity at a few false alarm rates, the whole curve, or one row per threshold "
        "(default: %(default)s)",
    )
    curve.add_argument(
        "--figure",
        metavar="FILE",
        help="draw the curve: .svg, .pdf or .png (pip install 'nedc-bench[figure]')",
    )


def _curve(arguments: argparse.Namespace) -> int:
    parameters = named_parameters(arguments)
    curve = operating_curve(
        named_pairs(arguments, parameters), algorithm=arguments.algorithm, label=arguments.label, parameters=parameters
    )
    print_warnings(curve.warnings)
    if arguments.figure is not None:
        write_figure(curve, arguments.figure)
    if arguments.format == "json":
        write_json(curve.to_dict(), sys.stdout)
    elif arguments.format == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(curve.points)
    else:
        print("\n".join(_lines(curve)))
    return FINE


def _lines(curve: OperatingCurve) -> Iterator[str]:
    """The figures that papers report."""
    pairs = f"{curve.pairs} pair{'' if curve.pairs == 1 else 's'}"
    thresholds = f"{curve.thresholds.size} threshold{'' if curve.thresholds.size == 1 else 's'}"
    hours = f"{curve.duration_seconds / 3600:.2f} hours of recording"
    yield f"{curve.algorithm}, class {curve.label}: {pairs}, {hours}, {thresholds}"
    yield ""
    yield "FA/24h allowed  sensitivity  FA/24h  precision  threshold  interpolated"
    for rate in FALSE_ALARMS_PER_24H:
        point = curve.at_false_alarms(rate)
        columns = (point.sensitivity, 11, 4), (point.false_alarms_per_24h, 6, 2), (point.precision, 9, 4)
        threshold = f"{point.threshold:9.4f}" if point.threshold < float("inf") else f"{'none':>9}"
        cells = [_cell(*column) for column in columns]
        yield "  ".join([f"{rate:14g}", *cells, threshold, _cell(curve.sensitivity_at(rate), 12, 4)])
    yield ""
    yield f"area under sensitivity, 0 to 10 FA/24h: {_cell(curve.auc(), 0, 4)}"
    yield f"area as neuroatlas-bench computes it, 0.1 to 100 FA/h: {_cell(curve.auc('neuroatlas'), 0, 4)}"


def _cell(value: float | None, width: int, digits: int) -> str:
    return f"{'-':>{width}}" if value is None else f"{value:{width}.{digits}f}"
