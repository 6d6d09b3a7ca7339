"""The page of a result: its figures equal the result document's, and it is accessible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from browser import DESKTOP, PHONE, Size, is_as_wide_as_the_screen, opened, violations, write_page
from nedc_bench import Parameters, Recording, Result, score
from nedc_bench.scoring import FileId
from nedc_bench.scoring.verdicts import differences

pytestmark = pytest.mark.browser

COUNTS = ("tp", "fp", "fn")
RATES = ("sensitivity", "precision", "f1", "false_alarms_per_24h")


@pytest.fixture
def page(browser: Browser, report: str) -> Iterator[Page]:
    with opened(browser, report) as page:
        yield page


def figures(row: Locator) -> list[float | None]:
    """The unrounded figures of a table row; None for a dash."""
    values = "cells => cells.map(cell => cell.querySelector('data')?.value ?? null)"
    cells = row.locator("td.number").evaluate_all(values)
    return [None if value is None else float(value) for value in cells]


def compare(page: Page, first: str, second: str, label: str = "seiz") -> None:
    page.locator("#first").select_option(first)
    page.locator("#second").select_option(second)
    page.locator("#label").select_option(label)


# -- the figures


@pytest.mark.parametrize("label", ["seiz", "bckg"])
def test_totals_equal_the_result_document(page: Page, result: Result, label: str) -> None:
    compare(page, "overlap", "szcore-event", label)
    rows = page.locator("#totals-table tbody tr")
    document = {name: found for name, found in result.to_dict()["algorithms"].items() if name != "ira"}
    assert rows.evaluate_all("rows => rows.map(row => row.dataset.algorithm)") == list(document)
    for row, algorithm in zip(rows.all(), document.values(), strict=True):
        own: dict[str, Any] = algorithm["labels"].get(label, {})
        assert figures(row) == [own.get(name) for name in (*COUNTS, *RATES)]


def test_two_algorithms_stand_side_by_side_with_their_difference(page: Page, result: Result) -> None:
    labels = [result.to_dict()["algorithms"][name]["labels"]["seiz"] for name in ("overlap", "szcore-event")]
    shown = {row.get_attribute("data-figure"): figures(row) for row in page.locator("#compared-table tbody tr").all()}
    assert shown == {name: [*(both := [of[name] for of in labels]), both[1] - both[0]] for name in (*RATES, *COUNTS)}


def test_averages_over_subjects_and_kappas_are_shown(page: Page, result: Result) -> None:
    document = result.to_dict()["algorithms"]
    for name in ("szcore-event", "szcore-sample"):
        row = page.locator("#averages tbody tr", has_text=name)
        rates = document[name]["subjects"]["labels"]["seiz"]
        assert figures(row) == [rates[rate]["mean"] for rate in RATES]
    kappas = page.locator("#kappa data").evaluate_all("shown => shown.map(one => Number(one.value))")
    assert kappas == [*document["ira"]["kappa"].values(), document["ira"]["multi_class_kappa"]]


@pytest.mark.parametrize(
    ("first", "second"), [("overlap", "szcore-event"), ("taes", "dp"), ("szcore-sample", "epoch"), ("ira", "overlap")]
)
def test_differences_are_those_of_the_verdicts(page: Page, result: Result, first: str, second: str) -> None:
    compare(page, first, second)
    expected = Counter(
        ((found.side, *(rule or "not judged" for rule in found.rules)), found.events, *_counts(found))
        for found in differences(result.scores, result.parameters, first, second, label="seiz")
    )
    shown: Counter[Any] = Counter()
    for row in page.locator("#differences-table tbody tr").all():
        side = row.locator("th").inner_text().lower()
        rules = row.locator("td:nth-child(2) > span, td:nth-child(3) > span").evaluate_all(
            "cells => cells.map(cell => cell.firstChild.textContent)"
        )
        events, *counts = figures(row)
        shown[((side, *rules), events, *counts)] += 1
    assert shown == expected
    assert len(shown) > 1


def test_recordings_come_by_how_much_the_two_differ(page: Page, result: Result) -> None:
    found = differences(result.scores, result.parameters, "overlap", "szcore-event", label="seiz")
    judged = [one or other for difference in found for one, other in difference.verdicts]
    differing = Counter(verdict.recording for verdict in judged if verdict is not None)
    assert len(differing) > 3
    listed = page.locator(".row").evaluate_all("rows => rows.map(row => row.title)")
    weights = [differing[name] for name in listed]
    assert weights[0] == max(differing.values())
    assert weights == sorted(weights, reverse=True)


def test_a_difference_lists_the_recordings_it_occurs_in(page: Page) -> None:
    button = page.locator("#differences-table tbody tr").first.get_by_role("button")
    count = int(button.inner_text().split()[-1])
    button.click()
    expect(page.locator("#listed")).to_contain_text(f"{count} recording")
    expect(page.locator("#list")).to_be_focused()
    page.get_by_role("button", name="Show all 40 recordings again").click()
    expect(page.locator("#listed")).to_contain_text("40 recordings;")


def _counts(found: Any) -> tuple[float, float, float]:
    return found.hits, found.false_alarms, found.misses


# -- without a mouse


def test_every_part_is_reached_by_the_tab_key(page: Page) -> None:
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    assert {"first", "second", "label", "sort", "search", "list", "timeline", "Zoom in", "Next event"} <= reached


def test_arrows_choose_a_recording(page: Page) -> None:
    chosen = page.locator(".row[aria-selected=true]")
    names = page.locator(".row").evaluate_all("rows => rows.map(row => row.title)")
    page.locator("#list").focus()
    page.keyboard.press("ArrowDown")
    expect(chosen).to_have_attribute("title", names[1])
    expect(page.locator("#recording-name")).to_have_text(names[1])
    assert page.locator("#list").get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    page.keyboard.press("End")
    expect(chosen).to_have_attribute("aria-posinset", "40")
    page.keyboard.press("Home")
    expect(page.locator("#recording-name")).to_have_text(names[0])


def test_keys_zoom_and_move_the_timeline(page: Page) -> None:
    picture = page.locator("#timeline svg")
    whole = picture.get_attribute("aria-label")
    page.locator("#timeline").focus()
    seen = {whole}
    for key in ("+", "+", "ArrowRight", "ArrowLeft", "-"):
        before = picture.get_attribute("aria-label")
        page.keyboard.press(key)
        assert picture.get_attribute("aria-label") != before, key
        seen.add(picture.get_attribute("aria-label"))
    assert len(seen) == 4  # right and left again, in and out again
    page.keyboard.press("0")
    assert picture.get_attribute("aria-label") == whole


def test_keys_go_from_event_to_event_and_tell_what_each_algorithm_says_of_it(page: Page) -> None:
    page.locator("#timeline").focus()
    page.keyboard.press("n")
    told = page.locator("#event")
    expect(told.locator("dt")).to_have_text(["overlap", "szcore-event"])
    first = told.locator("h4").inner_text()
    page.keyboard.press("n")
    expect(told.locator("h4")).not_to_have_text(first)
    page.keyboard.press("p")
    expect(told.locator("h4")).to_have_text(first)
    expect(page.locator("#timeline .ring").first).to_be_visible()
    page.keyboard.press("d")
    counts = told.locator("dd .sentence").all_inner_texts()
    assert counts[0].partition("Counts")[2] != counts[1].partition("Counts")[2]
    name = page.locator("#recording-name").inner_text()
    page.keyboard.press("PageDown")
    expect(page.locator("#recording-name")).not_to_have_text(name)


# -- with a mouse or by touch


def view(page: Page) -> str:
    """The times that the timeline shows."""
    return str(page.locator("#timeline svg").get_attribute("aria-label"))


def test_a_mouse_zooms_drags_and_chooses(page: Page) -> None:
    timeline = page.locator("#timeline")
    timeline.scroll_into_view_if_needed()
    whole = view(page)
    timeline.hover()
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    expect(page.locator("#timeline svg")).not_to_have_attribute("aria-label", whole)
    zoomed = view(page)
    page.mouse.down()
    page.mouse.move(500, 0)
    page.mouse.up()
    assert view(page) not in {whole, zoomed}
    page.get_by_role("button", name="Whole recording").click()
    page.locator("#timeline rect.event").last.click(force=True)
    expect(page.locator("#event dt")).to_have_text(["overlap", "szcore-event"])


def test_two_fingers_zoom(browser: Browser, report: str) -> None:
    with opened(browser, report, size=PHONE) as page:
        timeline = page.locator("#timeline")
        timeline.scroll_into_view_if_needed()
        box = timeline.bounding_box()
        assert box is not None
        whole = view(page)
        y = box["y"] + 40
        fingers = page.context.new_cdp_session(page)
        for kind, apart in (("touchStart", 40), ("touchMove", 80), ("touchMove", 160)):
            points = [{"x": 200 - apart / 2, "y": y, "id": 0}, {"x": 200 + apart / 2, "y": y, "id": 1}]
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        expect(page.locator("#timeline svg")).not_to_have_attribute("aria-label", whole)


# -- accessibility, themes and print


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_nothing_keeps_people_from_using_it(browser: Browser, report: str, size: Size, *, dark: bool) -> None:
    with opened(browser, report, size=size, dark=dark) as page:
        page.locator("#timeline").focus()
        page.keyboard.press("d")
        expect(page.locator("#events tr.chosen")).to_be_visible()
        assert violations(page) == []
        assert is_as_wide_as_the_screen(page)


def test_light_and_dark_follow_the_system(browser: Browser, report: str) -> None:
    grounds = []
    for dark in (False, True):
        with opened(browser, report, dark=dark) as page:
            grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(255, 255, 255)", "rgb(20, 24, 29)"]


def test_paper_shows_each_recording_as_a_whole(page: Page) -> None:
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    expect(page.locator("#print article svg")).to_have_count(40)
    expect(page.locator("#print article svg").first).to_be_visible()
    expect(page.locator("#list")).to_be_hidden()
    expect(page.locator("#choice")).to_be_hidden()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(page.locator("#print article svg")).to_have_count(0)


# -- any input


def small_result(reference: str, hypothesis: str, *labels: str) -> Result:
    events = [(10.0 * k, 10.0 * k + 5.0, label) for k, label in enumerate(labels, 1)]
    sides = (Recording.from_events(600.0, events, name) for name in (reference, hypothesis))
    return score(*sides, algorithms=("taes",))


def test_the_name_of_a_file_is_text_and_nothing_else(browser: Browser, tmp_path: Path) -> None:
    name = "</script><script>document.title = 'taken'</script><img src=//example.org/x onerror=alert(1)>&amp;é"
    with opened(browser, write_page(small_result(name, "b", "seiz"), tmp_path)) as page:
        expect(page.locator("#recording-name")).to_have_text(name)
        expect(page).to_have_title("nedc-bench: scores of EEG events")


def test_one_algorithm_alone_is_compared_with_nothing(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, write_page(small_result("a", "b", "seiz", "seiz"), tmp_path)) as page:
        expect(page.locator("#differences-note")).to_have_text("Choose two algorithms to see why they differ.")
        expect(page.locator("#compared-table thead th")).to_have_text(["Figure", "taes"])
        expect(page.locator("#events tbody tr")).to_have_count(4)
        assert violations(page) == []


def test_a_recording_without_events_says_so(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, write_page(small_result("a", "b"), tmp_path)) as page:
        expect(page.locator("#event")).to_have_text("No event of class seiz.")


def test_of_2850_recordings_only_those_in_sight_are_elements(browser: Browser, result: Result, tmp_path: Path) -> None:
    known = result.scores
    scores = [replace(known[k % 40], reference=FileId(f"night-{k:04}.csv_bi", "")) for k in range(2850)]
    large = Result.fold(scores, Parameters(), ("overlap", "szcore-event"))
    with opened(browser, write_page(large, tmp_path)) as page:
        expect(page.locator("#listed")).to_contain_text("2850 recordings")
        assert 0 < page.locator(".row").count() < 30
        page.locator("#sort").select_option("name")
        page.locator("#list").focus()
        page.keyboard.press("End")
        expect(page.locator("#recording-name")).to_have_text("night-2849.csv_bi")
        assert 0 < page.locator(".row").count() < 30
        page.locator("#search").fill("night-1234")
        expect(page.locator("#listed")).to_contain_text("1 recording of 2850")
        expect(page.locator("#recording-name")).to_have_text("night-1234.csv_bi")
