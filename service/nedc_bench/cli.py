"""The command ``nedc-bench``.

Exit status: 0 fine; 1 the input is refused (or ``parity`` finds a difference, ``doctor`` a fault); 2 usage; 3 the
evaluation could not be carried out (a dead worker, a full disk); 130 interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from nedc_bench.annotations import (
    DurationUnknownError,
    Pairing,
    Parameters,
    find_pairs,
    read_label_map,
    read_parameters,
    read_recording,
)
from nedc_bench.annotations.layout import MISSING
from nedc_bench.annotations.lists import list_files
from nedc_bench.annotations.parameters import CHANNELS
from nedc_bench.annotations.presets import PRESETS
from nedc_bench.errors import EvaluationError, InputError, SettingsError, refusal
from nedc_bench.evaluation import Result, score_corpus
from nedc_bench.evaluation.cpus import available_cpus
from nedc_bench.reports import (
    build_document,
    explanation_lines,
    format_table,
    format_warnings,
    write_csv,
    write_events,
    write_json,
)
from nedc_bench.scoring import ALGORITHM, ALGORITHMS
from nedc_bench.version import __version__

FINE, REFUSED, USAGE, FAILED, INTERRUPTED = 0, 1, 2, 3, 130

_EXAMPLES = """\
examples:
  nedc-bench score ref.csv_bi hyp.csv_bi              two files
  nedc-bench score ref.list hyp.list -o out/          two lists, paired by position; reports to out/
  nedc-bench score ref/ hyp/ --algorithm taes         two folders, paired by name; one algorithm
  nedc-bench score ref.list hyp.list --format json    the result document on standard output
  nedc-bench score ref/ hyp/ --format csv             a row a recording, algorithm and label, and the total
  nedc-bench score ref/ hyp/ --dask tcp://host:8786   spread over the workers of a Dask cluster
  nedc-bench score $TUSZ/edf/eval hyp/ --pattern '{id}_pred'   a tree against flat hypotheses, a_pred.csv for a.csv_bi
  nedc-bench score bids/ hyp/ --missing empty         a BIDS data set; what the detector did not write has no events
  nedc-bench score ref/ hyp/ --labels tusz            fnsz, gnsz ... are seizures; or --labels types.toml (see below)
  nedc-bench score ref/ hyp/ --events events.csv      what became of each event, and by which rule
  nedc-bench explain ref/ hyp/                        why overlap and szcore-event differ, event by event
  nedc-bench check hyp/*.csv_bi                       say what is wrong with files, score nothing
  nedc-bench parity --alpha nedc_eeg_eval/v6.0.0 ref.list hyp.list
  REDIS_URL=redis://localhost nedc-bench doctor       whether the service works with these settings
  PORT=8000 nedc-bench serve                          the HTTP service; settings are environment variables
"""

_FORMATS = f"""\

formats, told by their content (docs/formats.md):
  csv_bi; TUSZ's csv (--channels union); tse, tse_bi, lbl, lbl_bi; BIDS events.tsv and SzCORE's TSV;
  EDF+ annotations (pip install 'nedc-bench[edf]'); each also compressed by gzip. Sides may differ.
labels: one of {", ".join(PRESETS)}, or a TOML file such as
  [MAP]
  SEIZ = "seiz,fnsz,gnsz"
  BCKG = "bckg"
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    gc.disable()  # a command that ends: what it makes is freed by counting references, and there is no end of tuples
    if sys.stdout is None:  # closed by whoever started the command
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # for as long as the command runs
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for names and labels that the terminal cannot write
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()
        return status
    except InputError as error:
        for finding in error.findings:
            print(f"error: {finding}", file=sys.stderr)
        return REFUSED
    except SettingsError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        return USAGE
    except EvaluationError as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has left, as `head` does
        _drop_output()
        return FINE
    except OSError as error:  # as when our output goes to a full disk
        print(f"error: {error}", file=sys.stderr)
        _drop_output()
        return FAILED


def _drop_output() -> None:
    """What is still to be written to standard output goes nowhere: at exit it would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nedc-bench",
        description="Score EEG event annotations with the five algorithms of NEDC EEG Eval v6.0.0, to the last bit.",
        epilog=_EXAMPLES + _FORMATS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"nedc-bench {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    score = _command(commands, "score", _score, "score hypotheses against references")
    _add_pair_arguments(score)
    score.add_argument(
        "--missing",
        choices=MISSING,
        default="refuse",
        help="of folders: refuse a reference without hypothesis, or score it as if nothing was found (default: refuse)",
    )
    score.add_argument("-o", "--output", metavar="DIR", help="write the NEDC reports and result.json there")
    score.add_argument(
        "--algorithm",
        action="append",
        choices=[*ALGORITHM, "all"],
        help="run only this one (may be given several times; default: all, the five of NEDC)",
    )
    score.add_argument(
        "--strict", action="store_true", help="refuse what would be a warning, such as overlapping events"
    )
    score.add_argument(
        "--jobs", type=_positive, metavar="N", help="at most so many worker processes (default: the CPUs at hand)"
    )
    score.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="spread the pairs over the Dask cluster of this scheduler, such as tcp://host:8786; its workers need "
        "nedc-bench and the same files under the same paths",
    )
    score.add_argument(
        "--format",
        choices=["text", "json", "csv"],
        default="text",
        help="what to print: a table, the result document, or a row a "
        "recording, algorithm and label (default: %(default)s)",
    )
    score.add_argument("--per-pair", action="store_true", help="add the figures of every pair to the JSON document")
    score.add_argument(
        "--per-event", action="store_true", help="add every event and the verdicts on it to the JSON document"
    )
    score.add_argument(
        "--events", metavar="FILE", help="write what each algorithm made of each event, and by which rule, as CSV"
    )

    explain = _command(commands, "explain", _explain, "say which events two algorithms count differently, and why")
    _add_pair_arguments(explain)
    explain.add_argument(
        "--between",
        nargs=2,
        choices=[name for name in ALGORITHM if name != "ira"],
        default=["overlap", "szcore-event"],
        metavar=("FIRST", "SECOND"),
        help="the two algorithms (default: overlap szcore-event)",
    )
    explain.add_argument("--label", help="look at this class alone")
    explain.add_argument(
        "--limit", type=_positive, default=50, metavar="N", help="list at most so many events (default: %(default)s)"
    )

    check = _command(commands, "check", _check, "say what is wrong with annotation files, score nothing")
    check.add_argument("file", nargs="+", help="an annotation file, a list of them, or a folder")
    _add_parameters_argument(check)

    parity = _command(commands, "parity", _parity, "compare with an installed original, figure by figure")
    parity.add_argument("--alpha", required=True, metavar="DIR", help="the folder of NEDC EEG Eval v6.0.0 (NEDC_NFC)")
    parity.add_argument(
        "--python", metavar="PATH", help="the Python that runs the original; it needs numpy, scipy, lxml and toml"
    )
    _add_pair_arguments(parity)

    _command(commands, "doctor", _doctor, "say whether an installation works: settings, Redis, workers, figures")
    _command(commands, "serve", _serve, "run the HTTP service; its settings are environment variables")
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    description: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=description,
        description=description[0].upper() + description[1:] + ".",
        epilog="\n".join(["examples:", *(line for line in _EXAMPLES.splitlines() if f"nedc-bench {name}" in line)])
        + ("" if name in {"serve", "doctor"} else "\n" + _FORMATS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run)
    return command


def _add_pair_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("reference", help="an annotation file, a list of them, or a folder")
    command.add_argument("hypothesis", help="the same kind as the reference; formats may differ")
    command.add_argument(
        "--pattern", metavar="P", help="of folders: a hypothesis's name by its reference's, as in '{id}_pred'"
    )
    _add_parameters_argument(command)


def _add_parameters_argument(command: argparse.ArgumentParser) -> None:
    command.add_argument("--params", metavar="FILE", help="the original's TOML parameter file")
    command.add_argument(
        "--labels", metavar="L", help=f"which labels are seizures: {', '.join(PRESETS)}, or a TOML file with [MAP]"
    )
    command.add_argument(
        "--channels", choices=CHANNELS, help="refuse per-channel events, or score their union (default: refuse)"
    )
    command.add_argument(
        "--duration-tolerance",
        type=float,
        metavar="S",
        help="seconds by which durations may differ; the reference's counts (default: 0)",
    )


def _positive(text: str) -> int:
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"must be a whole number of 1 or more, not {text!r}")
    return int(text)


def _score(arguments: argparse.Namespace) -> int:
    for option, given in (("--per-pair", arguments.per_pair), ("--per-event", arguments.per_event)):
        if given and arguments.format != "json" and arguments.output is None:
            print(f"error: {option} adds to the JSON document: give --format json, or -o", file=sys.stderr)
            return USAGE
    parameters = _parameters(arguments)
    pairing = _find_pairs(arguments)
    with _executor(arguments.dask) as executor:
        result = _score_pairs(
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
        )
    if arguments.events is not None:
        _write_events(result, arguments.events)
    if arguments.format == "json":
        write_json(build_document(result, per_pair=arguments.per_pair, events=arguments.per_event), sys.stdout)
    elif arguments.format == "csv":
        write_csv(result, sys.stdout)
    else:
        print(format_table(result.to_dict()))
        if arguments.output is not None:
            print(f"\nreports: {arguments.output}")
    sys.stdout.flush()
    for line in format_warnings(result.warnings):
        print(line, file=sys.stderr)
    return FINE


def _explain(arguments: argparse.Namespace) -> int:
    first, second = arguments.between
    parameters = _parameters(arguments)
    if arguments.label not in {None, *parameters.label_map.classes}:
        known = ", ".join(parameters.label_map.classes)
        raise refusal("label", f"--label {arguments.label!r} is not a class of the label map: {known}")
    pairing = _find_pairs(arguments)
    result = _score_pairs(pairing, parameters, algorithms=arguments.between)
    for line in explanation_lines(result, first, second, label=arguments.label, events=arguments.limit):
        print(line)
    return FINE


def _write_events(result: Result, path: str) -> None:
    try:
        with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            write_events(result, file)
    except OSError as error:
        raise EvaluationError(f"cannot write {path}: {error.strerror}") from error


def _check(arguments: argparse.Namespace) -> int:
    parameters = _parameters(arguments)
    checked = refused = 0
    for argument in arguments.file:
        try:
            files = list_files(argument)
        except InputError as error:
            checked, refused = checked + 1, refused + 1
            _print_findings("error", error)
            continue
        checked += len(files)
        refused += sum(_is_refused(path, parameters) for path in files)
    print(f"{checked} file{'' if checked == 1 else 's'} checked, {refused} refused")
    return REFUSED if refused else FINE


def _is_refused(path: str, parameters: Parameters) -> bool:
    """Whether the file is refused; what there is to say of it is printed."""
    try:
        recording = read_recording(path, label_map=parameters.label_map, channels=parameters.channels)
    except DurationUnknownError as error:
        _print_findings("note", error)
        return False
    except InputError as error:
        _print_findings("error", error)
        return True
    for finding in recording.warnings:
        print(f"warning: {finding}")
    return False


def _print_findings(kind: str, error: InputError) -> None:
    for finding in error.findings:
        print(f"{kind}: {finding}")


def _parity(arguments: argparse.Namespace) -> int:
    from nedc_bench.evaluation.alpha import compare_with_original  # noqa: PLC0415  # only this command needs subprocess

    parameters = _parameters(arguments)
    pairing = _find_pairs(arguments)
    result = _score_pairs(pairing, parameters)
    differences = compare_with_original(arguments.alpha, pairing, result, arguments.params, arguments.python)
    for difference in differences:
        print(difference)
    lines = "1 line differs" if len(differences) == 1 else f"{len(differences)} lines differ"
    verdict = lines if differences else "no figure differs"
    print(f"{len(pairing.pairs)} pairs, {len(ALGORITHMS)} algorithms: {verdict}")
    return REFUSED if differences else FINE


def _serve(_: argparse.Namespace) -> int:
    try:
        from nedc_bench.execution.worker import load_ahead  # noqa: PLC0415  # the service is an extra
        from nedc_bench.settings import Settings  # noqa: PLC0415

        settings = Settings.from_env(os.environ)
        load_ahead()
        from nedc_bench.server import serve  # noqa: PLC0415  # takes its time, in which the workers' side loads, too
    except ModuleNotFoundError as error:
        raise EvaluationError(f"the service is not installed ({error}): pip install 'nedc-bench[service]'") from error
    gc.enable()
    serve(settings)
    return FINE


def _doctor(_: argparse.Namespace) -> int:
    try:
        from nedc_bench.doctor import doctor  # noqa: PLC0415  # the service is an extra
    except ModuleNotFoundError as error:
        raise EvaluationError(f"the service is not installed ({error}): pip install 'nedc-bench[service]'") from error
    return FINE if asyncio.run(doctor(os.environ)) else REFUSED


def _parameters(arguments: argparse.Namespace) -> Parameters:
    """The parameters of ``--params``, with what other options set."""
    parameters = Parameters() if arguments.params is None else read_parameters(arguments.params)
    given: dict[str, Any] = {name: getattr(arguments, name) for name in ("channels", "duration_tolerance")}
    if arguments.labels is not None:
        given["label_map"] = read_label_map(arguments.labels)
    return replace(parameters, **{name: value for name, value in given.items() if value is not None})


def _find_pairs(arguments: argparse.Namespace) -> Pairing:
    missing = getattr(arguments, "missing", "refuse")
    pairing = find_pairs(arguments.reference, arguments.hypothesis, pattern=arguments.pattern, missing=missing)
    for note in pairing.notes:
        print(f"note: {note}", file=sys.stderr)
    return pairing


def _score_pairs(
    pairing: Pairing,
    parameters: Parameters,
    *,
    algorithms: Sequence[str] = ALGORITHMS,
    strict: bool = False,
    jobs: int | None = None,
    executor: Executor | None = None,
) -> Result:
    with _progress(len(pairing.pairs)) as progress:
        return score_corpus(
            pairing,
            algorithms=algorithms,
            parameters=parameters,
            strict=strict,
            jobs=jobs or available_cpus(),
            executor=executor,
            progress=progress,
        )


@contextmanager
def _executor(dask: str | None) -> Iterator[Executor | None]:
    """The workers of a Dask cluster, when its scheduler's address is given."""
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
    """The pairs with paths that lead there from any folder, under the names that they have."""
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


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], object] | None]:
    """A progress bar on a terminal (pairs done, rate, time left); nothing in a pipe."""
    if total == 1 or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm  # noqa: PLC0415  # only needed on a terminal

    with tqdm(total=total, unit="pair", leave=False, file=sys.stderr) as bar:
        yield lambda done: bar.update(done - bar.n)
