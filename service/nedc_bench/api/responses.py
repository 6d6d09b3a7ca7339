"""JSON responses, the negotiation for them, and what all of them may hold while their clients read."""

from __future__ import annotations

from typing import Any

import msgspec
from quart import Response, request
from werkzeug.exceptions import NotAcceptable

from nedc_bench.api.context import Service
from nedc_bench.api.errors import ProblemError, refused
from nedc_bench.api.exchange import Exchange

JSON = "application/json"
SMALL_BYTES = 64 * 1024  # so much waits in the connection of any client


def require_json() -> None:
    """See that the client takes JSON.

    Raises:
        NotAcceptable: it does not.
    """
    accepted = request.accept_mimetypes
    if accepted.provided and not accepted.best_match([JSON]):
        raise NotAcceptable(f"this is {JSON}; send an Accept header that takes it")


def json_response(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """``content`` as JSON.

    Raises:
        NotAcceptable: the client takes no JSON.
    """
    require_json()
    return Response(msgspec.json.encode(content), status, headers, content_type=JSON)


def bounded(response: Response, found: Service, seen: Exchange) -> Response:
    """The response, which holds its bytes of RESPONSES_MAX_BYTES until it is sent; or 503 where there is no room."""
    size = response.content_length or 0
    if size <= SMALL_BYTES:
        return response
    try:
        seen.at_end.enter_context(found.responses.share())(size)
    except ProblemError as error:
        return refused(error, found.metrics)
    return response
