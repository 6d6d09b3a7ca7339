"""``GET /``: the page where a person drops files or folders and sees the result; it uses the public API alone.

Its files come from the package, and its Content-Security-Policy lets it ask nobody but the service. The report is shown
in a frame of an origin of its own, which sees neither the token nor the service.
"""

from __future__ import annotations

from html import escape
from importlib.resources import files

import msgspec
from quart import Blueprint, Response

from nedc_bench.annotations.layout import SUFFIXES
from nedc_bench.annotations.source import MAX_FILE_BYTES
from nedc_bench.api.errors import ProblemError
from nedc_bench.reports import PAGE_NAME, SUMMARY_NAME
from nedc_bench.reports.files import PAIR_REPORTS
from nedc_bench.reports.page import page_shell

blueprint = Blueprint("home", __name__)

FILES = {
    "home.css": "text/css; charset=utf-8",
    "files.js": "text/javascript; charset=utf-8",
    "api.js": "text/javascript; charset=utf-8",
    "home.js": "text/javascript; charset=utf-8",
}


@blueprint.get("/")
async def page() -> Response:
    """The page."""
    known = {
        "suffixes": SUFFIXES,
        "max_file_bytes": MAX_FILE_BYTES,
        "page": PAGE_NAME,
        "reports": {"": SUMMARY_NAME} | PAIR_REPORTS,
    }
    text = _read("home.html").replace("{known}", escape(msgspec.json.encode(known).decode()))
    return Response(text, 200, _headers(), content_type="text/html; charset=utf-8")


@blueprint.get("/home/<name>")
async def asset(name: str) -> Response:
    """A file of the page."""
    if name not in FILES:
        raise ProblemError(404, f"the page has no file {name[:60]!r}")
    return Response(_read(name), 200, {"Cache-Control": "no-cache"}, content_type=FILES[name])


def _headers() -> dict[str, str]:
    """A frame takes on the policy of the page around it, so this one names the report's style and script, too."""
    shell = page_shell()
    policy = {
        "default-src": "'none'",
        "script-src": f"'self' {shell.script_source}",
        "style-src": f"'self' {shell.style_source}",
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {sources}" for name, sources in policy.items()),
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }


def _read(name: str) -> str:
    return files(__name__).joinpath(name).read_text("utf-8")
