"""Named texts of a request, as the fields of a form and the parameters of a query, read and checked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from nedc_bench.errors import Finding, InputError

T = TypeVar("T")


class Fields:
    """Texts by name; one at fault is noted, and its default taken.

    Args:
        code: of the findings.
        lenient: as clients fill in forms, an empty text counts as not sent, and a choice may be in any case; otherwise
            a text is exactly one of the OpenAPI document.
    """

    def __init__(self, code: str, fields: Mapping[str, Sequence[str]], *, lenient: bool = False) -> None:
        self.faults: list[Finding] = []
        self._code = code
        self._fields = fields
        self._lenient = lenient

    def check(self) -> None:
        """Refuse the request for what was noted.

        Raises:
            InputError: something was; it names every fault.
        """
        if self.faults:
            raise InputError(self.faults)

    def fault(self, message: str) -> None:
        """Note a fault."""
        self.faults.append(Finding("", "", None, self._code, message))

    def read(self, default: T, parse: Callable[[], T]) -> T:
        """What ``parse`` returns; its findings are noted."""
        try:
            return parse()
        except InputError as error:
            self.faults += error.findings
            return default

    def texts(self, name: str) -> list[str]:
        """All texts of that name."""
        return [text for text in self._fields.get(name, ()) if text or not self._lenient]

    def single(self, name: str, default: T) -> str | T:
        """A text that may be given once."""
        texts = self.texts(name)
        if len(texts) > 1:
            self.fault(f"{name} is given {len(texts)} times")
        return texts[0] if len(texts) == 1 else default

    def choice(self, name: str, choices: Collection[str], default: T, remedy: str = "") -> str | T:
        """One of some words."""
        text = self.single(name, None)
        if text is None:
            return default
        if (word := text.lower() if self._lenient else text) in choices:
            return word
        known = " or ".join(choices) if len(choices) == 2 else f"one of {', '.join(choices)}"
        self.fault(f"{name} must be {known}, not {text[:40]!r}{remedy}")
        return default

    def flag(self, name: str) -> bool:
        """``true`` or ``false``, the default."""
        return self.choice(name, ("true", "false"), "false") == "true"

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number within its limits."""
        text = self.single(name, str(default))
        if text.isascii() and text.isdecimal() and len(text) <= len(str(high)) and low <= int(text) <= high:
            return int(text)
        self.fault(f"{name} must be a whole number from {low} to {high}, not {text[:40]!r}")
        return default
