"""The command ``nedc-bench``.

Exit status: 0 fine; 1 the input is refused (or ``parity`` finds a difference, ``doctor`` a fault); 2 usage; 3 the
evaluation could not be carried out (a dead worker, a full disk); 4 an acceptance limit is not met; 128 + n ended by
signal n (130 by Ctrl-C, 143 by SIGTERM), with nothing half-written left behind.
"""

from __future__ import annotations

import argparse
import gc
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from types import FrameType
from typing import IO, Any, NoReturn

from nedc_bench.cli import burden, check, compare, curve, evidence, explain, parity, score, service, verify
from nedc_bench.cli.arguments import EXAMPLES, FAILED, FINE, FORMATS, INTERRUPTED, REFUSED, USAGE
from nedc_bench.errors import EvaluationError, InputError, SettingsError
from nedc_bench.version import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit status."""
    gc.disable()  # a short-lived process with many tuples and no cycles: reference counting frees them
    if sys.stdout is None:  # closed by the caller
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # for as long as the command runs
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for names and labels that the terminal cannot encode
    try:
        output: Any = _Output(sys.stdout)
        with _interrupted_by(signal.SIGTERM, signal.SIGHUP), redirect_stdout(output):
            arguments = _parser().parse_args(argv)
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
    except KeyboardInterrupt as interrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED if not interrupt.args else 128 + int(interrupt.args[0])
    except BrokenPipeError:  # the reader has closed the pipe, as `head` does
        _drop_output()
        return FINE
    except OSError as error:  # for example, the output goes to a full disk
        print(f"error: {error}", file=sys.stderr)
        _drop_output()
        return FAILED


@contextmanager
def _interrupted_by(*numbers: signal.Signals) -> Iterator[None]:
    """Have signals end the command as Ctrl-C does, unless the caller had them ignored (`nohup`) or handles them."""

    def interrupt(number: int, _: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt(number)

    main = threading.current_thread() is threading.main_thread()
    taken = [number for number in numbers if main and signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


class _Output:
    """Standard output whose errors name it."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> None:
        self._call(self._stream.write, text)

    def flush(self) -> None:
        self._call(self._stream.flush)

    def _call(self, method: Callable[..., object], *arguments: str) -> None:
        try:
            method(*arguments)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OSError(f"cannot write standard output: {error.strerror}") from error


def _drop_output() -> None:
    """Discard the rest of standard output; flushing it at exit would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nedc-bench",
        description="Score EEG event annotations with the five algorithms of NEDC EEG Eval v6.0.0, bit for bit.",
        epilog=EXAMPLES + FORMATS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"nedc-bench {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    for command in (score, explain, curve, burden, evidence, compare, verify, check, parity, service):
        command.add(commands)
    return parser
