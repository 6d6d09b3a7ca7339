"""The service's logs: one JSON object per line on standard error, or readable lines on a terminal.

Every line has ``timestamp`` (UTC, ISO 8601), ``level``, ``logger`` and ``event``, then the bound context
(``request_id``, ``job_id``) and the arguments of the call. Lines from the standard library's loggers (hypercorn,
asyncio, warnings) have the same form.

Uploaded content is never logged: bytes appear as their number, a refusal (whose findings quote the input) as its codes,
and tracebacks show no values of variables.

    logger = structlog.get_logger(__name__)
    with structlog.contextvars.bound_contextvars(request_id=...):
        log.info("job accepted", pairs=59)
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from typing import IO, Any, TextIO

import structlog
from structlog.types import EventDict, ExcInfo, Processor, WrappedLogger

from nedc_bench.errors import InputError

FIRST_KEYS = ("timestamp", "level", "logger", "event")


def configure_logging(level: str, stream: TextIO | None = None) -> None:
    """Send the lines of structlog and of the standard library's loggers to ``stream``.

    Every process that logs calls it first, worker processes too. A later call replaces an earlier one.

    Args:
        level: the lowest severity that is logged, ``debug`` to ``critical``.
        stream: standard error, when None.
    """
    stream = sys.stderr if stream is None else stream
    handler = _Handler(stream)
    foreign = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(stream)]
    before: list[Processor] = [*_common(), structlog.stdlib.ExtraAdder()]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=foreign))
    handler.addFilter(_without_contents)
    root = logging.getLogger()
    root.handlers = [other for other in root.handlers if not isinstance(other, _Handler)] + [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[*_common(), *_rendering(stream)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda name: _Lines(stream, name),
        cache_logger_on_first_use=True,
    )


class _Handler(logging.StreamHandler[IO[str]]):
    """The root logger's handler, recognised by its type."""


class _Lines(structlog.WriteLogger):
    """Writes our own lines directly; through the standard library's loggers, a line costs three times as much."""

    def __init__(self, stream: TextIO, name: str) -> None:
        super().__init__(stream)
        self.name = name


def _common() -> list[Processor]:
    """The processors for every line, whatever its logger."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _withhold_contents,
    ]


def _rendering(stream: IO[str]) -> list[Processor]:
    first: list[Processor] = [structlog.processors.ExceptionRenderer(_format_exception), _order]
    if stream.isatty():
        return [*first, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    return [*first, structlog.processors.JSONRenderer()]


def _order(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    return {**{key: event.pop(key) for key in FIRST_KEYS if key in event}, **event}


def _withhold_contents(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    return {key: withheld(value) for key, value in event.items()}


def _without_contents(record: logging.LogRecord) -> bool:
    """A filter that passes every record and withholds content in its arguments, before they are formatted."""
    if isinstance(record.args, tuple):
        record.args = tuple(withheld(argument) for argument in record.args)
    record.msg = withheld(record.msg)
    return True


def withheld(value: Any) -> Any:
    """``value`` without uploaded content, for the log.

    >>> withheld(b"TERM,0.0,1.0,seiz,1.0"), withheld(59)
    ('<21 bytes>', 59)
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(value)} bytes>"
    if isinstance(value, InputError):
        return f"{len(value.findings)} findings: {', '.join(sorted({finding.code for finding in value.findings}))}"
    return value


def _format_exception(exc_info: ExcInfo) -> str:
    """The traceback as Python prints it, with the findings of refusals replaced by their codes."""
    text = "".join(traceback.format_exception(*exc_info))
    for error in _involved(exc_info[1]):
        if isinstance(error, InputError):
            for finding in error.findings:
                text = text.replace(str(finding), f"({finding.code})")
    return text.rstrip()


def _involved(error: BaseException) -> Iterator[BaseException]:
    """The exception, its causes and contexts, and the members of groups."""
    found: dict[int, BaseException] = {}
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop()
        if current is not None and id(current) not in found:
            found[id(current)] = current
            waiting += [current.__cause__, current.__context__]
            waiting += current.exceptions if isinstance(current, BaseExceptionGroup) else ()
    return iter(found.values())
