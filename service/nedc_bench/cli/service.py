"""``nedc-bench serve`` and ``doctor``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
from pathlib import Path

from nedc_bench.cli.arguments import FINE, REFUSED, Commands, command
from nedc_bench.errors import EvaluationError


def add(commands: Commands) -> None:
    """Add the command."""
    command(commands, "doctor", _doctor, "check an installation: settings, Redis, workers, figures")
    command(commands, "serve", _serve, "run the HTTP service; its settings are environment variables")


def _serve(_: argparse.Namespace) -> int:
    try:
        from nedc_bench.execution.worker import load_ahead  # noqa: PLC0415  # the service is an extra
        from nedc_bench.settings import Settings  # noqa: PLC0415

        settings = Settings.from_env(os.environ)
        load_ahead()
        from nedc_bench.server import serve  # noqa: PLC0415  # slow to import; the workers load meanwhile
    except ModuleNotFoundError as error:
        raise EvaluationError(f"the service is not installed ({error}): pip install 'nedc-bench[service]'") from error
    gc.enable()
    serve(settings)
    return FINE


def _doctor(_: argparse.Namespace) -> int:
    _be_killed_first()
    try:
        from nedc_bench.doctor import doctor  # noqa: PLC0415  # the service is an extra
    except ModuleNotFoundError as error:
        raise EvaluationError(f"the service is not installed ({error}): pip install 'nedc-bench[service]'") from error
    return FINE if asyncio.run(doctor(os.environ)) else REFUSED


def _be_killed_first() -> None:
    """Have the kernel, out of memory, kill this process rather than the service beside it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
