"""The command ``nedc-bench``.

Exit status: 0 fine; 1 the input is refused (or ``parity`` finds a difference); 2 usage; 3 the evaluation could not
be carried out (a dead worker, a full disk); 130 interrupted.
"""

from __future__ import annotations

import argparse
import gc
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from nedc_bench.annotations import Pairing, Parameters, find_pairs, read_list, read_parameters, read_recording
from nedc_bench.annotations.lists import SUFFIX, annotation_files
from nedc_bench.errors import EvaluationError, InputError, SettingsError, refusal
from nedc_bench.evaluation import Result, score_corpus
from nedc_bench.reports import (
    build_document,
    explanation_lines,
    format_table,
    format_warnings,
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
  nedc-bench score ref/ hyp/ --events events.csv      what became of each event, and by which rule
  nedc-bench explain ref/ hyp/                        why overlap and szcore-event differ, event by event
  nedc-bench check hyp/*.csv_bi                       say what is wrong with files, score nothing
  nedc-bench parity --alpha nedc_eeg_eval/v6.0.0 ref.list hyp.list
  PORT=8000 nedc-bench serve                          the HTTP service; settings are environment variables
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
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"nedc-bench {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    score = _command(commands, "score", _score, "score hypotheses against references")
    _add_pair_arguments(score)
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
        "--format", choices=["text", "json"], default="text", help="what to print (default: %(default)s)"
    )
    score.add_argument("--per-pair", action="store_true", help="add the figures of every pair to the JSON document")
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
    check.add_argument("file", nargs="+", help="a csv_bi file, a list file, or a folder of csv_bi files")
    _add_parameters_argument(check)

    parity = _command(commands, "parity", _parity, "compare with an installed original, figure by figure")
    parity.add_argument("--alpha", required=True, metavar="DIR", help="the folder of NEDC EEG Eval v6.0.0 (NEDC_NFC)")
    _add_pair_arguments(parity)

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
        epilog="\n".join(["examples:", *(line for line in _EXAMPLES.splitlines() if f"nedc-bench {name}" in line)]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run)
    return command


def _add_pair_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("reference", help="a csv_bi file, a list file, or a folder")
    command.add_argument("hypothesis", help="the same kind as the reference")
    _add_parameters_argument(command)


def _add_parameters_argument(command: argparse.ArgumentParser) -> None:
    command.add_argument("--params", metavar="FILE", help="the original's TOML parameter file")


def _positive(text: str) -> int:
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"must be a whole number of 1 or more, not {text!r}")
    return int(text)


def _score(arguments: argparse.Namespace) -> int:
    if arguments.per_pair and arguments.format != "json" and arguments.output is None:
        print("error: --per-pair adds to the JSON document: give --format json, or -o", file=sys.stderr)
        return USAGE
    parameters = _parameters(arguments)
    pairing = find_pairs(arguments.reference, arguments.hypothesis)
    result = _score_pairs(
        pairing, parameters, algorithms=arguments.algorithm or ALGORITHMS, strict=arguments.strict, jobs=arguments.jobs
    )
    if arguments.output is not None:
        result.write_reports(
            arguments.output,
            reference=arguments.reference,
            hypothesis=arguments.hypothesis,
            per_pair=arguments.per_pair,
        )
    if arguments.events is not None:
        _write_events(result, arguments.events)
    if arguments.format == "json":
        write_json(build_document(result, per_pair=arguments.per_pair), sys.stdout)
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
    pairing = find_pairs(arguments.reference, arguments.hypothesis)
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
    label_map = _parameters(arguments).label_map
    files = [path for argument in arguments.file for path in _expand(argument)]
    refused = 0
    for path in files:
        try:
            warnings = read_recording(path, label_map=label_map).warnings
        except InputError as error:
            refused += 1
            for finding in error.findings:
                print(f"error: {finding}")
        else:
            for finding in warnings:
                print(f"warning: {finding}")
    print(f"{len(files)} file{'' if len(files) == 1 else 's'} checked, {refused} refused")
    return REFUSED if refused else FINE


def _parity(arguments: argparse.Namespace) -> int:
    from nedc_bench.evaluation.alpha import compare_with_original  # noqa: PLC0415  # only this command needs subprocess

    parameters = _parameters(arguments)
    pairing = find_pairs(arguments.reference, arguments.hypothesis)
    result = _score_pairs(pairing, parameters)
    differences = compare_with_original(arguments.alpha, pairing, result, arguments.params)
    for difference in differences:
        print(difference)
    lines = "1 line differs" if len(differences) == 1 else f"{len(differences)} lines differ"
    verdict = lines if differences else "no figure differs"
    print(f"{len(pairing.pairs)} pairs, {len(ALGORITHMS)} algorithms: {verdict}")
    return REFUSED if differences else FINE


def _serve(_: argparse.Namespace) -> int:
    try:
        from nedc_bench.evaluation.pool import load_ahead  # noqa: PLC0415  # the service is an extra
        from nedc_bench.settings import Settings  # noqa: PLC0415

        settings = Settings.from_env(os.environ)
        load_ahead()
        from nedc_bench.server import serve  # noqa: PLC0415  # takes its time, in which the workers' side loads, too
    except ModuleNotFoundError as error:
        raise EvaluationError(f"the service is not installed ({error}): pip install 'nedc-bench[service]'") from error
    gc.enable()
    serve(settings)
    return FINE


def _parameters(arguments: argparse.Namespace) -> Parameters:
    return Parameters() if arguments.params is None else read_parameters(arguments.params)


def _score_pairs(
    pairing: Pairing,
    parameters: Parameters,
    *,
    algorithms: Sequence[str] = ALGORITHMS,
    strict: bool = False,
    jobs: int | None = None,
) -> Result:
    with _progress(len(pairing.pairs)) as progress:
        return score_corpus(
            pairing, algorithms=algorithms, parameters=parameters, strict=strict, jobs=jobs, progress=progress
        )


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], object] | None]:
    """A progress bar on a terminal (pairs done, rate, time left); nothing in a pipe."""
    if total == 1 or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm  # noqa: PLC0415  # only needed on a terminal

    with tqdm(total=total, unit="pair", leave=False, file=sys.stderr) as bar:
        yield lambda done: bar.update(done - bar.n)


def _expand(argument: str) -> list[str]:
    """The annotation files that an argument of ``check`` means."""
    if os.path.isdir(argument):
        names = annotation_files(argument)
        if not names:
            raise refusal("empty", f"has no {SUFFIX} file", file=argument)
        return [os.path.join(argument, name) for name in names]
    return read_list(argument) if argument.endswith((".list", ".lst", ".txt")) else [argument]
