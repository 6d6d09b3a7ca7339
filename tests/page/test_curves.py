"""The page's operating curves: equal to the library's, and absent where there are none."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from nedc_bench import OperatingCurve
from nedc_bench.scoring.operating import ALGORITHMS, FALSE_ALARMS_PER_24H

pytestmark = pytest.mark.browser


def test_the_table_has_the_best_point_within_each_rate(page: Page, curves: list[OperatingCurve]) -> None:
    shown = page.locator("#curve-table tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.querySelectorAll('td data')].map(one => Number(one.value)))"
    )
    points = [curve.at_false_alarms(rate) for curve in curves for rate in FALSE_ALARMS_PER_24H]
    assert shown == [
        [point.sensitivity, point.false_alarms_per_24h, point.precision, point.threshold] for point in points
    ]
    areas = page.locator("#curve-areas data").evaluate_all("shown => shown.map(one => Number(one.value))")
    assert areas == [curve.auc() for curve in curves]


def test_the_picture_says_what_it_shows(page: Page) -> None:
    picture = page.get_by_role("img", name="Sensitivity over false alarms in 24 hours")
    expect(picture).to_be_visible()
    expect(picture.locator("desc")).to_contain_text("overlap: 0.60 within 10, 0.60 within 5, 0.40 within 2.5")
    expect(picture.locator("path.curve")).to_have_count(len(ALGORITHMS))


def test_the_section_is_gone_for_a_class_without_curve(page: Page) -> None:
    page.locator("#label").select_option("bckg")
    expect(page.locator("#curves")).to_be_hidden()
