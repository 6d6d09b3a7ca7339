"""The verdicts of ``taes``: the walk of `nedc_bench.scoring.taes`, recording which event used which."""

from __future__ import annotations

from nedc_bench.scoring.overlap import overlapped
from nedc_bench.scoring.taes import calc_hf, touching_pairs
from nedc_bench.scoring.verdicts.model import FALSE_ALARM, HIT, MISS, PARTIAL, Judged, Judgements, Pair, Part


class _Walk:
    """The used events, and their effects.

    Attributes:
        of_ref, of_hyp: the touching pairs of each event: the event on the other side, its hit and its false alarm.
        steps: for each reference event, the parts that it adds.
        partners: for each reference event, the hypothesis events used for it.
        covered: for each reference event, the hypothesis event that hit an earlier one and covers it too.
        alarms: for each used hypothesis event, the reference event and the false alarm of the two.
    """

    def __init__(self, pair: Pair) -> None:
        reference, hypothesis = pair.reference, pair.hypothesis
        i, j = touching_pairs(reference, hypothesis)
        hits, alarms = calc_hf(reference.starts[i], reference.stops[i], hypothesis.starts[j], hypothesis.stops[j])
        self.of_ref: list[list[tuple[int, float, float]]] = [[] for _ in reference.classes]
        self.of_hyp: list[list[int]] = [[] for _ in hypothesis.classes]
        for ref, hyp, hit, alarm in zip(i.tolist(), j.tolist(), hits.tolist(), alarms.tolist(), strict=True):
            self.of_ref[ref].append((hyp, hit, alarm))
            self.of_hyp[hyp].append(ref)
        self.looked_at = overlapped(reference, hypothesis, len(pair.parameters.label_map.classes)).tolist()
        self.looked_at_from = overlapped(hypothesis, reference, len(pair.parameters.label_map.classes)).tolist()
        self.ref_stops, self.hyp_stops = reference.stops.tolist(), hypothesis.stops.tolist()
        self.steps: list[list[Part]] = [[] for _ in reference.classes]
        self.partners: list[list[int]] = [[] for _ in reference.classes]
        self.covered: dict[int, int] = {}
        self.alarms: dict[int, tuple[int, float]] = {}
        for ref, touching in enumerate(self.of_ref):
            if self.looked_at[ref] and ref not in self.covered:
                self._score(ref, touching)

    def _score(self, ref: int, touching: list[tuple[int, float, float]]) -> None:
        for k, (hyp, hit, alarm) in enumerate(touching):
            if hyp in self.alarms:
                continue
            hits, misses, alarms = hit, 1 - hit, alarm
            self.alarms[hyp] = ref, alarm
            self.partners[ref].append(hyp)
            if self.hyp_stops[hyp] >= self.ref_stops[ref]:
                for later in self.of_hyp[hyp]:
                    if later > ref:
                        self.covered.setdefault(later, hyp)
                        misses += 1
            else:
                for joined, joined_hit, joined_alarm in touching[k + 1 :]:
                    if joined not in self.alarms:
                        self.alarms[joined] = ref, joined_alarm
                        self.partners[ref].append(joined)
                    hits += joined_hit
                    misses -= joined_hit
                    alarms += joined_alarm
            self.steps[ref].append(Part(hyp, hits, misses, alarms))


def judge_taes(pair: Pair) -> Judgements:
    """Judge each event by the parts that it adds, or by the reason why it adds none."""
    walk = _Walk(pair)
    return (
        [_judge_reference(walk, ref) for ref in range(len(walk.of_ref))],
        [_judge_hypothesis(walk, hyp) for hyp in range(len(walk.of_hyp))],
    )


def _judge_reference(walk: _Walk, ref: int) -> Judged:
    steps = tuple(walk.steps[ref])
    if steps:
        share = sum(step.hits for step in steps)
        missed = any(step.misses for step in steps)
        return Judged(PARTIAL if missed else HIT, share, "coverage", tuple(walk.partners[ref]), steps)
    if ref in walk.covered:
        return Judged(MISS, 0.0, "multi-overlap", (walk.covered[ref],))
    partners = tuple(hyp for hyp, _, _ in walk.of_ref[ref])
    if walk.looked_at[ref] and partners:
        return Judged(MISS, 0.0, "used up", partners, (Part(None, 0, 1, 0),))
    return Judged(MISS, 0.0, "no overlap", (), (Part(None, 0, 1, 0),))


def _judge_hypothesis(walk: _Walk, hyp: int) -> Judged:
    if hyp in walk.alarms:
        ref, alarm = walk.alarms[hyp]
        return Judged(PARTIAL if alarm else HIT, 1 - alarm, "coverage", (ref,))
    partners = tuple(walk.of_hyp[hyp])
    if walk.looked_at_from[hyp] and partners:
        return Judged(FALSE_ALARM, 0.0, "used up", partners, (Part(None, 0, 0, 1),))
    return Judged(FALSE_ALARM, 0.0, "no overlap", (), (Part(None, 0, 0, 1),))
