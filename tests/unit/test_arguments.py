"""Arguments of the wrong kind or out of their range: every public function says which one and what it must be."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import nedc_bench
from helpers import refusal
from nedc_bench import (
    LabelMap,
    Pair,
    Pairing,
    ParallelEvaluator,
    Parameters,
    Recording,
    ScoreTrack,
    Settings,
    compare,
    find_pairs,
    operating_curve,
    read_label_map,
    read_parameters,
    read_recording,
    read_table,
    score,
    score_corpus,
    seizure_burden,
    uncertainty,
    verify,
)

REFERENCE = Recording.from_events(3600.0, [(100.0, 160.0)])
PAIR = (REFERENCE, Recording.from_events(3600.0, [(110.0, 150.0, "seiz", 0.5), (900.0, 910.0, "seiz", 0.8)]))
RESULT = score(*PAIR)
CURVE = operating_curve([PAIR])
x: Any = "x"
five: Any = 5

WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: Parameters(epoch_duration=x), "epoch_duration must be a number from 0.001 to 86400, not 'x'"),
    (lambda: Parameters(penalty_del=True), "penalty_del must be a number from 0 to 1000000, not bool True"),
    (lambda: Parameters(szcore_min_overlap=five), "szcore_min_overlap must be a number from 0 to 1, not 5"),
    (lambda: Parameters(duration_tolerance=1e400), "duration_tolerance must be a finite number from 0 to 60, not inf"),
    (lambda: Parameters(label_map=x), "label_map must be LabelMap, not 'x'"),
    (lambda: Parameters(szcore_tolerance_end=-1.0), "szcore_tolerance_end must be a number from 0 to "),
    (lambda: Parameters(epoch_null_class=five), "epoch_null_class must be text, not int 5"),
    (lambda: Parameters(epoch_null_class="x"), "null_class 'x' of [NEDC_EPOCH] is not a class of [MAP]"),
    (lambda: Parameters(channels=five), "channels must be one of refuse, union, not int 5"),
    (lambda: LabelMap.from_mapping(x), "mapping must be Mapping, not 'x'"),
    (lambda: LabelMap.from_mapping({"seiz": five}), "mapping['seiz'] must be a list of texts, not int 5"),
    (lambda: LabelMap.from_mapping({"seiz": [five]}), "mapping['seiz'][0] must be text, not int 5"),
    (lambda: LabelMap.from_mapping({five: "a"}), "a class of the map must be text, not int 5"),
    (lambda: LabelMap(classes=x, labels=()), "classes must be tuple, not 'x'"),
    (lambda: Recording.from_events(10.0, [], name=five), "name must be text, not int 5"),
    (lambda: REFERENCE.with_duration(x), "duration must be a number from 0 to 1000000000, not 'x'"),
    (lambda: ScoreTrack([0.5], x), "sampling_rate must be samples per second, above 0, not 'x'"),
    (lambda: ScoreTrack([0.5], 1.0).at(x), "threshold must be from 0 to 1, not 'x'"),
    (lambda: Settings(replicates=x), "replicates must be a whole number from 100 to 1000000, not 'x'"),
    (lambda: Settings(replicates=99), "replicates must be a whole number from 100 to 1000000, not 99"),
    (lambda: Settings(seed=-1), "seed must be a whole number from 0 to 9223372036854775807, not -1"),
    (lambda: Settings(level=95), "level must be a number from 0.5 to 0.999, not 95"),
    (lambda: Settings(level=float("nan")), "level must be a finite number from 0.5 to 0.999, not nan"),
    (lambda: Settings(seed=1.5), "seed must be a whole number from 0 to 9223372036854775807, not 1.5"),  # type: ignore[arg-type]
    (lambda: Settings(proportions="wald"), "proportions must be one of wilson, clopper_pearson, not 'wald'"),
    (lambda: find_pairs(five, "x"), "reference: must be a path, not int"),
    (lambda: find_pairs("x", "x", pattern=five), "pattern must be text or None, not int 5"),
    (lambda: find_pairs("x", "x", missing=five), "missing must be one of refuse, empty, not int 5"),
    (lambda: find_pairs("x", "x", channels=x), "channels must be one of refuse, union, not 'x'"),
    (lambda: read_label_map(five), "must be a path, not int"),
    (lambda: read_parameters(five), "must be a path or an open file, not int 5"),
    (lambda: read_parameters("x", name=five), "name must be text or None, not int 5"),
    (lambda: read_table(five), "must be a path or an open file, not int 5"),
    (lambda: read_recording(five), "is of type int, where a path, an open file or a Recording is taken"),
    (lambda: read_recording("x", channels=five), "channels must be one of refuse, union, not int 5"),
    (lambda: read_recording("x", duration=x), "duration must be a number from 0 to 1000000000, not 'x'"),
    (lambda: read_recording("x", label_map=x), "label_map must be LabelMap or None, not 'x'"),
    (lambda: score(*PAIR, algorithms=five), "algorithms must be a list of texts, not int 5"),
    (lambda: score(*PAIR, algorithms=[five]), "algorithms[0] must be text, not int 5"),
    (lambda: score(*PAIR, parameters=x), "parameters must be Parameters or None, not 'x'"),
    (lambda: score(*PAIR, strict=x), "strict must be True or False, not 'x'"),
    (lambda: score_corpus(five), "pairs must be Iterable or Pairing, not int 5"),
    (lambda: score_corpus([PAIR], jobs=x), "jobs must be a whole number of 1 or more, not 'x'"),
    (lambda: score_corpus([PAIR], jobs=0), "jobs must be a whole number of 1 or more, not 0"),
    (lambda: score_corpus([PAIR], executor=x), "executor must be Executor or None, not 'x'"),
    (lambda: score_corpus([PAIR], progress=x), "progress must be Callable or None, not 'x'"),
    (lambda: ParallelEvaluator(x), "workers must be a whole number of 1 or more, not 'x'"),
    (lambda: operating_curve(five), "pairs must be Iterable or Pairing, not int 5"),
    (lambda: operating_curve([PAIR], algorithm=five), "algorithm must be text, not int 5"),
    (lambda: operating_curve([PAIR], parameters=x), "parameters must be Parameters or None, not 'x'"),
    (lambda: seizure_burden([PAIR], label=five), "label must be text or None, not int 5"),
    (lambda: uncertainty(x), "score must be CorpusScore, not 'x'"),
    (lambda: uncertainty(RESULT, settings=x), "settings must be Settings or None, not 'x'"),
    (lambda: uncertainty(RESULT, table=x), "table must be Table or None, not 'x'"),
    (lambda: uncertainty(RESULT, require=[five]), "require[0] must be text, not int 5"),
    (lambda: uncertainty(RESULT, require="f1 >= 1"), "require must be a list of texts, not 'f1 >= 1'"),
    (lambda: uncertainty(RESULT, subgroups="sex"), "subgroups must be a list of texts, not 'sex'"),
    (lambda: compare(RESULT, x), "second must be CorpusScore, not 'x'"),
    (lambda: verify("x", x), "pairing must be Pairing, not 'x'"),
    (lambda: verify(five, Pairing(())), "must be a path or an open file, not int 5"),
    (lambda: CURVE.at_threshold(x), "threshold must be a number, not 'x'"),
    (lambda: CURVE.at_threshold(float("nan")), "threshold must be a finite number, not nan"),
    (lambda: CURVE.at_false_alarms(x), "per_24h must be a number of 0 or more, not 'x'"),
    (lambda: CURVE.sensitivity_at(-1), "per_24h must be a number of 0 or more, not -1"),
    (lambda: CURVE.auc(five), "method must be one of exact, neuroatlas, not int 5"),
    (lambda: CURVE.auc(up_to=x), "up_to must be a number, not 'x'"),
    (lambda: CURVE.auc(thresholds=-1), "thresholds must be a whole number from 1 to 1000000, not -1"),
    (lambda: RESULT.write_reports(five), "folder must be text or PathLike, not int 5"),
    (lambda: RESULT.write_reports(""), "the folder for the reports has an empty name; '.' is the current one"),
    (lambda: RESULT.write_reports("x", curves=five), "curves must be Sequence, not int 5"),
    (lambda: RESULT.write_reports("x", curves=[x]), "curves[0] must be OperatingCurve, not 'x'"),
    (lambda: RESULT.to_dict(per_pair=x), "per_pair must be True or False, not 'x'"),
    (lambda: RESULT.events("tase"), "tase was not scored"),
    (lambda: RESULT.counted("ira"), "ira has no AlgorithmResult but Agreement"),
    (lambda: RESULT.counted(five), "algorithm must be text, not int 5"),
    (lambda: Pair("a", "b", reference_name=five), "reference_name must be text or None, not int 5"),
    (lambda: score_corpus([Pair(None, REFERENCE)]), "reference pairs[0]: is of type NoneType"),  # type: ignore[arg-type]
    (lambda: Pairing(x), "pairs must be tuple, not 'x'"),
]


@pytest.mark.parametrize(("call", "message"), WRONG, ids=[message for _, message in WRONG])
def test_an_argument_of_the_wrong_kind_is_refused_by_name(call: Callable[[], object], message: str) -> None:
    assert message in str(refusal(call))


def test_no_public_function_is_forgotten() -> None:
    functions = {name for name in nedc_bench.__all__ if inspect.isfunction(getattr(nedc_bench, name))}
    assert functions <= {name for call, _ in WRONG for name in call.__code__.co_names}


@pytest.mark.parametrize("number", [np.float32(0.5), np.float64(0.5), np.array(0.5), Decimal("0.5")], ids=repr)
def test_numbers_of_other_libraries_become_pythons(number: Any) -> None:
    written = Parameters(epoch_duration=number).to_dict()["epoch_duration"]
    assert (written, isinstance(written, float)) == (0.5, True)
    assert CURVE.at_threshold(number) == CURVE.at_threshold(0.5)


def test_whole_numbers_of_numpy_are_whole_numbers() -> None:
    assert Settings(replicates=np.int64(200), seed=np.uint8(3)) == Settings(200, 3)  # type: ignore[arg-type]
    assert CURVE.auc("neuroatlas", thresholds=np.int64(200)) == CURVE.auc("neuroatlas")  # type: ignore[arg-type]
