"""Who may call, and how often: tokens, rate limits, forwarded addresses, origins."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from helpers import until
from redis_server import RedisServer
from serving import (
    Server,
    Start,
    check_problem,
    hashed,
    one_pair,
    post,
    received,
    small_pair,
    watch,
    write_tokens,
)

BURST = 30
ATTEMPTS = 20


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Accept": "*/*"}


# -- tokens


def test_all_but_probes_and_documentation_needs_a_token(start_server: Start, tmp_path: Path) -> None:
    server = start_server(API_TOKENS_FILE=write_tokens(tmp_path, "secret"), METRICS_NEED_TOKEN="true")
    for path in ("/api/v1/evaluate", "/metrics", "/nothing"):
        refused = server.client.get(path)
        check_problem(refused, 401)
        assert refused.headers["WWW-Authenticate"] == 'Bearer realm="nedc-bench"'
        check_problem(server.client.get(path, headers=bearer("wrong")), 401)
        assert server.client.get(path, headers=bearer("secret")).status_code == (404 if path == "/nothing" else 200)
    check_problem(post(server, one_pair()), 401)
    assert post(server, one_pair(), bearer("secret")).status_code == 202
    for path in ("/api/v1/health", "/api/v1/ready", "/openapi.json", "/docs", "/docs/start.js"):
        assert server.client.get(path, headers={"Accept": "*/*"}).status_code == 200


def test_a_websocket_needs_a_token_too(start_server: Start, tmp_path: Path) -> None:
    server = start_server(API_TOKENS_FILE=write_tokens(tmp_path, "secret"))
    job_id = post(server, one_pair(), bearer("secret") | {"Prefer": "wait=60"}).json()["job_id"]
    with pytest.raises(InvalidStatus) as caught, watch(server, job_id):
        pass
    response = caught.value.response
    assert (response.status_code, response.headers["Content-Type"]) == (401, "application/problem+json")
    assert response.headers["X-Request-ID"]
    with watch(server, job_id, bearer("secret")) as socket:
        assert [message.get("type", message) for message in received(socket)] == ["initial", {"closed": 1000}]


def test_the_token_file_is_read_again_when_it_changes(start_server: Start, tmp_path: Path) -> None:
    tokens = Path(write_tokens(tmp_path, "first"))
    server = start_server(API_TOKENS_FILE=str(tokens))

    def known(token: str) -> bool:
        return server.client.get("/api/v1/evaluate", headers=bearer(token)).status_code == 200

    assert (known("first"), known("second")) == (True, False)
    tokens.write_text(f"# both\n{hashed('first')}\n{hashed('second')}\n")
    assert (known("first"), known("second")) == (True, True)
    tokens.write_text(f"second\n{hashed('first')}\n")  # a line that is no hash is skipped
    assert (known("first"), known("second")) == (True, False)
    assert [line["line"] for line in server.lines("invalid line in the token file")] == [1]
    (tmp_path / "new").mkdir()
    Path(write_tokens(tmp_path / "new", "second")).rename(tokens)
    assert (known("first"), known("second")) == (False, True)


@pytest.mark.parametrize("removed", [True, False], ids=["removed", "emptied"])
def test_without_a_valid_token_in_the_file_every_request_is_refused(
    start_server: Start, tmp_path: Path, *, removed: bool
) -> None:
    tokens = Path(write_tokens(tmp_path, "secret"))
    server = start_server(API_TOKENS_FILE=str(tokens))
    assert server.count("nedc_api_tokens") == 1  # by default, metrics need no token
    if removed:
        tokens.unlink()
    else:
        tokens.write_text("")
    for _ in range(2):
        check_problem(server.client.get("/api/v1/evaluate", headers=bearer("secret")), 401)
    assert server.count("nedc_api_tokens") == 0
    assert [(line["level"], line["valid"]) for line in server.lines("tokens read")] == [("error", 0)]
    write_tokens(tmp_path, "secret")
    assert server.client.get("/api/v1/evaluate", headers=bearer("secret")).status_code == 200


def test_a_browser_sends_its_token_as_a_websocket_subprotocol(start_server: Start, tmp_path: Path) -> None:
    server = start_server(API_TOKENS_FILE=write_tokens(tmp_path, "secret"))
    job_id = post(server, one_pair(), bearer("secret") | {"Prefer": "wait=60"}).json()["job_id"]
    url = server.url.replace("http", "ws") + f"/ws/{job_id}"
    with connect(url, subprotocols=[Subprotocol("nedc-bench"), Subprotocol("bearer.secret")]) as socket:
        assert socket.subprotocol == "nedc-bench"
        assert list(received(socket))[-1] == {"closed": 1000}
    with (
        pytest.raises(InvalidStatus, match="401"),
        connect(url, subprotocols=[Subprotocol("nedc-bench"), Subprotocol("bearer.wrong")]),
    ):
        pass
    refused = server.client.get("/api/v1/evaluate", headers={"Sec-WebSocket-Protocol": "bearer.secret"})
    check_problem(refused, 401)  # HTTP requests must use the Authorization header


def test_tokens_of_one_name_are_one_caller(start_server: Start, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{hashed('old')}  alice\n{hashed('new')}\talice # since May\n{hashed('other')}\n")
    server = start_server(API_TOKENS_FILE=str(tokens), RATE_LIMIT="1/hour")
    asked = [post(server, one_pair(), bearer(token)).status_code for token in ("old", "new", "other")]
    assert asked == [202, 429, 202]

    def callers() -> list[tuple[str, str]]:
        return [(line["caller"], line["token"]) for line in server.lines("request") if line["method"] == "POST"]

    until(lambda: len(callers()) == len(asked))  # a line is written after its response was sent
    old, new, other = (hashed(token)[:16] for token in ("old", "new", "other"))
    assert callers() == [("alice", old), ("alice", new), (f"token:{other}", other)]


# -- rates


async def burst(*servers: Server, method: str = "POST", path: str = "/api/v1/evaluate") -> list[httpx.Response]:
    """Many requests at once, spread over the servers; a POST asks for an evaluation."""
    async with httpx.AsyncClient(timeout=120, limits=httpx.Limits(max_connections=None)) as client:
        urls = [f"{servers[number % len(servers)].url}{path}" for number in range(BURST)]
        files = small_pair(0) if method == "POST" else None
        return await asyncio.gather(*(client.request(method, url, files=files) for url in urls))


def check_burst(answers: list[httpx.Response], passed: int) -> None:
    """Ten requests passed, with that status; the others were told when to retry."""
    assert Counter(answer.status_code for answer in answers) == {passed: 10, 429: BURST - 10}
    for answer in answers:
        assert answer.headers["RateLimit-Limit"] == "10"
        assert 0 < int(answer.headers["RateLimit-Reset"]) <= 3601
        if answer.status_code == 429:
            check_problem(answer, 429)
            assert answer.headers["RateLimit-Remaining"] == "0"
            assert answer.headers["Retry-After"] == answer.headers["RateLimit-Reset"]
    left = [int(answer.headers["RateLimit-Remaining"]) for answer in answers if answer.status_code == passed]
    assert sorted(left) == list(range(10))


def test_exactly_as_many_requests_of_a_burst_pass_as_the_limit_allows(start_server: Start) -> None:
    server = start_server(RATE_LIMIT="10/hour")
    check_burst(asyncio.run(burst(server)), 202)
    assert server.count("nedc_rate_limited_requests_total", limit="default") == BURST - 10
    assert server.client.get("/api/v1/evaluate").status_code == 200  # reads have a limit of their own
    for path in ("/api/v1/health", "/api/v1/ready", "/metrics"):
        assert "RateLimit-Limit" not in server.client.get(path, headers={"Accept": "*/*"}).headers


@pytest.mark.integration
def test_two_replicas_share_one_limit(replica: Start, redis: RedisServer) -> None:
    replicas = [replica(STATUS_RATE_LIMIT="10/hour") for _ in range(2)]

    def missed() -> float:
        return sum(server.count("nedc_rate_limiter_errors_total") for server in replicas)

    for _ in range(ATTEMPTS):
        redis.empty()
        redis.ask(lambda client: client.config_resetstat())
        before = missed()
        answers = asyncio.run(burst(*replicas, method="GET", path="/docs"))
        if missed() == before:
            break
        passed = sum(answer.status_code == 200 for answer in answers)
        assert 10 <= passed <= 10 + missed() - before  # on a busy machine, Redis may answer too late
    check_burst(answers, 200)
    scripts = redis.ask(lambda client: client.info("commandstats"))["cmdstat_evalsha"]["calls"]
    assert scripts < BURST  # requests that arrive during a round trip share the next one


def test_a_used_up_limit_recovers(start_server: Start) -> None:
    server = start_server(RATE_LIMIT="2 per 1 second")
    begin = time.monotonic()
    for _ in range(3):
        until(lambda: post(server, small_pair(0), headers={}).status_code == 202)
    assert time.monotonic() - begin >= 1


def test_reads_have_their_own_limit_which_counts_websockets(start_server: Start) -> None:
    server = start_server(STATUS_RATE_LIMIT="2/hour")
    job_id = post(server, one_pair()).json()["job_id"]
    assert server.client.get("/api/v1/evaluate").headers["RateLimit-Remaining"] == "1"
    with watch(server, job_id) as socket:
        assert len(list(received(socket))) == 2
    check_problem(server.client.get("/api/v1/evaluate"), 429)
    with pytest.raises(InvalidStatus, match="429"), watch(server, job_id):
        pass
    assert post(server, one_pair()).status_code == 200


@pytest.mark.integration
def test_while_redis_is_unavailable_requests_pass_and_are_counted(replica: Start, redis: RedisServer) -> None:
    server = replica(STATUS_RATE_LIMIT="1/hour")
    assert server.client.get("/docs").status_code == 200
    check_problem(server.client.get("/docs"), 429)
    redis.freeze()
    answers = asyncio.run(burst(server, method="GET", path="/docs"))
    assert {answer.status_code for answer in answers} == {200}
    assert server.count("nedc_rate_limiter_errors_total") == BURST
    redis.thaw()
    until(lambda: server.client.get("/docs").status_code == 429)


def from_address(server: Server, forwarded: str) -> int:
    return post(server, one_pair(), {"X-Forwarded-For": forwarded}).status_code


def test_a_trusted_proxy_s_forwarded_address_is_used(start_server: Start) -> None:
    server = start_server(RATE_LIMIT="1/hour", TRUSTED_PROXIES="127.0.0.0/8, 10.0.0.0/8")
    assert from_address(server, "203.0.113.1") == 202
    assert from_address(server, "203.0.113.2") == 202
    assert from_address(server, "203.0.113.1") == 429
    assert from_address(server, "198.51.100.7, 203.0.113.1") == 429  # the client's own entry comes first
    assert from_address(server, "203.0.113.1, 10.0.0.1") == 429  # through two proxies
    assert from_address(server, "203.0.113.3, 10.0.0.1") == 202
    lines = [
        ("X-Forwarded-For", "198.51.100.8"),
        ("X-Forwarded-For", "203.0.113.1"),
    ]  # the proxy added a header of its own
    assert server.client.post("/api/v1/evaluate", files=one_pair(), headers=lines).status_code == 429


def test_anybody_else_s_forwarded_address_is_ignored(start_server: Start) -> None:
    server = start_server(RATE_LIMIT="1/hour", TRUSTED_PROXIES="10.0.0.0/8")
    assert [from_address(server, f"203.0.113.{number}") for number in range(3)] == [202, 429, 429]


# -- browsers


def test_pages_of_allowed_origins_may_call(start_server: Start, tmp_path: Path) -> None:
    server = start_server(CORS_ORIGINS="https://lab.example.org", API_TOKENS_FILE=write_tokens(tmp_path, "secret"))
    lab, other = ({"Origin": f"https://{name}.example.org"} for name in ("lab", "other"))
    allowed = server.client.get("/api/v1/evaluate", headers=lab | bearer("secret"))
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://lab.example.org"
    assert "X-Request-ID" in allowed.headers["Access-Control-Expose-Headers"]
    assert "Origin" in allowed.headers["Vary"]
    before = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    asked = server.client.options("/api/v1/evaluate", headers=lab | before)  # a browser sends no token with this
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == "https://lab.example.org"
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
    refused = server.client.get("/api/v1/evaluate", headers=lab)  # a page can read why
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, "https://lab.example.org")
    for response in (
        server.client.get("/api/v1/evaluate", headers=other | bearer("secret")),
        server.client.options("/api/v1/evaluate", headers=other | before),
    ):
        assert "Access-Control-Allow-Origin" not in response.headers


def test_without_allowed_origins_there_is_no_cors(server: Server) -> None:
    response = server.client.get("/api/v1/health", headers={"Origin": server.url})
    assert not [name for name in response.headers if name.lower().startswith("access-control")]
