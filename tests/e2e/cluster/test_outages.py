"""Redis, processes and pods are killed, and pods evicted, while jobs run: no accepted job is lost."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException
from prometheus_client.parser import text_string_to_metric_families

from e2e.cluster.prometheus import Prometheus
from e2e.cluster.release import SERVICE_PROCESS, Release, is_ready, load, restarts
from e2e.kube import CommandError, Namespace, until
from evaluating import UNEVEN, asking, day_pair, expected_document

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1500)]

JOBS = 10
PAIRS = 12  # keep a worker busy for about a second
LONG_PAIR = day_pair(2000)
PARAMETERS = b"""
version = "param_v1.0.0"
[NEDC_DPALIGN]
penalty_sub = "1.5"
"""

# Fills the container's memory with pages that no process owns, so that the kernel kills the service, not this process.
EAT = """
import os, sys
with open(f"/proc/{sys.argv[1].split()[0]}/oom_score_adj", "w") as file:
    file.write("1000")
file = os.memfd_create("eaten")
while True:
    os.write(file, bytes(2**20))
"""


def redis_pod(namespace: Namespace) -> str:
    (pod,) = namespace.pods("app=redis")
    return str(pod.metadata.name)


def test_redis_killed_under_load_is_no_failure_and_an_alert(release: Release, prometheus: Prometheus) -> None:
    pods = {pod.metadata.name for pod in release.pods}
    redis, exec_ = redis_pod(release.namespace), release.namespace.exec
    until(lambda: prometheus.alert_state("NedcBenchRedisDown") == "inactive", "no alert at first")
    with load(release, "--waits") as found:
        exec_(redis, "sh", "-c", "touch /data/hold && kill -9 $(pidof redis-server)")
        until(lambda: prometheus.alert_state("NedcBenchRedisDown") != "inactive", "the alert's expression is true")
        assert {pod.metadata.name for pod in release.pods if is_ready(pod)} == pods
        exec_(redis, "rm", "/data/hold")
        until(lambda: len(prometheus.query("nedc_redis_up == 1")) == 2, "Redis is back")
    until(lambda: prometheus.alert_state("NedcBenchRedisDown") == "inactive", "the alert has gone")
    found.assert_no_failure()
    assert {pod.metadata.name for pod in release.pods} == pods
    assert restarts(release.pods) == 0


def long_job() -> list[tuple[str, tuple[str, bytes]]]:
    """The parts of an uncached request that keeps a worker busy for about a second."""
    parts = [("parameters", ("uneven.toml", PARAMETERS))]
    for number in range(PAIRS):
        mark = f"\n# pair = {uuid.uuid4().hex}\n".encode()
        reference = LONG_PAIR.reference.replace(b"\n", mark, 1)
        parts.append(("reference", (f"ref{number}.csv_bi", reference)))
        parts.append(("hypothesis", (f"hyp{number}.csv_bi", LONG_PAIR.hypothesis)))
    return parts


def active(release: Release, pod: str) -> float:
    """The number of evaluations that run in a pod."""
    families = text_string_to_metric_families(release.get("/metrics", pod).text)
    return next(family.samples[0].value for family in families if family.name == "nedc_active_evaluations")


def total(release: Release, status: str) -> int:
    return int(release.get(f"/api/v1/evaluate?limit=1&status={status}").json()["total"])


def kill(release: Release, pod: str) -> None:
    release.namespace.exec(pod, "sh", "-c", f"kill -KILL {SERVICE_PROCESS}")


def use_up_memory(release: Release, pod: str) -> None:
    """Make the kernel kill the service for lack of memory; this command ends with it."""
    with pytest.raises(CommandError):
        release.namespace.exec(pod, "sh", "-c", f'exec python -c "$0" "{SERVICE_PROCESS}"', EAT)


@pytest.mark.parametrize(
    ("fault", "reason"), [(kill, "Error"), (use_up_memory, "OOMKilled")], ids=["SIGKILL", "out of memory"]
)
def test_accepted_jobs_complete_once_though_a_pod_is_killed(
    release: Release, fault: Callable[[Release, str], None], reason: str
) -> None:
    figures = expected_document([LONG_PAIR] * PAIRS, asking(UNEVEN, ("dp",)))["algorithms"]
    ended_before = {status: total(release, status) for status in ("completed", "failed")}
    before = {pod.metadata.name: restarts([pod]) for pod in release.pods}
    accepted = [release.post(long_job(), algorithms="dp") for _ in range(JOBS)]
    assert {answer.status_code for answer in accepted} == {202}
    jobs = [answer.json()["job_id"] for answer in accepted]
    victim = until(
        lambda: next((pod.metadata.name for pod in release.pods if active(release, pod.metadata.name)), ""),
        "a pod is at work",
    )
    fault(release, victim)

    def killed(pods: list[Any]) -> Any:
        (pod,) = [pod for pod in pods if pod.metadata.name == victim]
        return pod.status.container_statuses[0].last_state.terminated if restarts([pod]) > before[victim] else None

    core = release.namespace.cluster.core
    assert release.namespace.awaited(core.list_namespaced_pod, killed, "the container has ended").reason == reason
    until(lambda: total(release, "completed") == ended_before["completed"] + JOBS, "every job has completed")
    ended = [release.get(f"/api/v1/evaluate/{job}").json() for job in jobs]
    assert [(job["status"], job["result"]["algorithms"] == figures) for job in ended] == [("completed", True)] * JOBS
    after = {pod.metadata.name: restarts([pod]) for pod in release.await_ready(2)}
    assert after == before | {victim: before[victim] + 1}
    assert total(release, "failed") == ended_before["failed"]
    assert total(release, "completed") == ended_before["completed"] + JOBS


def evict(release: Release, pod: str) -> int:
    """Evict a pod, as a drain does. Returns the HTTP status."""
    body = {"metadata": {"name": pod}}
    try:
        release.namespace.cluster.core.create_namespaced_pod_eviction(pod, release.namespace.name, body)
    except ApiException as error:
        return int(error.status)
    return 201


def test_evictions_leave_a_replica_and_lose_no_request(release: Release) -> None:
    first, second = (pod.metadata.name for pod in release.await_ready(2))
    with load(release) as found:
        assert evict(release, first) == 201
        assert evict(release, second) == 429
        release.await_ready(2, "the first has been replaced")
        until(lambda: evict(release, second) == 201, "the second may leave, too")
        release.await_ready(2, "both have been replaced")
    assert not {pod.metadata.name for pod in release.pods} & {first, second}
    found.assert_no_failure()
