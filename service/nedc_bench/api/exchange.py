"""An ASGI middleware around each request, from its arrival to the end of its response.

It logs one access line per request and WebSocket (``event`` is ``request``): ``caller`` (the token's name or the
beginning of its hash), ``address``, ``method``, ``path``, ``status``, ``bytes_in`` and ``bytes_out`` of the bodies,
``seconds`` and ``ended``; with tokens also ``token``, the beginning of the token's hash. Probes are logged at level
``debug``.

``ended`` is ``complete``; ``client left`` (before the response: status 499); ``cut off`` (the client left or was
dropped during the response); or ``failed`` (the service's fault).

Bodies are read from the server no faster than the handler consumes them: at most `UNREAD_BYTES` are buffered.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Mapping, MutableMapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, cast

import structlog
from quart import Request
from quart.wrappers.base import BaseRequestWebsocket
from quart.wrappers.request import Body
from werkzeug.exceptions import RequestEntityTooLarge

from nedc_bench.monitoring.edge import App

log = structlog.get_logger(__name__)

KEY = "nedc_exchange"
PROBES = frozenset({"/api/v1/health", "/api/v1/ready", "/metrics"})
UNREAD_BYTES = 64 * 1024
MAX_PATH_CHARACTERS = 200
CLIENT_LEFT, SWITCHED = 499, 101
COMPLETE, LEFT, CUT_OFF, FAILED = "complete", "client left", "cut off", "failed"

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")


@dataclass(slots=True)
class Exchange:
    """The state of one request.

    Attributes:
        ids: the ids of the request and its trace, bound to every log line.
        at_end: callbacks for when the response is sent or abandoned.
        holds_response: whether memory is reserved for a large response.
        gone: whether the client has left.
        room: set while the handler has consumed the received body.
    """

    ids: dict[str, str]
    caller: str | None = None
    token: str | None = None
    address: str = "unknown"
    bytes_in: int = 0
    bytes_out: int = 0
    status: int = CLIENT_LEFT
    ended: str = LEFT
    at_end: ExitStack = field(default_factory=ExitStack)
    holds_response: bool = False
    gone: bool = False
    room: asyncio.Event = field(default_factory=asyncio.Event)
    started: float = field(default_factory=time.perf_counter)

    def line(self, scope: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of the access line."""
        return {
            **self.ids,
            "caller": self.caller,
            **({} if self.token is None else {"token": self.token}),
            "address": self.address,
            "method": scope.get("method", "WEBSOCKET"),
            "path": scope["path"][:MAX_PATH_CHARACTERS],
            "status": self.status,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "seconds": round(time.perf_counter() - self.started, 6),
            "ended": self.ended,
        }


def exchange(connection: BaseRequestWebsocket) -> Exchange:
    """The exchange of a request or WebSocket."""
    return cast(Exchange, cast(dict[str, Any], connection.scope)[KEY])


class Exchanges:
    """The middleware.

    Args:
        app: the ASGI app behind it.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on, and log how it ended."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        found = _begin(scope)

        async def watched_receive() -> Any:
            await found.room.wait()
            message = await receive()
            found.gone = message["type"] in {"http.disconnect", "websocket.disconnect"}
            found.bytes_in += len(message.get("body") or message.get("bytes") or message.get("text") or b"")
            return message

        async def watched_send(message: Any) -> None:
            if not found.gone:  # Hypercorn raises where ASGI asks for nothing to happen
                await send(message)
                _note(found, message)

        try:
            await self._app(scope, watched_receive, watched_send)
        except Exception:
            found.ended = FAILED
            raise
        finally:
            found.at_end.close()
            connection = scope.get("state", {}).get("connection")  # see `nedc_bench.api.http1`
            if connection is not None and connection.cut_off and found.ended == COMPLETE:
                found.ended = CUT_OFF
            (log.debug if scope["path"] in PROBES else log.info)("request", **found.line(scope))


def _begin(scope: MutableMapping[str, Any]) -> Exchange:
    headers = dict(scope["headers"])
    given = headers.get(b"x-request-id", b"").decode("latin-1")
    ids = {"request_id": given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex}
    trace = _TRACEPARENT.fullmatch(headers.get(b"traceparent", b"").decode("latin-1"))
    if trace is not None:
        ids |= {"trace_id": trace[1], "parent_id": trace[2]}
    found = scope[KEY] = Exchange(ids)
    if scope["client"]:
        found.address = scope["client"][0]
    found.room.set()
    return found


def _note(found: Exchange, message: Mapping[str, Any]) -> None:
    """Take down what was sent."""
    kind = message["type"]
    if kind in {"http.response.start", "websocket.http.response.start"}:
        found.status, found.ended = message["status"], CUT_OFF
    elif kind in {"http.response.body", "websocket.http.response.body"}:
        found.bytes_out += len(message.get("body", b""))
        if not message.get("more_body", False):
            found.ended = COMPLETE
    elif kind == "websocket.accept":
        found.status, found.ended = SWITCHED, CUT_OFF
    elif kind == "websocket.send":
        found.bytes_out += len(message.get("text") or message.get("bytes") or b"")
    elif kind == "websocket.close":
        found.ended = COMPLETE


class BoundedBody(Body):
    """A body with at most `UNREAD_BYTES` buffered and MAX_UPLOAD_BYTES in total."""

    room: asyncio.Event
    _received = 0

    async def __anext__(self) -> bytes:
        """The next bytes."""
        data = await super().__anext__()
        self.room.set()
        return data

    def append(self, data: bytes) -> None:
        """Consume the received bytes."""
        self._received += len(data)
        super().append(data)
        if self._max_content_length is not None and self._received > self._max_content_length:
            self._must_raise = RequestEntityTooLarge()
            self.set_complete()
        if len(self._data) >= UNREAD_BYTES and self._must_raise is None:
            self.room.clear()


class BoundedRequest(Request):
    """A request with a `BoundedBody`."""

    body_class = BoundedBody

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        cast(BoundedBody, self.body).room = exchange(self).room
