"""The network policies: who reaches the service's pods and the probe, and what they reach."""

from __future__ import annotations

import pytest

from chart.rendering import CASES, container, of_kind, pods, policy


def test_the_network_policy_opens_the_port_to_clients_scrapers_and_the_probe() -> None:
    values = CASES["everything"]
    api = policy("api", values)
    assert api["policyTypes"] == ["Ingress", "Egress"]
    named = values["networkPolicy"]
    ingress, extra_ingress = api["ingress"]
    assert ingress["from"][:-1] == [*named["clients"], *named["scrapers"]]
    probe = ingress["from"][-1]["podSelector"]["matchLabels"].items()
    let_in = [
        kind
        for kind in ("Pod", "Job", "Deployment")
        for pod in pods(of_kind(kind, values))
        if probe <= pod["metadata"]["labels"].items()
    ]
    assert let_in == ["Pod", "Job"]
    dns, redis, extra_egress = api["egress"]
    assert (dns["to"], {port["port"] for port in dns["ports"]}) == (named["dns"], {5353})
    assert (redis["to"], [port["port"] for port in redis["ports"]]) == (named["redis"], [6380, 26379])
    assert ([extra_ingress], [extra_egress]) == (named["extraIngress"], named["extraEgress"])


def test_the_probe_reaches_dns_and_the_service_in_a_namespace_that_denies_all_by_default() -> None:
    values = CASES["everything"]
    probe = policy("probe", values)
    assert (probe["policyTypes"], probe.get("ingress", [])) == (["Ingress", "Egress"], [])
    dns, service = probe["egress"]
    assert (dns["to"], {port["port"] for port in dns["ports"]}) == (values["networkPolicy"]["dns"], {5353})
    (port,) = container(values)["ports"]
    assert service["ports"] == [{"port": port["containerPort"], "protocol": "TCP"}]
    assert service["to"] == [{"podSelector": policy("api", values)["podSelector"]}]


@pytest.mark.parametrize(
    ("url", "ports"),
    [
        ("redis://redis", [6379]),
        ("redis://:a%40b@redis.example.org:6380/0", [6380]),
        ("rediss://user:1234@redis.example.org:6380", [6380]),
        ("redis://[fd00::1]:6381/0", [6381]),
        ("redis+sentinel://a,b:26380/primary?sentinel_password=x:1", [6379, 26379, 26380]),
        ("rediss+cluster://:secret@a:7000,b:7001,c", [7000, 7001, 6379]),
    ],
)
def test_the_policy_opens_the_ports_that_the_url_names(url: str, ports: list[int]) -> None:
    _, redis = policy("api", {"redis": {"url": url}})["egress"]
    assert redis["ports"] == [{"port": port, "protocol": "TCP"} for port in ports]


def test_the_policy_opens_the_given_ports_whatever_the_url_names() -> None:
    values = {"redis": {"url": "redis://redis:6380"}, "networkPolicy": {"redisPorts": [16379]}}
    _, redis = policy("api", values)["egress"]
    assert redis["ports"] == [{"port": 16379, "protocol": "TCP"}]


def test_a_redis_at_a_unix_socket_needs_no_port() -> None:
    assert len(policy("api", {"redis": {"url": "unix:///run/redis.sock"}})["egress"]) == 1


def test_standalone_pods_reach_nothing_but_dns() -> None:
    (dns,) = policy("api")["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
