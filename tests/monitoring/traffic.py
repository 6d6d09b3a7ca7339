"""Real traffic and real faults that make every series of the service appear; bounded in count and time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from evaluating import day_pair, overlapping_pair, small_pair
from nedc_bench import ALGORITHMS
from nedc_bench.evaluation.orchestrator import PairInput
from redis_server import RedisServer
from serving import Server, until

SETTINGS = {
    "MAX_WORKERS": "1",
    "EVALUATION_TIMEOUT_SECONDS": "1",
    "RATE_LIMIT": "60/minute",
    "STATUS_RATE_LIMIT": "600/minute",
    "TRUSTED_PROXIES": "127.0.0.0/8",  # so that each part of the traffic can come from an address of its own
}
UNEVEN = ("parameters", ("slow.toml", b"[NEDC_DPALIGN]\npenalty_del = 1.0\npenalty_ins = 1.0\npenalty_sub = 1.5\n"))


class Client:
    """A client of the service with an address of its own."""

    def __init__(self, server: Server, address: str) -> None:
        self.http = server.client
        self.headers = {"X-Forwarded-For": address}

    def post(self, pair: PairInput, *, wait: bool = True, extra: Any = (), **data: Any) -> httpx.Response:
        reference, reference_name, hypothesis, hypothesis_name = pair
        files = [("reference", (reference_name, reference)), ("hypothesis", (hypothesis_name, hypothesis)), *extra]
        headers = self.headers | ({"Prefer": "wait=30"} if wait else {})
        return self.http.post("/api/v1/evaluate", files=files, data=data, headers=headers)

    def get(self, path: str = "") -> httpx.Response:
        return self.http.get(f"/api/v1/evaluate{path}", headers=self.headers)

    def delete(self, path: str) -> httpx.Response:
        return self.http.delete(f"/api/v1/evaluate{path}", headers=self.headers)


def make_every_series(server: Server, redis: RedisServer, seen: Callable[[str], None]) -> None:
    """Send the traffic; ``seen`` waits until Prometheus finds an expression true."""
    seen("nedc_ready == 1")
    evaluations(Client(server, "192.0.2.1"))
    damaged_cache(Client(server, "192.0.2.2"), redis)
    slow_evaluations(Client(server, "192.0.2.3"))
    seen(
        'nedc_worker_restarts_total{reason="cancelled"} > 0 and ignoring (reason, state) nedc_workers{state="idle"} > 0'
    )
    killed_worker(server)
    seen('nedc_worker_restarts_total{reason="died"} > 0')
    too_many(Client(server, "192.0.2.4"))
    lost_redis(Client(server, "192.0.2.5"), redis, seen)


def evaluations(client: Client) -> None:
    for selection in (*ALGORITHMS, "all", "dp,ira"):
        for cached in (False, True):
            job = client.post(small_pair(), algorithms=selection).json()
            assert (job["status"], job["cached"]) == ("completed", cached)
    assert client.post((b"nonsense", "r", b"nonsense", "h")).json()["error"]["status"] == 422
    assert client.post(overlapping_pair(), strict="true").json()["status"] == "failed"
    assert client.post(small_pair(), pipeline="alpha").status_code == 422
    job = client.post(small_pair(1)).json()
    assert client.get(f"/{job['job_id']}/reports/summary.txt").status_code == 200
    assert client.get().json()["total"]
    assert client.get("/unknown").status_code == 404
    assert client.delete(f"/{job['job_id']}").status_code == 204
    assert client.http.get("/nothing", headers=client.headers).status_code == 404


def damaged_cache(client: Client, redis: RedisServer) -> None:
    entries = redis.ask(lambda client: client.keys("nedc:v1:" + 64 * "[0-9a-f]"))
    assert entries
    for key in entries:
        redis.put(key.decode(), b"not what was stored")
    assert client.post(small_pair()).json()["status"] == "completed"


def slow_evaluations(client: Client) -> None:
    """One that takes too long, and one that its client cancels."""
    slow: dict[str, Any] = {"algorithms": "dp", "extra": [UNEVEN]}
    error = client.post(day_pair(), **slow).json()["error"]
    assert "it took longer than 1 s" in error["detail"]
    job = client.post(day_pair(2001), wait=False, **slow).json()
    until(lambda: client.get(f"/{job['job_id']}").json()["status"] == "running")
    assert client.delete(f"/{job['job_id']}").status_code == 204


def killed_worker(server: Server) -> None:
    for worker in server.workers():
        worker.kill()


def too_many(client: Client) -> None:
    until(lambda: client.delete("/unknown").status_code == 429)
    until(lambda: client.get("/unknown").status_code == 429)


def lost_redis(client: Client, redis: RedisServer, seen: Callable[[str], None]) -> None:
    redis.stop()
    until(lambda: client.get("/unknown").status_code == 503)
    assert client.post(small_pair(3), wait=False).status_code == 503
    assert client.post(small_pair(3)).status_code == 200  # who waits needs no Redis
    seen("nedc_redis_up == 0")
    redis.start()
    until(lambda: client.post(small_pair(4)).status_code == 200)
    seen("nedc_redis_up == 1")
