"""Scoring pairs and corpora: the entry points of the library.

Pairs are evaluated anywhere and in any order, a bounded number at a time. One place folds their scores in list order,
so that every figure has the same last bit for any number of workers.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from html import escape
from pathlib import Path
from typing import Any

from nedc_bench.annotations import Pair, Pairing, PairNotes, Parameters, Recording, Source
from nedc_bench.annotations.formats import check_source
from nedc_bench.checks import check_kinds, check_whole
from nedc_bench.errors import EvaluationError, Finding, InputError, refusal
from nedc_bench.evaluation.pairwise import read_sides
from nedc_bench.evaluation.spreading import Outcome, spread_over
from nedc_bench.reports import build_document, build_rows, format_table, write_reports
from nedc_bench.reports.long import COLUMNS
from nedc_bench.scoring import ALGORITHMS, CorpusScore, PairScore, check_algorithms, score_pair
from nedc_bench.scoring.operating import OperatingCurve

MAX_REFUSED_FILES = 50  # give up after this many refused pairs


class Result(CorpusScore):
    """The figures of a pair or corpus, with their reports.

    >>> reference = Recording.from_events(10.0, [(2.0, 6.0, "seiz")])
    >>> hypothesis = Recording.from_events(10.0, [(4.0, 6.0, "seiz")])
    >>> result = score(reference, hypothesis)
    >>> result.taes.labels["seiz"].tp, result.overlap.labels["seiz"].tp, result.warnings
    (0.5, 1, ())
    """

    def __repr__(self) -> str:
        """A one-line summary."""
        return f"<Result: {_size(self)}, {', '.join(self.algorithms)}>"

    def _repr_html_(self) -> str:
        """The table that the command prints, for a notebook."""
        return f"<pre>{escape(format_table(self.to_dict()))}</pre>"

    def to_dict(self, *, per_pair: bool = False, events: bool = False) -> dict[str, Any]:
        """The result document (docs/result.md); ``events`` adds the verdicts on every event (docs/verdicts.md)."""
        check_kinds(per_pair=(per_pair, bool), events=(events, bool))
        return build_document(self, per_pair=per_pair, events=events)

    def to_dataframe(self) -> Any:
        """The figures as a pandas data frame in long form: one row per recording, algorithm and label (docs/result.md).

        Rows of the whole corpus have the recording ``TOTAL``, those of all labels the label ``SUMMARY``.

        Raises:
            EvaluationError: pandas is not installed.
        """
        try:
            pandas: Any = importlib.import_module("pandas")  # an optional dependency
        except ModuleNotFoundError as error:
            raise EvaluationError(f"to_dataframe needs pandas ({error}): pip install 'nedc-bench[pandas]'") from error
        return pandas.DataFrame(list(build_rows(self)), columns=list(COLUMNS))

    def write_reports(
        self,
        folder: str | os.PathLike[str],
        *,
        reference: str = "",
        hypothesis: str = "",
        per_pair: bool = False,
        events: bool = False,
        evidence: dict[str, Any] | None = None,
        curves: Sequence[OperatingCurve] = (),
    ) -> list[Path]:
        """Write the NEDC summary files, the page and ``result.json``, all or none.

        Args:
            folder: created if needed.
            reference, hypothesis: the names of the two sides in ``summary.txt``.
            per_pair: add the figures of each pair to ``result.json``.
            events: add the events with their verdicts.
            evidence: write this document too, and show it on the page (`nedc_bench.reports.build_evidence`).
            curves: operating curves of the same pairs (`operating_curve`), for the page.

        Raises:
            InputError: an argument has the wrong type, or the folder an empty name.
            EvaluationError: the folder cannot be written.
        """
        check_kinds(
            folder=(folder, str | os.PathLike),
            reference=(reference, str),
            hypothesis=(hypothesis, str),
            evidence=(evidence, dict | None),
            curves=(curves, Sequence),
            per_pair=(per_pair, bool),
            events=(events, bool),
        )
        check_kinds(**{f"curves[{k}]": (curve, OperatingCurve) for k, curve in enumerate(curves)})
        if not os.fspath(folder):
            raise refusal("path", "the folder for the reports has an empty name; '.' is the current one")
        return write_reports(
            self,
            folder,
            reference=reference,
            hypothesis=hypothesis,
            per_pair=per_pair,
            events=events,
            evidence=evidence,
            curves=curves,
        )


def _size(score: CorpusScore) -> str:
    pairs = f"{len(score.scores)} pair{'' if len(score.scores) == 1 else 's'}"
    return f"{pairs}, {score.duration_seconds / 3600:.2f} hours"


def score(
    reference: Source | Recording,
    hypothesis: Source | Recording | None,
    *,
    algorithms: str | Sequence[str] = ALGORITHMS,
    parameters: Parameters | None = None,
    strict: bool = False,
) -> Result:
    """Score one hypothesis against its reference.

    Args:
        reference: a path, an open file or a `Recording`.
        hypothesis: the same; the formats may differ. None is scored as a hypothesis without events.
        algorithms: one or several of ``dp epoch overlap taes ira szcore-event szcore-sample``; ``all`` means NEDC's
            five.
        parameters: None means the original's defaults.
        strict: turn warnings (overlapping events, events past the end) into errors.

    Scoring runs in this process; no other process is started.

    Raises:
        InputError: the input is refused; its findings say where and why.
    """
    check_source(reference, "reference")
    if hypothesis is not None:
        check_source(hypothesis, "hypothesis")
    pairs = [Pair(reference, hypothesis)]
    return score_corpus(pairs, algorithms=algorithms, parameters=parameters, strict=strict)


def score_corpus(
    pairs: Pairing | Iterable[Pair | tuple[Source | Recording, Source | Recording | None]],
    *,
    algorithms: str | Sequence[str] = ALGORITHMS,
    parameters: Parameters | None = None,
    strict: bool = False,
    executor: Executor | None = None,
    jobs: int = 1,
    progress: Callable[[int], object] | None = None,
) -> Result:
    """Score a corpus of pairs.

    Files are read and scored a bounded number at a time. Each pair keeps what its reports need: a few kB, or 0.3 MB for
    a day with 2,000 events per side.

    Args:
        pairs: (reference, hypothesis) pairs in list order, or the result of `find_pairs`. A hypothesis of None is
            scored as one without events.
        algorithms: as for `score`.
        parameters: as for `score`.
        strict: as for `score`.
        executor: runs the pairs; any `concurrent.futures.Executor`. By default they run in this process.
        jobs: the maximum number of worker processes, limited by the CPUs; they start only for corpora that take longer
            than a moment. A script then needs an ``if __name__ == "__main__"`` guard. If workers cannot start (inside
            another pool's worker, in a script from standard input, in a frozen program), the pairs run in this process.
        progress: called in this thread with the number of pairs done.

    Raises:
        InputError: pairs are refused; all of them are named, up to `MAX_REFUSED_FILES`.
        EvaluationError: a worker process died twice over the same pair.
    """
    asked = check_algorithms(algorithms)
    check_kinds(
        pairs=(pairs, Iterable | Pairing),
        parameters=(parameters, Parameters | None),
        strict=(strict, bool),
        executor=(executor, Executor | None),
        progress=(progress, Callable | None),
    )
    jobs = check_whole("jobs", jobs, 1)
    parameters = Parameters() if parameters is None else parameters
    notes = PairNotes(pairs, parameters)
    listed = pairs.pairs if isinstance(pairs, Pairing) else pairs
    if strict and (refused := (*parameters.warnings, *notes.warnings())):
        raise InputError(refused)
    work = _Work(parameters, asked, strict=strict)
    outcomes = spread_over((notes.take(pair, k) for k, pair in enumerate(listed)), work, executor, jobs)
    try:
        result = Result.fold(accepted_scores(outcomes, progress), parameters, asked, notes.warnings)
    except InputError as error:
        raise notes.refused(error) from None
    if strict and (refused := notes.warnings()):
        raise InputError(refused)
    return result


def evaluate_pair(
    pair: Pair, parameters: Parameters, algorithms: Sequence[str] = ALGORITHMS, *, strict: bool = False
) -> PairScore:
    """Read and score one pair.

    Raises:
        InputError: one or both files are refused, with the findings of both.
    """
    reference, hypothesis = read_sides(pair, parameters)
    return score_pair(reference, hypothesis, parameters, algorithms, strict=strict)


class _Work:
    """The work on a chunk of pairs; it can be pickled."""

    def __init__(self, parameters: Parameters, algorithms: Sequence[str], *, strict: bool) -> None:
        self.parameters = parameters
        self.algorithms = algorithms
        self.strict = strict

    def __call__(self, pairs: Sequence[Pair]) -> list[Outcome]:
        return [self._evaluate(pair) for pair in pairs]

    def _evaluate(self, pair: Pair) -> Outcome:
        try:
            return evaluate_pair(pair, self.parameters, self.algorithms, strict=self.strict)
        except InputError as error:
            return error.findings


def accepted_scores(outcomes: Iterator[Outcome], progress: Callable[[int], object] | None) -> Iterator[PairScore]:
    """The scores of the pairs; after a refused pair, the rest is only checked for further refusals."""
    refused: list[Finding] = []
    pairs_refused = done = 0
    try:
        for done, outcome in enumerate(outcomes, 1):
            if isinstance(outcome, PairScore):
                if not refused:
                    yield outcome
            else:
                refused.extend(outcome)
                pairs_refused += 1
                if pairs_refused == MAX_REFUSED_FILES:
                    message = f"{MAX_REFUSED_FILES} pairs are refused; the rest of the corpus was not checked"
                    refused.append(Finding("", "", None, "size", message))
                    break
            if progress is not None:
                progress(done)
    finally:
        outcomes.close()  # type: ignore[attr-defined]  # a generator: ends the workers
    if refused:
        raise InputError(refused)
    if not done:
        raise refusal("empty", "the corpus has no pair")
