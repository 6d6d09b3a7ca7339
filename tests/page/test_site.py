"""The documentation's site builds without a warning, loads nothing from other hosts, and is complete."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser

import nedc_bench
from browser import opened
from chart.document import values
from nedc_bench.api.openapi import build_openapi
from nedc_bench.cli import main
from nedc_bench.settings import settings_table

ROOT = Path(__file__).parents[2]
BUILD = (sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly: a broken link, a page outside the navigation or a bad docstring fails."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [*BUILD, "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (built.returncode, built.stderr) == (0, "")
    return folder


class Loaded(HTMLParser):
    """Collects what a browser loads when it shows a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag != "a" and named.get("rel") not in {"canonical", "prev", "next"}:
            self.addresses += [value for key in ("src", "href", "srcset") if (value := named.get(key))]


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) >= 35
    for page in pages:
        loaded = Loaded()
        loaded.feed(page.read_text())
        assert loaded.addresses
        assert [address for address in loaded.addresses if re.match(r"(https?:)?//", address)] == [], page.name
    sheets = "".join(sheet.read_text() for sheet in site.rglob("*.css"))
    assert sheets
    assert re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//[^)]*", sheets) == []


def test_every_command_is_described(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    commands = re.findall(r"^    ([a-z]+) +[a-z]", capsys.readouterr().out, re.MULTILINE)
    assert {"score", "serve", "doctor"} <= set(commands)
    assert re.findall(r'<h2 id="([\w-]+)"', (site / "command.html").read_text()) == commands


def test_every_public_name_is_described(site: Path) -> None:
    page = (site / "python.html").read_text()
    assert [name for name in nedc_bench.__all__ if f'id="nedc_bench.{name}"' not in page] == []


def test_every_operation_is_described(site: Path) -> None:
    paths = build_openapi(tokens=True, metrics_need_token=False)["paths"]
    operations = [
        f"{method.upper()} {path}" for path, item in paths.items() for method in item if "operationId" in item[method]
    ]
    page = (site / "http.html").read_text()
    assert len(operations) >= 8
    assert [operation for operation in operations if f">{operation}<" not in page] == []


def test_every_setting_is_described(site: Path) -> None:
    names = re.findall(r"^\| `([A-Z_]+)`", settings_table(), re.MULTILINE)
    page = (site / "settings.html").read_text()
    assert names
    assert [name for name in names if f"<code>{name}</code>" not in page] == []


def test_every_value_is_described(site: Path) -> None:
    page = (site / "values.html").read_text()
    assert [value.path for value in values() if f"<code>{'.'.join(value.path)}</code>" not in page] == []


def test_every_alert_is_described_and_leads_to_its_section(site: Path) -> None:
    rules = "".join(path.read_text() for path in (ROOT / "monitoring/rules").glob("*.yml"))
    alerts = set(re.findall(r"- alert: (\w+)", rules))
    page = (site / "alerts.html").read_text()
    assert set(re.findall(r'href="runbook.html#(\w+)"', page)) == {alert.lower() for alert in alerts}


def test_every_page_of_the_navigation_is_built(site: Path) -> None:
    named = re.findall(r"[\w-]+\.md", yaml.safe_dump(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    assert len(named) == len(set(named))
    assert [page for page in named if not (site / page).with_suffix(".html").exists()] == []


@pytest.mark.browser
def test_the_search_works_in_pages_that_are_opened_as_files(browser: Browser, site: Path) -> None:
    with opened(browser, (site / "index.html").as_uri(), origin=site.as_uri()) as page:
        page.get_by_placeholder("Search").press_sequentially("maxmemory-policy")
        found = page.locator(".md-search-result__link").filter(has_text="Your Redis").first
        found.wait_for()
        assert (found.get_attribute("href") or "").partition("?")[0].endswith("/redis.html")
