"""Shared by the commands: options, examples, reading the named parameters and pairs, the progress bar."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeAlias

from nedc_bench.annotations import Pairing, Parameters, find_pairs, read_label_map, read_parameters
from nedc_bench.annotations.layout import FORMAT_NAMES
from nedc_bench.annotations.parameters import CHANNELS
from nedc_bench.annotations.presets import PRESETS
from nedc_bench.checks import parsed_number, repeated
from nedc_bench.errors import Finding, refusal
from nedc_bench.evaluation import Result, score_corpus
from nedc_bench.evaluation.cpus import available_cpus
from nedc_bench.reports import WRITTEN, format_warnings
from nedc_bench.scoring import ALGORITHMS

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  # has no public name
INPUTS = ("reference", "hypothesis", "first", "second", "params", "labels", "participants")  # arguments that name files
FINE, REFUSED, USAGE, FAILED, NOT_MET, INTERRUPTED = 0, 1, 2, 3, 4, 130

EXAMPLES = """\
examples:
  nedc-bench score ref.csv_bi hyp.csv_bi              two files
  nedc-bench score ref.list hyp.list -o out/          two lists, paired by position; reports to out/
  nedc-bench score ref/ hyp/ --algorithm taes         two folders, paired by name; one algorithm
  nedc-bench score ref.list hyp.list --format json    the result document on standard output
  nedc-bench score ref/ hyp/ --format csv             one row per recording, algorithm and label, and the totals
  nedc-bench score ref/ hyp/ --dask tcp://host:8786   spread over a Dask cluster
  nedc-bench score $TUSZ/edf/eval hyp/ --pattern '{id}_pred'   a tree and a flat folder: a_pred.csv pairs with a.csv_bi
  nedc-bench score bids/ hyp/ --missing empty         a BIDS data set; a missing hypothesis counts as no detections
  nedc-bench score ref/ hyp/ --labels tusz            count fnsz, gnsz ... as seizures; or --labels types.toml (below)
  nedc-bench score ref/ hyp/ --events events.csv      also write each event's verdict and the rule behind it
  nedc-bench explain ref/ hyp/                        explain why overlap and szcore-event differ, event by event
  nedc-bench evidence bids/ hyp/ -o out/ --subgroup age:18,65   confidence intervals of every figure, by subgroup
  nedc-bench evidence bids/ hyp/ -o out/ --require 'sensitivity.lower >= 0.70'   exit status 4 if it is not met
  nedc-bench verify out/evidence.json bids/ hyp/      recompute every bit of it, or of result.json
  nedc-bench compare ref/ hyp_a/ hyp_b/               test whether two systems differ by more than chance
  nedc-bench curve ref/ hyp/ --algorithm taes         sensitivity at 10, 5, 2.5, 1 false alarms a day, by confidences
  nedc-bench curve ref/ hyp/ --figure curve.svg       also draw the curve of all thresholds
  nedc-bench burden ref/ hyp/                         detection delays and seizure burden
  nedc-bench check hyp/*.csv_bi                       check files without scoring them
  nedc-bench parity --alpha nedc_eeg_eval/v6.0.0 ref.list hyp.list
  REDIS_URL=redis://localhost nedc-bench doctor       check that the service works with these settings
  PORT=8000 nedc-bench serve                          run the HTTP service; settings are environment variables
"""

FORMATS = f"""\

formats, recognised by content (docs/formats.md):
  {FORMAT_NAMES}; any of them compressed with gzip.
  The two sides may differ. csv is TUSZ's, per channel (--channels union); EDF+ needs pip install 'nedc-bench[edf]'.
labels: {", ".join(PRESETS)}, or a TOML file such as
  [MAP]
  SEIZ = "seiz,fnsz,gnsz"
  BCKG = "bckg"
"""


def command(
    commands: Commands,
    name: str,
    run: Callable[[argparse.Namespace], int],
    description: str,
) -> argparse.ArgumentParser:
    """Add the command ``name``; its help ends with its examples."""
    command = commands.add_parser(
        name,
        help=description,
        description=description[0].upper() + description[1:] + ".",
        epilog="\n".join(["examples:", *(line for line in EXAMPLES.splitlines() if f"nedc-bench {name}" in line)])
        + ("" if name in {"serve", "doctor"} else "\n" + FORMATS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run)
    return command


def add_pair_arguments(command: argparse.ArgumentParser) -> None:
    """Add the options for pairs and parameters."""
    command.add_argument("reference", help="an annotation file, a list of files or a folder")
    command.add_argument("hypothesis", help="the same kind as the reference; the format may differ")
    command.add_argument(
        "--pattern", metavar="P", help="for folders: the hypothesis's name from its reference's, such as '{id}_pred'"
    )
    add_parameters_argument(command)


def add_parameters_argument(command: argparse.ArgumentParser) -> None:
    """Add the options that `named_parameters` reads."""
    command.add_argument("--params", metavar="FILE", help="a TOML parameter file, as for the original")
    command.add_argument(
        "--labels", metavar="L", help=f"which labels are seizures: {', '.join(PRESETS)}, or a TOML file with [MAP]"
    )
    command.add_argument(
        "--channels", choices=CHANNELS, help="refuse per-channel events or score their union (default: refuse)"
    )
    command.add_argument(
        "--duration-tolerance",
        type=number,
        metavar="S",
        help="seconds by which the durations of a pair may differ; the reference's counts (default: 0)",
    )


def number(text: str) -> float:
    """Parse the value of an option that must be a number."""
    try:
        return parsed_number(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, not {text!r}") from None


def whole(text: str) -> int:
    """Parse the value of an option that must be a whole number; its range is checked elsewhere."""
    if not (text.isascii() and text.removeprefix("-").isdecimal()):
        raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r}")
    return int(text)


def positive(text: str) -> int:
    """Parse the value of an option that must be a whole number of 1 or more."""
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"must be a whole number of 1 or more, not {text!r}")
    return int(text)


def named_parameters(arguments: argparse.Namespace) -> Parameters:
    """The parameters of ``--params``, overridden by other options."""
    parameters = Parameters() if arguments.params is None else read_parameters(arguments.params)
    given: dict[str, Any] = {name: getattr(arguments, name) for name in ("channels", "duration_tolerance")}
    if arguments.labels is not None:
        given["label_map"] = read_label_map(arguments.labels)
    return replace(parameters, **{name: value for name, value in given.items() if value is not None})


def named_pairs(arguments: argparse.Namespace, parameters: Parameters, *, hypothesis: str | None = None) -> Pairing:
    """The pairs of the named files, lists or folders; prints the notes about how they were paired."""
    pairing = find_pairs(
        arguments.reference,
        arguments.hypothesis if hypothesis is None else hypothesis,
        pattern=arguments.pattern,
        missing=getattr(arguments, "missing", "refuse"),
        channels=parameters.channels,
    )
    _check_outputs(vars(arguments), pairing)
    for note in pairing.notes:
        print(f"note: {note}", file=sys.stderr)
    return pairing


def _check_outputs(given: Mapping[str, Any], pairing: Pairing) -> None:
    """Refuse an output without a name, to write over a file that the command reads, and two outputs to one file."""
    for option in ("output", "events", "figure"):
        if given.get(option) == "":
            raise refusal("output", f"--{option} is empty; give it a name, or leave it out")
    outputs = [given[option] for option in ("events", "figure") if given.get(option) is not None]
    if given.get("output") is not None:
        outputs += [os.path.join(given["output"], name) for name in WRITTEN]
    if (twice := repeated(map(os.path.realpath, outputs))) is not None:
        raise refusal("output", "would be written twice; give each output a file of its own", file=twice)
    sources = [source for pair in pairing.pairs for source in (pair.reference, pair.hypothesis)]
    sources += [given.get(name) for name in INPUTS]
    known = {_identity(path): path for path in outputs if os.path.isfile(path)}
    for path in sources if known else ():
        if isinstance(path, (str, os.PathLike)) and os.path.exists(path) and _identity(path) in known:
            raise refusal("output", "is an input of this command; write to another place", file=known[_identity(path)])


def _identity(path: str | os.PathLike[str]) -> tuple[int, int]:
    """The device and inode of a file, the same for all of its paths."""
    found = os.stat(path)
    return found.st_dev, found.st_ino


def score_pairs(
    pairing: Pairing,
    parameters: Parameters,
    *,
    algorithms: Sequence[str] = ALGORITHMS,
    strict: bool = False,
    jobs: int | None = None,
    executor: Executor | None = None,
) -> Result:
    """Score the pairs and print their warnings; shows a progress bar on a terminal."""
    with _progress(len(pairing.pairs)) as progress:
        result = score_corpus(
            pairing,
            algorithms=algorithms,
            parameters=parameters,
            strict=strict,
            jobs=jobs or available_cpus(),
            executor=executor,
            progress=progress,
        )
    print_warnings(result.warnings)
    return result


def print_warnings(warnings: Sequence[Finding]) -> None:
    """Print one line for each kind of warning, before any figure, since standard output may be closed early or full."""
    for line in format_warnings(warnings):
        print(line, file=sys.stderr)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], object] | None]:
    """A progress bar (pairs done, rate, time left) on a terminal, nothing in a pipe."""
    if total == 1 or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm  # noqa: PLC0415  # only needed on a terminal

    with tqdm(total=total, unit="pair", leave=False, file=sys.stderr) as bar:
        yield lambda done: bar.update(done - bar.n)
