"""Scoring pairs and corpora: the entry points of the library.

Pairs are evaluated anywhere and in any order, a bounded number at a time; their scores are folded in list order
in one place, so that every figure has the same last bit for any number of workers.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from nedc_bench.annotations import Pair, Pairing, Parameters, Reading, Recording, Source, as_pair, read_pair
from nedc_bench.annotations.formats import check_source
from nedc_bench.errors import EvaluationError, Finding, InputError, refusal
from nedc_bench.evaluation.spreading import Outcome, spread_over
from nedc_bench.reports import build_document, build_rows, write_reports
from nedc_bench.reports.long import COLUMNS
from nedc_bench.scoring import ALGORITHMS, CorpusScore, PairScore, check_algorithms, score_pair
from nedc_bench.scoring.operating import OperatingCurve

MAX_REFUSED_FILES = 50  # after so many refused pairs a corpus is given up


class Result(CorpusScore):
    """The figures of a pair or corpus, as they are reported.

    >>> reference = Recording.from_events(10.0, [(2.0, 6.0, "seiz")])
    >>> hypothesis = Recording.from_events(10.0, [(4.0, 6.0, "seiz")])
    >>> result = score(reference, hypothesis)
    >>> result.taes.labels["seiz"].tp, result.overlap.labels["seiz"].tp, result.warnings
    (0.5, 1, ())
    """

    def to_dict(self, *, per_pair: bool = False, events: bool = False) -> dict[str, Any]:
        """The result document (docs/result.md); ``events`` adds the verdicts on every event (docs/verdicts.md)."""
        return build_document(self, per_pair=per_pair, events=events)

    def to_dataframe(self) -> Any:
        """The figures as a pandas data frame in long form: a row a recording, algorithm and label (docs/result.md).

        Rows of the whole corpus have the recording ``TOTAL``, those of all labels the label ``SUMMARY``.

        Raises:
            EvaluationError: pandas is not installed.
        """
        try:
            pandas: Any = importlib.import_module("pandas")  # an extra, loaded by nobody else
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
            folder: made if need be.
            reference, hypothesis: what ``summary.txt`` says was scored.
            per_pair: add the figures of every pair to ``result.json``.
            events: add every event and the verdicts on it.
            evidence: write this document too, and show it on the page (`nedc_bench.reports.build_evidence`).
            curves: of the same pairs (`operating_curve`), for the page.

        Raises:
            EvaluationError: the folder cannot be written.
        """
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
        reference, hypothesis: paths, open files of any format that is read, or `Recording` objects; a hypothesis may
            be None, which is scored as one without events.
        algorithms: which of ``dp epoch overlap taes ira szcore-event szcore-sample`` to run, or one of them; ``all``
            is NEDC's five.
        parameters: the original's defaults, when None.
        strict: refuse what would be a warning (overlapping events, events past the end).

    It is scored in this process; no other is started.

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

    Files are read and scored a bounded number at a time. What is kept of a pair is what its reports print: a few kB,
    or 0.3 MB for a day with 2,000 events a side.

    Args:
        pairs: (reference, hypothesis) pairs in list order, or what `find_pairs` returns; a hypothesis may be None,
            which is scored as one without events.
        algorithms, parameters, strict: as for `score`.
        executor: runs the pairs; any `concurrent.futures.Executor`. By default they run in this process.
        jobs: at most so many worker processes, and no more than CPUs, for what takes longer than a moment; a script
            then needs an ``if __name__ == "__main__"`` guard. Where none can be started (in a worker of another
            pool, in a script from standard input, in a frozen program) the pairs run in this process.
        progress: called with the number of pairs done, in this thread.

    Raises:
        InputError: some pair is refused; all refused pairs are named (up to `MAX_REFUSED_FILES`).
        EvaluationError: a worker process died twice over the same pair.
    """
    asked = check_algorithms(algorithms)
    parameters = Parameters() if parameters is None else parameters
    noticed = pairs.warnings if isinstance(pairs, Pairing) else ()
    listed = pairs.pairs if isinstance(pairs, Pairing) else pairs
    if strict and (refused := (*parameters.warnings, *noticed)):
        raise InputError(refused)
    work = _Work(parameters, asked, strict=strict)
    outcomes = spread_over((as_pair(pair, k) for k, pair in enumerate(listed)), work, executor, jobs)
    try:
        return Result.fold(accepted_scores(outcomes, progress), parameters, asked, noticed)
    except InputError as error:  # lists in different orders are the likely cause of all else: it is said first
        raise InputError([*(found for found in noticed if found.code == "list-order"), *error.findings]) from None


def evaluate_pair(
    pair: Pair, parameters: Parameters, algorithms: Sequence[str] = ALGORITHMS, *, strict: bool = False
) -> PairScore:
    """Read and score one pair.

    Raises:
        InputError: with the findings of both files, when either is refused.
    """
    reference, hypothesis = read_pair(
        pair.reference,
        pair.hypothesis,
        Reading(label_map=parameters.label_map, channels=parameters.channels),
        reference_name=pair.reference_name,
        hypothesis_name=pair.hypothesis_name,
        duration_tolerance=parameters.duration_tolerance,
    )
    return score_pair(reference, hypothesis, parameters, algorithms, strict=strict)


class _Work:
    """What a worker is asked to do with a chunk of pairs; it can be sent to another process."""

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
    """The scores of the pairs; once a pair is refused the rest is only looked through for further refusals."""
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
                    message = f"{MAX_REFUSED_FILES} pairs are refused; the rest of the corpus was not looked at"
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
