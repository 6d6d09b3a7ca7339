"""The difference between two algorithms as a table for a terminal: counts by rule, then the events."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from nedc_bench.scoring import CorpusScore
from nedc_bench.scoring.verdicts import Difference, Verdict, described, differences
from nedc_bench.scoring.verdicts.model import PARTIAL

_COUNTS = ("TP", "FP", "FN")


def explanation_lines(
    score: CorpusScore, first: str, second: str, *, label: str | None = None, events: int | None = None
) -> Iterator[str]:
    """The lines of the explanation.

    Args:
        score: scored with both algorithms.
        label: the class to compare; by default those that both score.
        events: the most events to list; None lists all.
    """
    labels = [name for name in _labels(score, first) if name in _labels(score, second) and label in {None, name}]
    found = [d for d in differences(score.scores, score.parameters, first, second) if d.label in labels]
    yield from _totals(score, (first, second), labels)
    yield ""
    if not found:
        yield f"{first} and {second} count every event the same."
        return
    yield from _rules(found, (first, second))
    yield ""
    yield from _events(found, (first, second), events)
    yield ""
    for rule in sorted({rule for difference in found for rule in difference.rules if rule}):
        yield f"  {rule}: {described(rule, score.parameters)}"


def _labels(score: CorpusScore, algorithm: str) -> Sequence[str]:
    result = score.algorithms[algorithm]
    return tuple(getattr(result, "labels", ()))


def _totals(score: CorpusScore, algorithms: tuple[str, str], labels: Sequence[str]) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [("", "", *_COUNTS)]
    for label in labels:
        for name in algorithms:
            figures = score.algorithms[name].labels[label]  # type: ignore[union-attr]  # those that have labels
            rows.append((name, label, *(_number(getattr(figures, count)) for count in ("tp", "fp", "fn"))))
    yield from _table(rows, (2, 3, 4))


def _rules(found: Sequence[Difference], algorithms: tuple[str, str]) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [("label", "side", *algorithms, "events", *_COUNTS)]
    for difference in found:
        counts = (difference.hits, difference.false_alarms, difference.misses)
        rules = (rule or "-" for rule in difference.rules)
        signed = (_number(count, "+") for count in counts)
        rows.append((difference.label, difference.side, *rules, str(difference.events), *signed))
    for label in dict.fromkeys(difference.label for difference in found):
        own = [difference for difference in found if difference.label == label]
        sums = (sum(getattr(d, count) for d in own) for count in ("hits", "false_alarms", "misses"))
        events = str(sum(difference.events for difference in own))
        rows.append((label, "total", "", "", events, *(_number(count, "+") for count in sums)))
    yield from _table(rows, (4, 5, 6, 7))


def _events(found: Sequence[Difference], algorithms: tuple[str, str], limit: int | None) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [("recording", "label", "side", "start", "stop", *algorithms)]
    listed = [both for difference in found for both in difference.verdicts]
    for one, other in listed[:limit]:
        known = one or other
        assert known is not None
        place = (known.recording, known.label, known.side, f"{known.start:.2f}", f"{known.stop:.2f}")
        rows.append((*place, _said(one), _said(other)))
    yield from _table(rows, (3, 4))
    if limit is not None and len(listed) > limit:
        more = len(listed) - limit
        yield f"... and {more} more event{'' if more == 1 else 's'}"


def _said(verdict: Verdict | None) -> str:
    if verdict is None:
        return "-"
    share = f" {verdict.share:.2f}" if verdict.verdict == PARTIAL else ""
    return f"{verdict.verdict}{share} ({verdict.rule})"


def _number(count: float, sign: str = "") -> str:
    return f"{count:{sign}d}" if isinstance(count, int) else f"{count:{sign}.2f}"


def _table(rows: Sequence[tuple[str, ...]], numbers: Collection[int]) -> Iterator[str]:
    """Columns of equal width, those in ``numbers`` right-aligned."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
