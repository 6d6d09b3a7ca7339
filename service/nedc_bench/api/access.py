"""Access control: bearer tokens.

Each line of ``API_TOKENS_FILE`` holds the SHA-256 of a token in hexadecimal, optionally followed by the caller's name
(``#`` begins a comment), so the file reveals no token. Tokens with the same name belong to one caller: a job belongs to
its caller and survives a change of token. The file is reloaded when it changes: exactly its tokens are valid, so an
empty or deleted file lets nobody in.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from ipaddress import ip_address

import structlog
from quart.wrappers.base import BaseRequestWebsocket

from nedc_bench.api.errors import ProblemError
from nedc_bench.errors import SettingsError
from nedc_bench.monitoring import Metrics
from nedc_bench.notation import Network

log = structlog.get_logger(__name__)

LINE = "the SHA-256 of a token in hexadecimal (printf %s TOKEN | sha256sum) and, optionally, a caller's name"
SHOWN_DIGITS = 16  # of a token's hash
OPEN = frozenset({"/", "/docs", "/openapi.json"})
BEARER = "bearer."  # prefix of the subprotocol with which browsers, which cannot set the header, send a token

_LINE = re.compile(r"([0-9a-fA-F]{64})(?:\s+([A-Za-z0-9][A-Za-z0-9._@-]{0,63}))?")


class Tokens:
    """The tokens of a file; without a file anyone may call.

    Raises:
        SettingsError: the file has no token, or an invalid line.
    """

    def __init__(self, path: str | None, metrics: Metrics) -> None:
        self.path = path
        self._metrics = metrics
        self._state: tuple[int, int, int] | None = None
        self._callers: dict[str, str] = {}
        if path is None:
            return
        wrong = self._load()
        if wrong or not self._callers:
            where = f"line {wrong[0]}" if wrong else "the file"
            raise SettingsError([f"API_TOKENS_FILE {path}: {where} is not {LINE}"])

    @property
    def known(self) -> int:
        """How many tokens are valid."""
        return len(self._callers)

    def check(self, request: BaseRequestWebsocket) -> tuple[str | None, str | None]:
        """The caller of the request and the beginning of its token's hash; None and None without a file.

        The caller is the token's name, or else ``token:`` and the beginning of its hash.

        Raises:
            ProblemError: 401, the token is missing or unknown.
        """
        if self.path is None:
            return None, None
        self._reload()
        digest = hashlib.sha256(_token(request).encode()).hexdigest()
        caller = None
        for known, name in self._callers.items():  # compare with all, in constant time
            if hmac.compare_digest(digest, known):
                caller = name
        if caller is None:
            detail = "send a known token: Authorization: Bearer TOKEN"
            raise ProblemError(401, detail, headers={"WWW-Authenticate": 'Bearer realm="nedc-bench"'})
        return caller, digest[:SHOWN_DIGITS]

    def _reload(self) -> None:
        """Reload the file if it has changed."""
        if self._state == self._stat():
            return
        for line in self._load():
            log.error("invalid line in the token file", path=self.path, line=line)
        (log.info if self._callers else log.error)("tokens read", path=self.path, valid=len(self._callers))

    def _stat(self) -> tuple[int, int, int] | None:
        """A value that changes with the file; None if it is missing."""
        assert self.path is not None
        try:
            stat = os.stat(self.path)
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    def _load(self) -> list[int]:
        """Read the tokens. Returns the numbers of invalid lines."""
        assert self.path is not None
        self._state = self._stat()
        try:
            with open(self.path, encoding="utf-8", errors="replace") as file:
                lines = [line.partition("#")[0].strip() for line in file]
        except OSError:
            lines = []
        found = [(number, _LINE.fullmatch(line)) for number, line in enumerate(lines, 1) if line]
        matches = [match for _, match in found if match is not None]
        self._callers = {match[1].lower(): match[2] or f"token:{match[1][:SHOWN_DIGITS].lower()}" for match in matches}
        self._metrics.api_tokens.set(len(self._callers))
        return [number for number, match in found if match is None]


def is_open(path: str) -> bool:
    """Whether the path needs no token: the home page, the API's document and page, and their files."""
    return path in OPEN or path.startswith(("/home/", "/docs/"))


def _token(request: BaseRequestWebsocket) -> str:
    """The token from the Authorization header, or from a WebSocket's subprotocols."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
    tokens = [name.strip() for name in offered if name.strip().startswith(BEARER)]
    return tokens[0].removeprefix(BEARER) if tokens and request.scope["type"] == "websocket" else ""


def client_address(request: BaseRequestWebsocket, trusted: tuple[Network, ...]) -> str:
    """The client's address; a forwarded one only if every hop behind it is a trusted proxy."""
    address = request.remote_addr or "unknown"
    for hop in reversed(",".join(request.headers.getlist("X-Forwarded-For")).split(",")):
        if not _is_in(address, trusted) or not hop.strip():
            break
        address = hop.strip()
    return address


def _is_in(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
