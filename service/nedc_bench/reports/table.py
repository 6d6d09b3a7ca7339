"""The table for a terminal, and the summary of warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nedc_bench.errors import Finding

_HEADINGS = ("algorithm", "label", "TP", "FP", "FN", "sensitivity", "precision", "F1", "FA/24h")


def format_table(document: Mapping[str, Any]) -> str:
    """A result document as a table: one row per algorithm and class, then the kappas.

    Figures are rounded only here.
    """
    rows: list[tuple[str, ...]] = [_HEADINGS]
    for name, result in document["algorithms"].items():
        rows.extend(_rows(name, result.get("labels", {})))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ["  ".join(_aligned(row, widths)) for row in rows] if len(rows) > 1 else []
    if "ira" in document["algorithms"]:
        lines += [*([""] if lines else []), _kappas(document["algorithms"]["ira"])]
    lines += _units(document)
    hours = document["duration_seconds"] / 3600
    count = f"{document['pairs']} pair{'' if document['pairs'] == 1 else 's'}"
    return "\n".join([f"{count}, {hours:.2f} hours of recording", "", *lines])


def _units(document: Mapping[str, Any]) -> Iterator[str]:
    """The units of counts that are not events."""
    names = document["algorithms"]
    units = []
    if "epoch" in names:
        seconds = document["parameters"]["epoch_duration"]
        units.append(f"epoch: TP, FP, FN are samples, one per {seconds:g} s; FA/24h is seconds of false alarm in 24 h")
    if "taes" in names:
        units.append("taes: TP, FP, FN are events, or parts of them; FA/24h is their number in 24 h")
    if "szcore-sample" in names:
        units.append("szcore-sample: TP, FP, FN are samples, one per second; FA/24h is their number in 24 h")
    if units:
        yield from ("", *units)


def format_warnings(warnings: Sequence[Finding]) -> Iterator[str]:
    """One line per kind of warning: the first one in full, and the number of others."""
    by_code: dict[str, list[Finding]] = {}
    for warning in warnings:
        by_code.setdefault(warning.code, []).append(warning)
    for code, found in by_code.items():
        more = f" (and {len(found) - 1} more of this kind)" if len(found) > 1 else ""
        yield f"warning [{code}] {found[0]}{more}"


def _rows(name: str, labels: Mapping[str, Mapping[str, float]]) -> Iterator[tuple[str, ...]]:
    number = ".2f" if name == "taes" else "d"
    for label, figures in labels.items():
        counts = (f"{figures[count]:{number}}" for count in ("tp", "fp", "fn"))
        rates = (_rate(figures[rate], ".4f") for rate in ("sensitivity", "precision", "f1"))
        yield (name, label, *counts, *rates, _rate(figures["false_alarms_per_24h"], ".2f"))


def _rate(value: float | None, number: str) -> str:
    """A rate for the table; SzCORE's can be missing."""
    return "-" if value is None else f"{value:{number}}"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """Align words left and numbers right."""
    for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
        yield cell.ljust(width) if column < 2 else cell.rjust(width)


def _kappas(agreement: Mapping[str, Any]) -> str:
    each = "  ".join(f"{label} {kappa:.4f}" for label, kappa in agreement["kappa"].items())
    return f"kappa      {each}  multi-class {agreement['multi_class_kappa']:.4f}"
