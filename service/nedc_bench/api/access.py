"""Who may call: bearer tokens.

Tokens: ``API_TOKENS_FILE`` holds one sha256 of a token a line (hexadecimal) and after it, if one likes, the caller's
name (``#`` begins a comment), so that the file gives no token away. Tokens of one name are one caller: a job belongs to
its caller, and outlives the change of a token. The file is read again when it changes: what it holds is valid and
nothing else, so that a file that was emptied or removed lets nobody in.
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
from nedc_bench.settings import Network

log = structlog.get_logger(__name__)

OPEN = frozenset({"/", "/docs", "/openapi.json"})
BEARER = "bearer."  # begins the subprotocol by which a browser, which can send no header, brings its token

_LINE = re.compile(r"([0-9a-fA-F]{64})(?:\s+([A-Za-z0-9][A-Za-z0-9._@-]{0,63}))?")


class Tokens:
    """The tokens of a file; without a file everybody is let in.

    Raises:
        SettingsError: the file holds no token, or something else.
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
            raise SettingsError([f"API_TOKENS_FILE {path}: {where} is not a sha256 in hexadecimal and a name"])

    def check(self, request: BaseRequestWebsocket) -> str | None:
        """The caller that the request's token stands for: its name, or the beginning of its hash; None without a file.

        Raises:
            ProblemError: 401, the token is missing or unknown.
        """
        if self.path is None:
            return None
        self._reload()
        digest = hashlib.sha256(_token(request).encode()).hexdigest()
        caller = None
        for known, name in self._callers.items():  # all of them, whichever it is
            if hmac.compare_digest(digest, known):
                caller = name
        if caller is None:
            detail = "send a known token: Authorization: Bearer TOKEN"
            raise ProblemError(401, detail, headers={"WWW-Authenticate": 'Bearer realm="nedc-bench"'})
        return caller

    def _reload(self) -> None:
        """Read the file again when it has changed."""
        if self._state == self._stat():
            return
        for line in self._load():
            log.error("a line of the tokens is not valid", path=self.path, line=line)
        (log.info if self._callers else log.error)("tokens read", path=self.path, valid=len(self._callers))

    def _stat(self) -> tuple[int, int, int] | None:
        """What changes when the file does; None where there is none."""
        assert self.path is not None
        try:
            stat = os.stat(self.path)
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    def _load(self) -> list[int]:
        """Read the tokens; the numbers of the lines that are none."""
        assert self.path is not None
        self._state = self._stat()
        try:
            with open(self.path, encoding="utf-8", errors="replace") as file:
                lines = [line.partition("#")[0].strip() for line in file]
        except OSError:
            lines = []
        found = [(number, _LINE.fullmatch(line)) for number, line in enumerate(lines, 1) if line]
        matches = [match for _, match in found if match is not None]
        self._callers = {match[1].lower(): match[2] or f"token:{match[1][:16].lower()}" for match in matches}
        self._metrics.api_tokens.set(len(self._callers))
        return [number for number, match in found if match is None]


def is_open(path: str) -> bool:
    """Whether everybody may read it: the page where people score, the API's document and page, and their files."""
    return path in OPEN or path.startswith(("/home/", "/docs/"))


def _token(request: BaseRequestWebsocket) -> str:
    """The token of the Authorization header, or that of a WebSocket's subprotocols."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
    tokens = [name.strip() for name in offered if name.strip().startswith(BEARER)]
    return tokens[0].removeprefix(BEARER) if tokens and request.scope["type"] == "websocket" else ""


def client_address(request: BaseRequestWebsocket, trusted: tuple[Network, ...]) -> str:
    """The client's address; a forwarded one only where every hop behind it is a trusted proxy."""
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
