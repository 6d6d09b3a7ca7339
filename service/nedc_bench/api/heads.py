"""Which requests are refused by their heads, the request line and headers, before the app sees them."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import h11

MAX_HEAD_BYTES = 16 * 1024
VERSIONS = (b"1.0", b"1.1")
HANDSHAKE_LISTS = (b"connection", b"sec-websocket-protocol")
UNREADABLE = "this cannot be read as an HTTP/1.1 request"
DETAILS = {
    431: f"the request line and headers are larger than {MAX_HEAD_BYTES} bytes; send fewer or shorter headers",
    501: "Transfer-Encoding must be chunked",
    505: "send the request in HTTP/1.1, the only version that the service speaks",
}


def refusal_of(request: h11.Request) -> tuple[int, str | None] | None:
    """The status that refuses a request before the app sees it, and a detail; None if the app may see it.

    h11 limits only an incomplete head, so a large one that arrives at once passes it. A proxy that trusts a length
    beside chunks sees another body than we do (RFC 9112, 6.3).
    """
    if request.http_version not in VERSIONS:
        return 505, None
    if _head_bytes(request) > MAX_HEAD_BYTES:
        return 431, None
    if not _is_target(request.target):
        return 400, "the target of a request must be a path that begins with /"
    headers = dict(request.headers)
    if b"transfer-encoding" in headers and b"content-length" in headers:
        return 400, "Content-Length and Transfer-Encoding exclude each other; send one"
    if headers.get(b"upgrade", b"").lower() == b"websocket" and (detail := _handshake_fault(request, headers)):
        return 400, detail
    return None


def _handshake_fault(request: h11.Request, headers: dict[bytes, bytes]) -> str | None:
    """What is wrong with a WebSocket's handshake (RFC 6455, 4.2.1), which Hypercorn answers badly or not at all."""
    if request.http_version != b"1.1":
        return "the handshake of a WebSocket must be HTTP/1.1"
    if headers.get(b"sec-websocket-version") != b"13" or b"sec-websocket-key" not in headers:
        return "the handshake of a WebSocket needs Sec-WebSocket-Key and Sec-WebSocket-Version: 13"
    if headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers:
        return "the handshake of a WebSocket has no body; send none"
    if not all(value.isascii() for name, value in request.headers if name in HANDSHAKE_LISTS):
        return "Connection and Sec-WebSocket-Protocol must be lists of words in ASCII"
    return None


def _head_bytes(request: h11.Request) -> int:
    """The size of a head as sent, apart from blanks around values."""
    line = len(request.method) + len(request.target) + len(b"  HTTP/1.1\r\n\r\n")
    return line + sum(len(name) + len(value) + len(b": \r\n") for name, value in request.headers)


def _is_target(target: bytes) -> bool:
    """Whether a target is a path or a URL; Quart fails on others."""
    path = unquote(target.partition(b"?")[0].decode("ascii"))
    try:
        return path.startswith("/") or urlsplit(path).scheme in {"http", "https"}
    except ValueError:
        return False
