"""docs/runbook.md, followed on call: each alert's commands run exactly as written, on a service with the fault.

Their output must show a symptom in the exact words of the section's table. `monitoring/tests` proves that the
alerts fire; NedcBenchRedisDown also fires for real (test_outages.py).
"""

from __future__ import annotations

import os
import re
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from e2e.cluster.faults import Faults
from e2e.cluster.release import FULL_NAME, Release
from e2e.gitops.images import BROKEN, build_variant
from e2e.kube import HELM_TIMEOUT, PROJECT, Cluster, load_image, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1500)]

_ALERTS = (PROJECT / "docs/runbook.md").read_text().partition("\n## Alerts\n")[2].partition("\n## ")[0]
SECTIONS = dict(section.split("\n", 1) for section in re.split(r"(?m)^### ", _ALERTS)[1:])


def commands(alert: str) -> str:
    (block,) = re.findall(r"(?ms)^<!-- run: look -->\n```sh\n(.*?)^```", SECTIONS[alert])
    return str(block)


def look(release: Release, alert: str, *, strictly: bool = False) -> str:
    """The output of an alert's commands, pasted into a shell; ``strictly``: none of them may fail."""
    block = commands(alert)
    done = subprocess.run(
        ["bash", "-euo" if strictly else "-uo", "pipefail", "-c", block],
        env=os.environ | {"NAMESPACE": release.namespace.name, "SERVICE": FULL_NAME},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    assert not strictly or done.returncode == 0, f"{block}\n{done.stdout}"
    return done.stdout


def shows(release: Release, alert: str, symptom: str) -> None:
    """Wait until the alert's commands show a symptom, which the section's table must list."""
    _, table, _ = re.split(r"(?m)^- \*\*(?:Decide and fix|Fixed when)\*\*", SECTIONS[alert])
    assert f"`{symptom}" in table, f"{alert} does not name {symptom!r}"
    pattern = ".*".join(r"\s+".join(map(re.escape, piece.split())) for piece in symptom.split("..."))
    seen = ""

    def found() -> bool:
        nonlocal seen
        seen = look(release, alert)
        return re.search(pattern, seen) is not None

    try:
        until(found, f"{alert} shows {symptom!r}")
    except AssertionError as error:
        raise AssertionError(f"{error}; the last time it was:\n{seen}") from None


@pytest.fixture(scope="module")
def service(cluster: Cluster, loaded: str) -> Iterator[Release]:
    """Two replicas with a Redis and low limits."""
    with cluster.namespace("runbook") as namespace:
        namespace.start_redis()
        release = Release(namespace, loaded)
        release.install(
            {
                "redis": {"url": namespace.redis_url},
                "autoscaling": {"enabled": False},
                "config": {
                    "maxWorkers": 1,
                    "rateLimit": "1000000/minute",
                    "statusRateLimit": "60/minute",
                },
                "resources": {"requests": {"cpu": "50m"}},
                "serviceMonitor": {"enabled": True},
            }
        )
        release.await_ready(2)
        yield release


@pytest.fixture(scope="module")
def faults(service: Release) -> Faults:
    return Faults(service)


@pytest.mark.parametrize("alert", SECTIONS)
def test_where_all_is_well_no_command_fails_and_doctor_finds_nothing(service: Release, alert: str) -> None:
    said = look(service, alert, strictly=True)
    assert "FAIL" not in said
    if "nedc-bench doctor" in commands(alert):
        assert re.search(r"(?m)^service +ok +ready$", said)
        assert re.search(r"(?m)^redis +ok .* takes a write in \d+ ms$", said)
        assert re.search(r"(?m)^self-check +ok ", said)
    if alert == "NedcBenchAbsent":
        assert f"servicemonitor.monitoring.coreos.com/{FULL_NAME}" in said


Fault = Callable[[Faults], AbstractContextManager[None]]
SYMPTOMS: list[tuple[Fault, list[tuple[str, str]]]] = [
    (
        Faults.redis_stopped,
        [
            ("NedcBenchRedisDown", "redis FAIL ... the connection is refused"),
            ("NedcBenchErrorBudgetBurn", "redis FAIL"),
            ("NedcBenchRateLimiterOpen", "redis FAIL"),
            ("NedcBenchDown", "redis FAIL"),
        ],
    ),
    (
        Faults.redis_has_another_password,
        [
            ("NedcBenchRedisDown", "it needs a password, and REDIS_URL has none"),
            ("NedcBenchReplicaWithoutRedis", "it needs a password, and REDIS_URL has none"),
        ],
    ),
    (Faults.redis_nearly_full, [("NedcBenchRedisFull", "redis FAIL uses")]),
    (Faults.redis_full, [("NedcBenchRedisDown", "it is full (maxmemory)")]),
    (Faults.cache_overwritten, [("NedcBenchCacheCorrupt", "damaged cache entry")]),
    (Faults.workers_killed, [("NedcBenchWorkersDying", "worker process replaced")]),
    (
        Faults.busy,
        [
            ("NedcBenchLatencyBudgetBurn", "cpu note the CPU limit held it up"),
            ("NedcBenchEventLoopLag", "cpu note the CPU limit held it up"),
        ],
    ),
    (Faults.workers_frozen, [("NedcBenchQueueSlow", "workers ok"), ("NedcBenchQueueSlow", "queue note")]),
    (Faults.impatient_client, [("NedcBenchRateLimitStorm", "caller")]),
    (Faults.memory_used_up, [("NedcBenchMemoryTight", "memory note")]),
    (Faults.out_of_memory, [("NedcBenchRestarting", "OOMKilled")]),
]


@pytest.mark.parametrize(("fault", "symptoms"), SYMPTOMS, ids=[fault.__name__ for fault, _ in SYMPTOMS])
def test_the_commands_show_the_fault_in_the_sections_words(
    service: Release, faults: Faults, fault: Fault, symptoms: list[tuple[str, str]]
) -> None:
    with fault(faults):
        for alert, symptom in symptoms:
            shows(service, alert, symptom)
    service.await_ready(2, "the fault is over")


@contextmanager
def rolled_out(release: Release, *words: str) -> Iterator[None]:
    """A change to the Deployment, undone after the block."""
    release.namespace.kubectl(*words)
    yield
    release.namespace.kubectl("rollout", "undo", f"deployment/{FULL_NAME}")


def test_a_refused_setting(service: Release) -> None:
    with rolled_out(service, "set", "env", f"deployment/{FULL_NAME}", "RATE_LIMIT=many"):
        shows(service, "NedcBenchDown", "error:")
        shows(service, "NedcBenchRestarting", "Exit Code: 2")
    service.await_ready(2)


def test_pairs_that_take_longer_than_they_may(service: Release, faults: Faults) -> None:
    with rolled_out(service, "set", "env", f"deployment/{FULL_NAME}", "EVALUATION_TIMEOUT_SECONDS=0.1"):
        service.namespace.kubectl("rollout", "status", f"deployment/{FULL_NAME}", f"--timeout={HELM_TIMEOUT}")
        faults.fail_for_its_time()
        shows(service, "NedcBenchEvaluationsFailing", "it took longer than ... s")
        shows(service, "NedcBenchWorkersDying", "worker process replaced")
    service.await_ready(2)


def test_a_replica_for_which_no_node_has_room(service: Release) -> None:
    large = ("--requests=cpu=900", "--limits=cpu=900")
    with rolled_out(service, "set", "resources", f"deployment/{FULL_NAME}", *large):
        shows(service, "NedcBenchReplicaDown", "Pending")
        shows(service, "NedcBenchReplicaDown", "FailedScheduling")
        shows(service, "NedcBenchDown", "Pending")
    service.await_ready(2)


def test_an_image_that_scores_wrongly(service: Release, tmp_path_factory: pytest.TempPathFactory) -> None:
    wrong = build_variant(service.image, tmp_path_factory.mktemp("wrong"), f"wrong-{uuid.uuid4().hex[:8]}", BROKEN)
    load_image(wrong)
    with rolled_out(service, "set", "image", f"deployment/{FULL_NAME}", f"*={wrong}"):
        shows(service, "NedcBenchParityFailure", "self-check FAIL")
    service.await_ready(2)


def test_no_pods(service: Release) -> None:
    service.namespace.kubectl("scale", f"deployment/{FULL_NAME}", "--replicas=0")
    shows(service, "NedcBenchDown", "No resources found")
    service.namespace.kubectl("scale", f"deployment/{FULL_NAME}", "--replicas=2")
    service.await_ready(2)


def test_a_lost_service_monitor(service: Release) -> None:
    service.namespace.kubectl("delete", "servicemonitor", FULL_NAME)
    assert "pods, but no ServiceMonitor" in SECTIONS["NedcBenchAbsent"]
    said = look(service, "NedcBenchAbsent")
    assert f"pod/{FULL_NAME}" in said
    assert "servicemonitor.monitoring.coreos.com/" not in said
