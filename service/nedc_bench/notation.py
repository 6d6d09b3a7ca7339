"""How the values of settings are written: each `Notation` parses a text, and says what it expects."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from limits import RateLimitItem
from limits import parse as parse_rate

from nedc_bench.checks import parsed_number
from nedc_bench.errors import quoted
from nedc_bench.redis import RedisAddress

T = TypeVar("T")
Number = TypeVar("Number", int, float)
Network = IPv4Network | IPv6Network

UNITS = {"": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
_SIZE = re.compile(r"([0-9]+) ?(|KiB|MiB|GiB)")


@dataclass(frozen=True, slots=True)
class Notation(Generic[T]):
    """How a value is written.

    Attributes:
        expected: what the text must be, for messages and the table.
        parse: parses the text; raises ValueError if it is invalid.
        shown: the text without secrets, for messages.
    """

    expected: str
    parse: Callable[[str], T]
    shown: Callable[[str], str] = quoted


def _in_range(number: Number, low: float, high: float) -> Number:
    if not low <= number <= high:  # false for NaN, too
        raise ValueError
    return number


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError
    return int(text)


def whole(low: int, high: int) -> Notation[int]:
    """A whole number."""
    return Notation(f"a whole number from {low} to {high}", lambda text: _in_range(_whole(text), low, high))


def seconds(low: float, high: float) -> Notation[float]:
    """A number of seconds."""
    expected = f"a number of seconds from {low} to {high}"
    return Notation(expected, lambda text: _in_range(parsed_number(text), low, high))


def size(low: str, high: str) -> Notation[int]:
    """A number of bytes, plain or with a unit."""
    expected = f"a number of bytes from {low} to {high}, plain or with KiB, MiB or GiB (`64MiB`)"
    return Notation(expected, lambda text: _in_range(_bytes(text), _bytes(low), _bytes(high)))


def _bytes(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError
    return int(match[1]) * UNITS[match[2]]


def one_of(*words: str) -> Notation[str]:
    """One of a few words, in any case."""
    return Notation(f"one of {', '.join(words)}", lambda text: words[words.index(text.lower())])


def optional(notation: Notation[T], empty: str) -> Notation[T | None]:
    """As ``notation``; an empty variable is None, which means ``empty``."""
    return Notation(
        f"{notation.expected}; empty: {empty}", lambda text: notation.parse(text) if text else None, notation.shown
    )


def or_word(word: str, notation: Notation[T]) -> Notation[T | None]:
    """As ``notation``, or a word that means None."""
    return Notation(
        f"`{word}`, or {notation.expected}", lambda text: None if text == word else notation.parse(text), notation.shown
    )


def comma_list(notation: Notation[T], empty: str) -> Notation[tuple[T, ...]]:
    """A comma-separated list; an empty variable is an empty list, which means ``empty``."""
    return Notation(
        f"{notation.expected}, or several separated by commas; empty: {empty}",
        lambda text: tuple(notation.parse(part.strip()) for part in text.split(",")) if text else (),
    )


def _host(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        if _HOST_NAME.fullmatch(text) is None:
            raise
        return text


def _rate(text: str) -> RateLimitItem:
    if re.search(r"[,;|]", text):  # several limits: the library would use the first and ignore the others
        raise ValueError
    rate = parse_rate(text)
    _in_range(rate.amount, 1, math.inf)
    return rate


def _prefix(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_.:-]{1,40}", text) is None:
        raise ValueError
    return text


def _without_password(text: str) -> str:
    """A URL without user, password and query, which may hold a password too."""
    scheme, found, rest = text.partition("://")
    _, at, place = rest.rpartition("@")
    return quoted(f"{scheme}://{'***@' if at else ''}{place.partition('?')[0]}" if found else "***")


def _origin(text: str) -> str:
    url = urlsplit(text.lower())
    place = f"{url.scheme}://{url.netloc}"
    if (
        url.scheme not in {"http", "https"}
        or not url.hostname
        or url.port == 0
        or "@" in place
        or place != text.lower()
    ):
        raise ValueError
    return place


def _readable_file(text: str) -> str:
    if not (os.path.isfile(text) and os.access(text, os.R_OK)):
        raise ValueError
    return text


HOST = Notation("an IP address or a host name", _host)
PATH = Notation("a path", str)
READABLE_FILE = Notation("the path of a file that can be read", _readable_file)
TRUTH = Notation("true or false", lambda text: bool(("false", "true").index(text.lower())))
RATE = Notation("one rate in the notation of the `limits` package (`100/minute`, `5 per 10 seconds`)", _rate)
REDIS_URL = Notation(
    "`redis://`, `rediss://`, `unix://`, `redis+sentinel://` or `redis+cluster://` with the server's address, "
    "and `@ / : #` in a password percent-encoded",
    RedisAddress.parse,
    _without_password,
)
PREFIX = Notation("1 to 40 letters, digits and `-_.:`", _prefix)
ORIGIN = Notation("an origin as a browser sends it (`https://lab.example.org`)", _origin)
NETWORK: Notation[Network] = Notation("a network in CIDR notation (`10.0.0.0/8`)", ip_network)
