"""The golden corpora over HTTP and JSON: the figures, compared with ``==``, and the reports are the original's.

Each is posted twice, cold and warm: to one service with its cache in memory, and to two replicas that share a Redis.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from corpora import OUR_OWN, PAIR_REPORTS, Corpus, check_figures, find_corpora, in_golden_names
from redis_server import RedisServer
from serving import File, Server, parts, post

CORPORA = [pytest.param(corpus, id=corpus.folder.name) for corpus in find_corpora()]
CACHES = [("memory", 1), pytest.param(("redis", 2), marks=pytest.mark.integration)]


class Servers(NamedTuple):
    """The server that is asked first, and the one that is asked again."""

    cold: Server
    warm: Server


@pytest.fixture(scope="module", params=CACHES, ids="{0[0]}, {0[1]} workers".format)
def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    cache, workers = request.param
    folder = tmp_path_factory.mktemp("servers")
    if cache == "memory":
        alone = Server(folder / "log", MAX_WORKERS=str(workers))
        yield Servers(alone, alone)
        assert alone.stop() == 0
        return
    with RedisServer(folder) as redis:
        servers = Servers(*(Server(folder / log, MAX_WORKERS=str(workers), REDIS_URL=redis.url) for log in ("1", "2")))
        yield servers
        assert [server.stop() for server in servers] == [0, 0]


@pytest.mark.parametrize("corpus", CORPORA)
def test_golden_figures_cold_and_warm(servers: Servers, corpus: Corpus) -> None:
    pairs = len(corpus.pairing.pairs)
    for server, cached in ((servers.cold, False), (servers.warm, True)):
        response = post(server, parts(corpus), per_pair="true")
        assert response.status_code == 200, response.text
        job = response.json()
        assert (job["status"], job["cached"], job["error"]) == ("completed", cached, None)
        assert job["progress"] == {"done": pairs, "total": pairs}
        result = job["result"]
        assert check_figures(in_golden_names(result["algorithms"]), corpus.expected, result["duration_seconds"]) > 200
        compared = 0
        for ours, golden in zip(result["per_pair"], corpus.expected_pairs, strict=True):
            assert ours["reference"] == golden["pair"]
            compared += check_figures(in_golden_names(ours["algorithms"]), golden, ours["duration_seconds"])
        assert compared > 200 * pairs


@pytest.mark.parametrize("corpus", CORPORA)
def test_golden_reports(server: Server, corpus: Corpus) -> None:
    job_id = post(server, [as_the_original_names_it(part) for part in parts(corpus)]).json()["job_id"]

    def report(name: str) -> str:
        response = server.client.get(f"/api/v1/evaluate/{job_id}/reports/{name}", headers={"Accept": "text/plain"})
        assert (response.status_code, response.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
        return response.text

    golden = re.sub(r"\./(ref|hyp)\.list", "", corpus.report("summary.txt"))  # a form has no list files to name
    assert OUR_OWN.sub(r"\1", report("summary.txt")) == OUR_OWN.sub(r"\1", golden)
    for name in PAIR_REPORTS:
        assert report(name) == corpus.report(name)


def as_the_original_names_it(part: File) -> File:
    """The part with its file's name as in the golden reports."""
    side, (name, content) = part
    folder = {"reference": "ref", "hypothesis": "hyp"}.get(side)
    return side, (f"<corpus>/{folder}/{name}" if folder else name, content)
