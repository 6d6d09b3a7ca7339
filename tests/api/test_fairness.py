"""Fair scheduling: workers take turns between callers, so nobody waits for another caller's corpus or slow pairs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import evaluating
from helpers import until
from servers import server_with_store
from serving import File, Server, accept, post, show, small_pair, status

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

PAIRS, HEAVY_PAIRS = 2000, 20
CLIENTS, REQUESTS = 4, 60
MOST_SECONDS = 2.0  # for all requests but the slowest
MOST_TIMES = 10.0  # or, on a busy machine, relative to the same requests without competition
PENALTIES = {"memory": 1.5, "redis": 0.1}  # dyadic or not: each takes another path through the scorer


@pytest.fixture(scope="module", params=["memory", "redis"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that tells callers apart by their forwarded address."""
    settings = {"TRUSTED_PROXIES": "127.0.0.0/8", "EVALUATION_TIMEOUT_SECONDS": "20"}
    with server_with_store(request.param, tmp_path_factory.mktemp("shared"), **settings) as server:
        yield server


def corpus() -> list[File]:
    return [file for number in range(PAIRS) for file in small_pair(number)]


def heavy(penalty: float) -> list[File]:
    """Days with 2,000 events on each side, all different."""
    files: list[File] = []
    pair = evaluating.day_pair(2000)
    for number in range(HEAVY_PAIRS):
        comment = f"# {number}\n".encode()
        for side, content in (("reference", pair.reference), ("hypothesis", pair.hypothesis)):
            version, _, rest = content.partition(b"\n")
            files.append((side, (f"{number}.csv_bi", version + b"\n" + comment + rest)))
    parameters = f"[NEDC_DPALIGN]\npenalty_del = {penalty}\npenalty_ins = 1.0\npenalty_sub = 1.0\n"
    return [*files, ("parameters", ("params.toml", parameters.encode()))]


def others(server: Server, begin: int) -> list[float]:
    """The response times in seconds, sorted, of small pairs from other callers, a few at a time."""

    def one(number: int) -> float:
        headers = {"Prefer": "wait=60", "X-Forwarded-For": f"192.0.2.{number % CLIENTS + 1}"}
        started = time.perf_counter()
        answer = post(server, small_pair(20_000 + begin + number), headers)
        assert (answer.status_code, answer.json()["status"]) == (200, "completed")
        return time.perf_counter() - started

    with ThreadPoolExecutor(CLIENTS) as pool:
        return sorted(pool.map(one, range(REQUESTS)))


@pytest.fixture(scope="module")
def alone(shared: Server) -> list[float]:
    """Their response times without competition."""
    return others(shared, 0)


def check_fair(server: Server, alone: list[float], begin: int) -> None:
    """Measure up to three times: unfair scheduling delays requests each time, a busy machine does not."""
    most = max(MOST_SECONDS, MOST_TIMES * alone[-2])
    found: list[float] = []
    while len(found) < 3 and (not found or found[-1] >= most):
        found.append(others(server, begin + len(found) * REQUESTS)[-2])
    print(f"alone {alone[-2]:.3f} s, beside {found} s")
    assert found[-1] < most


def test_small_pairs_beside_a_corpus(shared: Server, alone: list[float]) -> None:
    job_id = accept(shared, corpus())
    until(lambda: show(shared, job_id).json()["progress"]["done"])
    check_fair(shared, alone, 1000)
    assert shared.client.delete(f"/api/v1/evaluate/{job_id}").status_code == 204


def test_small_pairs_beside_pairs_that_take_long(
    shared: Server, alone: list[float], request: pytest.FixtureRequest
) -> None:
    job_id = accept(shared, heavy(PENALTIES[request.node.callspec.params["shared"]]))
    until(lambda: status(shared, job_id) == "running")
    check_fair(shared, alone, 3000)
    assert status(shared, job_id) == "running"
    assert shared.client.delete(f"/api/v1/evaluate/{job_id}").status_code == 204
