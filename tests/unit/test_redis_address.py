"""``REDIS_URL``: every kind of Redis that users run; invalid addresses are refused."""

from __future__ import annotations

import pytest

from nedc_bench.redis import RedisAddress

KNOWN = {
    "redis://cache": RedisAddress("plain", False, (("cache", 6379),)),
    "redis://cache:6380/2": RedisAddress("plain", False, (("cache", 6380),), database=2),
    "rediss://:p%40ss@cache": RedisAddress("plain", True, (("cache", 6379),), login={"password": "p@ss"}),
    "redis://us%3Aer:a:b@[::1]:1": RedisAddress(
        "plain", False, (("::1", 1),), login={"username": "us:er", "password": "a:b"}
    ),
    "unix:///run/redis.sock": RedisAddress("unix", False, (), path="/run/redis.sock"),
    "unix://me:word@/run/redis.sock?db=3": RedisAddress(
        "unix", False, (), path="/run/redis.sock", database=3, login={"username": "me", "password": "word"}
    ),
    "redis+sentinel://a,b:1,[::1]/main": RedisAddress(
        "sentinel", False, (("a", 26379), ("b", 1), ("::1", 26379)), service="main"
    ),
    "rediss+sentinel://u:p@a/main/4?sentinel_username=s&sentinel_password=%26": RedisAddress(
        "sentinel",
        True,
        (("a", 26379),),
        service="main",
        database=4,
        login={"username": "u", "password": "p"},
        sentinel_login={"username": "s", "password": "&"},
    ),
    "redis+cluster://a,b:7001": RedisAddress("cluster", False, (("a", 6379), ("b", 7001))),
    "rediss+cluster://:p@a": RedisAddress("cluster", True, (("a", 6379),), login={"password": "p"}),
}


@pytest.mark.parametrize("url", KNOWN)
def test_every_kind_is_read(url: str) -> None:
    assert RedisAddress.parse(url) == KNOWN[url]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "cache:6379",
        "http://cache",
        "valkey://cache",
        "redis://",
        "redis://[::1",
        "redis://cache:0",
        "redis://cache:99999",
        "redis://cache/one",
        "redis://cache/-1",
        "redis://cache/1_0",
        "redis://cache/\N{ARABIC-INDIC DIGIT ONE}",
        "redis://cache:63\N{ARABIC-INDIC DIGIT ONE}",
        "redis://cache/1/2",
        "redis://cache?db=1",
        "redis://cache#1",
        "redis://a,b",
        "redis+sentinel://a",
        "redis+sentinel://a/main?password=x",
        "redis+cluster://a/1",
        "redis+cluster://",
        "redis+unix:///run/redis.sock",
        "unix://",
        "unix://host/run/redis.sock",
        "unix:///run/redis.sock?database=1",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        RedisAddress.parse(url)


@pytest.mark.parametrize("url", [url for url in KNOWN if "@" in url])
def test_neither_words_nor_repr_show_who_logs_in(url: str) -> None:
    address = RedisAddress.parse(url)
    for secret in (*address.login.values(), *address.sentinel_login.values()):
        assert f"'{secret}'" not in repr(address)
        assert f":{secret}@" not in f"{address}{address!r}"


def test_words_say_where_it_is() -> None:
    assert str(RedisAddress.parse("rediss+cluster://:p@a,b:7001")) == "cluster Redis at a:6379,b:7001 (TLS)"
    assert str(RedisAddress.parse("unix://:p@/run/redis.sock")) == "unix Redis at /run/redis.sock"
