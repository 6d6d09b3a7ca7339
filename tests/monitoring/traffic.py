"""Real traffic and real faults that make every series of the service appear; bounded in count and time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import psutil

from evaluating import overlapping_pair, small_pair
from helpers import until
from nedc_bench import ALGORITHMS
from nedc_bench.api.app import LEAST_WORKERS
from nedc_bench.execution import PairInput
from redis_names import key
from redis_server import RedisServer
from serving import Server, Workers

SETTINGS = {
    "MAX_WORKERS": "1",
    "EVALUATION_TIMEOUT_SECONDS": "5",
    "RATE_LIMIT": "60/hour",
    "STATUS_RATE_LIMIT": "600/hour",
    "TRUSTED_PROXIES": "127.0.0.0/8",  # so that each part of the traffic can come from an address of its own
}


class Client:
    """A client of the service with an address of its own."""

    def __init__(self, server: Server, address: str) -> None:
        self.http = server.client
        self.headers = {"X-Forwarded-For": address}

    def post(self, pair: PairInput, *, wait: bool = True, seconds: float = 60.0, **data: Any) -> httpx.Response:
        files = [
            ("reference", (pair.reference_name, pair.reference)),
            ("hypothesis", (pair.hypothesis_name, pair.hypothesis)),
        ]
        headers = self.headers | ({"Prefer": "wait=30"} if wait else {})
        return self.http.post("/api/v1/evaluate", files=files, data=data, headers=headers, timeout=seconds)

    def get(self, path: str = "") -> httpx.Response:
        return self.http.get(f"/api/v1/evaluate{path}", headers=self.headers)

    def delete(self, path: str) -> httpx.Response:
        return self.http.delete(f"/api/v1/evaluate{path}", headers=self.headers)


def make_every_series(server: Server, redis: RedisServer, seen: Callable[[str], None]) -> None:
    """Send the traffic; ``seen`` waits until Prometheus finds an expression true."""
    seen("nedc_ready == 1")
    evaluations(Client(server, "192.0.2.1"))
    damaged_cache(Client(server, "192.0.2.2"), redis)
    hindered_evaluations(server, Client(server, "192.0.2.3"))
    too_many(Client(server, "192.0.2.4"))
    lost_redis(Client(server, "192.0.2.5"), redis, seen)


def evaluations(client: Client) -> None:
    for selection in (*ALGORITHMS, "all", "dp,ira"):
        for cached in (False, True):
            job = client.post(small_pair(), algorithms=selection).json()
            assert (job["status"], job["cached"]) == ("completed", cached)
    assert client.post(PairInput.of(b"nonsense", "r", b"nonsense", "h")).status_code == 422
    assert client.post(overlapping_pair(), strict="true").status_code == 422
    assert client.post(small_pair(), pipeline="alpha").status_code == 422
    job = client.post(small_pair(1)).json()
    assert client.get(f"/{job['job_id']}/reports/summary.txt").status_code == 200
    assert client.get().json()["total"]
    assert client.get("/unknown").status_code == 404
    assert client.delete(f"/{job['job_id']}").status_code == 204
    assert client.http.get("/nothing", headers=client.headers).status_code == 404


def damaged_cache(client: Client, redis: RedisServer) -> None:
    entries = redis.ask(lambda client: client.keys(key(64 * "[0-9a-f]")))
    assert entries
    for entry in entries:
        redis.put(entry.decode(), b"not what was stored")
    assert client.post(small_pair()).json()["status"] == "completed"


def hindered_evaluations(server: Server, client: Client) -> None:
    """One that takes too long, one whose client leaves, and a worker that dies."""
    with held_workers(server):
        error = client.post(small_pair(2), algorithms="taes").json()["error"]
    assert "it took longer than" in error["detail"], error
    with held_workers(server):
        leaves(client)
    with held_workers(server):
        job = client.post(small_pair(5), wait=False, algorithms="taes").json()
        assert client.delete(f"/{job['job_id']}").status_code == 204
    wait_for_workers(server)
    max(server.workers(), key=psutil.Process.create_time).kill()  # an older one may have ended
    until(lambda: server.count("nedc_worker_restarts_total", reason="died"))
    wait_for_workers(server)


def leaves(client: Client) -> None:
    """A client that waits, and leaves; the job goes on, and costs no worker."""
    with suppress(httpx.ReadTimeout):
        client.post(small_pair(2), seconds=2.0, algorithms="taes")


@contextmanager
def held_workers(server: Server) -> Iterator[None]:
    """Stop the workers, so that their next calls never end; those that are left go on afterwards."""
    wait_for_workers(server)
    held = Workers(server)
    yield
    held.go_on()


def wait_for_workers(server: Server) -> None:
    """Wait until all workers are up: none is busy, about to end or about to start."""
    until(lambda: server.count("nedc_workers", state="idle") == LEAST_WORKERS)


def too_many(client: Client) -> None:
    for request in (client.delete, client.get):
        assert 429 in (request("/unknown").status_code for _ in range(1000))


def lost_redis(client: Client, redis: RedisServer, seen: Callable[[str], None]) -> None:
    redis.stop()
    until(lambda: client.get("/unknown").status_code == 503)
    assert client.post(small_pair(3), wait=False).status_code == 503
    assert client.post(small_pair(3)).status_code == 200  # who waits needs no Redis
    seen("nedc_redis_up == 0")
    redis.start()
    until(lambda: client.post(small_pair(4)).status_code == 200)
    seen("nedc_redis_up == 1")
