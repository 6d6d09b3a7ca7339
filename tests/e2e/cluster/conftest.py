"""The tests' installations, each in its own namespace, which enforces Pod Security ``restricted``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.cluster.prometheus import Prometheus, start_prometheus
from e2e.cluster.release import UNLIMITED, Release
from e2e.kube import PROMETHEUS_IMAGE, REDIS_IMAGE, Cluster, Namespace, load_image


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    connection = Cluster()
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def loaded(image: str) -> str:
    """The image, loaded on the cluster's nodes with those of Redis and Prometheus."""
    for name in (image, REDIS_IMAGE, PROMETHEUS_IMAGE):
        load_image(name)
    return image


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[Namespace]:
    with cluster.namespace("cluster") as made:
        yield made


@pytest.fixture(scope="session")
def release_without_redis(cluster: Cluster, loaded: str) -> Iterator[Release]:
    """Two replicas, installed before their Redis exists."""
    with cluster.namespace("cluster-redis") as made:
        release = Release(made, loaded)
        release.install(
            {
                "redis": {"url": made.redis_url},
                "config": UNLIMITED,
                "autoscaling": {"maxReplicas": 2},
                "dashboards": {"enabled": True},
                "prometheusRule": {"enabled": True},
                "serviceMonitor": {"enabled": True},
            }
        )
        yield release


@pytest.fixture(scope="session")
def release(release_without_redis: Release) -> Release:
    """The same with Redis, ready; shared by the tests, which must leave it ready."""
    release_without_redis.namespace.start_redis()
    release_without_redis.await_ready(2, "both replicas are ready once Redis is there")
    return release_without_redis


@pytest.fixture(scope="session")
def prometheus(release: Release) -> Prometheus:
    """A Prometheus that follows the release's ServiceMonitor and PrometheusRules."""
    return start_prometheus(release.namespace)
