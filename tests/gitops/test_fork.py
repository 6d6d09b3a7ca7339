"""A shallow fork with names and an environment of its own passes the tests that a name or the history could fail."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import home
from everything import EVERYTHING
from gitops.checks import check_render, check_source
from gitops.clone import Clone
from gitops.conftest import ENVIRONMENTS, FIRST, PROJECT, SECOND
from names import WrongNameError, read, rename
from release import Environment
from repository import Repository

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
NAMES = {  # none that this clone, which may be a fork itself, has already
    "REPOSITORY": f"https://git.example.com:8443/lab/fork-of-{Path(home.REPOSITORY).name}",
    "PAGES": f"https://git.example.com:8443/lab/fork-of-{Path(home.REPOSITORY).name}/-/blob/main",
    "IMAGE_REPOSITORY": f"registry.example.com/lab/fork-of-{Path(home.IMAGE).name}",
    "CHARTS": f"registry.example.com/lab/fork-of-{Path(home.CHARTS).name}",
}
# Those that read what a rename changes; one of a kind, where others would fail with it.
TESTS = [
    "tests/gitops/test_environments.py",
    "tests/gitops/test_argo_cd.py",
    "tests/chart/test_package.py::test_the_files_that_the_chart_has_from_elsewhere_are_those_of_today",
    "tests/chart/test_renders.py::test_renders_are_the_golden_ones",
    "tests/chart/test_renders.py::test_the_image_is_the_one_of_the_digest_or_tag",
    "tests/monitoring/test_dashboards.py::test_it_leads_to_the_others_and_to_the_runbook",
    "tests/monitoring/test_runbook.py::test_the_address_in_an_alert_leads_to_its_section",
]
if EVERYTHING:
    TESTS = [*TESTS[:2], "tests/gitops/test_workflows.py", "tests/chart", "tests/monitoring"]
    TESTS += ["tests/unit/test_documentation.py"]
LEFT_OUT = [".", ":!tests/data/golden/*.csv_bi", ":!tests/data/refused/*.csv_bi"]  # thousands of recordings


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The project as its working tree is, but for recordings; after two releases, dev runs the second."""
    clone = Clone(tmp_path_factory.mktemp("upstream"))
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *LEFT_OUT]
    for name in subprocess.run(listed, cwd=PROJECT, check=True, capture_output=True, text=True).stdout.split("\0"):
        if name and os.path.lexists(PROJECT / name):  # what was deleted may not be staged yet
            (clone.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, clone.root / name, follow_symlinks=False)
    clone.git("init", "--quiet", "--initial-branch", "main")
    _introduce(clone)
    clone.git("add", "--all")
    clone.git("commit", "--quiet", "--message", "all of it")
    clone.git("tag", "v0.1.0")
    clone.git("tag", "v0.2.0")
    for environment in ENVIRONMENTS:
        clone.write_release(environment, "v0.1.0", FIRST)
    clone.commit("all run the first release")
    clone.deliver("dev", "v0.2.0", SECOND)
    return clone


@pytest.fixture
def shallow(upstream: Clone, tmp_path: Path) -> Clone:
    """What `actions/checkout` has by default: one commit, no tags."""
    clone = Clone(tmp_path / "shallow")
    url = f"file://{upstream.root}"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", "--no-tags", url, str(clone.root)], check=True)
    _introduce(clone)
    return clone


@pytest.mark.timeout(600)
def test_a_shallow_renamed_clone_with_one_environment_more_passes(shallow: Clone) -> None:
    variables = [f"{key}={value}" for key, value in NAMES.items()]
    _run(shallow, "make", "--assume-old=venv", f"BIN={BIN}", "rename", "START_OVER=1", *variables)
    folder = shallow.path("prod-eu").parent
    folder.mkdir()
    for file in ("config.yaml", "values.yaml", "release.yaml"):
        text = shallow.path("prod", file).read_text()
        text = text.replace("name: prod\n", "name: prod-eu\n").replace("nedc-bench-prod\n", "nedc-bench-prod-eu\n")
        (folder / file).write_text(text.replace("cluster: in-cluster", "cluster: eu"))
    shallow.commit("a fork")
    old = f"{home.REPOSITORY}|{home.IMAGE}|{home.CHARTS}"
    assert not [line for line in _lines(shallow) if re.search(old, line)]
    pytest_command = [str(BIN / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    leave_out = ["--ignore=tests/gitops/test_fork.py", "-m", "not slow and not compose and not cluster"]
    said = _run(shallow, *pytest_command, *leave_out, *TESTS)
    assert "skipped" not in said.splitlines()[-1]


def test_a_shallow_clone_says_what_it_cannot_check_and_ci_must_check_it(
    shallow: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev, staging, prod = (Environment.named(Repository(shallow.root), name) for name in ENVIRONMENTS)
    lacks = r"dev runs the chart of v0\.2\.0, which this clone lacks: git fetch --tags"
    hint = "this clone lacks a part of the history: git fetch --unshallow"
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=f"{lacks}$"):
        check_render(dev)
    with pytest.raises(pytest.skip.Exception, match=f"{hint}$"):
        check_source(staging)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=f"{lacks}; a workflow checks out with fetch-depth: 0"):
        check_render(dev)
    with pytest.raises(pytest.fail.Exception, match=f"{hint}; a workflow checks out with fetch-depth: 0"):
        check_source(staging)
    shallow.git("fetch", "--quiet", "--unshallow", "--tags")
    for environment in (dev, staging, prod):
        check_render(environment)
        check_source(environment)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("repository", "git@github.com:lab/nedc-bench.git"),
        ("image", "nedc-bench"),
        ("image", "ghcr.io/Lab/nedc-bench"),
        ("charts", "oci://ghcr.io/lab/charts"),
    ],
)
def test_a_name_that_its_users_would_not_take_is_refused(tmp_path: Path, key: str, name: str) -> None:
    shutil.copy(PROJECT / "names.toml", tmp_path)
    with pytest.raises(WrongNameError, match=f"{key} is"):
        rename(tmp_path, read(tmp_path) | {key: name})
    assert read(tmp_path) == read(PROJECT)


def test_a_rename_can_be_taken_back_by_another(shallow: Clone) -> None:
    before = read(shallow.root)
    others = {key: f"{value}-two" for key, value in before.items()}
    assert "names.toml" in rename(shallow.root, others)
    rename(shallow.root, before)
    assert shallow.git("status", "--porcelain") == ""


def _introduce(clone: Clone) -> None:
    clone.introduce()
    clone.git("config", "core.compression", "0")


def _run(clone: Clone, *command: str) -> str:
    environment = {key: value for key, value in os.environ.items() if key not in {"CI", "PYTEST_ADDOPTS"}}
    done = subprocess.run(command, cwd=clone.root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _lines(clone: Clone) -> list[str]:
    return clone.git("grep", "-I", "-h", "-e", "", "--", ".", ":!*.lock").splitlines()
