"""The exceptions of nedc-bench.

    NedcBenchError
    |-- InputError          the input is refused; ``findings`` name side, file, line, text and reason
    |-- EvaluationError     the input is fine, but the evaluation failed (a dead worker, a full disk)
    `-- SettingsError       the service cannot start; ``problems`` name variable, value and expectation

A *finding* is one observation about the input. An `InputError` carries the findings that refuse the input; the others
become the ``warnings`` of a result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

MAX_FINDINGS_PER_FILE = 20
MAX_SHOWN_TEXT = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """One observation about an input.

    Attributes:
        side: ``reference``, ``hypothesis``, or empty if the finding concerns neither.
        file: the name of the file as given, or empty.
        line: 1-based line number in the file, or None if the finding concerns the whole file.
        code: a short stable identifier for programs (``overlap``, ``number``, ``label`` ...).
        message: what is wrong, with the offending text, and the remedy.
    """

    side: str
    file: str
    line: int | None
    code: str
    message: str

    def __str__(self) -> str:
        place = " ".join(part for part in (self.side, self.file) if part)
        if self.line is not None:
            place += f", line {self.line}" if place else f"line {self.line}"
        return f"{place}: {self.message}" if place else self.message

    def to_dict(self) -> dict[str, str | int | None]:
        """The finding as an entry of the result document's ``warnings``."""
        return asdict(self) | {"file": as_unicode(self.file), "message": as_unicode(self.message)}


class NedcBenchError(Exception):
    """The base class of all errors of this package."""


class InputError(NedcBenchError):
    """The input is refused. ``findings`` is never empty; ``str()`` lists them, one per line."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))

    def __reduce__(self) -> tuple[type[InputError], tuple[tuple[Finding, ...]]]:
        return (type(self), (self.findings,))


class EvaluationError(NedcBenchError):
    """The evaluation failed, through no fault of the input."""


class SettingsError(NedcBenchError):
    """The service's settings are invalid. ``problems`` is never empty; ``str()`` lists them, one per line."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def refusal(code: str, message: str, *, side: str = "", file: str = "", line: int | None = None) -> InputError:
    """An `InputError` with a single finding."""
    return InputError([Finding(side, file, line, code, message)])


def strict_findings(warnings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Warnings as the faults into which ``strict`` turns them."""
    messages = (found.message + (" " if found.message.endswith("?") else "; ") for found in warnings)
    return tuple(
        replace(found, message=f"{message}strict refuses it") for found, message in zip(warnings, messages, strict=True)
    )


def as_unicode(text: str) -> str:
    r"""``text`` with the file names in it as UTF-8; bytes that are not UTF-8 are written as ``\xe9``.

    Python has those bytes, and in some locales all bytes above 127, as halves of surrogate pairs, which JSON excludes.
    """
    try:
        name = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # another half of a pair, which no file name has
        name = text.encode("utf-8", "backslashreplace")
    return name.decode("utf-8", "backslashreplace")


def quoted(text: str) -> str:
    """``text`` in quotes, control characters escaped, cut to `MAX_SHOWN_TEXT` characters."""
    return repr(text) if len(text) <= MAX_SHOWN_TEXT else f"{text[:MAX_SHOWN_TEXT]!r}..."
