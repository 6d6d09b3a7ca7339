"""The load client, on which the tests of stack and cluster rely, notices every fault."""

from __future__ import annotations

import dataclasses
import signal

import pytest

from e2e import load
from e2e.load import Load, Sample, distinct, known
from serving import Server, Start

pytestmark = pytest.mark.integration


def test_every_job_of_a_healthy_service_completes(server: Server) -> None:
    with Load(server.url, per_second=20, at_most=12) as client:
        client.go_on(12)
    assert (client.posted, len(client.accepted), client.completed, client.failures) == (12, 12, 12, [])


def test_a_figure_that_differs_is_a_failure(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def other(seed: str) -> Sample:
        return dataclasses.replace(distinct(seed), expected=known()[0].expected)

    monkeypatch.setattr(load, "distinct", other)
    with Load(server.url, at_most=2) as client:
        client.go_on(1)
    assert client.completed == 1
    (failure,) = client.failures
    assert failure.endswith("the figures differ")


def test_a_strict_client_counts_a_refusal_as_a_failure(start_server: Start) -> None:
    server = start_server(MAX_WORKERS="1", RATE_LIMIT="2/hour")
    with Load(server.url, per_second=50, at_most=4) as client:
        client.go_on(2)
    assert (client.completed, len(client.failures)) == (2, 2)
    assert all(" 429 " in failure for failure in client.failures)


def test_a_patient_client_retries_after_a_refusal(start_server: Start) -> None:
    server = start_server(MAX_WORKERS="1", RATE_LIMIT="1 per 1 second")
    with Load(server.url, per_second=50, at_most=3, patient=True) as client:
        client.go_on(3)
    assert (client.completed, client.failures) == (3, [])
    assert client.retries > 0


def test_a_service_that_has_stopped_is_a_failure(start_server: Start) -> None:
    server = start_server(MAX_WORKERS="1")
    server.stop(signal.SIGKILL)
    with (
        Load(server.url, per_second=50, at_most=2) as client,
        pytest.raises(AssertionError, match="the load has ended"),
    ):
        client.go_on(1)
    assert (client.completed, len(client.failures)) == (0, 2)


def test_a_job_that_is_lost_is_a_failure(start_server: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "POLL_SECONDS", 3.0)  # longer than the service keeps a job
    server = start_server(MAX_WORKERS="1", JOB_TTL_SECONDS="1")
    with (
        Load(server.url, per_second=20, at_most=2) as client,
        pytest.raises(AssertionError, match="the load has ended"),
    ):
        client.go_on(1)
    assert len(client.accepted) == len(client.failures) == 2
    assert all(" 404 " in failure for failure in client.failures)
