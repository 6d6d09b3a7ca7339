"""A job belongs to the token that made it; to every other caller it does not exist."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from helpers import until
from servers import server_with_store
from serving import Server, check_problem, one_pair, post, received, small_pair, watch, write_tokens

ANN, BOB = ({"Authorization": f"Bearer {name}"} for name in ("ann", "bob"))
KINDS = [pytest.param("memory", id="memory"), pytest.param("redis", id="redis", marks=pytest.mark.integration)]


@pytest.fixture(scope="module", params=KINDS)
def owned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that accepts two tokens."""
    folder = tmp_path_factory.mktemp("owned")
    with server_with_store(request.param, folder, API_TOKENS_FILE=write_tokens(folder, "ann", "bob")) as server:
        yield server


def ask(server: Server, who: dict[str, str], method: str, path: str = "") -> httpx.Response:
    headers = who | {"Accept": "*/*"}
    return server.client.request(method, f"/api/v1/evaluate{path}", headers=headers)


@pytest.mark.parametrize("waiting", [True, False])
def test_another_caller_s_job_does_not_exist(owned: Server, *, waiting: bool) -> None:
    before = {"ann": ask(owned, ANN, "GET").json()["total"], "bob": ask(owned, BOB, "GET").json()["total"]}
    job_id = post(owned, one_pair(), ANN | ({"Prefer": "wait=60"} if waiting else {})).json()["job_id"]
    until(lambda: ask(owned, ANN, "GET", f"/{job_id}").json()["status"] == "completed")
    report = f"/{job_id}/reports/summary.txt"
    assert ask(owned, ANN, "GET", report).status_code == 200
    for method, path in (("GET", f"/{job_id}"), ("GET", report), ("DELETE", f"/{job_id}")):
        problem = check_problem(ask(owned, BOB, method, path), 404)
        unknown = check_problem(ask(owned, BOB, method, path.replace(job_id, "0" * 36)), 404)
        assert problem["detail"].replace(job_id, "0" * 36) == unknown["detail"]  # nothing reveals that the job exists
    with pytest.raises(InvalidStatus, match="404"), watch(owned, job_id, BOB):
        pass
    with watch(owned, job_id, ANN) as socket:
        assert list(received(socket))[-1] == {"closed": 1000}
    assert ask(owned, BOB, "GET").json()["total"] == before["bob"]
    assert ask(owned, ANN, "GET").json()["total"] == before["ann"] + 1
    assert ask(owned, ANN, "DELETE", f"/{job_id}").status_code == 204


def test_each_caller_has_its_own_idempotency_keys(owned: Server) -> None:
    key = {"Idempotency-Key": "the same", "Prefer": "wait=60"}
    ann = post(owned, small_pair(1), ANN | key).json()
    bob = post(owned, small_pair(2), BOB | key).json()  # not refused, though the content differs
    assert ann["job_id"] != bob["job_id"]
    assert post(owned, small_pair(1), ANN | key).json()["job_id"] == ann["job_id"]
    check_problem(post(owned, small_pair(3), ANN | key), 422)


@pytest.mark.parametrize("waiting", [True, False])
def test_simultaneous_requests_with_one_key_make_one_job(owned: Server, *, waiting: bool) -> None:
    before = ask(owned, ANN, "GET").json()["total"]
    headers = ANN | {"Idempotency-Key": f"at once {waiting}"} | ({"Prefer": "wait=60"} if waiting else {})
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(owned, small_pair(7), headers), range(16)))
    known = {200} if waiting else {202, 200}  # 200 if the job has ended already
    assert {answer.status_code for answer in answers} <= known, owned.log.read_text()[-5000:]
    assert len({answer.json()["job_id"] for answer in answers}) == 1
    assert ask(owned, ANN, "GET").json()["total"] == before + 1


def test_a_key_can_be_used_again_once_its_job_is_deleted(owned: Server) -> None:
    headers = ANN | {"Idempotency-Key": "again", "Prefer": "wait=60"}
    first = post(owned, small_pair(1), headers).json()["job_id"]
    assert ask(owned, ANN, "DELETE", f"/{first}").status_code == 204
    second = post(owned, small_pair(2), headers)
    assert (second.status_code, second.json()["job_id"] == first) == (200, False)
