"""One HTTP/1.1 connection: Hypercorn's protocol over a stream that is bounded in both directions.

It speaks HTTP/1.1 only. An h2c upgrade is ignored, as RFC 9110 (7.8) allows, and answered in HTTP/1.1; the HTTP/2
preface gets 505. So there are no HTTP/2 control frames, and nothing tunnels past the path rules of a proxy.

The limits of a connection:

- The head of a request, its line and headers, takes at most `MAX_HEAD_BYTES` (`nedc_bench.api.heads`).
- At most `READ_BYTES` are buffered for a request's handler; then reading from the client pauses.
- After each `READ_BYTES` the event loop serves others, however fast the client sends.
- Frames of a WebSocket, control frames included, are rate-limited (`FRAMES` at once, `FRAMES_PER_SECOND` in the long
  run); more close it with 1008. Compression is not negotiated, so a frame is as long as it looks.
- A client that reads nothing of the `WRITE_BYTES` buffered for it within ``write_seconds`` is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
import uuid
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from typing import Any, cast

import h11
import msgspec
import structlog
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.events import Response
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.ws_stream import WSStream
from hypercorn.typing import AppWrapper, ConnectionState, WorkerContext
from wsproto.connection import Connection as WebSocketConnection
from wsproto.connection import ConnectionState as WebSocketState
from wsproto.events import CloseConnection, Message
from wsproto.events import Event as WebSocketEvent
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError

from nedc_bench.api.errors import PROBLEM_JSON, UNEXPECTED
from nedc_bench.api.heads import DETAILS, UNREADABLE, refusal_of
from nedc_bench.api.problem import TITLES, problem
from nedc_bench.api.tasks import Tasks

log = structlog.get_logger(__name__)

READ_BYTES = 32 * 1024
WRITE_BYTES = 64 * 1024
FRAMES = 30
FRAMES_PER_SECOND = 10.0
CONNECTION = "connection"  # in the ``state`` of a request's scope
COMPRESSION = b"sec-websocket-extensions"
REQUEST_ID = b"x-request-id"
HANDSHAKE_DETAILS = {
    400: "a WebSocket's client sends nothing before it has the answer to its handshake",
    500: UNEXPECTED,
}


class TooManyFramesError(Exception):
    """A WebSocket's client sends frames too fast."""


class Connection:
    """A client's connection, from acceptance to close.

    Args:
        app: the ASGI app, wrapped by Hypercorn.
        write_seconds: the time within which a client must read something.

    Attributes:
        cut_off: whether something could not be sent because the client left or was dropped.
    """

    def __init__(
        self,
        app: AppWrapper,
        config: Config,
        context: WorkerContext,
        streams: tuple[StreamReader, StreamWriter],
        write_seconds: float,
    ) -> None:
        self._app, self._config, self._context = app, config, context
        self._reader, self._writer = streams
        self._write_seconds = write_seconds
        self._writing = asyncio.Lock()
        self.cut_off = False
        self._idle: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Serve the client until either side ends the connection."""
        async with Tasks(asyncio.get_running_loop()) as tasks:
            protocol = Http1(
                self._app,
                self._config,
                self._context,
                tasks,
                ConnectionState({CONNECTION: self}),
                False,
                _address(self._writer, "peername"),
                _address(self._writer, "sockname"),
                self._send,
            )
            self._wait_for_request()
            await self._read(protocol)
        self._serve_request()
        await self._close()

    def end_when_idle(self) -> None:
        """Close now if no request is running; otherwise after the running one."""
        if self._idle is not None:
            self._writer.close()

    async def _read(self, protocol: Http1) -> None:
        while data := await self._received():
            await protocol.handle(RawData(data))
            await asyncio.sleep(0)  # a client that never stops sending would occupy the event loop
        await protocol.handle(Closed())

    async def _received(self) -> bytes:
        """The next bytes; none if the client has ended or reset the connection."""
        try:
            return await self._reader.read(READ_BYTES)
        except OSError:
            return b""

    async def _send(self, event: Event) -> None:
        if isinstance(event, RawData):
            await self._write(event.data)
        elif isinstance(event, Closed):
            await self._close()
        elif isinstance(event, Updated):
            (self._wait_for_request if event.idle else self._serve_request)()

    async def _write(self, data: bytes) -> None:
        view = memoryview(data)
        async with self._writing:
            for begin in range(0, len(data), WRITE_BYTES):
                if self._writer.transport.is_closing():
                    self.cut_off = True
                    return
                self._writer.write(view[begin : begin + WRITE_BYTES] if len(data) > WRITE_BYTES else data)
                await self._taken(self._writer.drain())

    async def _close(self) -> None:
        self._writer.close()
        await self._taken(self._writer.wait_closed())

    async def _taken(self, waiting: Any) -> None:
        """Wait until the client has read enough of its buffer, and drop a client that does not."""
        with contextlib.suppress(OSError, RuntimeError):  # it has left meanwhile
            try:
                async with asyncio.timeout(self._write_seconds):
                    await waiting
            except TimeoutError:
                log.warning("dropped a client that does not read", address=_address(self._writer, "peername"))
                self.cut_off = True
                self._writer.transport.abort()

    def _wait_for_request(self) -> None:
        self._serve_request()
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(self._config.keep_alive_timeout, self._writer.close)
        if self._context.terminated.is_set():
            self._writer.close()

    def _serve_request(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None


class Http1(H11Protocol):
    """Hypercorn's HTTP/1.1 without upgrades to HTTP/2, and with limited frames."""

    _head = b""
    _refused = False

    async def handle(self, event: Event) -> None:
        """Handle received bytes; closes a WebSocket with too many frames."""
        try:
            await super().handle(event)
        except TooManyFramesError:
            assert isinstance(self.stream, WSStream)
            refusal = CloseConnection(code=CloseReason.POLICY_VIOLATION, reason="too many frames")
            with contextlib.suppress(LocalProtocolError):  # it is closing already
                await self.send(RawData(self.stream.connection.send(refusal)))
            await self.send(Closed())

    async def stream_send(self, event: StreamEvent) -> None:
        """Send the app's answer, or refuse the handshake of a WebSocket where Hypercorn does.

        Hypercorn would refuse it without a body, and keep the connection for ever.
        """
        if self._refused:
            return
        if isinstance(self.stream, WSStream) and isinstance(event, Response):
            if event.status_code == 101:
                self.stream.connection = cast(WebSocketConnection, CountedFrames(self.stream.connection))
            elif not any(name == REQUEST_ID for name, _ in event.headers):
                self._refused = True
                await self._send_error_response(event.status_code, HANDSHAKE_DETAILS.get(event.status_code))
                await self.send(Closed())
                return
        await super().stream_send(event)

    async def _check_protocol(self, event: h11.Request) -> None:
        """Refuse to change the protocol."""

    async def _create_stream(self, request: h11.Request) -> None:
        refusal = refusal_of(request)
        if refusal is not None:
            await self._send_error_response(*refusal)
            await self.send(Closed())
            return
        if any(name == COMPRESSION for name, _ in request.headers):
            kept = [(name, value) for name, value in request.headers if name != COMPRESSION]
            request = h11.Request(method=request.method, target=request.target, headers=kept)
        await super()._create_stream(request)

    async def _send_h11_event(self, event: Any) -> None:
        """Send a response's head together with the beginning of its body, so that the client wakes up once."""
        try:
            data = self.connection.send(event) or b""
        except h11.LocalProtocolError:
            if self.connection.their_state != h11.ERROR:
                raise
            return
        head, self._head = self._head, b""
        if isinstance(event, h11.Response):
            self._head = data
        elif len(data) < WRITE_BYTES:
            if head or data:
                await self.send(RawData(head + data))
        else:
            await self.send(RawData(head))
            await self.send(RawData(data))

    async def _send_error_response(self, status_code: int, detail: str | None = None) -> None:
        """Answer an invalid request, which the app cannot answer."""
        status = status_code if status_code in TITLES else 400
        request_id = uuid.uuid4().hex
        log.warning("request refused", request_id=request_id, address=self.client, status=status)
        body = msgspec.json.encode(problem(status, detail or DETAILS.get(status_code, UNREADABLE)))
        headers = [
            (b"content-type", PROBLEM_JSON.encode()),
            (b"content-length", str(len(body)).encode()),
            (REQUEST_ID, request_id.encode()),
            (b"connection", b"close"),
            *self.config.response_headers("h11"),
        ]
        await self._send_h11_event(h11.Response(status_code=status, headers=headers))
        await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())


class CountedFrames:
    """A WebSocket with a limited frame rate: wsproto's connection as Hypercorn uses it."""

    def __init__(self, connection: WebSocketConnection) -> None:
        self._connection = connection
        self._left = float(FRAMES)
        self._since = time.monotonic()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def events(self) -> Iterator[WebSocketEvent]:
        """The client's events.

        Raises:
            TooManyFramesError: it sends frames too fast.
        """
        for event in self._connection.events():
            now = time.monotonic()
            self._left = min(FRAMES, self._left + (now - self._since) * FRAMES_PER_SECOND) - 1
            self._since = now
            if self._left < 0:
                raise TooManyFramesError
            if isinstance(event, Message) and self._connection.state is WebSocketState.LOCAL_CLOSING:
                continue  # the rest of what was too long; Hypercorn would stop there, before the client's answer
            yield event


def _address(writer: StreamWriter, name: str) -> tuple[str, int] | None:
    """The host and port of one end; None if it has none, as on a Unix socket."""
    found = writer.get_extra_info(name)
    if writer.get_extra_info("socket").family not in {socket.AF_INET, socket.AF_INET6} or not found:
        return None
    return str(found[0]), int(found[1])
