"""Which requests are refused by their heads, the request line and headers, before the app sees them."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import h11

MAX_HEAD_BYTES = 16 * 1024
VERSIONS = (b"1.0", b"1.1")
UNREADABLE = "this cannot be read as an HTTP/1.1 request"
DETAILS = {
    431: f"the request line and headers are larger than {MAX_HEAD_BYTES} bytes; send fewer or shorter headers",
    501: "Transfer-Encoding must be chunked",
    505: "send the request in HTTP/1.1, the only version that the service speaks",
}


def refusal_of(request: h11.Request) -> tuple[int, str | None] | None:
    """The status that refuses a request before the app sees it, and a detail; None if the app may see it.

    h11 limits only an incomplete head, so a large one that arrives at once passes it. A proxy that trusts a length
    beside chunks sees another body than we do (RFC 9112, 6.3). A handshake without key or version would be held open.
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
    if headers.get(b"upgrade", b"").lower() == b"websocket":
        known = headers.get(b"sec-websocket-version") == b"13" and b"sec-websocket-key" in headers
        return (
            None
            if known
            else (400, "the handshake of a WebSocket needs Sec-WebSocket-Key and Sec-WebSocket-Version: 13")
        )
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
