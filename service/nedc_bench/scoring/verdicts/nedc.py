"""The verdicts of ``dp``, ``epoch``, ``overlap`` and ``ira``."""

from __future__ import annotations

from nedc_bench.scoring.contribution import NULL
from nedc_bench.scoring.epoch import shared_runs
from nedc_bench.scoring.verdicts.model import (
    FALSE_ALARM,
    HIT,
    MISS,
    UNCOUNTED,
    Judged,
    Judgements,
    Pair,
    Part,
    by_samples,
    overlapping,
)

_ONE_MISS = Judged(MISS, 0.0, "no overlap", (), (Part(None, 0, 1, 0),))
_ONE_ALARM = Judged(FALSE_ALARM, 0.0, "no overlap", (), (Part(None, 0, 0, 1),))


def judge_overlap(pair: Pair) -> Judgements:
    """A reference event with partners is a hit; a hypothesis event without partners is a false alarm."""
    refs, hyps = partners_of(pair)
    return (
        [Judged(HIT, 1.0, "overlap", found, (Part(None, 1, 0, 0),)) if found else _ONE_MISS for found in refs],
        [Judged(HIT, 1.0, "overlap", found) if found else _ONE_ALARM for found in hyps],
    )


def partners_of(pair: Pair) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """For each event of both sides, the events of its class on the other side that overlap it."""
    results: list[list[tuple[int, ...]]] = []
    for side, other in ((pair.reference, pair.hypothesis), (pair.hypothesis, pair.reference)):
        found: list[tuple[int, ...]] = [()] * side.classes.size
        for c in set(side.classes.tolist()):
            own, others = (side.classes == c).nonzero()[0], (other.classes == c).nonzero()[0]
            if not others.size:
                continue
            times = (side.starts[own], side.stops[own], other.starts[others], other.stops[others])
            for event, partners in zip(own.tolist(), overlapping(*times), strict=True):
                found[event] = tuple(others[list(partners)].tolist())
        results.append(found)
    return results[0], results[1]


def judge_dp(pair: Pair) -> Judgements:
    """Each event is aligned with an event of the other side, or with nothing."""
    refs: list[Judged | None] = []
    hyps: list[Judged | None] = []
    for ref, hyp in zip(*pair.aligned, strict=True):
        i, j = len(refs), len(hyps)
        if hyp == NULL:
            refs.append(Judged(MISS, 0.0, "deletion", (), (Part(None, 0, 1, 0),)))
        elif ref == NULL:
            hyps.append(Judged(FALSE_ALARM, 0.0, "insertion", (), (Part(None, 0, 0, 1),)))
        elif ref == hyp:
            refs.append(Judged(HIT, 1.0, "aligned", (j,), (Part(j, 1, 0, 0),)))
            hyps.append(Judged(HIT, 1.0, "aligned", (i,)))
        else:
            refs.append(Judged(MISS, 0.0, "substitution", (j,), (Part(j, 0, 1, 0),)))
            hyps.append(Judged(UNCOUNTED, 0.0, "substitution", (i,)))
    return refs, hyps


def judge_epoch(pair: Pair) -> Judgements:
    """Each event by its samples."""
    return _judge_samples(pair, pair.parameters.epoch_duration)


def judge_ira(pair: Pair) -> Judgements:
    """Each event by its samples, as in ``epoch``."""
    return _judge_samples(pair, pair.parameters.ira_epoch_duration)


def _judge_samples(pair: Pair, epoch: float) -> Judgements:
    """One part per event of the other side that shares samples: hits, misses or false alarms, by label."""
    ref_parts: list[dict[int, int]] = [{} for _ in pair.reference.classes]
    hyp_parts: list[dict[int, int]] = [{} for _ in pair.hypothesis.classes]
    for length, i, j in zip(*(column.tolist() for column in shared_runs(*pair[:2], epoch)), strict=True):
        ref_parts[i][j] = ref_parts[i].get(j, 0) + length
        hyp_parts[j][i] = hyp_parts[j].get(i, 0) + length
    refs, hyps = pair.reference.classes.tolist(), pair.hypothesis.classes.tolist()
    judged_refs: list[Judged | None] = []
    judged_hyps: list[Judged | None] = []
    for own, shared in zip(refs, ref_parts, strict=True):
        parts = tuple(Part(j, n, 0, 0) if hyps[j] == own else Part(j, 0, n, 0) for j, n in shared.items())
        agree = sum(part.hits for part in parts)
        judged_refs.append(by_samples(int(agree), sum(shared.values()) - int(agree), MISS, tuple(shared), parts))
    for own, shared in zip(hyps, hyp_parts, strict=True):
        parts = tuple(Part(i, 0, 0, n) for i, n in shared.items() if refs[i] != own)
        differ = int(sum(part.false_alarms for part in parts))
        judged_hyps.append(by_samples(sum(shared.values()) - differ, differ, FALSE_ALARM, tuple(shared), parts))
    return judged_refs, judged_hyps
