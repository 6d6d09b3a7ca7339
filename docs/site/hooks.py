"""What MkDocs calls while it builds the site: adds the generated pages and resolves links that leave ``docs/``.

In the repository a link leads to a file. In the site the same link leads to the page made from that file (`PAGES`), or
to the file in the repository.
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path += [str(ROOT / "tests"), str(Path(__file__).parent)]

import generated  # noqa: E402  # in the folder just added
from mkdocs.config.defaults import MkDocsConfig  # noqa: E402  # after it
from mkdocs.structure.files import File, Files  # noqa: E402  # after it
from mkdocs.structure.pages import Page  # noqa: E402  # after it

# The pages made from files elsewhere in the repository. A link to the file becomes a link to the page.
PAGES: dict[str, tuple[str, Callable[[], str]]] = {
    "service/nedc_bench/cli/__init__.py": ("command.md", generated.command),
    "service/nedc_bench/__init__.py": ("python.md", generated.python),
    "service/nedc_bench/api/openapi.py": ("http.md", generated.http),
    "service/nedc_bench/settings.py": ("settings.md", generated.settings),
    "charts/nedc-bench/values.yaml": ("values.md", generated.values),
    "monitoring/rules/service.yml": ("alerts.md", generated.alerts),
    "charts/nedc-bench/README.md": ("chart.md", generated.chart),
    "monitoring/README.md": ("monitoring.md", lambda: generated.read("monitoring/README.md")),
    "CHANGELOG.md": ("changelog.md", lambda: generated.read("CHANGELOG.md")),
    "CONTRIBUTING.md": ("contributing.md", lambda: generated.read("CONTRIBUTING.md")),
    "SECURITY.md": ("security.md", lambda: generated.read("SECURITY.md")),
}
_SOURCES = {page: source for source, (page, _) in PAGES.items()}
_NAMES = tomllib.loads((ROOT / "names.toml").read_text(encoding="utf-8"))
_FENCE = re.compile(r"^( *)```.*?^\1```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(\]\()([^)#\s:]+)((?:#[^)\s]*)?\))")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Link the repository in the footer. With ``repo_url`` instead, each page would ask its host for statistics."""
    config.extra["social"] = [{"icon": "fontawesome/brands/git-alt", "link": _NAMES["repository"], "name": "Source"}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for page, make in PAGES.values():
        files.append(File.generated(config, page, content=make()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: Any) -> str:
    """Resolve the links of a page that leave ``docs/``; code blocks stay as they are."""
    folder = (ROOT / _SOURCES.get(page.file.src_uri, f"docs/{page.file.src_uri}")).parent
    parts, end = [], 0
    for fence in _FENCE.finditer(markdown):
        parts += [_resolved(markdown[end : fence.start()], folder), fence[0]]
        end = fence.end()
    return "".join([*parts, _resolved(markdown[end:], folder)])


def _resolved(text: str, folder: Path) -> str:
    return _LINK.sub(lambda link: f"{link[1]}{_target(link[2], folder)}{link[3]}", text)


def _target(link: str, folder: Path) -> str:
    """Where a link leads in the site; ``link`` is relative to ``folder``."""
    path = os.path.relpath(folder / link, ROOT)
    if path in PAGES:
        return PAGES[path][0]
    if path.startswith("docs/") and not path.startswith("docs/site/"):
        return os.path.relpath(path, "docs")
    return f"{_NAMES['pages']}/{path}" if (ROOT / path).exists() else link
