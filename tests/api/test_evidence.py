"""Confidence intervals in a job's result: those of the library, cached under their own key."""

from __future__ import annotations

import io
import json
from typing import Any

from helpers import annotation
from nedc_bench import score_corpus
from nedc_bench.annotations import Pair
from nedc_bench.reports.evidence import evidence_figures
from nedc_bench.statistics import Settings, uncertainty
from serving import Server, post

NAMES = [f"sub-{k // 2}_run-{k}_events.csv_bi" for k in range(6)]
REFERENCES = [annotation((2, 4, "seiz"), (6, 7, "seiz"), duration=90.0) for _ in NAMES]
HYPOTHESES = [annotation((2 + k, 4 + k, "seiz"), duration=90.0) for k in range(len(NAMES))]
ALGORITHMS = ["overlap", "taes", "szcore-event", "ira"]
ASKED: dict[str, Any] = {"evidence": "true", "replicates": "200", "algorithms": ALGORITHMS}


def files(names: list[str]) -> list[tuple[str, tuple[str, bytes]]]:
    texts = zip(names, REFERENCES, HYPOTHESES, strict=True)
    return [
        (side, (name, text.encode()))
        for name, *both in texts
        for side, text in zip(("reference", "hypothesis"), both, strict=True)
    ]


def asked(server: Server, names: list[str] = NAMES, **data: Any) -> dict[str, Any]:
    job: dict[str, Any] = post(server, files(names), **ASKED, **data).json()
    assert job["status"] == "completed", job
    return job


def by_library(names: list[str], settings: Settings) -> dict[str, Any]:
    pairs = [
        Pair(io.BytesIO(reference.encode()), io.BytesIO(hypothesis.encode()), name, name)
        for name, reference, hypothesis in zip(names, REFERENCES, HYPOTHESES, strict=True)
    ]
    result = score_corpus(pairs, algorithms=ALGORITHMS)
    figures: dict[str, Any] = json.loads(json.dumps(evidence_figures(uncertainty(result, settings=settings))))
    return figures


def test_intervals_are_those_of_the_library(server: Server) -> None:
    evidence = asked(server)["result"]["evidence"]
    assert evidence == by_library(NAMES, Settings(replicates=200))
    assert (evidence["overall"]["subjects"], evidence["method"]["recordings_alone"]) == (3, 0)


def test_a_result_has_intervals_only_when_asked_for(server: Server) -> None:
    assert "evidence" not in post(server, files(NAMES)).json()["result"]


def test_subjects_and_seed_are_part_of_the_cache_key(server: Server) -> None:
    asked(server)
    again = asked(server)
    assert again["cached"]
    others = [f"night-{k}.csv_bi" for k in range(len(NAMES))]
    alone = asked(server, others)["result"]["evidence"]
    assert alone == by_library(others, Settings(replicates=200))
    assert (alone["overall"]["subjects"], alone["method"]["recordings_alone"]) == (6, 6)
    seeded = asked(server, seed="5")["result"]["evidence"]
    assert seeded == by_library(NAMES, Settings(replicates=200, seed=5))


def test_the_page_of_a_job_shows_its_intervals(server: Server) -> None:
    job = asked(server)
    page = server.client.get(f"/api/v1/evaluate/{job['job_id']}/reports/report.html", headers={"Accept": "*/*"})
    assert page.status_code == 200
    compact = json.dumps(job["result"]["evidence"], separators=(",", ":")).replace("<", "\\u003c")
    assert f'"evidence":{compact}' in page.text


def test_more_classes_than_the_limit_are_left_to_the_command(server: Server) -> None:
    classes = "".join(f"C{k} = 'c{k}'\n" for k in range(9))
    parameters = ("parameters", ("p.toml", f"[MAP]\nSEIZ = 'seiz'\nBCKG = 'bckg'\n{classes}".encode()))
    answer = post(server, [*files(NAMES), parameters], **ASKED)
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "evidence is limited to 10 classes here, and [MAP] has 11; the command nedc-bench evidence takes any number",
    )
