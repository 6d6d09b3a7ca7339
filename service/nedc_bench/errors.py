"""Every exception that nedc-bench raises on purpose.

    NedcBenchError
    |-- InputError          what was handed in is refused; ``findings`` name side, file, line, text and reason
    |-- EvaluationError     the input is fine, the evaluation could not be carried out (a dead worker, a full disk)
    `-- SettingsError       the service cannot start; ``problems`` name variable, value and what is expected

A *finding* is one observation about the input. Findings that refuse it travel in an `InputError`; the others
are the ``warnings`` of a result.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

MAX_FINDINGS_PER_FILE = 20
MAX_SHOWN_TEXT = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """One observation about an input.

    Attributes:
        side: ``reference``, ``hypothesis``, or empty where neither is meant.
        file: the name of the file as it was given, or empty.
        line: 1-based line number in the file, or None where the whole file is meant.
        code: a short stable word for programs (``overlap``, ``number``, ``label`` ...).
        message: what is wrong, with the offending text, and what to do.
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
        """The finding as the result document's ``warnings`` hold it."""
        return asdict(self)


class NedcBenchError(Exception):
    """The base of all errors of this package."""


class InputError(NedcBenchError):
    """The input is refused. ``findings`` is never empty; ``str()`` lists them, one a line."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))

    def __reduce__(self) -> tuple[type[InputError], tuple[tuple[Finding, ...]]]:
        return (type(self), (self.findings,))


class EvaluationError(NedcBenchError):
    """The evaluation could not be carried out, through no fault of the input."""


class SettingsError(NedcBenchError):
    """The service's settings are refused. ``problems`` is never empty; ``str()`` lists them, one a line."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def refusal(code: str, message: str, *, side: str = "", file: str = "", line: int | None = None) -> InputError:
    """An `InputError` with a single finding."""
    return InputError([Finding(side, file, line, code, message)])


def quoted(text: str) -> str:
    """``text`` in quotes, control characters escaped, cut to `MAX_SHOWN_TEXT` characters."""
    return repr(text) if len(text) <= MAX_SHOWN_TEXT else f"{text[:MAX_SHOWN_TEXT]!r}..."
