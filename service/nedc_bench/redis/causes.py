"""Explains why Redis cannot be used, for the log, without secrets."""

from __future__ import annotations

import ssl

FULL = "it is full (maxmemory)"

WRONG_LOGIN = "it refuses the user name or password"
NO_LOGIN = "it needs a password, and REDIS_URL has none"
_NODE = "it is a node of a cluster; REDIS_URL should be redis+cluster://"
REFUSED = "the connection is refused"
_INNER = {  # errors of the system, behind the client's
    "SSLError": "it does not speak TLS as expected; check redis:// against rediss://",
    "ConnectionRefusedError": REFUSED,
    "gaierror": "its host name is not known; check REDIS_URL, the namespace in it, and DNS",
}
_NAMES = {  # of the client's errors
    "AuthenticationError": WRONG_LOGIN,
    "OutOfMemoryError": FULL,
    "ReadOnlyError": "it is a read-only replica",
    "MovedError": _NODE,
    "AskError": _NODE,
    "ClusterNodeError": _NODE,
}
_CAUSES = {  # by the message of Redis or its client
    "refused": REFUSED,
    "Authentication required": NO_LOGIN,
    "WRONGPASS": WRONG_LOGIN,
    "NOAUTH": NO_LOGIN,
    "OOM": FULL,
    "command not allowed when used memory": FULL,
    "Cluster mode is not enabled": "it is not a cluster; REDIS_URL should be redis://",
}


class ClusterNodeError(Exception):
    """A node of a cluster was used as a standalone Redis."""


def describe(error: BaseException) -> str:
    """The reason why Redis cannot be used, without secrets."""
    name, text = type(error).__name__, str(error)
    causes = {name}
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ssl.SSLCertVerificationError):
            remedy = "REDIS_CA_FILE must be the certificate of the CA that signed it"
            return f"its certificate is not trusted ({inner.verify_message}); {remedy}"
        causes.add(type(inner).__name__)
        inner = inner.__cause__ or inner.__context__
    for known, cause in _INNER.items():
        if known in causes:
            return cause
    if name == "NoPermissionError" or text.startswith("NOPERM"):  # its text has a key, which may hold any words
        return f"its ACL does not permit this: {text[:120]}"
    for words, cause in _CAUSES.items():
        if words in text:
            return cause
    if name in _NAMES:
        return _NAMES[name]
    if "ConnectionResetError" in causes or "closed by server" in text:
        return "it closed the connection: it has ended, or it expects TLS (rediss://)"
    if "unknown command" in text and "SET" in text.upper():
        return "it takes no writes, as a Sentinel; REDIS_URL should be redis+sentinel://HOSTS/NAME"
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    return f"{name}: {text[:160]}" if text else name
