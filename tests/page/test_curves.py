"""The page's operating curves: equal to the library's, accessible, and absent when there are none."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from browser import DESKTOP, PHONE, Size, is_as_wide_as_the_screen, opened, violations
from corpora import DATA
from nedc_bench import Result, find_pairs, operating_curve, score_corpus
from nedc_bench.reports.page import page_lines
from nedc_bench.scoring.operating import ALGORITHMS, FALSE_ALARMS_PER_24H, OperatingCurve

pytestmark = pytest.mark.browser

PAIRING = find_pairs(DATA / "chb-mit/ref.list", DATA / "chb-mit/hyp.list")


@pytest.fixture(scope="module")
def example() -> tuple[Result, list[OperatingCurve]]:
    curves = [operating_curve(PAIRING, algorithm=algorithm) for algorithm in ALGORITHMS]
    return score_corpus(PAIRING, algorithms=ALGORITHMS), curves


@pytest.fixture
def url(example: tuple[Result, list[OperatingCurve]], tmp_path: Path) -> str:
    path = tmp_path / "report.html"
    path.write_text("\n".join(page_lines(*example)), encoding="utf-8")
    return path.as_uri()


def test_the_table_has_the_best_point_within_each_rate(
    browser: Browser, url: str, example: tuple[Result, list[OperatingCurve]]
) -> None:
    with opened(browser, url) as page:
        rows = page.locator("#curve-table tbody tr")
        values = "cells => cells.map(cell => Number(cell.querySelector('data').value))"
        shown = [row.locator("td").evaluate_all(values) for row in rows.all()]
        points = [curve.at_false_alarms(rate) for curve in example[1] for rate in FALSE_ALARMS_PER_24H]
        assert shown == [
            [point.sensitivity, point.false_alarms_per_24h, point.precision, point.threshold] for point in points
        ]
        areas = page.locator("#curve-areas data").evaluate_all("shown => shown.map(one => Number(one.value))")
        assert areas == [curve.auc() for curve in example[1]]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_picture_says_what_it_shows(browser: Browser, url: str, size: Size, *, dark: bool) -> None:
    with opened(browser, url, size=size, dark=dark) as page:
        picture = page.get_by_role("img", name="Sensitivity over false alarms in 24 hours")
        expect(picture).to_be_visible()
        expect(picture.locator("desc")).to_contain_text("overlap: 0.60 within 10, 0.60 within 5, 0.40 within 2.5")
        expect(picture.locator("path.curve")).to_have_count(len(ALGORITHMS))
        assert violations(page) == []
        assert is_as_wide_as_the_screen(page)


def test_the_section_is_gone_for_a_class_without_curve(browser: Browser, url: str) -> None:
    with opened(browser, url) as page:
        page.locator("#label").select_option("bckg")
        expect(page.locator("#curves")).to_be_hidden()
