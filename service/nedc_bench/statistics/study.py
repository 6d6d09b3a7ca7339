"""A corpus' uncertainty: every figure with its intervals, overall and by subgroup, checked against limits."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from nedc_bench.checks import check_kinds, check_texts
from nedc_bench.errors import quoted, refusal
from nedc_bench.scoring import CorpusScore, PairScore
from nedc_bench.statistics.estimates import Group, Settings, estimate_group
from nedc_bench.statistics.groups import Subgroups, Subjects, subgroups_of
from nedc_bench.statistics.limits import Check, Limit, Outcome, Place
from nedc_bench.statistics.table import Table
from nedc_bench.statistics.tally import Tally

ALL = ""  # stands for the group of all recordings in an outcome


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """What `uncertainty` found.

    Attributes:
        settings: how uncertainty was computed.
        recordings_alone: the number of recordings without a known subject; each counts as a separate subject.
        table: the table of subjects or recordings, if given.
        subgroups: the requested subgroups, as given.
        overall: the figures of all recordings.
        groups: the figures by column and subgroup.
        outcomes: the result of each limit, in the given order.
    """

    settings: Settings
    recordings_alone: int
    table: Table | None
    subgroups: tuple[str, ...]
    overall: Group
    groups: dict[str, dict[str, Group]]
    outcomes: tuple[Outcome, ...]

    @property
    def accepted(self) -> bool:
        """Whether every limit is met."""
        return all(outcome.met for outcome in self.outcomes)


def uncertainty(
    score: CorpusScore,
    *,
    settings: Settings | None = None,
    table: Table | None = None,
    subgroups: Sequence[str] = (),
    require: Sequence[str] = (),
    executor: Executor | None = None,
) -> Uncertainty:
    """Every figure with its confidence intervals.

    Args:
        score: a scored corpus.
        settings: replicates, seed, level; the defaults of `Settings` when None.
        table: what `read_table` returns; subgroups need one.
        subgroups: each is ``COLUMN`` or ``COLUMN:CUT,CUT``.
        require: acceptance limits, such as ``sensitivity.lower >= 0.70`` (`nedc_bench.statistics.limits`).
        executor: computes the replicates; figures are bit-identical with any executor.

    Raises:
        InputError: a subgroup, a limit or the table is refused.
    """
    check_kinds(
        score=(score, CorpusScore),
        settings=(settings, Settings | None),
        table=(table, Table | None),
        executor=(executor, Executor | None),
    )
    subgroups, require = check_texts("subgroups", subgroups), check_texts("require", require)
    settings = Settings() if settings is None else settings
    members = _members(score, subgroups, table)
    limits = _placed(score, [Limit.parse(text, settings.proportions) for text in require], members)

    def group(pairs: Sequence[PairScore]) -> Group:
        return estimate_group(
            pairs, score.parameters, tuple(score.algorithms), settings=settings, table=table, executor=executor
        )

    overall = group(score.scores)
    groups = {column: {name: group(pairs) for name, pairs in own.items()} for column, own in members.items()}
    named = {ALL: overall} | {name: found for own in groups.values() for name, found in own.items()}
    outcomes = tuple(_outcome(limit, place, names, named) for limit, place, names in limits)
    alone = Subjects.of(score.scores, table).recordings_alone
    return Uncertainty(settings, alone, table, subgroups, overall, groups, outcomes)


def _members(
    score: CorpusScore, subgroups: Sequence[str], table: Table | None
) -> dict[str, dict[str, tuple[PairScore, ...]]]:
    """The pairs of each subgroup, by column."""
    found = {}
    for text in subgroups:
        wanted = Subgroups.parse(text)
        if table is None:
            message = f"the subgroup {quoted(text)} needs a table of subjects or recordings (--participants)"
            raise refusal("subgroup", message)
        if wanted.column in found:
            raise refusal("subgroup", f"the column {quoted(wanted.column)} is requested twice")
        found[wanted.column] = subgroups_of(score.scores, wanted, table)
    return found


def _placed(
    score: CorpusScore, limits: Sequence[Limit], members: dict[str, dict[str, tuple[PairScore, ...]]]
) -> list[tuple[Limit, Place, list[str]]]:
    """Each limit with its place and groups; refuses faulty limits before the slow computations."""
    empty = [Tally.of(name, score.parameters, []) for name in score.algorithms]
    labels = {tally.algorithm: tally.labels for tally in empty}
    figures = {tally.algorithm: tally.figures for tally in empty}
    columns = {column: tuple(own) for column, own in members.items()}
    return [(limit, limit.place(labels, figures), limit.groups(columns, ALL)) for limit in limits]


def _outcome(limit: Limit, place: Place, names: Sequence[str], groups: dict[str, Group]) -> Outcome:
    values = {name: groups[name].at(place).bound(limit.bound) for name in names}
    compared = ".".join(filter(None, (*place, *limit.bound)))
    return Outcome(limit.text, compared, tuple(Check(name, value, limit.met(value)) for name, value in values.items()))
