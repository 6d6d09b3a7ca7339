"""The body of ``POST /api/v1/evaluate``: multipart/form-data read as it arrives, into bounded memory.

The whole body is limited by MAX_UPLOAD_BYTES (Quart stops reading there), a file by what the scorer reads, the
number of parts by MAX_PAIRS, all bodies together by UPLOADS_MAX_BYTES; each limit is enforced while reading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from quart import Request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from nedc_bench.annotations.source import MAX_FILE_BYTES
from nedc_bench.api.errors import ProblemError
from nedc_bench.monitoring.metrics import UPLOADS

FILES = ("reference", "hypothesis", "archive", "parameters")
FIELDS = ("algorithms", "pipeline", "strict", "per_pair")
MAX_FIELD_BYTES = 1024
MAX_FIELDS = 32
MULTIPART = "multipart/form-data"
DISCARD_SECONDS = 5.0
RETRY_SECONDS = "2"


@dataclass(slots=True)
class Upload:
    """The parts of a body, in their order: files as (name, bytes), fields as text."""

    files: dict[str, list[tuple[str, bytes]]] = field(default_factory=lambda: {name: [] for name in FILES})
    fields: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in FIELDS})

    @property
    def bytes(self) -> int:
        """The size of all files together."""
        return sum(len(data) for found in self.files.values() for _, data in found)


class UploadsInMemory:
    """What all bodies hold together while they are read; one alone is bounded by MAX_UPLOAD_BYTES, and always fits."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held = 0

    @contextmanager
    def share(self) -> Iterator[Callable[[int], None]]:
        """For one body: a function that takes room for so many bytes more.

        Raises:
            ProblemError: 503, by that function, when there is no room.
        """
        own = 0

        def take(size: int) -> None:
            nonlocal own
            if self._held > own and self._held + size > self._max_bytes:
                detail = "too many uploads are under way; try again in a moment"
                raise ProblemError(503, detail, headers={"Retry-After": RETRY_SECONDS}, reason=UPLOADS)
            own += size
            self._held += size

        try:
            yield take
        finally:
            self._held -= own


async def read_upload(request: Request, max_pairs: int, seconds: float, take: Callable[[int], None]) -> Upload:
    """Read the parts of a request, which may take so many seconds to arrive.

    Args:
        take: see `UploadsInMemory.share`.

    Raises:
        ProblemError: 400, 408, 413, 415 or 422, saying which part is at fault; 503 when there is no room.
    """
    content_type, options = parse_options_header(request.headers.get("Content-Type", ""))
    if content_type != MULTIPART:
        detail = f"send the files as {MULTIPART}, not as {content_type or 'a body without Content-Type'}"
        raise ProblemError(415, detail, headers={"Accept": MULTIPART})
    if not options.get("boundary"):
        raise ProblemError(400, f"the Content-Type {MULTIPART} has no boundary")
    reader = _Reader(
        MultipartDecoder(options["boundary"].encode("latin-1", "replace"), max_form_memory_size=None), max_pairs
    )
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.body:
                take(len(chunk))
                reader.feed(chunk)
        reader.feed(None)
    except TimeoutError:
        raise ProblemError(408, f"the body was not whole after {seconds:g} seconds") from None
    except RequestEntityTooLarge:
        most = f"{request.max_content_length} bytes (MAX_UPLOAD_BYTES)"
        raise ProblemError(413, f"the body is larger than {most}; send fewer pairs at a time") from None
    except ValueError:
        raise ProblemError(400, "the body is not complete multipart/form-data") from None
    return reader.upload


async def discard_body(request: Request) -> bool:
    """Read what is left of a body that is not wanted; False when it is too long or too slow for that.

    A connection that is closed over an unread body can take the response with it.
    """
    try:
        async with asyncio.timeout(DISCARD_SECONDS):
            async for _ in request.body:
                pass
    except (TimeoutError, RequestEntityTooLarge):
        return False
    return True


class _Reader:
    """Takes the events of the decoder and keeps the parts."""

    def __init__(self, decoder: MultipartDecoder, max_pairs: int) -> None:
        self.decoder = decoder
        self.max_pairs = max_pairs
        self.upload = Upload()
        self._part: Field | File | None = None
        self._content = bytearray()
        self._fields = 0

    def feed(self, chunk: bytes | None) -> None:
        """Take the next bytes of the body; None is its end."""
        self.decoder.receive_data(chunk)
        while not isinstance(event := self.decoder.next_event(), NeedData):
            if isinstance(event, (Field, File)):
                self._begin(event)
            elif isinstance(event, Data):
                self._take(event)
            elif isinstance(event, Epilogue):
                return

    def _begin(self, part: Field | File) -> None:
        self._part, self._content = part, bytearray()
        if part.name is None:
            raise ProblemError(422, "a part of this request has no name")
        if part.name in FILES:
            if len(self.upload.files[part.name]) >= self.max_pairs:
                raise ProblemError(413, f"more than {self.max_pairs} parts named {part.name!r}; send fewer at a time")
            return
        self._fields += 1
        if part.name not in FIELDS:
            raise ProblemError(
                422, f"{part.name[:60]!r} is not a part of this request; known: {', '.join((*FILES, *FIELDS))}"
            )
        if self._fields > MAX_FIELDS:
            raise ProblemError(413, f"more than {MAX_FIELDS} fields")

    def _take(self, event: Data) -> None:
        part = self._part
        assert part is not None
        self._content += event.data
        is_file = part.name in FILES
        limit = MAX_FILE_BYTES if is_file and part.name != "archive" else None if is_file else MAX_FIELD_BYTES
        if limit is not None and len(self._content) > limit:
            name = getattr(part, "filename", None) or part.name
            raise ProblemError(413, f"the part {part.name!r} ({name}) is larger than {limit} bytes")
        if event.more_data:
            return
        given = getattr(part, "filename", None)
        if is_file and (given or self._content):  # neither: a form's field in which no file was chosen
            name = given or f"{part.name}-{len(self.upload.files[part.name]) + 1}"
            self.upload.files[part.name].append((name, bytes(self._content)))
        elif not is_file:
            self.upload.fields[part.name].append(self._content.decode("utf-8", "replace").strip())
        self._content = bytearray()
