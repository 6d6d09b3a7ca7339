"""``nedc-bench check``."""

from __future__ import annotations

import argparse

from nedc_bench.annotations import DurationUnknownError, Parameters, read_recording
from nedc_bench.annotations.lists import list_files
from nedc_bench.cli.arguments import FINE, REFUSED, Commands, add_parameters_argument, command, named_parameters
from nedc_bench.errors import InputError


def add(commands: Commands) -> None:
    """Add the command."""
    check = command(commands, "check", _check, "check annotation files without scoring them")
    check.add_argument("file", nargs="+", help="an annotation file, a list of files, or a folder")
    add_parameters_argument(check)


def _check(arguments: argparse.Namespace) -> int:
    parameters = named_parameters(arguments)
    for finding in parameters.warnings:
        print(f"warning: {finding}")
    checked = refused = 0
    for argument in arguments.file:
        try:
            files = list_files(argument, parameters.channels)
        except InputError as error:
            checked, refused = checked + 1, refused + 1
            _print_findings("error", error)
            continue
        checked += len(files)
        refused += sum(_is_refused(path, parameters) for path in files)
    print(f"{checked} file{'' if checked == 1 else 's'} checked, {refused} refused")
    return REFUSED if refused else FINE


def _is_refused(path: str, parameters: Parameters) -> bool:
    """Check a file and print its findings. Returns whether it is refused."""
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
