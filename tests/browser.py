"""A real browser: Debian's Chromium, driven by Playwright, and what no page of ours may do in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from everything import EVERYTHING
from helpers import WAIT_SECONDS
from nedc_bench import OperatingCurve, Result
from nedc_bench.reports.page import page_lines

NAMES = ("chromium", "chromium-browser", "google-chrome")
Size = tuple[int, int]
DESKTOP, PHONE = (1280, 900), (400, 850)  # CSS pixels
Scheme = Literal["light", "dark"]
# Widths and colours do not depend on each other.
APPEARANCES: list[tuple[Size, Scheme]] = [(DESKTOP, "light"), (PHONE, "dark")]
if EVERYTHING:
    APPEARANCES += [(DESKTOP, "dark"), (PHONE, "light")]
every_appearance = pytest.mark.parametrize(("size", "scheme"), APPEARANCES, ids=str)

expect.set_options(timeout=WAIT_SECONDS * 1000)


@contextmanager
def started() -> Iterator[Browser]:
    """The browser of this machine."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    assert path is not None, f"none of {', '.join(NAMES)} is installed; tests/tools.sh installs it"
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, url: str, *, size: Size = DESKTOP, origin: str | None = None) -> Iterator[Page]:
    """A page that must log nothing, fail nowhere and ask nobody but ``origin`` for anything."""
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, has_touch=size == PHONE)
    context.set_default_timeout(WAIT_SECONDS * 1000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("request", lambda request: complaints.extend(_elsewhere(request.url, url, origin)))
    page.goto(url)
    yield page
    context.close()
    assert complaints == []


def write_page(
    result: Result, folder: Path, curves: Sequence[OperatingCurve] = (), evidence: Mapping[str, Any] | None = None
) -> str:
    """Write the page of a result; its URL."""
    path = folder / "report.html"
    path.write_text("\n".join(page_lines(result, curves, evidence=evidence)), encoding="utf-8")
    return path.as_uri()


def violations(page: Page) -> list[dict[str, Any]]:
    """What keeps people from using the page, as axe-core finds it."""
    found = Axe().run(page).response["violations"]
    return [{"rule": rule["id"], "where": [node["target"] for node in rule["nodes"]]} for rule in found]


def is_as_wide_as_the_screen(page: Page) -> bool:
    """Whether nothing sticks out to the side."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def _elsewhere(asked: str, url: str, origin: str | None) -> list[str]:
    own = asked == url or asked.startswith(("data:", "blob:", "about:")) or (origin and asked.startswith(origin))
    return [] if own else [f"request: {asked}"]
