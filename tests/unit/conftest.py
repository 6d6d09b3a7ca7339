"""What several unit tests start from: an evaluator of the service, and a corpus with its evidence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers import annotation, late, write_corpus

PARTICIPANTS = "participant_id\tsex\n" + "".join(f"sub-{k}\t{'FM'[k % 2]}\n" for k in range(6))

if TYPE_CHECKING:
    from evaluating import Scorer


@pytest.fixture
async def scorer() -> AsyncIterator[Scorer]:
    """An evaluator with one worker and its cache in memory."""
    async with late("evaluating").Scorer() as scorer:
        yield scorer


@pytest.fixture
def evidenced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus of six participants, scored and with evidence in ``out/``; the test runs in its folder."""
    references = [annotation((2, 4, "seiz"), (6, 7, "seiz"), duration=90.0) for _ in range(6)]
    hypotheses = [annotation((2 + k, 4 + k, "seiz"), duration=90.0) for k in range(6)]
    write_corpus(tmp_path, references, hypotheses)
    for side in ("ref", "hyp"):
        for k in range(6):
            (tmp_path / side / f"{k:04}.csv_bi").rename(tmp_path / side / f"sub-{k}_x.csv_bi")
    (tmp_path / "ref/participants.tsv").write_text(PARTICIPANTS)
    monkeypatch.chdir(tmp_path)
    options = ["--replicates", "100", "--jobs", "1", "--subgroup", "sex", "--require", "sensitivity > 0.1"]
    assert late("nedc_bench.cli").main(["evidence", "ref", "hyp", "-o", "out", *options]) == 0
    return tmp_path
