"""A client generated from ``/openapi.json`` submits a pair, waits, and reads a typed result."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from corpora import EXAMPLE
from serving import ONE, Server

SCRIPT = """
import io, sys
from helpers import until
from made.api.evaluations import report, show, submit
from made.client import Client
from made.models import Evaluation, EvaluationAlgorithmsItem, Job, JobStatus, Problem
from made.types import File

def file(path):
    return File(payload=open(path, "rb"), file_name=path)

url, reference, hypothesis, archive = sys.argv[1:]
client = Client(url, raise_on_unexpected_status=True)

asked = Evaluation(
    reference=[file(reference)], hypothesis=[file(hypothesis)], algorithms=[EvaluationAlgorithmsItem.TAES]
)
job = submit.sync(client=client, body=asked, prefer="wait=60")
assert isinstance(job, Job) and job.status is JobStatus.COMPLETED
assert job.result.inputs[0].reference.sha256 and job.result.warnings == []
assert job.completed_at >= job.created_at
print(repr(job.result.algorithms.taes.labels["seiz"].f1))

job = submit.sync(client=client, body=Evaluation(archive=file(archive)))
assert isinstance(job, Job)
until(lambda: show.sync(job.job_id, client=client).status is JobStatus.COMPLETED)
job = show.sync(job.job_id, client=client)
print(repr(job.result.algorithms.ira.multi_class_kappa))
print(report.sync_detailed(job.job_id, "summary.txt", client=client).content.decode().count("SUMMARY"))

problem = submit.sync(client=client, body=Evaluation(archive=File(payload=io.BytesIO(b"x"), file_name="a")))
assert isinstance(problem, Problem)
print(problem.status, problem.errors[0].file)
"""


def test_a_generated_client_submits_waits_and_reads(server: Server, tmp_path: Path) -> None:
    folder = Path(sys.executable).parent
    generate = [str(folder / "openapi-python-client"), "generate", "--url", f"{server.url}/openapi.json"]
    environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}  # it formats its output with ruff
    generate += ["--output-path", str(tmp_path / "made"), "--meta", "none", "--fail-on-warning"]
    made = subprocess.run(generate, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    archive = tmp_path / "corpus.tar.gz"
    subprocess.run(["tar", "-czf", archive, "-C", EXAMPLE.folder, "ref", "hyp"], check=True)
    command = [sys.executable, "-W", "error::DeprecationWarning", "-c", SCRIPT]
    command += [server.url, str(ONE.reference), str(ONE.hypothesis), str(archive)]
    environment |= {"PYTHONPATH": str(Path(__file__).parents[1])}
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    f1, kappa, summaries, refused = ran.stdout.splitlines()
    assert 0 < float(f1) < 1
    assert float(kappa) == EXAMPLE.result.to_dict()["algorithms"]["ira"]["multi_class_kappa"]
    assert int(summaries) > 0
    assert refused == "422 a"
