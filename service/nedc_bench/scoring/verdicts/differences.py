"""Why two algorithms count differently: the rules of both for every event, and their counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from nedc_bench.annotations import Parameters
from nedc_bench.scoring.pair import PairScore
from nedc_bench.scoring.verdicts.judging import judge
from nedc_bench.scoring.verdicts.model import Verdict


@dataclass
class Difference:
    """Events that two algorithms count differently, for the same two reasons.

    Attributes:
        label: the class of the events.
        side: the side of the events.
        rules: the rules of the two algorithms; empty if one does not judge the event.
        hits, misses, false_alarms: the second algorithm's counts for these events minus the first's.
        verdicts: the verdicts of both algorithms on each event; None if one does not judge it.
    """

    label: str
    side: str
    rules: tuple[str, str]
    hits: float = 0
    misses: float = 0
    false_alarms: float = 0
    verdicts: list[tuple[Verdict | None, Verdict | None]] = field(default_factory=list)

    @property
    def events(self) -> int:
        """The number of events."""
        return len(self.verdicts)


def differences(
    scores: Iterable[PairScore], parameters: Parameters, first: str, second: str, *, label: str | None = None
) -> list[Difference]:
    """The differences of counts between two algorithms, by label, side and rules; the largest first.

    Their sums are the differences of the corpus' hits (tp), misses (fn) and false alarms.

    Args:
        scores: pairs scored with both.
        label: the class to compare; None: all.

    Raises:
        KeyError: a pair was not scored with one of them.
    """
    found: dict[tuple[str, str, tuple[str, str]], Difference] = {}
    for pair in scores:
        both: dict[tuple[str, int], list[Verdict | None]] = {}
        for k, algorithm in enumerate((first, second)):
            for verdict in judge(pair, algorithm, parameters):
                if label in {None, verdict.label}:
                    both.setdefault((verdict.side, verdict.event), [None, None])[k] = verdict
        for one, other in both.values():
            _add(found, one, other)
    return sorted(found.values(), key=lambda difference: -difference.events)


def _add(found: dict[tuple[str, str, tuple[str, str]], Difference], one: Verdict | None, other: Verdict | None) -> None:
    before, after = (
        (0, 0, 0) if verdict is None else (verdict.hits, verdict.misses, verdict.false_alarms)
        for verdict in (one, other)
    )
    known = one or other
    if before == after or known is None:
        return
    rules = (one.rule if one else "", other.rule if other else "")
    key = (known.label, known.side, rules)
    difference = found.setdefault(key, Difference(known.label, known.side, rules))
    difference.hits += after[0] - before[0]
    difference.misses += after[1] - before[1]
    difference.false_alarms += after[2] - before[2]
    difference.verdicts.append((one, other))
