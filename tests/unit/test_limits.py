"""Subgroups by a table of subjects or recordings, and acceptance limits."""

from __future__ import annotations

import io

import pytest

from helpers import refusal
from nedc_bench import InputError, Result
from nedc_bench.statistics import Settings, Uncertainty, read_table, uncertainty
from nedc_bench.statistics.limits import Bound, Limit
from studies import study

FAST = Settings(replicates=200)
NIGHTS = [(f"{k:02}", 1 + k % 4, k % 3, k % 2) for k in range(40)]
AGES = "".join(f"sub-{k:02}\t{5 * k if k else 'n/a'}\t{'FM'[k % 2]}\n" for k in range(40))
PARTICIPANTS = f"participant_id\tage\tsex\n{AGES}"


def table(text: str = PARTICIPANTS) -> object:
    return read_table(io.StringIO(text), "participants.tsv")


@pytest.fixture(scope="module")
def result() -> Result:
    return study(NIGHTS)


def studied(
    result: Result, *require: str, subgroups: tuple[str, ...] = (), text: str = PARTICIPANTS, settings: Settings = FAST
) -> Uncertainty:
    given = read_table(io.StringIO(text), "participants.tsv")
    return uncertainty(result, settings=settings, table=given, subgroups=subgroups, require=require)


@pytest.mark.parametrize("text", ["false_alarms_per_24h <= 1e400", "false_alarms_per_24h >= -1e400"])
def test_a_limit_that_is_not_finite_is_refused(text: str) -> None:
    number = text.rsplit(maxsplit=1)[-1]
    assert str(refusal(lambda: Limit.parse(text, "wilson"))) == f"limit {text!r}: {number!r} is not a finite number"


# -- subgroups


def test_a_column_of_numbers_is_cut(result: Result) -> None:
    groups = studied(result, subgroups=("age:18,65",)).groups["age"]
    assert {name: group.recordings for name, group in groups.items()} == {
        "age<18": 3,  # 5, 10, 15
        "18<=age<65": 9,  # 20 to 60
        "age>=65": 27,
        "age=n/a": 1,
    }


def test_a_column_of_words_is_divided_by_value(result: Result) -> None:
    groups = studied(result, subgroups=("sex", "age:65")).groups
    assert {name: group.recordings for name, group in groups["sex"].items()} == {"sex=F": 20, "sex=M": 20}
    assert list(groups) == ["sex", "age"]


def test_a_subgroup_has_the_figures_of_its_recordings(result: Result) -> None:
    group = studied(result, subgroups=("sex",)).groups["sex"]["sex=F"]
    by_hand = Result.fold(result.scores[::2], result.parameters, tuple(result.algorithms))
    assert group.duration_seconds == by_hand.duration_seconds
    seiz = by_hand.overlap.labels["seiz"]
    assert group.estimates["overlap"]["seiz"]["sensitivity"].value == seiz.sensitivity
    assert group.estimates["taes"]["seiz"]["f1"].value == by_hand.taes.labels["seiz"].f1


def test_a_table_may_be_of_recordings_with_commas(result: Result) -> None:
    rows = "".join(f"sub-{k:02}_run-{k},{'wake' if k % 4 else 'sleep'},p{k // 2}\n" for k in range(40))
    found = studied(result, subgroups=("state",), text=f"recording,state,subject\n{rows}")
    assert {name: group.recordings for name, group in found.groups["state"].items()} == {
        "state=sleep": 10,
        "state=wake": 30,
    }
    assert found.overall.subjects == 20


def test_subjects_may_stand_without_their_prefix(result: Result) -> None:
    found = studied(result, subgroups=("sex",), text=PARTICIPANTS.replace("sub-", ""))
    assert list(found.groups["sex"]) == ["sex=F", "sex=M"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name\tage\nsub-00\t3\n", "participants.tsv, line 1: has no column of subjects or recordings; "),
        ("participant_id\tage\tage\n", "participants.tsv, line 1: has two columns 'age'; rename or remove one"),
        ("participant_id\tage\n", "participants.tsv: has no row"),
        ("participant_id\tage\nsub-00\t3\t4\n", "participants.tsv, line 2: has 3 fields; the header has 2"),
        (
            "participant_id\tage\nsub-00\t3\nsub-00\t4\n",
            "participants.tsv, line 3: 'sub-00' already has a row, in line 2",
        ),
        ("participant_id\tage\nn/a\t3\n", "participants.tsv, line 2: names no participant_id"),
        ('participant_id,age\n"sub-00,3\n', "participants.tsv, line 2: is not a table: unexpected end of data"),
    ],
)
def test_a_bad_table_is_refused_where_it_is_bad(text: str, said: str) -> None:
    assert str(refusal(lambda: table(text))).startswith(said)


@pytest.mark.parametrize(
    ("subgroup", "said"),
    [
        ("weight", "participants.tsv: has no column 'weight'; it has participant_id, age, sex"),
        ("sex:1", "participants.tsv, line 2: sex 'F' is not a number, which 'sex:1' needs"),
        ("age:x", "'age:x' is not COLUMN, as in 'sex', or COLUMN:CUT,CUT, as in 'age:18,65'"),
        ("age:", "'age:' is not COLUMN"),
        (":3", "':3' is not COLUMN"),
        ("age:65,18", "the cuts of 'age:65,18' must ascend"),
    ],
)
def test_a_bad_subgroup_is_refused(result: Result, subgroup: str, said: str) -> None:
    assert str(refusal(lambda: studied(result, subgroups=(subgroup,)))).startswith(said)


def test_a_subject_without_row_is_refused(result: Result) -> None:
    lacking = PARTICIPANTS.replace("sub-17\t85\tM\n", "")
    with pytest.raises(InputError, match=r"participants\.tsv: has no row for the subject 'sub-17' \(of 'sub-17_run-17"):
        studied(result, subgroups=("sex",), text=lacking)


def test_a_subgroup_without_table_or_twice_is_refused(result: Result) -> None:
    with pytest.raises(InputError, match=r"the subgroup 'sex' needs a table of subjects or recordings"):
        uncertainty(result, settings=FAST, subgroups=["sex"])
    with pytest.raises(InputError, match="the column 'age' is requested twice"):
        studied(result, subgroups=("age:18", "age:65"))


# -- limits


def test_a_limit_is_parsed_strictly() -> None:
    limit = Limit.parse(" [sex=F] overlap.seiz.sensitivity.wilson.lower>=0.70 ")
    assert (limit.group, limit.prefix, limit.figure) == ("sex=F", ("overlap", "seiz"), "sensitivity")
    assert (limit.bound, limit.sign, limit.number) == (Bound("wilson", "lower"), ">=", 0.7)
    assert Limit.parse("f1 > 1e-3").bound == Bound()
    assert Limit.parse("seiz.f1.upper < 1").bound == Bound("bca", "upper")
    assert Limit.parse("f1.percentile.upper <= -1").bound == Bound("percentile", "upper")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sensitivity",
        "sensitivity >= ",
        "sensitivity = 0.7",
        "sensitivity == 0.7",
        "sensitivity >= 0,7",
        "sensitivity >= 70%",
        "sensitivity >= .7",
        "sensitivity >= nan",
        "0.7 <= sensitivity",
        "0.5 <= sensitivity <= 0.7",
        "sensitivity.lower >= 0.7 and f1 > 0",
        "sensitivity..lower >= 0.7",
        "lower >= 0.7",
        "bca.lower >= 0.7",
        "[] f1 > 0",
        "[sex=F f1 > 0",
        "a.b.c.f1 > 0",
        "__import__('os') > 0",
    ],
)
def test_what_is_no_limit_is_refused(text: str) -> None:
    caught = refusal(lambda: Limit.parse(text))
    assert caught.findings[0].code == "limit"
    assert "such as 'sensitivity.lower >= 0.70'" in str(caught)


def test_limits_are_held_against_the_bounds(result: Result) -> None:
    found = studied(result)
    overlap, taes = (found.overall.estimates[name]["seiz"] for name in ("overlap", "taes"))
    bca = overlap["sensitivity"].bounds.bca
    assert bca is not None
    wilson = overlap["sensitivity"].proportion
    assert wilson is not None
    for limit, value in (
        ("sensitivity", overlap["sensitivity"].value),
        ("sensitivity.lower", bca.lower),
        ("seiz.sensitivity.upper", bca.upper),
        ("overlap.seiz.sensitivity.wilson.lower", wilson.lower),
        ("taes.f1", taes["f1"].value),
    ):
        checked = studied(result, f"{limit} >= {value!r}", f"{limit} > {value!r}", f"{limit} <= {value!r}").outcomes
        assert [outcome.met for outcome in checked] == [True, False, True]
        assert [check.value for outcome in checked for check in outcome.checks] == [value] * 3


def test_a_limit_can_be_on_each_subgroup(result: Result) -> None:
    found = studied(result, "[sex] sensitivity.lower >= 0.1", "[sex=M] sensitivity >= 0.99", subgroups=("sex",))
    each, one = found.outcomes
    assert ([check.group for check in each.checks], each.met) == (["sex=F", "sex=M"], True)
    assert ([check.group for check in one.checks], one.met) == (["sex=M"], False)
    assert not found.accepted


def test_a_limit_on_what_has_no_value_is_not_met() -> None:
    nothing = study([(f"{k}", 0, 0, 1) for k in range(25)])
    found = uncertainty(nothing, settings=FAST, require=["sensitivity >= 0", "sensitivity.lower <= 1"])
    assert [(check.value, check.met) for outcome in found.outcomes for check in outcome.checks] == [(None, False)] * 2


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("epoch.sensitivity > 0", "epoch was not scored; algorithms were overlap, taes, szcore-event"),
        (
            "fnsz.sensitivity > 0",
            "'fnsz' is not a label of overlap: seiz, bckg, summary; and no algorithm: overlap, taes",
        ),
        (
            "szcore.sensitivity > 0",
            "'szcore' is not a label of overlap: seiz, bckg, summary; and no algorithm: overlap, ",
        ),
        ("sensitivity.lower >= 70", "sensitivity ranges from 0 to 1; write 0.7 for 70 %"),
        ("taes.f1 > 1.5", "f1 ranges from 0 to 1; write 0.015 for 1.5 %"),
        ("recall > 0", "'recall' is not a figure of overlap: targets, hits"),
        ("szcore-event.mcc > 0", "'mcc' is not a figure of szcore-event: targets, tp, fp"),
        (
            "seiz.overlap.f1 > 0",
            "only an algorithm (overlap, taes, szcore-event) and then a label may precede the figure",
        ),
        ("[sex=X] f1 > 0", "there is no subgroup 'sex=X'; there are sex=F, sex=M, and [sex] for each of them"),
    ],
)
def test_a_limit_on_what_is_not_there_is_refused(result: Result, limit: str, said: str) -> None:
    assert str(refusal(lambda: studied(result, limit, subgroups=("sex",)))).startswith(f"limit {limit!r}: {said}")


def test_a_limit_on_intervals_that_are_not_computed_is_refused(result: Result) -> None:
    with pytest.raises(InputError, match="needs clopper_pearson intervals; wilson is computed"):
        studied(result, "sensitivity.clopper_pearson.lower > 0")
    exact = Settings(replicates=200, proportions="clopper_pearson")
    assert studied(result, "sensitivity.clopper_pearson.lower > 0", settings=exact).accepted
