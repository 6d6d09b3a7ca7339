"""The probe of `helm test` and of a sync: it passes a service that scores as the original, and no other."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from balancer import Balancer
from chart.rendering import ROOT, of_kind
from helpers import until
from serving import Server, entered, write_tokens

TOKEN = "a token of the probe"
# An algorithm, and the self-check that would find it, broken as a bad merge could.
SCORER = ("scoring/overlap.py", "reference.classes[found]", "reference.classes[~found]")
SELF_CHECK = ("monitoring/parity.py", "if ours[algorithm] != expected:", "if False:")


class UnreadyServer(Server):
    """A server that nobody waits for."""

    def wait_until_ready(self) -> None:
        pass


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the pod finds in /probe."""
    (config,) = (found for found in of_kind("ConfigMap") if found["metadata"]["name"].endswith("-probe"))
    folder = tmp_path / "probe"
    folder.mkdir()
    for name, text in config["data"].items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def start_build(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start a server, the build of which may be broken."""
    servers: list[Server] = []

    def _start(*breaks: tuple[str, str, str], kind: type[Server] = Server, **settings: str) -> Server:
        package = tmp_path / f"build-{len(servers)}" / "nedc_bench"
        shutil.copytree(ROOT / "service/nedc_bench", package, ignore=shutil.ignore_patterns("__pycache__"))
        for name, right, wrong in breaks:
            text = (package / name).read_text()
            assert right in text
            (package / name).write_text(text.replace(right, wrong))
        settings |= {"PYTHONPATH": str(package.parent)}
        command = [sys.executable, "-m", "nedc_bench"]  # loads the build, where a forked one has loaded ours
        servers.append(kind(tmp_path / f"server-{len(servers)}.log", command=command, **settings))
        return servers[-1]

    yield _start
    for server in servers:
        assert server.stop() == 0


def _start_probe(folder: Path, url: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-I", str(folder / "probe.py"), url, str(folder)]
    settings = {"WAIT_SECONDS": "60"} | environment
    return subprocess.Popen(command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _ended(probe: subprocess.Popen[str]) -> tuple[int, str]:
    said, failed = probe.communicate()
    assert failed == ""
    return probe.returncode, said


def _probe(folder: Path, url: str, **environment: str) -> tuple[int, str]:
    return _ended(_start_probe(folder, url, **environment))


def test_the_figures_of_the_original_pass_and_no_cache_answers(
    folder: Path, start_build: Callable[..., Server]
) -> None:
    server = start_build()
    for _ in range(2):
        assert _probe(folder, server.url) == (0, "probe passed: every figure is the original's\n")
    assert server.count("nedc_cache_requests_total", result="hit") == 0
    assert server.count("nedc_cache_requests_total", result="miss") > 0


def test_a_token_is_sent_where_there_is_one(folder: Path, start_build: Callable[..., Server], tmp_path: Path) -> None:
    server = start_build(API_TOKENS_FILE=write_tokens(tmp_path, TOKEN))
    assert _probe(folder, server.url, API_TOKEN=TOKEN)[0] == 0
    status, said = _probe(folder, server.url)
    assert (status, said.startswith("probe failed: /api/v1/evaluate answers 401 ")) == (1, True)


def test_a_build_that_scores_wrongly_and_has_lost_its_self_check_is_caught(
    folder: Path, start_build: Callable[..., Server]
) -> None:
    server = start_build(SCORER, SELF_CHECK)
    status, said = _probe(folder, server.url)
    first, *figures = said.splitlines()
    assert status == 1
    assert re.fullmatch(r"probe failed: [0-9]+ figures of overlap are not the original's", first)
    assert [figure for figure in figures if not re.match(r"\w+: overlap .+ is .+, the original's is .+", figure)] == []


@pytest.mark.parametrize(("new", "status"), [("right", 0), ("wrong", 1)])
def test_after_a_rollout_the_new_build_is_judged_though_the_old_one_answers_too(
    folder: Path, start_build: Callable[..., Server], new: str, status: int
) -> None:
    builds = {"right": start_build(), "wrong": start_build(SCORER, SELF_CHECK)}
    (old,) = builds.keys() - {new}
    with Balancer(*builds.values()) as balancer:
        probe = _start_probe(folder, balancer.url)
        until(lambda: entered(builds[old], "completed"))
        balancer.servers = [builds[new]]
        assert _ended(probe)[0] == status


def test_builds_that_differ_for_good_fail_and_it_says_so(folder: Path, start_build: Callable[..., Server]) -> None:
    with Balancer(start_build(), start_build(SCORER, SELF_CHECK)) as balancer:
        status, said = _probe(folder, balancer.url, WAIT_SECONDS="0.1")
    assert (status, said) == (1, "probe failed: figures differ from round to round: its pods run different images\n")


def test_a_service_that_is_not_ready_fails_and_says_why(folder: Path, start_build: Callable[..., Server]) -> None:
    server = start_build(SCORER, kind=UnreadyServer)
    status, said = _probe(folder, server.url, WAIT_SECONDS="0.1")
    assert status == 1
    assert said.startswith("probe failed: /api/v1/ready does not answer in time; the last answer: 503 ")
    assert "parity: figures of overlap differ from the original's" in said


def test_nobody_at_the_address_fails_and_says_so(folder: Path) -> None:
    status, said = _probe(folder, "http://127.0.0.1:9", WAIT_SECONDS="0.1")
    assert status == 1
    assert said.startswith("probe failed: /api/v1/ready does not answer in time; the last answer: <urlopen error ")
