"""Uploads with seeded random mutations: only 2xx and 4xx, steady memory, and a responsive event loop."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, Self

from corpora import DATA, EXAMPLE, Corpus
from everything import of
from helpers import make_archive
from serving import Server, Start, errors, parts

UPLOADS = of(10_000, 600)
CLIENTS = 6
SEED = 20260131
GROWTH_BYTES = 24 * 2**20  # of memory, after the first fifth of the run
BOUNDARY = b"boundary"
# What a mutation inserts where something else is expected.
TOKENS = [b"nan", b"-inf", b"1e400", b"-1", b"\0", b"\xff\xfe", b"\r\n", b"--boundary", b"--boundary--\r\n", b"TERM,"]
TOKENS += [b",", b'"', b"9" * 400, b"[" * 5000, b"\xe2\x80\xa8", b"duration", b"= 0 secs", b"seiz", b"name=", b"# "]


class Part(NamedTuple):
    """A part of a multipart form."""

    name: str
    file: str | None
    content: bytes


Form = list[Part]
Mutation = Callable[[random.Random, bytes], bytes]


# -- mutations


def flip(chance: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut(chance: random.Random, data: bytes) -> bytes:
    begin = chance.randrange(len(data))
    return data[:begin] + data[begin + chance.randint(1, 200) :]


def double(chance: random.Random, data: bytes) -> bytes:
    begin = chance.randrange(len(data))
    return data[:begin] + data[begin : begin + 200] * chance.randint(2, 20) + data[begin:]


def insert(chance: random.Random, data: bytes) -> bytes:
    begin = chance.randrange(len(data))
    return data[:begin] + chance.choice([*TOKENS, chance.randbytes(40)]) + data[begin:]


def misnumber(chance: random.Random, data: bytes) -> bytes:
    numbers = [place for place, byte in enumerate(data) if chr(byte).isdigit()]
    if not numbers:
        return insert(chance, data)
    place = chance.choice(numbers)
    return (
        data[:place]
        + chance.choice([b"nan", b"-", b"1e9", b"1e-9", b"99999999", b"0x1", b"", b"."])
        + data[place + 1 :]
    )


def truncate(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.randrange(len(data))]


MUTATIONS: list[Mutation] = [flip, cut, double, insert, misnumber, truncate]


def mutated(chance: random.Random, data: bytes) -> bytes:
    for _ in range(chance.choice([1, 1, 2, 4])):
        data = chance.choice(MUTATIONS)(chance, data or b"x")
    return data


# -- uploads


def forms() -> list[Form]:
    """Valid forms: pairs, small corpora with options, archives."""
    found: list[Form] = []
    for folder in (*sorted(file.parent for file in (DATA / "golden").glob("*/ref.list")), EXAMPLE.folder):
        corpus = Corpus(folder)
        files = [Part(name, file, content) for name, (file, content) in parts(corpus)]
        rest = [part for part in files if part.name == "parameters"]
        count = len(corpus.pairing.pairs)
        found.extend(files[2 * pair : 2 * pair + 2] + rest for pair in (0, 8, 20) if pair < count)
        some = [part for part in files[:8] if part.name != "parameters"]
        found.append([*some, *rest, Part("per_pair", None, b"true"), Part("algorithms", None, b"taes")])
    both = {f"{'ref' if part.name == 'reference' else 'hyp'}/a": part.content for part in found[0][:2]}
    found += [[Part("archive", "a", make_archive(kind, both))] for kind in ("zip", "tar", "tar.gz")]
    return found


def body(form: Form) -> bytes:
    written = b""
    for name, file, content in form:
        filename = "" if file is None else f'; filename="{file}"'
        written += b"--%s\r\nContent-Disposition: form-data; " % BOUNDARY
        written += f'name="{name}"{filename}\r\n\r\n'.encode() + content + b"\r\n"
    return written + b"--%s--\r\n" % BOUNDARY


def upload(chance: random.Random, known: list[Form]) -> bytes:
    """A request with a mutated body: a file, the form around it, or the order of the parts."""
    form = list(chance.choice(known))
    kind = chance.random()
    if kind < 0.7:
        place = chance.randrange(len(form))
        form[place] = form[place]._replace(content=mutated(chance, form[place].content))
        content = body(form)
    elif kind < 0.8:
        content = body(chance.choices(form, k=chance.randrange(len(form) + 3)))
    else:
        content = mutated(chance, body(form))
    content_type = b"multipart/form-data; boundary=" + BOUNDARY
    if chance.random() < 0.03:
        content_type = chance.choice([mutated(chance, content_type).translate(None, b"\r\n\0"), b"text/csv", b""])
    head = (
        b"POST /api/v1/evaluate HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=30\r\nContent-Type: %s\r\n" % content_type
    )
    return head + b"Content-Length: %d\r\n\r\n" % len(content) + content


# -- clients


class Client:
    """A connection that is opened again when the service closes it."""

    def __init__(self, server: Server) -> None:
        self.port = server.port
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        content = await self._reader.readexactly(length)
        if b"connection: close" in head:
            await self._close()
        return int(head.split(b" ", 2)[1]), content

    async def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            await self._writer.wait_closed()
            self._writer = None


class Fuzz:
    """A run.

    Attributes:
        statuses: responses by status.
        outcomes: jobs by how they ended.
        slowest: the longest response time of the health probe, in seconds.
        memory: of the service, in bytes, at each fifth of the run.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.statuses: Counter[int] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.slowest = 0.0
        self.memory: list[int] = []
        self._chance = random.Random(SEED)
        self._forms = forms()
        self.beats = 0
        self._left = UPLOADS

    async def run(self) -> None:
        pulse = asyncio.create_task(self._feel_pulse())
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(self._send())
        pulse.cancel()
        with suppress(asyncio.CancelledError):
            await pulse  # raises its error, if it failed
        assert self.beats > 0

    async def _send(self) -> None:
        async with Client(self.server) as client:
            while self._left:
                if self._left % (UPLOADS // 5) == 0:
                    self.memory.append(self.server.memory())
                self._left -= 1
                request = upload(self._chance, self._forms)
                status, content = await client.send(request)
                self.statuses[status] += 1
                assert status // 100 in {2, 4}, (request, content)
                if status == 200:
                    self._judge(request, json.loads(content))
                elif content:
                    assert json.loads(content)["status"] == status

    def _judge(self, request: bytes, job: dict[str, object]) -> None:
        """A job completes, or its input is refused; anything else is a fault of the service."""
        self.outcomes[str(job["status"])] += 1
        if job["status"] != "completed":
            assert isinstance(job["error"], dict)
            assert job["error"]["status"] == 422, (request, job["error"])

    async def _feel_pulse(self) -> None:
        async with Client(self.server) as client:
            while True:
                begin = time.monotonic()
                status, _ = await client.send(b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert status == 200
                self.slowest = max(self.slowest, time.monotonic() - begin)
                self.beats += 1
                await asyncio.sleep(0.05)


def test_mutated_uploads(start_server: Start) -> None:
    server = start_server(JOB_TTL_SECONDS="1", CACHE_MAX_BYTES="4MiB")
    fuzz = Fuzz(server)
    asyncio.run(fuzz.run())
    print(f"{dict(fuzz.statuses)} {dict(fuzz.outcomes)} {fuzz.slowest:.2f} s, {[n >> 20 for n in fuzz.memory]} MiB")
    assert fuzz.statuses.total() == UPLOADS
    assert min(fuzz.statuses[status] for status in (200, 400, 422)) > UPLOADS / 100
    assert fuzz.outcomes["completed"] > UPLOADS / 20
    assert set(fuzz.outcomes) == {"completed"}
    assert max(fuzz.memory[1:]) - fuzz.memory[1] < GROWTH_BYTES
    assert server.count("nedc_worker_restarts_total") == 0
    assert errors(server) == []
