"""JSON responses, and the negotiation for them."""

from __future__ import annotations

from typing import Any

import msgspec
from quart import Response, request
from werkzeug.exceptions import NotAcceptable

JSON = "application/json"


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
