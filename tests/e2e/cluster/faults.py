"""Faults that a person on call meets; each is injected for real into a release with Redis, then removed."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from e2e.cluster.release import SERVICE_PROCESS, Release
from e2e.kube import HELM_TIMEOUT, CommandError, until
from evaluating import DAY, small_pair
from helpers import annotation
from nedc_bench.execution import PairInput

SLOW = b'version = "param_v1.0.0"\n[NEDC_DPALIGN]\npenalty_sub = "1.5"\n'  # makes dp use its plain, slow table
# A fork server, which is a child of the service, forks the workers.
SIGNAL_WORKERS = """
read service < /proc/1/task/1/children
for child in $(cat /proc/$service/task/*/children); do
    for worker in $(cat /proc/$child/task/*/children); do kill -$0 $worker; done
done
"""
JOBS = 20  # more than two replicas run at once
FILLER = 32 << 20  # bytes in Redis, large beside the memory of its clients
MARGIN = 1.05
TIGHT = 0.91  # of a container's memory; leaves doctor enough to report it

# Takes memory that no process owns, so that the kernel kills the service; or takes most of it, and waits.
TAKE = """
import os, select, sys
from nedc_bench.monitoring.cgroup import read_cgroup
share = float(sys.argv[1])
if share > 1:
    with open(f"/proc/{sys.argv[2].split()[0]}/oom_score_adj", "w") as file:
        file.write("1000")
file = os.memfd_create("taken")
while True:
    while (found := read_cgroup()).memory < share * found.memory_limit:
        os.write(file, bytes(2**20))
    if select.select([sys.stdin], [], [], 0.1)[0]:
        break
"""


@dataclass(frozen=True)
class Faults:
    """The faults of a release; each lasts as long as its block."""

    release: Release

    # -- Redis

    def redis_cli(self, *words: str) -> str:
        return self.release.namespace.kubectl("exec", "deployment/redis", "--", "redis-cli", *words)

    @contextmanager
    def redis_stopped(self) -> Iterator[None]:
        kubectl = self.release.namespace.kubectl
        kubectl("scale", "deployment/redis", "--replicas=0")
        kubectl("wait", "pod", "--selector=app=redis", "--for=delete", f"--timeout={HELM_TIMEOUT}")
        yield
        kubectl("scale", "deployment/redis", "--replicas=1")
        kubectl("rollout", "status", "deployment/redis", f"--timeout={HELM_TIMEOUT}")

    @contextmanager
    def redis_has_another_password(self) -> Iterator[None]:
        self.redis_cli("CONFIG", "SET", "requirepass", "another")
        try:
            yield
        finally:
            self.redis_cli("-a", "another", "CONFIG", "SET", "requirepass", "")

    @contextmanager
    def redis_nearly_full(self) -> Iterator[None]:
        self.redis_cli("SETRANGE", "filler", str(FILLER), "x")
        used = int(self._memory("used_memory"))
        with self._maxmemory(round(MARGIN * used)):
            yield
        self.redis_cli("DEL", "filler")

    @contextmanager
    def redis_full(self) -> Iterator[None]:
        with self._maxmemory(1 << 20):
            yield

    @contextmanager
    def _maxmemory(self, size: int) -> Iterator[None]:
        self.redis_cli("CONFIG", "SET", "maxmemory-policy", "noeviction")
        self.redis_cli("CONFIG", "SET", "maxmemory", str(size))
        yield
        self.redis_cli("CONFIG", "SET", "maxmemory", "0")

    def _memory(self, name: str) -> str:
        lines = self.redis_cli("INFO", "memory").split()
        return next(line.partition(":")[2] for line in lines if line.startswith(f"{name}:"))

    @contextmanager
    def cache_overwritten(self) -> Iterator[None]:
        pair = small_pair(name=uuid.uuid4().hex)
        self._evaluate(pair)
        for key in self.redis_cli("--scan", "--pattern", "nedc:v1:*").split():
            if self.redis_cli("TYPE", key).strip() == "string":
                self.redis_cli("SETRANGE", key, "0", "theirs")
        self._evaluate(pair)
        yield

    # -- work

    def _post(self, pair: PairInput, parameters: bytes = b"") -> str:
        """Submit a pair. Returns the id of the job."""
        files = [("reference", ("ref", pair.reference)), ("hypothesis", ("hyp", pair.hypothesis))]
        if parameters:
            files.append(("parameters", ("p.toml", parameters)))
        accepted = self.release.post(files, algorithms="dp")
        assert accepted.status_code == 202, accepted.text
        return str(accepted.json()["job_id"])

    def _evaluate(self, pair: PairInput, parameters: bytes = b"") -> str:
        """Submit a pair. Returns the final status of its job."""
        path = f"/api/v1/evaluate/{self._post(pair, parameters)}"
        status = ""

        def ended() -> bool:
            nonlocal status
            status = self.release.get(path).json().get("status", "")
            return status in {"completed", "failed"}

        until(ended, "the job has ended")
        return status

    @contextmanager
    def workers_killed(self) -> Iterator[None]:
        self._signal_workers("KILL")
        yield

    @contextmanager
    def workers_frozen(self) -> Iterator[None]:
        self._signal_workers("STOP")
        with self.busy():
            yield
            self._signal_workers("CONT")

    def _signal_workers(self, name: str) -> None:
        for pod in self.release.pods:
            self.release.namespace.exec(pod.metadata.name, "sh", "-c", SIGNAL_WORKERS, name)

    def fail_for_its_time(self) -> None:
        """Let a job fail because its pair times out; tried again, since a terminating pod has another limit."""
        until(lambda: self._evaluate(_large_pair(), parameters=SLOW) == "failed", "a job fails")

    @contextmanager
    def busy(self) -> Iterator[None]:
        jobs = [self._post(_large_pair(), parameters=SLOW) for _ in range(JOBS)]
        yield
        for job in jobs:
            self.release.namespace.cluster.http.delete(self._url(f"/api/v1/evaluate/{job}"))

    def _url(self, path: str) -> str:
        return self.release.namespace.url("services", "nedc-nedc-bench", 80, path)

    @contextmanager
    def impatient_client(self) -> Iterator[None]:
        until(lambda: self.release.get("/api/v1/evaluate").status_code == 429, "a request is refused")
        yield

    # -- memory

    @contextmanager
    def memory_used_up(self) -> Iterator[None]:
        """A command in a pod holds the memory until its standard input is closed."""
        pod = self.release.pods[0].metadata.name
        words = ["kubectl", "--namespace", self.release.namespace.name, "exec", "--stdin", pod, "--"]
        with subprocess.Popen([*words, "python", "-c", TAKE, str(TIGHT), "-"], stdin=subprocess.PIPE) as holding:
            yield
            assert holding.stdin is not None
            holding.stdin.close()

    @contextmanager
    def out_of_memory(self) -> Iterator[None]:
        (pod, *_) = self.release.pods
        with suppress(CommandError):  # it ends with the container
            script = f'exec python -c "$0" 2 "{SERVICE_PROCESS}"'
            self.release.namespace.exec(pod.metadata.name, "sh", "-c", script, TAKE)
        yield


def _large_pair() -> PairInput:
    """A pair that keeps a worker busy for seconds: nearly the maximum number of table cells."""
    mark = f"\n# pair = {uuid.uuid4().hex}\n"
    sides = [
        annotation(
            *((10.0 * number + shift, 10.0 * number + shift + 2.0, "seiz") for number in range(4900)), duration=DAY
        )
        for shift in (1.0, 2.0)
    ]
    reference, hypothesis = (side.replace("\n", mark, 1).encode() for side in sides)
    return PairInput.of(reference, "large-ref", hypothesis, "large-hyp")
