"""With enforced NetworkPolicies, only the traffic that the chart's policies allow passes.

Each address that one pod cannot reach is reached by another: a test that only sees closed ports proves nothing. The
cluster must enforce NetworkPolicies and run the Prometheus operator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import yaml

from e2e.cluster.documents import Shell, commands
from e2e.cluster.prometheus import Prometheus, operated_prometheus
from e2e.cluster.release import FULL_NAME, UNLIMITED, Release
from e2e.cluster.traffic import DENY_ALL, Place, make_authority, service_address, start_redis_with_tls
from e2e.kube import Cluster, Namespace, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1500)]

CLIENT = {"role": "client"}


@dataclass(frozen=True)
class Site:
    """A release in a namespace that denies all traffic by default, its Redis, its clients, and strangers."""

    release: Release
    said: str  # output of installing it with the commands in the chart's README
    redis: Namespace
    service: Place  # one of its pods
    neighbour: Place  # a pod of another application in the release's namespace
    client: Place  # named in networkPolicy.clients
    stranger: Place  # in the client's namespace, but not named
    scrapers: Namespace

    @property
    def address(self) -> str:
        return service_address(self.release.namespace, FULL_NAME)


def named(namespace: Namespace, **labels: str) -> dict[str, Any]:
    """A peer of a NetworkPolicy: the pods of a namespace that have these labels."""
    found = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace.name}}}
    return found | ({"podSelector": {"matchLabels": labels}} if labels else {})


@pytest.fixture(scope="module")
def site(cluster: Cluster, loaded: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with (
        cluster.namespace("policies") as ours,
        cluster.namespace("policies-redis") as redis,
        cluster.namespace("policies-clients") as clients,
        cluster.namespace("policies-monitoring") as monitoring,
    ):
        folder = tmp_path_factory.mktemp("readme")
        (folder / "ca.crt").write_text(start_redis_with_tls(redis, folder))
        ours.apply(DENY_ALL)
        release = Release(ours, loaded)
        values = {
            "config": UNLIMITED,
            "autoscaling": {"enabled": False},
            "replicaCount": 1,
            "networkPolicy": {"clients": [named(clients, **CLIENT)], "scrapers": [named(monitoring)]},
            "serviceMonitor": {"enabled": True},
            "prometheusRule": {"enabled": True},
        }
        (block,) = commands("charts/nedc-bench/README.md")
        given = {"NAMESPACE": ours.name, "REDIS_NAMESPACE": redis.name, "PASSWORD": "secret"}
        said = Shell(folder, release.values | values).run(block, **given)
        (pod,) = release.await_ready(1)
        yield Site(
            release,
            said,
            redis,
            Place(ours, pod.metadata.name),
            Place.start(ours, loaded, "neighbour"),
            Place.start(clients, loaded, "client", **CLIENT),
            Place.start(clients, loaded, "stranger"),
            monitoring,
        )


def _secret(name: str, key: str, text: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {key: text}}


def test_the_readmes_words_install_it_and_the_probe_passes_where_all_is_denied_by_default(site: Site) -> None:
    """The figures also went through Redis in another namespace, over TLS with a private CA."""
    assert "probe passed: every figure is the original's" in site.said


def test_a_redis_whose_certificate_another_ca_signed_is_refused(
    cluster: Cluster, site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with cluster.namespace("policies-other-ca") as namespace:
        namespace.apply(_secret("redis-ca", "ca.crt", make_authority(tmp_path_factory.mktemp("other"))))
        release = Release(namespace, site.release.image)
        url = f"rediss://:secret@redis.{site.redis.name}.svc:6379/0"
        release.install(
            {
                "redis": {"url": url, "caSecret": "redis-ca"},
                "networkPolicy": {"redis": [named(site.redis)], "redisPorts": [6380]},
                "autoscaling": {"enabled": False},
                "replicaCount": 1,
            }
        )

        def refused() -> bool:
            answer = release.get("/api/v1/ready", release.pods[0].metadata.name)
            return answer.status_code == 503 and "its certificate is not trusted" in answer.text

        until(refused, "the service says why it does not use Redis")


def test_named_clients_call_and_others_do_not(site: Site) -> None:
    until(lambda: site.client.reaches(site.address, 80), "the client reaches the service")
    assert not site.stranger.reaches(site.address, 80)
    assert not site.neighbour.reaches(site.address, 80)
    assert not site.stranger.reaches(site.service.address, 8000)


def test_the_service_reaches_dns_and_redis_and_nothing_else(site: Site) -> None:
    cluster = site.release.namespace.cluster
    system = Namespace(cluster, "kube-system")
    (dns, *_) = [pod.status.pod_ip for pod in system.pods("k8s-app=kube-dns")]
    api_server = service_address(Namespace(cluster, "default"), "kubernetes")
    (redis,) = [pod.status.pod_ip for pod in site.redis.pods("app=redis")]
    assert site.service.resolves(f"redis.{site.redis.name}.svc")
    until(lambda: site.service.reaches(redis, 6380), "the service reaches Redis")
    for place in ((api_server, 443), (site.client.address, 9000), (dns, 8080)):
        until(partial(site.stranger.reaches, *place), f"{place} is there")
        assert not site.service.reaches(*place), place


def test_redis_is_not_reached_by_the_probe(site: Site) -> None:
    labels = {
        "app.kubernetes.io/name": "nedc-bench",
        "app.kubernetes.io/instance": "nedc",
        "app.kubernetes.io/component": "probe",
    }
    probe = Place.start(site.release.namespace, site.release.image, "probe", **labels)
    (redis,) = [pod.status.pod_ip for pod in site.redis.pods("app=redis")]
    until(lambda: probe.reaches(site.address, 80), "the probe reaches the service")
    assert not probe.reaches(redis, 6380)
    assert not site.client.reaches(probe.address, 9000)


@pytest.fixture(scope="module")
def prometheus(site: Site) -> Prometheus:
    """A Prometheus run by the operator, in the namespace of the scrapers."""
    return operated_prometheus(site.scrapers, site.release.namespace)


def test_the_operators_prometheus_scrapes_the_pods(site: Site, prometheus: Prometheus) -> None:
    def up() -> dict[str, str]:
        found = prometheus.query('up{job="nedc-bench-api"}')
        return {sample["metric"]["pod"]: sample["value"][1] for sample in found}

    until(lambda: up() == {site.service.pod: "1"}, "the pod is scraped")


def test_the_operators_prometheus_loads_every_rule(site: Site, prometheus: Prometheus) -> None:
    listing = site.release.namespace.kubectl("get", "prometheusrules", "--output=yaml")
    expected = {
        rule.get("alert", rule.get("record"))
        for item in yaml.safe_load(listing)["items"]
        for group in item["spec"]["groups"]
        for rule in group["rules"]
    }

    def loaded() -> dict[str, str]:
        rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
        return {rule["name"]: rule["health"] for rule in rules}

    assert expected
    until(lambda: loaded() == dict.fromkeys(expected, "ok"), "every rule is loaded and evaluated")


def test_without_named_clients_everybody_calls_and_the_pods_reach_dns_alone(
    cluster: Cluster, loaded: str, site: Site
) -> None:
    with cluster.namespace("policies-standalone") as namespace:
        release = Release(namespace, loaded)
        release.install({})
        (pod,) = release.await_ready(1)
        address = service_address(namespace, FULL_NAME)
        for place in (site.client, site.stranger):
            until(partial(place.reaches, address, 80), f"{place.pod} reaches the service")
        service = Place(namespace, pod.metadata.name)
        assert service.resolves("kubernetes.default.svc")
        (redis,) = [pod.status.pod_ip for pod in site.redis.pods("app=redis")]
        assert not service.reaches(redis, 6380)
        assert not service.reaches(site.client.address, 9000)
