"""``summary.txt``: the figures of every algorithm, equal to the original's bytes.

Only the first block (date, program, version), the ``File:``, ``Ref:`` and ``Hyp:`` lines and the completion date are
our own: docs/scoring.md section 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from nedc_bench.scoring import Agreement, AlgorithmResult, CorpusScore, Figures, SzcoreResult
from nedc_bench.scoring.corpus import ConfusionMatrix
from nedc_bench.version import __version__

RULE = "=" * 78
MARK = "   <**"

_TITLES = {"dp": "DP ALIGNMENT", "epoch": "EPOCH", "overlap": "OVERLAP", "taes": "TAES", "ira": "INTER-RATER AGREEMENT"}
_MATRIX_TITLES = {"dp": "DPAlign", "epoch": "Epoch", "ira": "IRA"}
_MARKED = {
    "dp": ("insertions", "deletions"),
    "epoch": (),
    "overlap": ("targets", "hits", "misses", "false_alarms"),
    "taes": ("targets", "hits", "misses", "false_alarms"),
}
_EVENTS = {
    "targets": "Targets",
    "hits": "Hits",
    "misses": "Misses",
    "false_alarms": "False Alarms",
    "insertions": "Insertions",
    "deletions": "Deletions",
}
_OUTCOMES = {
    "tp": "True Positives (TP)",
    "tn": "True Negatives (TN)",
    "fp": "False Positives (FP)",
    "fn": "False Negatives (FN)",
}
_PERCENTAGES = {
    "sensitivity": "Sensitivity (TPR, Recall)",
    "specificity": "Specificity (TNR)",
    "precision": "Precision (PPV)",
    "npv": "Negative Pred. Value (NPV)",
    "miss_rate": "Miss Rate (FNR)",
    "false_positive_rate": "False Positive Rate (FPR)",
    "false_discovery_rate": "False Discovery Rate (FDR)",
    "false_omission_rate": "False Omission Rate (FOR)",
    "accuracy": "Accuracy",
    "misclassification_rate": "Misclassification Rate",
    "prevalence": "Prevalence",
}
_SUMMARY_EVENTS = _EVENTS | {"targets": "Total"}
_SUMMARY_OUTCOMES = {"tp": "True Positives(TP)", "fp": "False Positives (FP)"}
_SUMMARY_PERCENTAGES = ("sensitivity", "miss_rate", "accuracy", "misclassification_rate", "prevalence")


def lines(score: CorpusScore, file: str, reference: str, hypothesis: str, now: datetime) -> Iterator[str]:
    """The lines of ``summary.txt``.

    Args:
        file: the path of the report.
        reference, hypothesis: the scored lists, files or folders.
    """
    yield RULE
    yield f"     Date: {_date(now)}"
    yield "     File: nedc-bench"
    yield "  Version: v6.0.0"
    yield f" Mod Time: nedc-bench {__version__}"
    yield RULE
    yield ""
    yield RULE
    yield f"File: {file}"
    yield "Data:"
    yield f" Ref: {reference}"
    yield f" Hyp: {hypothesis}"
    yield ""
    for name, result in score.algorithms.items():
        if isinstance(result, SzcoreResult):
            continue  # the original does not report it
        yield RULE
        yield f"NEDC {_TITLES[name]} {'' if name == 'ira' else 'SCORING '}SUMMARY (v6.0.0):"
        yield ""
        if isinstance(result, Agreement):
            yield from _agreement(result)
        else:
            yield from _algorithm(name, result, score.duration_seconds)
        yield ""
    yield RULE
    yield f"NEDC EEG Eval Successfully Completed on {_date(now)}"
    yield RULE


def _date(now: datetime) -> str:
    return now.strftime("%a %b %d %H:%M:%S %Y")


def _algorithm(name: str, result: AlgorithmResult, duration_seconds: float) -> Iterator[str]:
    number = "13.2f" if name == "taes" else "13d"
    if result.confusion is not None:
        yield from _matrix(name, result.confusion)
        yield ""
    yield "PER LABEL RESULTS:"
    yield ""
    for label, figures in result.labels.items():
        yield f" LABEL: {label.upper()}"
        yield ""
        yield from _numbers(figures, _EVENTS, number, _MARKED[name])
        yield ""
        yield from _numbers(figures, _OUTCOMES, number)
        yield ""
        yield from _percentages(figures, tuple(_PERCENTAGES))
        yield _line("F1 Score (F Ratio)", f"{figures.f1:13.4f}")
        yield _line("Matthews (MCC)", f"{figures.mcc:13.4f}")
        yield _line("False Alarm Rate", f"{figures.false_alarms_per_24h:13.4f} per 24 hours")
        yield ""
    summary = result.summary
    yield "SUMMARY:"
    yield ""
    yield from _numbers(summary, _SUMMARY_EVENTS, number, _MARKED[name])
    yield ""
    yield from _numbers(summary, _SUMMARY_OUTCOMES, number)
    yield ""
    yield from _percentages(summary, _SUMMARY_PERCENTAGES)
    yield _line("F1 Score", f"{summary.f1:13.4f}")
    yield _line("Matthews (MCC)", f"{summary.mcc:13.4f}")
    yield ""
    yield _line("Total Duration", f"{duration_seconds:13.4f} secs")
    yield _line("Total False Alarms", f"{summary.fp:13.4f} events")
    yield _line("Total False Alarm Rate", f"{summary.false_alarms_per_24h:13.4f} per 24 hours")


def _agreement(result: Agreement) -> Iterator[str]:
    yield from _matrix("ira", result.confusion)
    yield ""
    yield "PER LABEL RESULTS:"
    width = max(map(len, result.kappa))
    for label, kappa in result.kappa.items():
        yield f" Label: {label:>{width}}   Kappa:{kappa:13.4f}"
    yield ""
    yield "SUMMARY:"
    yield f" {'Multi-Class Kappa':>{15 + width}}:{result.multi_class_kappa:13.4f}"


def _matrix(name: str, confusion: ConfusionMatrix) -> Iterator[str]:
    title = f"NEDC {_MATRIX_TITLES[name]} Confusion Matrix"
    padding = 8 + 22 * len(confusion) - len(title)
    left = (padding + 1) // 2
    yield " " * left + title + " " * (padding - left)
    yield "  Ref/Hyp:" + "".join(f"{label:^22}" for label in confusion)
    for label, row in confusion.items():
        total = sum(row.values())
        cells = (f"{count:12.2f} ({100 * count / total if total else 0.0:6.2f}%)" for count in row.values())
        yield f"{label:>9}:" + "".join(cells)


def _numbers(figures: Figures, names: dict[str, str], number: str, marked: tuple[str, ...] = ()) -> Iterator[str]:
    for name, text in names.items():
        yield _line(text, f"{getattr(figures, name):{number}}" + (MARK if name in marked else ""))


def _percentages(figures: Figures, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        yield _line(_PERCENTAGES[name], f"{100 * getattr(figures, name):13.4f}%")


def _line(text: str, value: str) -> str:
    return f"{text:>33}:{value}"
