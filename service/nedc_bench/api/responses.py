"""JSON responses: content negotiation, and the memory of responses until clients have read them."""

from __future__ import annotations

from typing import Any

import msgspec
from quart import Response, request
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import NotAcceptable

from nedc_bench.api.context import service
from nedc_bench.api.errors import ProblemError, refused
from nedc_bench.api.exchange import exchange

JSON = "application/json"
SMALL_BYTES = 64 * 1024  # smaller responses fit into a connection's buffer


def require_json() -> None:
    """Check that the client accepts JSON, with any parameters, such as ``charset=utf-8``.

    Raises:
        NotAcceptable: it does not.
    """
    accepted = MIMEAccept((kind.partition(";")[0].strip(), quality) for kind, quality in request.accept_mimetypes)
    if accepted and not accepted.best_match([JSON]):
        raise NotAcceptable(f"the response is {JSON}; send an Accept header that allows it")


def json_response(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """``content`` as JSON.

    Raises:
        NotAcceptable: the client does not accept JSON.
        ProblemError: 503, there is no memory for so large a response.
    """
    require_json()
    body = msgspec.json.encode(content)
    hold(len(body))
    return Response(body, status, headers, content_type=JSON)


def hold(size: int) -> None:
    """Reserve memory for a response of this size, until it is sent or abandoned.

    Raises:
        ProblemError: 503, there is none.
    """
    seen = exchange(request)
    if size > SMALL_BYTES and not seen.holds_response:
        seen.at_end.enter_context(service().responses.share())(size)
        seen.holds_response = True


def bounded(response: Response) -> Response:
    """The response, which holds its memory until it is sent; or 503 if there is none."""
    try:
        hold(response.content_length or 0)
    except ProblemError as error:
        return refused(error, service().metrics)
    return response
