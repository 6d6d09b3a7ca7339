"""A real Prometheus for tests, with our rules, that scrapes and evaluates each second."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from helpers import WAIT_SECONDS, until
from monitoring.files import FOLDER, RULE_FILES
from redis_server import free_port


class PrometheusServer:
    """A ``prometheus`` of ours, with monitoring/prometheus.yml but for its intervals, targets and Alertmanager.

    Args:
        folder: where its files go.
        target: host and port of what it scrapes as job ``nedc-bench-api``.
    """

    def __init__(self, folder: Path, target: str) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{free_port()}"
        config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
        config["global"] = dict.fromkeys(config["global"], "1s")
        del config["alerting"]
        for scraped, address in zip(config["scrape_configs"], (target, self.url.removeprefix("http://")), strict=True):
            scraped["static_configs"][0]["targets"] = [address]
        (folder / "rules").mkdir(parents=True)
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        for path in RULE_FILES:
            groups = yaml.safe_load(path.read_text())["groups"]
            for group in groups:
                group.pop("interval", None)
            (folder / "rules" / path.name).write_text(yaml.safe_dump({"groups": groups}))

    def __enter__(self) -> Self:
        program = shutil.which("prometheus")
        assert program is not None, "these tests need Prometheus: apt-get install prometheus"
        options = {"config.file": "prometheus.yml", "storage.tsdb.path": "data", "web.listen-address": self.url[7:]}
        command = [program, "--log.level=warn", *(f"--{name}={value}" for name, value in options.items())]
        self._log = (self.folder / "log").open("wb")
        self._process = subprocess.Popen(command, cwd=self.folder, stdout=self._log, stderr=self._log)
        self._client = httpx.Client(base_url=self.url, timeout=WAIT_SECONDS)
        self.started = time.time()
        self.wait_for(self._ready)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.close()
        self._process.kill()
        self._process.wait()
        self._log.close()

    def wait_for(self, check: Callable[[], object]) -> None:
        """Wait until ``check`` gives something true."""

        def living() -> object:
            assert self._process.poll() is None, (self.folder / "log").read_text()
            return check()

        until(living)

    def ask(self, path: str, **parameters: str | float) -> Any:
        """The data of an answer of the HTTP API."""
        answer = self._client.get(f"/api/v1/{path}", params=parameters).json()
        assert answer["status"] == "success", (answer, parameters)
        return answer["data"]

    def values(self, expression: str) -> list[float]:
        """The values of an instant query, now."""
        return [float(found["value"][1]) for found in self.ask("query", query=expression)["result"]]

    def range(self, expression: str) -> list[float]:
        """All values of a range query over the time since the start, each second."""
        found = self.ask("query_range", query=expression, start=self.started, end=time.time(), step=1)["result"]
        return [float(value) for series in found for _, value in series["values"]]

    def _ready(self) -> bool:
        try:
            return self._client.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False
