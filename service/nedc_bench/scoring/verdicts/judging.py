"""The verdicts of any algorithm on a pair."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from nedc_bench.annotations import Parameters
from nedc_bench.scoring.contribution import NO_ALIGNMENT, in_order
from nedc_bench.scoring.dp import DpContribution
from nedc_bench.scoring.pair import PairScore
from nedc_bench.scoring.verdicts import nedc, szcore, taes
from nedc_bench.scoring.verdicts.model import HYPOTHESIS, REFERENCE, Judgements, Pair, Verdict

_JUDGES: dict[str, Callable[[Pair], Judgements]] = {
    "dp": nedc.judge_dp,
    "epoch": nedc.judge_epoch,
    "overlap": nedc.judge_overlap,
    "taes": taes.judge_taes,
    "ira": nedc.judge_ira,
    "szcore-event": szcore.judge_events,
    "szcore-sample": szcore.judge_samples,
}


def judge(pair: PairScore, algorithm: str, parameters: Parameters) -> list[Verdict]:
    """The verdicts of an algorithm on the events of a pair, in order, the reference's before the hypothesis'.

    Args:
        pair: scored with ``algorithm`` and ``parameters``.

    Raises:
        KeyError: the pair was not scored with the algorithm.
        InputError: too many events overlap each other to name their partners.
    """
    contribution = pair.contributions[algorithm]  # the algorithm has already refused what it refuses
    aligned = contribution.alignment if isinstance(contribution, DpContribution) else NO_ALIGNMENT
    reference, hypothesis = (side.unpack() for side in pair.events)
    return list(_verdicts(pair.reference.name, algorithm, Pair(reference, hypothesis, parameters, aligned)))


def _verdicts(recording: str, algorithm: str, pair: Pair) -> Iterator[Verdict]:
    classes = pair.parameters.label_map.classes
    for side, name, judgements in zip(pair[:2], (REFERENCE, HYPOTHESIS), _JUDGES[algorithm](pair), strict=True):
        rows = zip(side.starts.tolist(), side.stops.tolist(), side.classes.tolist(), judgements, strict=True)
        for event, (start, stop, c, judged) in enumerate(rows):
            if judged is None:
                continue
            verdict, share, rule, partners, parts = judged
            hits = in_order(part.hits for part in parts)
            misses = in_order(part.misses for part in parts)
            alarms = in_order(part.false_alarms for part in parts)
            place = (recording, algorithm, classes[c], name, event, start, stop)
            yield Verdict(*place, verdict, share, rule, partners, hits, misses, alarms, parts)
