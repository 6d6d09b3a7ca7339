"""A corpus spread over a real Dask cluster of two workers: the same bits, also when one of them is killed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import pytest

from corpora import DATA, Corpus, reports
from helpers import late, run
from nedc_bench import score_corpus

OVERLAPPING = Corpus(DATA / "golden/overlapping")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    distributed = late("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        yield cluster


@pytest.fixture
def client(cluster: Any) -> Iterator[Any]:
    with late("distributed").Client(cluster) as client:
        client.wait_for_workers(2)
        yield client


@pytest.fixture
def executor(client: Any) -> Iterator[Executor]:
    with client.get_executor() as executor:
        yield executor


def test_the_cluster_gives_the_same_figures_and_reports(executor: Executor) -> None:
    result = score_corpus(OVERLAPPING.pairing, executor=executor)
    assert result.to_dict(per_pair=True) == OVERLAPPING.result.to_dict(per_pair=True)
    assert reports(result) == reports(OVERLAPPING.result)


def test_the_command_gives_the_same_figures(cluster: Any) -> None:
    """With relative paths, from a folder other than the workers'."""
    lists = ("ref.list", "hyp.list")
    ran = run("score", *lists, "--dask", cluster.scheduler_address, "--format", "json", cwd=OVERLAPPING.folder)
    assert ran.status == 0, ran.stderr
    document = json.loads(ran.stdout)
    alone = json.loads(run("score", *lists, "--jobs", "1", "--format", "json", cwd=OVERLAPPING.folder).stdout)
    assert document == alone


def test_a_killed_worker_changes_no_bit(client: Any, executor: Executor) -> None:
    pairs = OVERLAPPING.pairing.pairs * 3
    killed: list[int] = []

    def kill_one(_: int) -> None:
        if not killed:
            killed.append(next(iter(client.run(os.getpid).values())))
            os.kill(killed[0], signal.SIGKILL)

    result = score_corpus(pairs, executor=executor, progress=kill_one)
    assert killed
    assert result.to_dict(per_pair=True) == score_corpus(pairs).to_dict(per_pair=True)


def test_a_scheduler_that_is_not_there_is_named(tmp_path: Path) -> None:
    corpus = OVERLAPPING.folder
    ran = run(
        "score",
        corpus / "ref.list",
        corpus / "hyp.list",
        "--dask",
        "tcp://127.0.0.1:1",
        cwd=tmp_path,
        DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="1s",
    )
    assert (ran.status, ran.stdout) == (3, "")
    assert ran.stderr.splitlines()[-1].startswith("error: the Dask scheduler tcp://127.0.0.1:1 cannot be reached: ")
