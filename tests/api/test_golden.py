"""The golden corpora posted to the service: the original's figures with ``==`` and its reports, through HTTP and JSON.

Cold and warm; with the cache in memory, and in a Redis, where another replica is asked the second time.
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
HOUSES = [("memory", 1), pytest.param(("redis", 2), marks=pytest.mark.integration)]


class House(NamedTuple):
    """Who is asked first, and who is asked again."""

    cold: Server
    warm: Server


@pytest.fixture(scope="module", params=HOUSES, ids="{0[0]}, {0[1]} workers".format)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    cache, workers = request.param
    folder = tmp_path_factory.mktemp("house")
    if cache == "memory":
        alone = Server(folder / "log", MAX_WORKERS=str(workers))
        yield House(alone, alone)
        assert alone.stop() == 0
        return
    with RedisServer(folder) as redis:
        house = House(*(Server(folder / log, MAX_WORKERS=str(workers), REDIS_URL=redis.url) for log in ("1", "2")))
        yield house
        assert [server.stop() for server in house] == [0, 0]


@pytest.mark.parametrize("corpus", CORPORA)
def test_golden_figures_cold_and_warm(house: House, corpus: Corpus) -> None:
    pairs = len(corpus.pairing.pairs)
    for server, cached in ((house.cold, False), (house.warm, True)):
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

    golden = re.sub(r"\./(ref|hyp)\.list", "", corpus.report("summary.txt"))  # a form has no lists to name
    assert OUR_OWN.sub(r"\1", report("summary.txt")) == OUR_OWN.sub(r"\1", golden)
    for name in PAIR_REPORTS:
        assert report(name) == corpus.report(name)


def as_the_original_names_it(part: File) -> File:
    """The part under the name that the golden reports have."""
    side, (name, content) = part
    folder = {"reference": "ref", "hypothesis": "hyp"}.get(side)
    return side, (f"<corpus>/{folder}/{name}" if folder else name, content)
