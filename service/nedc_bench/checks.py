"""Shared checks: types and ranges of arguments, and numbers and column names in text.

An argument of the wrong type, or out of range, is refused like a faulty file: with an `InputError` that names the
argument and says what it must be.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable
from math import inf, isfinite
from typing import Any, TypeAlias, get_args

from nedc_bench.errors import InputError, quoted, refusal

Kind: TypeAlias = Any  # a class, or a union of classes

MAX_SHOWN_VALUE = 40
_KINDS = {str: "text", bool: "True or False", type(None): "None"}


def check_kinds(**given: tuple[object, Kind]) -> None:
    """Refuse arguments of the wrong type; each is given as a pair, such as ``strict=(strict, bool)``."""
    for name, (value, kind) in given.items():
        if not isinstance(value, kind):
            words = " or ".join(_KINDS.get(one, one.__name__) for one in get_args(kind) or (kind,))
            raise refusal("argument", f"{name} must be {words}, not {shown(value)}")


def check_texts(name: str, values: object) -> tuple[str, ...]:
    """The texts of an argument that takes several; a single text is refused."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise refusal("argument", f"{name} must be a list of texts, not {shown(values)}")
    texts = tuple(values)
    for k, text in enumerate(texts):
        check_kinds(**{f"{name}[{k}]": (text, str)})
    return texts


def check_choice(name: str, value: object, choices: Collection[str], code: str = "argument") -> None:
    """Refuse anything but one of a few words."""
    if not isinstance(value, str) or value not in choices:
        raise refusal(code, f"{name} must be one of {', '.join(choices)}, not {shown(value)}")


def check_number(name: str, value: object, low: float, high: float = inf, *, code: str = "argument") -> float:
    """The argument as a Python number from ``low`` to ``high``; infinity only where the range includes it."""
    number = value if type(value) is float else as_number(value)
    if number is None or not low <= number <= high:  # nor is NaN
        what = "a number" if number is None or isfinite(number) else "a finite number"
        raise _refused(name, what + _between(low, high), value, code)
    return value if isinstance(value, int) else number


def check_whole(name: str, value: Any, low: int, high: float = inf, *, code: str = "argument") -> int:
    """The argument as a Python integer from ``low`` to ``high``."""
    try:
        number = operator.index(value)
    except TypeError:
        raise _refused(name, f"a whole number{_between(low, high)}", value, code) from None
    if isinstance(value, bool) or not low <= number <= high:
        raise _refused(name, f"a whole number{_between(low, high)}", value, code)
    return number


def _between(low: float, high: float) -> str:
    least, most = (str(bound) if isinstance(bound, int) else f"{bound:.15g}" for bound in (low, high))
    return f" from {least} to {most}" if high < inf else f" of {least} or more" if low > -inf else ""


def _refused(name: str, what: str, value: object, code: str) -> InputError:
    text = shown(value) if as_number(value) is None else str(value)[:MAX_SHOWN_VALUE]
    return refusal(code, f"{name} must be {what}, not {text}")


def as_number(value: Any) -> float | None:
    """A real number of Python or NumPy as a float; None for anything else, including truth values and text.

    A complex number is None too: NumPy would drop its imaginary part.
    """
    kind, dimensions = str(getattr(value, "dtype", "")), getattr(value, "ndim", None)
    if isinstance(value, (bool, str, bytes)) or dimensions or "bool" in kind or "complex" in kind:
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def shown(value: object) -> str:
    """A value for a message: its type, and the value itself if it is short."""
    if hasattr(value, "shape") and not isinstance(value, type):
        return f"an array of shape {value.shape}"
    if isinstance(value, str):
        return quoted(value)
    return "None" if value is None else f"{type(value).__name__} {str(value)[:MAX_SHOWN_VALUE]}"


def parsed_number(text: str) -> float:
    """A number in ASCII, without the underscores that Python allows; raises ValueError for any other text."""
    if not text.isascii() or "_" in text:
        raise ValueError(text)
    return float(text)


def repeated(names: Iterable[str]) -> str | None:
    """The first name that is repeated; empty names are ignored."""
    seen: set[str] = set()
    for name in names:
        if name and name in seen:
            return name
        seen.add(name)
    return None
