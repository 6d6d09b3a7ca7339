"""The evidence section: its figures equal the evidence document's, and it is accessible."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from browser import DESKTOP, PHONE, Size, is_as_wide_as_the_screen, opened, violations
from nedc_bench import Result
from nedc_bench.reports import build_evidence, write_reports
from nedc_bench.statistics import Settings, Table, uncertainty
from nedc_bench.statistics.table import Row

pytestmark = pytest.mark.browser

RATES = ("sensitivity", "precision", "f1", "false_alarms_per_24h")
LIMITS = ["sensitivity >= 0.1", "[side] sensitivity.lower >= 0.999"]


@pytest.fixture(scope="module")
def evidence(result: Result) -> dict[str, Any]:
    names = [pair.reference.name for pair in result.scores]
    rows = {
        name: Row(k, {"recording": name, "side": "ab"[k % 2], "subject": f"{k % 20}"}) for k, name in enumerate(names)
    }
    table = Table("sides.csv", "0" * 64, ("recording", "side", "subject"), of_recordings=True, rows=rows)
    settings = Settings(replicates=200)
    found = uncertainty(result, settings=settings, table=table, subgroups=["side"], require=LIMITS)
    return build_evidence(result, found)


@pytest.fixture(scope="module")
def report(result: Result, evidence: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("evidence")
    write_reports(result, folder, evidence=evidence)
    return (folder / "report.html").as_uri()


def test_figures_equal_the_evidence_document(browser: Browser, report: str, evidence: dict[str, Any]) -> None:
    groups = [("all recordings", evidence["overall"]), *evidence["subgroups"]["side"].items()]
    expected = [
        [name, algorithm, *(group["algorithms"][algorithm]["seiz"][rate]["estimate"] for rate in RATES)]
        for name, group in groups
        for algorithm in ("overlap", "szcore-event")
    ]
    with opened(browser, report) as page:
        rows = page.locator("#evidence-table tbody tr")
        shown = [
            [
                row.locator("th").inner_text(),
                row.locator("td").nth(1).inner_text(),
                *(float(str(cell.get_attribute("value"))) for cell in row.locator("td:nth-child(n+4) data").all()),
            ]
            for row in rows.all()
        ]
        bca = evidence["overall"]["algorithms"]["overlap"]["seiz"]["sensitivity"]["bca"]
        text = " to ".join(f"{bound:.4f}" for bound in bca)
        expect(rows.first.locator("td").nth(2)).to_contain_text(text)
    assert shown == expected


def test_limits_and_their_outcome_are_shown(browser: Browser, report: str, evidence: dict[str, Any]) -> None:
    assert evidence["accepted"] is False
    with opened(browser, report) as page:
        table = page.locator("#limits-table")
        expect(table.locator("caption")).to_have_text("Not every acceptance limit is met")
        words = [row.locator("td").last.inner_text() for row in table.locator("tbody tr").all()]
        assert words == ["met", "not met", "not met"]
        expect(page.locator("#evidence-method")).to_contain_text("200 replicates, seed 0")
        expect(page.locator("#evidence-cautions li")).to_have_count(len(evidence["method"]["cautions"]))


def test_the_section_follows_what_is_chosen(browser: Browser, report: str) -> None:
    with opened(browser, report) as page:
        page.locator("#first").select_option("taes")
        page.locator("#second").select_option("taes")
        names = page.locator("#evidence-table tbody tr td:nth-child(3)").all_inner_texts()
        assert names == ["taes"] * 3
        page.locator("#label").select_option("bckg")
        expect(page.locator("#evidence-table caption")).to_have_text("Class bckg with confidence intervals")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_everybody_can_use_it(browser: Browser, report: str, size: Size, dark: bool) -> None:  # noqa: FBT001  # of pytest
    with opened(browser, report, size=size, dark=dark) as page:
        expect(page.locator("#evidence")).to_be_visible()
        assert violations(page) == []
        assert is_as_wide_as_the_screen(page)
