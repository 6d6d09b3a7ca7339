"""The command ``nedc-bench``: usage, help and version."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from helpers import Ran, run, run_program, write_small_corpus
from nedc_bench import __version__
from nedc_bench.cli import _parser
from nedc_bench.cli.arguments import EXAMPLES
from nedc_bench.scoring import ALGORITHM


def test_the_module_is_the_command(tmp_path: Path) -> None:
    for arguments in (("score", *write_small_corpus(tmp_path, 1)), ("score", "--nonsense")):
        assert run_program(sys.executable, "-m", "nedc_bench", *arguments) == run(*arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("scoer",), "invalid choice: 'scoer'"),
        (("score", "one"), "the following arguments are required: hypothesis"),
        (("score", "r", "h", "--algorithm", "tase"), "invalid choice: 'tase'"),
        (("score", "r", "h", "--jobs", "0"), "argument --jobs: must be a whole number of 1 or more, not '0'"),
        (("score", "r", "h", "--jobs", "\u0661"), "argument --jobs: must be a whole number of 1 or more, not '\u0661'"),
        (
            ("score", "r", "h", "--duration-tolerance", "\u0661"),
            "argument --duration-tolerance: must be a number, not '\u0661'",
        ),
        (("compare", "r", "a", "b", "--level", "0_9"), "argument --level: must be a number, not '0_9'"),
        (("compare", "r", "a", "b", "--seed", "\u0661"), "argument --seed: must be a whole number, not '\u0661'"),
        (("score", "r", "h", "--jobs", "two"), "argument --jobs: must be a whole number of 1 or more, not 'two'"),
        (("parity", "r", "h"), "the following arguments are required: --alpha"),
    ],
)
def test_wrong_usage_is_status_2_with_a_hint(arguments: tuple[str, ...], words: str) -> None:
    ran = run(*arguments)
    assert (ran.status, ran.stdout) == (2, "")
    assert ran.stderr.startswith("usage: nedc-bench")
    assert words in ran.stderr


@pytest.mark.parametrize("command", ["score", "check", "parity"])
def test_help_has_examples(command: str) -> None:
    ran = run(command, "--help")
    assert (ran.status, ran.stderr) == (0, "")
    assert f"examples:\n  nedc-bench {command} " in ran.stdout


def test_every_example_of_the_help_is_right() -> None:
    examples = [line.split("   ")[0] for line in EXAMPLES.splitlines()[1:]]
    assert examples
    for example in examples:
        _, program, arguments = example.partition("nedc-bench ")
        assert program
        assert _parser().parse_args(shlex.split(arguments)).run


def test_help_names_every_algorithm() -> None:
    assert "{" + ",".join((*ALGORITHM, "all")) + "}" in run("score", "--help").stdout


def test_the_version_is_printed() -> None:
    assert run("--version") == Ran(0, f"nedc-bench {__version__}\n", "")
