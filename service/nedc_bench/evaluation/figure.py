"""An operating curve as a figure file, drawn by matplotlib (``nedc-bench[figure]``), which is imported on demand."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from nedc_bench.errors import EvaluationError, refusal
from nedc_bench.reports import whole_file
from nedc_bench.scoring.operating import FALSE_ALARMS_PER_24H, OperatingCurve

SUFFIXES = (".svg", ".pdf", ".png")


def write_figure(curve: OperatingCurve, path: str) -> None:
    """Draw sensitivity over false alarms per 24 hours to a file, in the format of its suffix.

    Raises:
        InputError: the suffix is not supported, or the curve has no point.
        EvaluationError: matplotlib is not installed, or the file cannot be written.
    """
    if not path.casefold().endswith(SUFFIXES):
        raise refusal("figure", f"the name of a figure must end in {', '.join(SUFFIXES)}", file=path)
    if not curve.thresholds.size:
        raise refusal("figure", "no event is detected: there is no curve to draw", file=path)
    try:
        figures: Any = importlib.import_module("matplotlib.figure")  # an optional dependency
    except ModuleNotFoundError as error:
        raise EvaluationError(f"--figure needs matplotlib ({error}): pip install 'nedc-bench[figure]'") from error
    figure = figures.Figure(figsize=(6.4, 4.8), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(curve.false_alarms_per_24h, curve.sensitivity, drawstyle="steps-post", marker=".", markersize=4)
    points = [curve.at_false_alarms(rate) for rate in FALSE_ALARMS_PER_24H]
    x = [np.nan if point.false_alarms_per_24h is None else point.false_alarms_per_24h for point in points]
    y = [np.nan if point.sensitivity is None else point.sensitivity for point in points]
    axes.plot(x, y, linestyle="none", marker="o", label="best within 10, 5, 2.5, 1")
    axes.set(
        xscale="symlog",
        xlim=(0, None),
        ylim=(-0.02, 1.02),
        xlabel="False alarms in 24 hours",
        ylabel="Sensitivity",
        title=f"{curve.algorithm}, class {curve.label}",
    )
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="lower right")
    kind = path.casefold().rpartition(".")[2]
    with whole_file(path, "wb") as file:
        figure.savefig(file, format=kind, metadata={"Date": None} if kind == "svg" else None)
