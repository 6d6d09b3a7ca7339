"""Two replicas score one corpus and one of them is killed: there is one result, the library's to the bit."""

from __future__ import annotations

import io
import json
import signal

import pytest

from everything import of
from helpers import until
from nedc_bench import Pair, score_corpus
from serving import Start, accept, ended, entered, show, small_pair

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

PAIRS = of(5000, 1000)


def test_a_corpus_is_scored_by_two_replicas_of_which_one_is_killed(replica: Start) -> None:
    files = [file for number in range(PAIRS) for file in small_pair(number)]
    first, second = replica(), replica()
    job_id = accept(first, files)
    until(lambda: show(second, job_id).json()["progress"]["done"] > PAIRS / 4)
    scored = {server: server.count("nedc_cache_requests_total", result="miss") for server in (first, second)}
    assert min(scored.values()) > PAIRS / 20  # both have scored chunks
    assert not show(second, job_id).json()["completed_at"]
    first.stop(signal.SIGKILL)
    job = ended(second, job_id)
    assert (job["status"], job["progress"]) == ("completed", {"done": PAIRS, "total": PAIRS})
    until(lambda: entered(second, "completed") == 1)
    contents = [io.BytesIO(content) for _, (_, content) in files]
    pairs = [Pair(ref, hyp, "a.csv_bi", "a.csv_bi") for ref, hyp in zip(contents[::2], contents[1::2], strict=True)]
    library = json.loads(json.dumps(score_corpus(pairs, jobs=1).to_dict()))
    assert job["result"]["algorithms"] == library["algorithms"]
    assert job["result"] == library
