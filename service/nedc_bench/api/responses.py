"""JSON responses, the negotiation for them, and what all of them may hold while their clients read."""

from __future__ import annotations

from typing import Any

import msgspec
from quart import Response, request
from werkzeug.exceptions import NotAcceptable

from nedc_bench.api.context import service
from nedc_bench.api.errors import ProblemError, refused
from nedc_bench.api.exchange import exchange

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
        ProblemError: 503, there is no room for so large a response.
    """
    require_json()
    body = msgspec.json.encode(content)
    hold(len(body))
    return Response(body, status, headers, content_type=JSON)


def hold(size: int) -> None:
    """Take room for a response of this size; it is given back when the response is sent, or is not going to be.

    Raises:
        ProblemError: 503, there is none.
    """
    seen = exchange(request)
    if size > SMALL_BYTES and not seen.holds_response:
        seen.at_end.enter_context(service().responses.share())(size)
        seen.holds_response = True


def bounded(response: Response) -> Response:
    """The response, which holds its room until it is sent; or 503 where there is none."""
    try:
        hold(response.content_length or 0)
    except ProblemError as error:
        return refused(error, service().metrics)
    return response
