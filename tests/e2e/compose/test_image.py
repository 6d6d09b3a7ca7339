"""The image: small, reproducible, minimal, and able to run in a restricted container."""

from __future__ import annotations

import json
import re
import shutil
import time
import uuid
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

import hostile
from corpora import DATA, Corpus
from e2e.compose.container import HARDENED, build, contents, inspected, layers, processes, python, running
from e2e.compose.stack import PROJECT
from e2e.kube import CommandError, command, until
from nedc_bench import __version__
from serving import one_pair

pytestmark = [pytest.mark.compose, pytest.mark.timeout(2400)]

EXAMPLE = Corpus(DATA / "chb-mit")
BASE = "python:3.11-slim"
MOST_BYTES = 200_000_000
FILE, DIRECTORY = "0", "5"  # as tar names them
STAGES = "dependencies,package,image"  # all stages but ``builder``


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the project's files, as they are now."""
    listed = command("git", "-C", str(PROJECT), "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    wanted = [name for name in listed.split("\0") if name and not name.startswith(("tests/", "docs/"))]
    for name in wanted:
        if (PROJECT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def tag() -> Iterator[str]:
    """The name of an image that is removed after the test."""
    name = f"nedc-bench-test:{uuid.uuid4().hex[:8]}"
    yield name
    command("docker", "rmi", "--force", name)


def score_of(text: str) -> dict[str, Any]:
    algorithms: dict[str, Any] = json.loads(text)["algorithms"]
    return algorithms


def expected() -> dict[str, Any]:
    return score_of(json.dumps(EXAMPLE.result.to_dict()))


def is_healthy(container: str) -> bool:
    return bool(inspected(container)["State"]["Health"]["Status"] == "healthy")


def address(container: str) -> str:
    return f"http://{command('docker', 'port', container, '8000/tcp').splitlines()[0]}"


def test_it_is_small(image: str, figures: dict[str, Any]) -> None:
    size = inspected(image)["Size"]
    base = inspected(BASE)["Size"]
    figures["image (MB unpacked)"] = round(size / 1e6, 1)
    figures["image above its base (MB)"] = round((size - base) / 1e6, 1)
    for layer, origin in layers(image):
        figures[f"  layer {origin}"] = layer
    assert size < MOST_BYTES


def test_it_says_what_it_is(image: str) -> None:
    config = inspected(image)["Config"]
    labels = config["Labels"]
    prefix = "org.opencontainers.image"
    assert labels[f"{prefix}.version"] == __version__
    assert command("docker", "run", "--rm", image, "--version").split()[-1] == __version__
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", labels[f"{prefix}.revision"])
    assert {f"{prefix}.{name}" for name in ("title", "description", "url", "source", "licenses")} <= labels.keys()
    assert (config["User"], list(config["ExposedPorts"]), config["Cmd"]) == ("10001:10001", ["8000/tcp"], ["serve"])
    assert "NEDC_NFC=/app/nedc_eeg_eval/v6.0.0" in config["Env"]


def test_nothing_is_left_that_built_it_and_nothing_can_be_changed(image: str) -> None:
    found, base = contents(image), contents(BASE)
    added = {path: entry for path, entry in found.items() if base.get(path) != entry and entry[0] != DIRECTORY}
    places = ("opt/venv/", "app/", "usr/bin/tini", "usr/local/lib/python3.11/")
    assert [path for path in added if not path.startswith(places)] == []
    assert [path for path in added if path.startswith("usr/local/") and "/__pycache__/" not in path] == []
    packages = {path.split("site-packages/")[1].split("/")[0] for path in found if "site-packages/" in path}
    assert "nedc_bench" in packages
    assert packages.isdisjoint({"pip", "setuptools", "wheel", "hatchling", "mesonpy", "Cython", "pytest"})
    owners = {owner for _, _, owner, _ in added.values()}
    assert owners == {"0:0"}
    assert [path for path, (kind, mode, *_) in added.items() if kind == FILE and int(mode, 8) & 0o022] == []


def test_the_command_scores_in_a_narrow_container(image: str) -> None:
    mount = f"{EXAMPLE.folder}:/data:ro"
    narrow = (*HARDENED, "--network", "none", "--volume", mount, "--workdir", "/data")
    text = command("docker", "run", "--rm", *narrow, image, "score", "ref.list", "hyp.list", "--format", "json")
    assert score_of(text) == expected()


def test_the_service_scores_in_a_narrow_container_and_ends_in_order(image: str, figures: dict[str, Any]) -> None:
    files = [
        (side, (Path(str(file)).name, Path(str(file)).read_bytes()))
        for pair in EXAMPLE.pairing.pairs
        for side, file in (("reference", pair.reference), ("hypothesis", pair.hypothesis))
    ]
    with running(image, *HARDENED, "--publish", "127.0.0.1::8000") as container:
        until(lambda: is_healthy(container), "the container is healthy")
        answer = httpx.post(
            f"{address(container)}/api/v1/evaluate", files=files, headers={"Prefer": "wait=60"}, timeout=90
        )
        assert answer.json()["result"]["algorithms"] == expected()
        used = command("docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", container).strip()
        figures["memory in the narrow container"] = used
        command("docker", "stop", "--time", "60", container)
        state = inspected(container)["State"]
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False)


def test_hostile_uploads_stay_below_the_memory_of_the_charts_pod(image: str, figures: dict[str, Any]) -> None:
    attacks = [
        [hostile.long_name(30 * hostile.MIB), hostile.headers()],
        [hostile.large()] * 2,
        [hostile.blown_up("gz")] * 8,
        [hostile.blown_up("xz")] * 8,
        [hostile.ARCHIVE + hostile.folders(1_050_000) + hostile.END],
        [hostile.bomb(zipfile.ZIP_DEFLATED), hostile.long_names("zip")],
    ]
    with running(image, "--memory", "512m", "--publish", "127.0.0.1::8000") as container:
        until(lambda: is_healthy(container), "the container is healthy")

        def upload(body: bytes) -> int:
            headers = {"Content-Type": hostile.TYPE}
            url = f"{address(container)}/api/v1/evaluate"
            return httpx.post(url, content=body, headers=headers, timeout=120).status_code

        for bodies in attacks:
            with ThreadPoolExecutor(len(bodies)) as clients:
                assert set(clients.map(upload, bodies)) <= {202, 413, 422, 503}
        one: dict[str, Any] = {"files": one_pair(), "headers": {"Prefer": "wait=60"}, "timeout": 90}
        until(
            lambda: httpx.post(f"{address(container)}/api/v1/evaluate", **one).status_code == 200,
            "jobs have room again",
        )
        metrics = httpx.get(f"{address(container)}/metrics", headers={"Accept": "text/plain"}).text
        assert re.findall(r'(?m)^nedc_worker_restarts_total\{reason="died"\} (.*)$', metrics) in ([], ["0.0"])
        figures["memory after hostile uploads"] = command(
            "docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", container
        ).strip()
        state = inspected(container)["State"]
    assert (state["Running"], state["OOMKilled"]) == (True, False)


def test_orphans_are_seen_off_when_the_fork_server_dies(image: str) -> None:
    with running(image, "--publish", "127.0.0.1::8000") as container:
        until(lambda: is_healthy(container), "the container is healthy")
        before = processes(container)
        assert [words.split("\0")[0] for pid, _, _, words in before if pid == 1] == ["tini"]
        parents = {parent for _, _, parent, _ in before}
        servers = [pid for pid, _, _, words in before if "forkserver" in words and pid in parents]
        orphans = {pid for pid, _, parent, _ in before if parent in servers}
        assert orphans
        python(container, f"import os; [os.kill(pid, 9) for pid in {[*servers, *orphans]}]")
        until(lambda: orphans.isdisjoint(pid for pid, _, _, _ in processes(container)), "the orphans are gone")
        until(lambda: httpx.get(f"{address(container)}/api/v1/ready").status_code == 200, "new workers are up")
        assert [state for _, state, _, _ in processes(container) if state == "Z"] == []


def test_the_health_check_fails_where_nothing_serves(image: str) -> None:
    check = inspected(image)["Config"]["Healthcheck"]["Test"]
    assert check[0] == "CMD"
    with pytest.raises(CommandError, match="refused"):
        command("docker", "run", "--rm", "--entrypoint", check[1], image, *check[2:])


def test_only_what_the_image_is_made_of_is_sent_to_the_engine(
    tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name in (
        ".env",
        "api-tokens",
        "service/.env",
        "tests/secret",
        ".git/config",
        "service/nedc_bench/__pycache__/a",
    ):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("secret")
    sent = tmp_path_factory.mktemp("context")
    words = ["env", "DOCKER_BUILDKIT=1", "docker", "build", "--quiet", "--file", "-", "--output", str(sent), str(tree)]
    command(*words, given="FROM scratch\nCOPY . /\n")
    assert {path.name for path in sent.iterdir()} == {"LICENSE", "README.md", "pyproject.toml", "service"}
    assert {path.name for path in (sent / "service").iterdir()} == {"image", "locks", "nedc_bench"}
    assert list(sent.rglob("__pycache__")) == []


def test_a_changed_source_costs_seconds_and_no_new_dependencies(
    image: str, tree: Path, tag: str, figures: dict[str, Any]
) -> None:
    with open(tree / "service/nedc_bench/version.py", "a", encoding="utf-8") as file:
        file.write(f"# {tag}\n")
    begin = time.monotonic()
    build(tree, tag)
    figures["rebuild after a change of the source (s)"] = round(time.monotonic() - begin, 1)
    old, new = (inspected(name)["RootFS"]["Layers"] for name in (image, tag))
    assert len(old) == len(new)
    changed = [number for number, (one, other) in enumerate(zip(old, new, strict=True)) if one != other]
    assert changed == [len(old) - 2, len(old) - 1]  # the package, and its compiled files


def test_two_builds_give_the_same_files(image: str, tree: Path, tag: str) -> None:
    build(tree, tag, "--no-cache-filter", STAGES)
    first, second = contents(image), contents(tag)
    assert first.keys() == second.keys()
    assert {path for path in first if first[path] != second[path]} == set()
