"""The compose stack for the tests: a separate project, started by `make compose-up` as a user would.

It differs from a user's stack in its ports, rate limits and Prometheus intervals: an alert that waits for minutes there
fires here within seconds. From the caller's environment it gets only what Docker needs, and no .env.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import uuid
from pathlib import Path
from typing import Any

import httpx
import yaml

from e2e.kube import command

PROJECT = Path(__file__).parents[3]
OVERRIDE = "tests/e2e/compose/override.yml"
PORTS = {"api": 8000, "prometheus": 9090, "alertmanager": 9093}
CALLERS = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")
QUICK, SOON = "1s", "2s"


class Stack:
    """A running stack.

    Attributes:
        environment: makes ``docker compose`` use this stack.
        said: the output of ``make compose-up``.
    """

    def __init__(self, image: str, folder: Path) -> None:
        self.project = f"nedc-bench-test-{uuid.uuid4().hex[:8]}"
        write_quick_monitoring(folder)
        ports = {f"{service.upper()}_PORT": str(port) for service, port in zip(PORTS, _free_ports(), strict=True)}
        self.environment = {name: os.environ[name] for name in CALLERS if name in os.environ} | {
            "COMPOSE_PROJECT_NAME": self.project,
            "COMPOSE_FILE": f"docker-compose.yml:{OVERRIDE}",
            "COMPOSE_PROFILES": "alertmanager",
            "COMPOSE_DISABLE_ENV_FILE": "true",
            "IMAGE": image,
            "TEST_MONITORING": str(folder),
            "RATE_LIMIT": "1000000/minute",
            "STATUS_RATE_LIMIT": "1000000/minute",
            **ports,
        }
        self.said = ""

    def up(self) -> None:
        self.said = self.run("make", "compose-up")

    def down(self) -> None:
        self.compose("--profile", "*", "down", "--volumes", "--timeout", "60")

    def compose(self, *words: str) -> str:
        """The output of ``docker compose``."""
        return self.run("docker", "compose", *words)

    def run(self, *words: str) -> str:
        """The output of a command that is run for this stack.

        Raises:
            AssertionError: the command failed.
        """
        done = subprocess.run(
            words, cwd=PROJECT, env=self.environment, capture_output=True, text=True, check=False, timeout=600
        )
        assert done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.environment[f'{service.upper()}_PORT']}"

    def inspect(self, service: str) -> dict[str, Any]:
        """The output of ``docker inspect`` for a service's container."""
        identifier = self.compose("ps", "--all", "--quiet", service).strip()
        (found,) = json.loads(command("docker", "inspect", identifier))
        container: dict[str, Any] = found
        return container

    def healthy(self, service: str) -> bool:
        state = self.inspect(service)["State"]
        return bool(state["Running"] and state["Health"]["Status"] == "healthy")

    def crash(self, service: str) -> None:
        """Kill a service's first process from outside, so that Docker sees a crash."""
        pid = str(self.inspect(service)["State"]["Pid"])
        command(
            "docker", "run", "--rm", "--pid", "host", "--entrypoint", "sh", "redis:7-alpine", "-c", f"kill -9 {pid}"
        )

    def has_returned(self, service: str, restarts: int) -> bool:
        """Whether a service has had more than ``restarts`` restarts, and is healthy."""
        return self.inspect(service)["RestartCount"] > restarts and self.healthy(service)

    def memory(self, service: str) -> float:
        """The memory that a service uses, in MiB, from its cgroup."""
        identifier = self.inspect(service)["Id"]
        used = command("docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", identifier).split("/")[0].strip()
        return float(used.removesuffix("MiB"))

    def query(self, expression: str) -> float:
        """The single value of a Prometheus expression; 0 if there is none."""
        answer = httpx.get(f"{self.url('prometheus')}/api/v1/query", params={"query": expression}).json()
        result = answer["data"]["result"]
        return float(result[0]["value"][1]) if result else 0.0

    def leftovers(self) -> list[str]:
        """The containers, volumes and networks that belong to the stack."""
        label = f"label=com.docker.compose.project={self.project}"
        kinds = (("ps", "--all"), ("volume", "ls"), ("network", "ls"))
        return [name for kind in kinds for name in command("docker", *kind, "--quiet", "--filter", label).split()]


def write_quick_monitoring(folder: Path) -> None:
    """Copies of Prometheus' configuration and rules with short times."""
    (folder / "rules").mkdir()
    configuration = yaml.safe_load((PROJECT / "monitoring/prometheus.yml").read_text())
    configuration["global"] = dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), QUICK)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    for file in (PROJECT / "monitoring/rules").glob("*.yml"):
        document = yaml.safe_load(file.read_text())
        for group in document["groups"]:
            group.pop("interval", None)
            for rule in group["rules"]:
                if "for" in rule:
                    rule["for"] = SOON
        (folder / "rules" / file.name).write_text(yaml.safe_dump(document))


def _free_ports() -> list[int]:
    """Free ports, as many as the stack publishes."""
    sockets = [socket.socket() for _ in PORTS]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
