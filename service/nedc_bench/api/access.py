"""Who may call: bearer tokens, and how often: rate limits.

Tokens: ``API_TOKENS_FILE`` holds one sha256 of a token a line (hexadecimal; ``#`` begins a comment), so that the file
gives no token away. It is read again when it changes. Rates: the `limits` package, in Redis or in memory; when the
store does not answer, requests pass and are counted.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from ipaddress import ip_address
from typing import TypeVar

import structlog
from quart.wrappers.base import BaseRequestWebsocket

from nedc_bench.api.errors import ProblemError
from nedc_bench.errors import SettingsError
from nedc_bench.settings import Network

log = structlog.stdlib.get_logger(__name__)

WAIT_SECONDS, WAITS = 0.1, 5  # for an answer of Redis
CONNECTIONS = 16
FAILURES_TO_OPEN = 3  # in a row; then the store is left alone
PAUSE_SECONDS = 2.0
EXPIRY_SECONDS = 1.0  # between looks for requests in memory that count no more

T = TypeVar("T")

_HASH = re.compile(r"[0-9a-f]{64}")


class Tokens:
    """The tokens of a file; without a file everybody is let in."""

    def __init__(self, path: str | None) -> None:
        self.path = path
        self._state: tuple[int, int, int] | None = None
        self._hashes: tuple[str, ...] = ()
        if path is not None:
            self._load()

    def check(self, request: BaseRequestWebsocket) -> str | None:
        """The name that the request's token is counted under, or None where no token is needed.

        Raises:
            ProblemError: 401, the token is missing or unknown.
        """
        if self.path is None:
            return None
        self._reload()
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        digest = hashlib.sha256(token.strip().encode()).hexdigest()
        known = [hmac.compare_digest(digest, known) for known in self._hashes]  # all of them, whichever it is
        if scheme.lower() != "bearer" or not any(known):
            detail = "send a known token: Authorization: Bearer TOKEN"
            raise ProblemError(401, detail, headers={"WWW-Authenticate": 'Bearer realm="nedc-bench"'})
        return f"token:{digest[:16]}"

    def _reload(self) -> None:
        """Read the file again when it has changed; a file that is gone or bad leaves the tokens as they are."""
        try:
            if self._state != self._stat():
                self._load()
        except (OSError, SettingsError) as error:
            log.warning("the tokens were not reloaded", error=str(error))

    def _stat(self) -> tuple[int, int, int]:
        assert self.path is not None
        stat = os.stat(self.path)
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    def _load(self) -> None:
        assert self.path is not None
        state = self._stat()
        with open(self.path, encoding="utf-8") as file:
            lines = [line.partition("#")[0].strip().lower() for line in file]
        hashes = tuple(line for line in lines if line)
        bad = next((number for number, line in enumerate(lines, 1) if line and not _HASH.fullmatch(line)), None)
        if bad is not None or not hashes:
            where = f"line {bad}" if bad is not None else "the file"
            raise SettingsError([f"API_TOKENS_FILE {self.path}: {where} is not a sha256 in hexadecimal"])
        self._hashes, self._state = hashes, state


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
