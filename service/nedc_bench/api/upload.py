"""The body of ``POST /api/v1/evaluate``: multipart/form-data, parsed as it arrives, into bounded memory.

Limits, each enforced while reading: MAX_UPLOAD_BYTES for the whole body (Quart stops reading there), the scorer's limit
for a file, MAX_PAIRS for the number of parts, the parser's limit for a part's header, and UPLOADS_MAX_BYTES for all
bodies together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser
from quart import Request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header

from nedc_bench.annotations.source import MAX_FILE_BYTES
from nedc_bench.api.errors import ProblemError
from nedc_bench.errors import quoted, refusal

FILES = ("reference", "hypothesis", "archive", "parameters")
INPUT_FIELDS = ("missing", "pattern", "labels", "channels", "duration_tolerance")
FIELDS = ("algorithms", "pipeline", "strict", "per_pair", *INPUT_FIELDS, "evidence", "seed", "replicates")
MAX_FIELD_BYTES = 1024
MAX_FIELDS = 32
MAX_HEADER_BYTES = 2048  # per line of a part's header, which holds the file name
MAX_HEADERS = 8  # of a part
MULTIPART = "multipart/form-data"
UNENCODED = ("binary", "8bit", "7bit")  # values of a part's Content-Transfer-Encoding
DISCARD_SECONDS = 5.0


@dataclass(slots=True)
class Upload:
    """The parts of a body, in order: files as (name, content), fields as text; an archive is not copied."""

    files: dict[str, list[tuple[str, bytes | bytearray]]] = field(default_factory=lambda: {name: [] for name in FILES})
    fields: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in FIELDS})

    @property
    def bytes(self) -> int:
        """The size of all files together."""
        return sum(len(data) for found in self.files.values() for _, data in found)


async def read_upload(request: Request, max_pairs: int, seconds: float, take: Callable[[int], None]) -> Upload:
    """Read the parts of a request within a time limit.

    Args:
        take: see `UploadsInMemory.share`.

    Raises:
        InputError: a part is unknown or in the query, or its name, file name or text is not UTF-8.
        ProblemError: 400, 408, 413 or 415, naming the part at fault; 503 if there is no memory.
    """
    _refuse_encoded(request)
    if misplaced := [name for name in (*FILES, *FIELDS) if name in request.args]:
        raise refusal("query", f"{', '.join(misplaced)} in the query would be ignored; send it as a part of the form")
    content_type, options = parse_options_header(request.headers.get("Content-Type", ""))
    if content_type.lower() != MULTIPART:
        detail = f"send the files as {MULTIPART}, not as {content_type or 'a body without Content-Type'}"
        raise ProblemError(415, detail, headers={"Accept": MULTIPART})
    if not options.get("boundary"):
        raise ProblemError(400, f"the Content-Type {MULTIPART} has no boundary")
    reader = _Reader(options["boundary"].encode("latin-1", "replace"), max_pairs)
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.body:
                take(len(chunk))
                reader.feed(chunk)
        reader.end()
    except TimeoutError:
        raise ProblemError(408, f"the body was not complete after {seconds:g} seconds") from None
    except RequestEntityTooLarge:
        most = f"{request.max_content_length} bytes (MAX_UPLOAD_BYTES)"
        raise ProblemError(413, f"the body is larger than {most}; send fewer pairs at a time") from None
    except ParserLimitReached:
        most = f"{MAX_HEADERS} lines of {MAX_HEADER_BYTES} bytes"
        raise ProblemError(413, f"a part's header is larger than {most}; give its file a shorter name") from None
    except MultipartError as error:
        raise ProblemError(400, f"the body is not complete {MULTIPART}: {error}") from None
    return reader.upload


def _refuse_encoded(request: Request) -> None:
    given = ", ".join(request.headers.getlist("Content-Encoding"))
    if {encoding.strip().lower() for encoding in given.split(",")} - {"", "identity"}:
        detail = f"Content-Encoding: {given[:60]} is not supported; send the body as it is, without this header"
        raise ProblemError(415, detail, headers={"Accept-Encoding": "identity"})


async def discard_body(request: Request) -> bool:
    """Discard the rest of an unwanted body. Returns False if it is too long or too slow.

    Closing a connection over an unread body can discard the response.
    """
    try:
        async with asyncio.timeout(DISCARD_SECONDS):
            async for _ in request.body:
                pass
    except (TimeoutError, RequestEntityTooLarge):
        return False
    return True


class _Reader:
    """Collects the parts from the parser's events."""

    def __init__(self, boundary: bytes, max_pairs: int) -> None:
        self.upload = Upload()
        self._parser = PushMultipartParser(
            boundary,
            max_header_size=MAX_HEADER_BYTES,
            max_header_count=MAX_HEADERS,
            header_charset="latin-1",  # which fails on no byte; `_begin` decodes names
        )
        self._max_pairs = max_pairs
        self._part: MultipartSegment | None = None
        self._content = bytearray()
        self._fields = 0

    def feed(self, chunk: bytes) -> None:
        """Parse the next bytes of the body."""
        for event in self._parser.parse(chunk):
            if isinstance(event, MultipartSegment):
                self._begin(event)
            elif event is None:
                self._end()
            else:
                self._take(event)

    def end(self) -> None:
        """Parse the end of the body."""
        self._parser.close()

    def _begin(self, part: MultipartSegment) -> None:
        self._part, self._content = part, bytearray()
        if not part.name:
            raise refusal("form", "a part of this request has no name")
        part.name = _decoded("the name of a part", part.name.encode("latin-1"))
        if part.filename:
            part.filename = _decoded(f"the file name of a part {part.name[:60]!r}", part.filename.encode("latin-1"))
        encoding = part.header("Content-Transfer-Encoding", UNENCODED[0])
        if encoding.lower() not in UNENCODED:
            message = f"Content-Transfer-Encoding: {encoding[:60]}, of a part {part.name[:60]!r}, is not supported"
            raise refusal("encoding", f"{message}; send its content as it is, without this header")
        if part.name in FILES:
            if len(self.upload.files[part.name]) >= self._max_pairs:
                raise ProblemError(413, f"more than {self._max_pairs} parts named {part.name!r}; send fewer at a time")
            return
        self._fields += 1
        if part.name not in FIELDS:
            known = ", ".join((*FILES, *FIELDS))
            raise refusal("form", f"{part.name[:60]!r} is not a part of this request; known: {known}")
        if self._fields > MAX_FIELDS:
            raise ProblemError(413, f"more than {MAX_FIELDS} fields")

    def _take(self, data: bytes | bytearray) -> None:
        part = self._part
        assert part is not None
        self._content += data
        limit = MAX_FIELD_BYTES if part.name not in FILES else None if part.name == "archive" else MAX_FILE_BYTES
        if limit is not None and len(self._content) > limit:
            name = part.filename or part.name
            raise ProblemError(413, f"the part {part.name!r} ({name}) is larger than {limit} bytes")

    def _end(self) -> None:
        part, content = self._part, self._content
        assert part is not None
        assert part.name is not None
        self._content = bytearray()
        if part.name not in FILES:
            self.upload.fields[part.name].append(_decoded(f"the text of {part.name}", content).strip())
        elif part.filename or content:  # neither: a form field without a chosen file
            name = part.filename or f"{part.name}-{len(self.upload.files[part.name]) + 1}"
            self.upload.files[part.name].append((name, content if part.name == "archive" else bytes(content)))


def _decoded(what: str, data: bytes | bytearray) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        message = f"{what} is not UTF-8; in Latin-1 it would be {quoted(data.decode('latin-1'))}"
        raise refusal("encoding", f"{message}; send all names and texts in UTF-8") from None
