"""How often intervals of 95 % hold the truth, over simulated studies whose truth is known.

    PYTHONPATH=tests python -m bench.bench_coverage

A study has subjects; a subject has one seizure or more (1 + Poisson), a chance that each is found (beta) and a rate of
false alarms (gamma) of its own, over two days. So subjects differ, and events of a subject resemble each other.
The truths are those of endlessly many subjects. The replicates are those of the scorer, `BOOTSTRAP` a study.
"""

from __future__ import annotations

import json

import numpy as np

from nedc_bench import Parameters
from nedc_bench.scoring.szcore import EVENT_RATE
from nedc_bench.statistics.bootstrap import Interval, bounds, replicate
from nedc_bench.statistics.proportions import proportion_of, wilson
from nedc_bench.statistics.tally import Sums, Tally

STUDIES, BOOTSTRAP, LEVEL = 1_000, 1_000, 0.95
SUBJECTS = (10, 20, 30, 50, 125)
MEAN_SEIZURES, SHAPE_FOUND = 4.0, (6.0, 2.0)  # seizures beyond the first; of the beta distribution
MEAN_ALARMS, SHAPE_ALARMS = 4.0, 2.0  # false alarms a subject; of the gamma distribution
DAYS = 2
FIGURES = ("sensitivity", "precision", "f1", "false_alarms_per_24h")


def main() -> None:
    """Print a line of JSON for each number of subjects: the coverage of each interval in percent."""
    for subjects in SUBJECTS:
        print(json.dumps({"subjects": subjects, "studies": STUDIES, "coverage": coverage(subjects)}), flush=True)


def truths() -> dict[str, float]:
    """The figures of endlessly many subjects."""
    targets = 1 + MEAN_SEIZURES
    found = targets * SHAPE_FOUND[0] / sum(SHAPE_FOUND)
    return {
        "sensitivity": found / targets,
        "precision": found / (found + MEAN_ALARMS),
        "f1": 2 * found / (targets + found + MEAN_ALARMS),
        "false_alarms_per_24h": MEAN_ALARMS / DAYS,
    }


def coverage(subjects: int) -> dict[str, dict[str, float]]:
    """By figure and interval, the percentage of studies whose interval holds the truth."""
    held = {figure: {"bca": 0, "percentile": 0, "wilson": 0} for figure in FIGURES}
    made = {figure: dict.fromkeys(own, 0) for figure, own in held.items()}
    for study in range(STUDIES):
        for figure, intervals in simulated(subjects, study).items():
            for name, interval in intervals.items():
                if interval is not None:
                    made[figure][name] += 1
                    held[figure][name] += interval.lower <= truths()[figure] <= interval.upper
    return {
        figure: {name: round(100 * own[name] / made[figure][name], 1) for name in own if made[figure][name]}
        for figure, own in held.items()
    }


def simulated(subjects: int, seed: int) -> dict[str, dict[str, Interval | None]]:
    """The intervals of one study."""
    tally = tally_of(subjects, np.random.default_rng(seed))
    (drawn,) = replicate([tally], BOOTSTRAP, seed)
    whole = tally.values(tally.whole())[0, 0]
    without = tally.values(tally.leave_one_out())[:, 0]
    counts = dict(zip(tally.figures, whole.tolist(), strict=True))
    found: dict[str, dict[str, Interval | None]] = {}
    for figure in FIGURES:
        k = tally.figures.index(figure)
        own = bounds(float(whole[k]), drawn[:, 0, k], without[:, k], LEVEL)
        proportion = proportion_of(figure, counts)
        found[figure] = {
            "bca": own.bca,
            "percentile": own.percentile,
            "wilson": None if proportion is None else wilson(*proportion, LEVEL),
        }
    return found


def tally_of(subjects: int, generator: np.random.Generator) -> Tally:
    """The totals of a study, as SzCORE's events are counted."""
    targets = 1 + generator.poisson(MEAN_SEIZURES, subjects)
    found = generator.binomial(targets, generator.beta(*SHAPE_FOUND, subjects))
    alarms = generator.poisson(generator.gamma(SHAPE_ALARMS, MEAN_ALARMS / SHAPE_ALARMS, subjects))
    seconds = np.full(subjects, DAYS * 86_400)
    none = np.zeros(subjects, dtype=np.int64)
    parameters = Parameters()
    assert parameters.label_map.classes == ("seiz", "bckg")
    rows = np.stack((seconds * EVENT_RATE, targets, none, found, none, alarms, none), axis=1).astype(np.int64)
    return Tally("szcore-event", parameters, Sums(rows, seconds.astype(np.float64)))


if __name__ == "__main__":
    main()
