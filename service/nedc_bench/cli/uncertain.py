"""What the commands about uncertainty share: options, the table of subjects, and workers."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from nedc_bench.annotations.layout import MISSING
from nedc_bench.cli.arguments import number, positive, whole
from nedc_bench.evaluation import ParallelEvaluator
from nedc_bench.evaluation.cpus import available_cpus
from nedc_bench.evaluation.parallel import can_start_processes
from nedc_bench.scoring import ALGORITHM
from nedc_bench.statistics import PROPORTIONS, Settings, Table, read_table

PARTICIPANTS = "participants.tsv"
DEFAULT_ALGORITHMS = ("overlap", "taes", "szcore-event")
ALONE_REPLICATES = 2_000  # what is computed here, before worker processes pay


def add_missing_argument(command: argparse.ArgumentParser) -> None:
    """Add ``--missing``, as `score` has it."""
    command.add_argument(
        "--missing",
        choices=MISSING,
        default="refuse",
        help="for folders: how to treat a reference without hypothesis (see score)",
    )


def add_participants_argument(command: argparse.ArgumentParser) -> None:
    """Add the option that `named_table` reads."""
    command.add_argument(
        "--participants",
        metavar="FILE",
        help="a table of subjects or recordings, TSV or CSV (default: participants.tsv in the reference folder)",
    )


def add_statistics_arguments(command: argparse.ArgumentParser) -> None:
    """Add what `named_settings` reads, and which algorithms are scored."""
    default = Settings()
    add_missing_argument(command)
    add_participants_argument(command)
    command.add_argument(
        "--algorithm",
        action="append",
        choices=[*ALGORITHM, "all"],
        help=f"run this algorithm; may be repeated (default: {', '.join(DEFAULT_ALGORITHMS)})",
    )
    command.add_argument("--seed", type=whole, default=default.seed, metavar="N", help="default: %(default)s")
    command.add_argument(
        "--replicates",
        type=whole,
        default=default.replicates,
        metavar="N",
        help="of the bootstrap (default: %(default)s)",
    )
    command.add_argument(
        "--level",
        type=number,
        default=default.level,
        metavar="P",
        help="confidence of the intervals (default: %(default)s)",
    )
    command.add_argument(
        "--proportions",
        choices=PROPORTIONS,
        default=default.proportions,
        help="intervals of proportions; clopper_pearson needs nedc-bench[statistics] (default: %(default)s)",
    )
    command.add_argument(
        "--jobs", type=positive, metavar="N", help="use at most N worker processes (default: the available CPUs)"
    )


def named_settings(arguments: argparse.Namespace) -> Settings:
    """Replicates, seed and level."""
    return Settings(arguments.replicates, arguments.seed, arguments.level, arguments.proportions)


def named_table(arguments: argparse.Namespace) -> Table | None:
    """The table of subjects that is named, or that lies in the reference folder."""
    if arguments.participants is not None:
        return read_table(arguments.participants)
    beside = os.path.join(arguments.reference, PARTICIPANTS)
    return read_table(beside) if os.path.isfile(beside) else None


@contextmanager
def workers(arguments: argparse.Namespace) -> Iterator[Executor | None]:
    """Worker processes for the replicates, where they pay."""
    jobs = arguments.jobs or available_cpus()
    if jobs == 1 or arguments.replicates <= ALONE_REPLICATES or not can_start_processes():
        yield None
        return
    with ParallelEvaluator(jobs) as executor:
        yield executor
