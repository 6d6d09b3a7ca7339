"""The compose stack from up to down: healthy, correct, durable, monitored. Tests run in order, on one stack."""

from __future__ import annotations

import json
import re
import shlex
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from corpora import DATA, Corpus, in_golden_names
from e2e.compose.stack import PROJECT, Stack
from e2e.kube import command, until
from e2e.load import Load, distinct

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1200)]

EXAMPLE = Corpus(DATA / "chb-mit")
ALERT = "NedcBenchRedisDown"
BLOCKS = re.findall(r"<!-- run: compose -->\n```sh\n(.*?)```", (PROJECT / "docs/runbook.md").read_text(), re.DOTALL)
(ROLLBACK,) = re.findall(
    r"<!-- run: compose rollback -->\n```sh\n(.*?)```", (PROJECT / "docs/runbook.md").read_text(), re.DOTALL
)
EVALUATIONS, CLIENTS = 1000, 4


def post_example(stack: Stack) -> dict[str, Any]:
    """The finished job of the whole example corpus, sent in one request."""
    files = [
        (side, (Path(str(file)).name, Path(str(file)).read_bytes()))
        for pair in EXAMPLE.pairing.pairs
        for side, file in (("reference", pair.reference), ("hypothesis", pair.hypothesis))
    ]
    answer = httpx.post(f"{stack.url('api')}/api/v1/evaluate", files=files, headers={"Prefer": "wait=60"}, timeout=90)
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()
    assert (job["status"], job["error"]) == ("completed", None)
    return job


def golden(job: dict[str, Any]) -> dict[str, Any]:
    """Those of the job's figures that the golden document has."""
    ours = in_golden_names(job["result"]["algorithms"])
    return {
        algorithm: {key: ours[algorithm].get(key) for key in expected if key != "duration"}
        for algorithm, expected in EXAMPLE.expected.items()
    }


def expected() -> dict[str, Any]:
    return {
        algorithm: {key: value for key, value in content.items() if key != "duration"}
        for algorithm, content in EXAMPLE.expected.items()
    }


def counted(stack: Stack, name: str, **labels: str) -> float:
    """The sum of a metric's samples with these labels, from the service itself."""
    text = httpx.get(f"{stack.url('api')}/metrics", headers={"Accept": "text/plain"}).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def seconds_to_healthy(container: dict[str, Any]) -> float:
    """From the start of a container to the end of its first health check that passed."""
    state = container["State"]
    passed = next(entry["End"] for entry in state["Health"]["Log"] if entry["ExitCode"] == 0)
    begin, end = (
        datetime.fromisoformat(re.sub(r"\.(\d{6})\d*", r".\1", text)) for text in (state["StartedAt"], passed)
    )
    return (end - begin).total_seconds()


def test_all_services_are_healthy(stack: Stack, figures: dict[str, Any]) -> None:
    services = stack.compose("ps", "--services").split()
    assert sorted(services) == ["alertmanager", "api", "prometheus", "redis"]
    assert [service for service in services if not stack.healthy(service)] == []
    figures["start to healthy, api (s)"] = round(seconds_to_healthy(stack.inspect("api")), 1)
    figures["memory at rest, api (MiB)"] = stack.memory("api")
    figures["memory at rest, redis (MiB)"] = stack.memory("redis")


def test_compose_up_prints_the_urls_and_a_curl_that_works(stack: Stack) -> None:
    for service in ("api", "prometheus", "alertmanager"):
        assert re.search(rf"^ *{service} +{re.escape(stack.url(service))}", stack.said, re.MULTILINE), stack.said
    (line,) = re.findall(r"^ *(curl .*)$", stack.said, re.MULTILINE)
    job = json.loads(stack.run(*shlex.split(line), "--silent", "--fail"))
    assert job["status"] == "completed"


def test_the_example_corpus_equals_the_golden_figures(stack: Stack) -> None:
    job = post_example(stack)
    assert len(expected()) == 5
    assert golden(job) == expected()


def test_a_restart_of_the_api_finds_its_cache_in_redis(stack: Stack) -> None:
    stack.compose("restart", "api")
    until(lambda: stack.healthy("api"), "the api is healthy again")
    job = post_example(stack)
    assert job["cached"] is True
    assert golden(job) == expected()


def test_the_runbook_goes_back_to_an_earlier_image_and_keeps_the_jobs(stack: Stack) -> None:
    earlier, later = (f"nedc-bench:test-{uuid.uuid4().hex[:8]}" for _ in range(2))
    image = stack.environment["IMAGE"]
    command("docker", "tag", image, earlier)
    command("docker", "build", "--quiet", "--tag", later, "-", given=f"FROM {image}\nLABEL version=later\n")
    before = command("docker", "inspect", "--format", "{{.Id}}", earlier, later).split()
    try:
        stack.run("make", "compose-up", f"IMAGE={later}")
        assert stack.inspect("api")["Image"] == before[1]
        job = post_example(stack)["job_id"]
        said = stack.run("env", f"EARLIER={earlier.partition(':')[2]}", "sh", "-ec", ROLLBACK)
        assert earlier.partition(":")[2] in said
        assert stack.inspect("api")["Image"] == before[0]
        assert golden(httpx.get(f"{stack.url('api')}/api/v1/evaluate/{job}").json()) == expected()
        assert command("docker", "inspect", "--format", "{{.Id}}", earlier, later).split() == before
    finally:
        stack.compose("up", "--detach", "--wait", "api")
        command("docker", "rmi", earlier, later)


def test_the_container_ends_in_order_when_it_is_asked_to(stack: Stack) -> None:
    stack.compose("stop", "api")
    state = stack.inspect("api")["State"]
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False)
    assert '"event": "ended"' in stack.compose("logs", "--tail", "1", "api")
    stack.compose("start", "api")
    until(lambda: stack.healthy("api"), "the api is healthy again")


def test_prometheus_sees_the_target_and_what_it_counts(stack: Stack) -> None:
    post_example(stack)
    own = counted(stack, "nedc_evaluations_total", status="success")
    assert own >= 1
    until(
        lambda: stack.query('sum(nedc_evaluations_total{job="nedc-bench-api", status="success"})') == own,
        f"Prometheus has counted {own} evaluations",
    )
    targets = httpx.get(f"{stack.url('prometheus')}/api/v1/targets").json()["data"]["activeTargets"]
    health = {target["labels"]["job"]: target["health"] for target in targets}
    assert health["nedc-bench-api"] == "up"


@pytest.mark.parametrize("block", BLOCKS)
def test_the_runbooks_commands_work(stack: Stack, block: str) -> None:
    stack.run("sh", "-ec", block)  # fails if the block fails


@pytest.mark.parametrize("service", ["redis", "api"])
def test_a_crash_under_load_loses_no_accepted_job(stack: Stack, service: str, figures: dict[str, Any]) -> None:
    restarts = stack.inspect(service)["RestartCount"]
    with Load(stack.url("api"), per_second=8, patient=True) as load:
        load.go_on(10)
        begin = time.monotonic()
        stack.crash(service)
        until(lambda: stack.has_returned(service, restarts), f"{service} has returned")
        figures[f"back after a crash under load, {service} (s)"] = round(time.monotonic() - begin, 1)
        load.go_on(20)
    assert load.failures == []
    assert (len(load.accepted), load.completed) == (load.posted, load.posted)


def test_an_alert_fires_and_clears(stack: Stack, figures: dict[str, Any]) -> None:
    def states() -> list[str]:
        alerts = httpx.get(f"{stack.url('prometheus')}/api/v1/alerts").json()["data"]["alerts"]
        return [alert["state"] for alert in alerts if alert["labels"]["alertname"] == ALERT]

    def delivered() -> list[Any]:
        question = {"filter": f'alertname="{ALERT}"', "active": "true"}
        alerts: list[Any] = httpx.get(f"{stack.url('alertmanager')}/api/v2/alerts", params=question).json()
        return alerts

    until(lambda: not states(), "no crash before this is told any more")
    begin = time.monotonic()
    stack.compose("stop", "redis")
    until(lambda: states() == ["firing"], f"{ALERT} fires")
    (alert,) = until(delivered, "Alertmanager has it")
    assert alert["labels"]["job"] == "nedc-bench-api"
    assert alert["annotations"]["runbook_url"].endswith(f"docs/runbook.md#{ALERT.lower()}")
    figures["alert fires after (s, with times of seconds)"] = round(time.monotonic() - begin, 1)
    stack.compose("start", "redis")
    until(lambda: not states(), f"{ALERT} clears")
    until(lambda: not delivered(), "Alertmanager has been told")
    assert golden(post_example(stack)) == expected()


def test_memory_after_a_thousand_evaluations(stack: Stack, figures: dict[str, Any]) -> None:
    stack.compose("restart", "api")
    until(lambda: stack.healthy("api"), "the api is healthy again")
    with ThreadPoolExecutor(CLIENTS) as clients, httpx.Client(timeout=90) as client:

        def evaluate(number: int) -> None:
            sample = distinct(f"{stack.project}-{number}")
            answer = client.post(
                f"{stack.url('api')}/api/v1/evaluate",
                files={"reference": sample.reference, "hypothesis": sample.hypothesis},
                headers={"Prefer": "wait=60"},
            )
            sample.check(answer.json())

        list(clients.map(evaluate, range(EVALUATIONS)))
    assert counted(stack, "nedc_evaluations_total", status="success") >= EVALUATIONS  # more if one was restarted
    used = stack.memory("api")
    figures[f"memory after {EVALUATIONS} evaluations, api (MiB)"] = used
    figures[f"memory after {EVALUATIONS} evaluations, redis (MiB)"] = stack.memory("redis")
    assert used < stack.inspect("api")["HostConfig"]["Memory"] / 2**20 / 2


def test_down_leaves_nothing(stack: Stack) -> None:
    assert len(stack.leftovers()) >= 4
    stack.down()
    assert stack.leftovers() == []
