"""Every kind of Redis that users run, with real servers: the service works on it, or says why it cannot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from operator import methodcaller
from pathlib import Path
from urllib.parse import quote

import pytest
from redis.exceptions import RedisError

from corpora import EXAMPLE
from helpers import until
from redis_kinds import (
    SECRET,
    Authority,
    Forward,
    authority,
    cluster,
    in_step,
    replica_of,
    sentinels,
    tls_options,
    valkey,
)
from redis_server import RedisServer, free_port
from serving import (
    Server,
    Start,
    Stop,
    accept,
    check_problem,
    ended,
    errors,
    figures,
    parts,
    post,
    show,
    small_pair,
    status,
)

pytestmark = pytest.mark.integration

LOGIN = quote(SECRET, safe="")
ROOT = Path(__file__).parents[2]
WITHOUT_INFO = ("~nedc:*", "+@all", "-@dangerous")  # as on managed services


def check_all(server: Server) -> None:
    """Every feature works: waiting and queued jobs, cache, list, reports, deletion, rate limits, readiness."""
    waited = post(server, parts(EXAMPLE))
    assert waited.status_code == 200, waited.text
    assert waited.json()["result"]["algorithms"] == figures(EXAMPLE)
    assert int(waited.headers["RateLimit-Remaining"]) > 0
    queued = ended(server, accept(server, [file for number in range(20) for file in small_pair(number)]))
    golden = ended(server, accept(server, parts(EXAMPLE)))
    assert (queued["status"], golden["status"], golden["cached"]) == ("completed", "completed", True)
    assert golden["result"]["algorithms"] == figures(EXAMPLE)
    assert post(server, parts(EXAMPLE)).json()["cached"]
    page = server.client.get("/api/v1/evaluate", params={"limit": 3}).json()
    assert page["total"] == 4
    assert golden["job_id"] in {job["job_id"] for job in page["jobs"]}
    where = f"/api/v1/evaluate/{golden['job_id']}"
    assert "(Hit: " in server.client.get(f"{where}/reports/summary_taes.txt", headers={"Accept": "*/*"}).text
    assert [server.client.delete(where).status_code, server.client.delete(where).status_code] == [204, 404]
    assert server.client.get("/api/v1/evaluate").json()["total"] == 3
    assert "RateLimit-Remaining" in show(server, golden["job_id"]).headers
    assert server.count("nedc_cache_requests_total", result="hit") > 0
    assert server.count("nedc_redis_up") == 1
    assert server.client.get("/api/v1/ready").status_code == 200
    assert errors(server) == [], server.log.read_text()
    assert "py.warnings" not in {line["logger"] for line in server.lines()}
    assert SECRET not in server.log.read_text()


def check_not_ready(server: Server, *words: str) -> None:
    """The service answers but is not ready; it says why, also in its log, and shows no secret."""
    until(lambda: server.lines("redis unavailable"))
    until(lambda: all(word in server.client.get("/api/v1/ready").text for word in words))
    check_problem(server.client.get("/api/v1/ready"), 503)
    assert server.client.get("/api/v1/health").status_code == 200
    causes = " ".join(line["cause"] for line in server.lines("redis unavailable"))
    assert all(word in causes for word in words)
    assert post(server, small_pair(0), headers={}).status_code == 503
    text = server.log.read_text()
    assert SECRET not in text
    assert LOGIN not in text


# -- TLS


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture
def secured(certified: Authority, tmp_path: Path) -> Iterator[str]:
    """The URL of a Redis with TLS and a password."""
    port = free_port()
    with RedisServer(tmp_path, *tls_options(certified, port)) as server:
        server.ask(lambda client: client.config_set("requirepass", SECRET))
        yield f"rediss://:{LOGIN}@127.0.0.1:{port}/2"


def test_tls_with_a_private_ca(start_server: Start, secured: str, certified: Authority) -> None:
    check_all(start_server(REDIS_URL=secured, REDIS_CA_FILE=str(certified.ca)))


def test_a_certificate_of_another_ca_is_not_trusted(start_server: Start, secured: str, tmp_path: Path) -> None:
    other = authority(tmp_path / "other")
    for settings in ({}, {"REDIS_CA_FILE": str(other.ca)}):
        check_not_ready(start_server(ready=False, REDIS_URL=secured, **settings), "certificate", "REDIS_CA_FILE")


def test_tls_to_a_plain_server_and_a_plain_connection_to_a_tls_server(
    start_server: Start, secured: str, tmp_path: Path
) -> None:
    check_not_ready(start_server(ready=False, REDIS_URL=secured.replace("rediss", "redis")), "rediss://")
    (tmp_path / "plain").mkdir()
    with RedisServer(tmp_path / "plain") as plain:
        check_not_ready(start_server(ready=False, REDIS_URL=plain.url.replace("redis:", "rediss:")), "TLS")


# -- login, address and database


def add_user(server: RedisServer, *rights: str) -> str:
    """Create a user with these rights, and return its URL."""
    server.ask(methodcaller("execute_command", "ACL", "SETUSER", "nedc", "on", f">{SECRET}", *rights))
    return server.url.replace("//", f"//nedc:{LOGIN}@")


def documented_rights() -> tuple[str, ...]:
    """The rights that docs/redis.md says a user needs."""
    text = (ROOT / "docs" / "redis.md").read_text()
    (keys,) = re.findall(r"the keys `(\S+)`", text)
    (commands,) = re.findall(r"the commands `([^`]+)`", text)
    return keys.replace("PREFIX", "nedc"), *commands.split()


@pytest.mark.parametrize("rights", [documented_rights(), WITHOUT_INFO], ids=["documented", "without INFO"])
def test_an_acl_user_with_the_documented_rights(
    start_server: Start, redis: RedisServer, rights: tuple[str, ...]
) -> None:
    server = start_server(REDIS_URL=add_user(redis, *rights))
    check_all(server)
    assert server.lines("redis unavailable") == []


def test_a_user_with_read_only_rights(start_server: Start, redis: RedisServer) -> None:
    url = add_user(redis, "~*", "+@read", "+ping", "+info")
    check_not_ready(start_server(ready=False, REDIS_URL=url), "ACL does not permit")


@pytest.mark.parametrize("login", [f"nedc:wrong{LOGIN}@", "nobody:word@", f":{LOGIN}@"])
def test_a_wrong_password(start_server: Start, redis: RedisServer, login: str) -> None:
    add_user(redis, *WITHOUT_INFO)
    redis.ask(lambda client: client.config_set("requirepass", "another"))
    url = redis.url.replace("//", f"//{login}")
    check_not_ready(start_server(ready=False, REDIS_URL=url), "user name or password")


def test_nothing_listens_at_the_address(start_server: Start) -> None:
    check_not_ready(start_server(ready=False, REDIS_URL=f"redis://:{LOGIN}@127.0.0.1:{free_port()}"), "refused")


def test_a_database_index(start_server: Start, redis: RedisServer) -> None:
    check_all(start_server(REDIS_URL=redis.url.removesuffix("0") + "7"))
    assert redis.keys() == []
    assert redis.ask(lambda client: client.info("keyspace")).keys() == {"db7"}


def test_a_unix_socket(start_server: Start, tmp_path: Path) -> None:
    place = tmp_path / "redis.sock"
    with RedisServer(tmp_path, "--unixsocket", str(place)) as redis:
        redis.ask(lambda client: client.config_set("requirepass", SECRET))
        check_all(start_server(REDIS_URL=f"unix://:{LOGIN}@{place}?db=1"))


def test_valkey(start_server: Start, tmp_path: Path) -> None:
    with valkey(tmp_path / "valkey") as server:
        assert server.ask(lambda client: client.info("server"))["server_name"] == "valkey"
        check_all(start_server(REDIS_URL=server.url))


def test_two_installations_in_one_database_do_not_see_each_other(
    start_server: Start, redis: RedisServer, stop_workers: Stop
) -> None:
    ours, theirs = (start_server(REDIS_URL=redis.url, REDIS_PREFIX=prefix) for prefix in ("ours", "theirs.b"))
    workers = stop_workers(ours)
    jobs = [accept(ours, small_pair(number)) for number in range(10)]
    check_all(theirs)
    assert {show(theirs, job_id).status_code for job_id in jobs} == {404}
    workers.go_on()
    assert [ended(ours, job_id)["status"] for job_id in jobs] == ["completed"] * 10
    assert ours.client.get("/api/v1/evaluate").json()["total"] == 10
    assert not post(ours, parts(EXAMPLE)).json()["cached"]
    keys = redis.keys()
    assert {key.partition(":v1:")[0] for key in keys} == {"ours", "theirs.b"}


# -- Sentinel, replicas, failover


def role(server: RedisServer) -> str:
    return str(server.ask(lambda client: client.info("replication"))["role"])


def offsets(*servers: RedisServer) -> list[int]:
    found = [server.ask(lambda client: client.info("replication")) for server in servers]
    return [state["master_repl_offset"] for state in found]


@contextmanager
def work_under_way(server: Server, stop_workers: Stop) -> Iterator[None]:
    """Accept jobs before the block; after it they complete, and new ones are accepted soon."""
    workers = stop_workers(server)
    jobs = [accept(server, small_pair(number)) for number in range(10)]
    yield
    until(lambda: post(server, small_pair(50), headers={}).status_code == 202)
    workers.go_on()
    assert [ended(server, job_id)["status"] for job_id in jobs] == ["completed"] * len(jobs)
    until(lambda: server.count("nedc_redis_up") == 1)
    assert server.client.get("/api/v1/ready").status_code == 200


def test_sentinels(start_server: Start, stop_workers: Stop, tmp_path: Path) -> None:
    with sentinels(tmp_path) as found:
        server = start_server(REDIS_URL=found.url)
        check_all(server)
        with work_under_way(server, stop_workers):
            until(lambda: len(set(offsets(found.primary, found.replica))) == 1)
            found.primary.kill()
            until(lambda: role(found.replica) == "master", but=(RedisError, OSError))
        plain = f"redis://127.0.0.1:{found.ports[0]}"
        check_not_ready(start_server(ready=False, REDIS_URL=plain), "Sentinel", "redis+sentinel://")
        unknown = found.url.replace("/main", "/other")
        check_not_ready(start_server(ready=False, REDIS_URL=unknown), "other")


def test_a_read_only_replica(start_server: Start, redis: RedisServer, tmp_path: Path) -> None:
    with replica_of(redis, tmp_path / "replica") as replica:
        until(lambda: in_step(replica))
        check_not_ready(start_server(ready=False, REDIS_URL=replica.url), "read-only replica")


def test_a_failover_behind_one_address_while_old_connections_stay(
    start_server: Start, redis: RedisServer, stop_workers: Stop, tmp_path: Path
) -> None:
    with replica_of(redis, tmp_path / "replica") as other, Forward(redis.port) as service:
        until(lambda: in_step(other))
        server = start_server(REDIS_URL=service.url)
        check_all(server)
        with work_under_way(server, stop_workers):
            until(lambda: len(set(offsets(redis, other))) == 1)
            other.ask(methodcaller("execute_command", "REPLICAOF", "NO", "ONE"))
            redis.ask(methodcaller("execute_command", "REPLICAOF", "127.0.0.1", str(other.port)))
            service.port = other.port
        assert "read-only replica" in str(server.lines("redis unavailable"))


# -- Cluster


def test_a_cluster_of_three_shards(start_server: Start, tmp_path: Path) -> None:
    with cluster(tmp_path) as nodes:
        places = ",".join(f"127.0.0.1:{node.port}" for node in nodes[:2])
        first, second = (start_server(REDIS_URL=f"redis+cluster://{places}") for _ in range(2))
        check_all(first)
        job_id = accept(first, parts(EXAMPLE))
        assert ended(second, job_id) == ended(first, job_id)
        assert status(second, job_id) == "completed"
        keys = [node.keys() for node in nodes]
        assert all(keys)
        assert not any(":input:" in key or ":scores" in key for found in keys for key in found)
        check_not_ready(start_server(ready=False, REDIS_URL=nodes[0].url), "cluster", "redis+cluster://")


def test_a_cluster_url_for_a_plain_redis(start_server: Start, redis: RedisServer) -> None:
    check_not_ready(start_server(ready=False, REDIS_URL=redis.url.replace("redis:", "redis+cluster:")[:-2]), "cluster")
