"""The pages in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from browser import started, write_page
from nedc_bench import Result, score_corpus
from nedc_bench.scoring import ALGORITHM
from seizures import as_recording, detect, read_nights
from servers import server, start_server, stop_workers

__all__ = ["server", "start_server", "stop_workers"]


@pytest.fixture(scope="module")  # Playwright's running event loop would break asynchronous tests
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
def report(result: Result, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of its page."""
    return write_page(result, tmp_path_factory.mktemp("report"))
