"""The evidence section: its figures equal the evidence document's."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

RATES = ("sensitivity", "precision", "f1", "false_alarms_per_24h")


def test_figures_equal_the_evidence_document(page: Page, evidence: dict[str, Any]) -> None:
    groups = [("all recordings", evidence["overall"]), *evidence["subgroups"]["side"].items()]
    expected = [
        [name, algorithm, *(group["algorithms"][algorithm]["seiz"][rate]["estimate"] for rate in RATES)]
        for name, group in groups
        for algorithm in ("overlap", "szcore-event")
    ]
    rows = page.locator("#evidence-table tbody tr")
    shown = rows.evaluate_all(
        """rows => rows.map(row => [
            row.querySelector("th").innerText,
            row.querySelector("td:nth-child(3)").innerText,
            ...[...row.querySelectorAll("td:nth-child(n+4) data")].map(one => Number(one.value)),
        ])"""
    )
    assert shown == expected
    bca = evidence["overall"]["algorithms"]["overlap"]["seiz"]["sensitivity"]["bca"]
    expect(rows.first.locator("td").nth(2)).to_contain_text(" to ".join(f"{bound:.4f}" for bound in bca))


def test_limits_and_their_outcome_are_shown(page: Page, evidence: dict[str, Any]) -> None:
    assert evidence["accepted"] is False
    table = page.locator("#limits-table")
    expect(table.locator("caption")).to_have_text("Not every acceptance limit is met")
    expect(table.locator("tbody tr td:last-child")).to_have_text(["met", "not met", "not met"])
    expect(page.locator("#evidence-method")).to_contain_text("200 replicates, seed 0")
    expect(page.locator("#evidence-cautions li")).to_have_count(len(evidence["method"]["cautions"]))


def test_the_section_follows_what_is_chosen(page: Page) -> None:
    page.locator("#first").select_option("taes")
    page.locator("#second").select_option("taes")
    expect(page.locator("#evidence-table tbody tr td:nth-child(3)")).to_have_text(["taes"] * 3)
    page.locator("#label").select_option("bckg")
    expect(page.locator("#evidence-table caption")).to_have_text("Class bckg with confidence intervals")
