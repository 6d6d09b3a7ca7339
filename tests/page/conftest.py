"""The pages in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from browser import opened, started, write_page
from corpora import EXAMPLE
from nedc_bench import OperatingCurve, Result, operating_curve, score_corpus
from nedc_bench.reports import build_evidence
from nedc_bench.scoring import ALGORITHM
from nedc_bench.scoring.operating import ALGORITHMS
from nedc_bench.statistics import Settings, Table, uncertainty
from nedc_bench.statistics.table import Row
from seizures import as_recording, detect, read_nights
from servers import server, start_server, stop_workers

__all__ = ["server", "start_server", "stop_workers"]

LIMITS = ["sensitivity >= 0.1", "[side] sensitivity.lower >= 0.999"]


@pytest.fixture(scope="package")  # Playwright's running event loop would break asynchronous tests
def browser() -> Iterator[Browser]:
    with started() as browser:
        yield browser


@pytest.fixture(scope="session")
def result() -> Result:
    """Forty recordings scored by all seven algorithms; the detector misses, splits and invents seizures."""
    nights = read_nights()[-40:]
    pairs = [(as_recording(night, night.seizures), as_recording(night, detect(night, 4))) for night in nights]
    return score_corpus(pairs, algorithms=tuple(ALGORITHM), jobs=1)


@pytest.fixture(scope="session")
def evidence(result: Result) -> dict[str, Any]:
    """Evidence about them, with subgroups and with limits that not all of them meet."""
    names = [pair.reference.name for pair in result.scores]
    rows = {
        name: Row(k, {"recording": name, "side": "ab"[k % 2], "subject": f"{k % 20}"}) for k, name in enumerate(names)
    }
    table = Table("sides.csv", "0" * 64, ("recording", "side", "subject"), of_recordings=True, rows=rows)
    settings = Settings(replicates=200)
    found = uncertainty(result, settings=settings, table=table, subgroups=["side"], require=LIMITS)
    return build_evidence(result, found)


@pytest.fixture(scope="session")
def curves() -> list[OperatingCurve]:
    """Curves of the example corpus: the detections of the recordings above have no confidences."""
    return [operating_curve(EXAMPLE.pairing, algorithm=algorithm) for algorithm in ALGORITHMS]


@pytest.fixture(scope="session")
def report(
    result: Result,
    evidence: dict[str, Any],
    curves: list[OperatingCurve],
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """The URL of a page with all sections."""
    return write_page(result, tmp_path_factory.mktemp("report"), curves, evidence)


@pytest.fixture(scope="package")
def window(browser: Browser, report: str) -> Iterator[Page]:
    with opened(browser, report) as page:
        yield page


@pytest.fixture
def page(window: Page, report: str) -> Page:
    """The report, loaded afresh."""
    window.goto(report)
    return window
