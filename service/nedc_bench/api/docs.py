"""``/openapi.json`` and its page ``/docs``, from files of an installed package (no CDN)."""

from __future__ import annotations

from importlib.resources import files

import msgspec
from quart import Blueprint, Response

from nedc_bench.api.context import service
from nedc_bench.api.errors import ProblemError
from nedc_bench.api.openapi import build_openapi
from nedc_bench.api.problem import TITLES
from nedc_bench.api.responses import JSON

blueprint = Blueprint("docs", __name__)

ASSETS = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
}
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>nedc-bench API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<section class="swagger-ui"><div class="wrapper">
<h2>Errors</h2>
<p>Every error is application/problem+json (RFC 9457); its <code>type</code> leads here.</p>
<table><tbody>{errors}</tbody></table>
</div></section>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = """\
SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#page", deepLinking: true, tryItOutEnabled: true,
  validatorUrl: null, // the page contacts no other host
});
"""


@blueprint.get("/openapi.json")
async def openapi() -> Response:
    """The OpenAPI document."""
    settings = service().settings
    document = build_openapi(
        tokens=settings.api_tokens_file is not None, metrics_need_token=settings.metrics_need_token
    )
    return Response(msgspec.json.encode(document), 200, content_type=JSON)


@blueprint.get("/docs")
async def page() -> Response:
    """The page of the document, with the errors that problems link to."""
    errors = "".join(f'<tr id="{status}"><td>{status}</td><td>{title}</td></tr>' for status, title in TITLES.items())
    return Response(_PAGE.format(errors=errors), 200, SECURITY, content_type="text/html; charset=utf-8")


@blueprint.get("/docs/<name>")
async def asset(name: str) -> Response:
    """A file of the page."""
    if name == "start.js":
        return Response(_START, 200, content_type="text/javascript; charset=utf-8")
    if name not in ASSETS:
        raise ProblemError(404, f"the page has no file {name[:60]!r}")
    content = files("flask_swagger_ui").joinpath("dist", name).read_bytes()
    return Response(content, 200, {"Cache-Control": "max-age=86400"}, content_type=ASSETS[name])
