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
from gitops.clone import Clone
from gitops.conftest import FIRST, PROJECT, SECOND
from names import WrongNameError, read, rename

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
NAMES = {
    "REPOSITORY": "https://git.example.com:8443/lab/eeg-scores",
    "PAGES": "https://git.example.com:8443/lab/eeg-scores/-/blob/main",
    "IMAGE_REPOSITORY": "registry.example.com/lab/eeg-scores",
    "CHARTS": "registry.example.com/lab/helm",
}
# Those that read what a rename changes, or the history.
TESTS = [
    "tests/gitops/test_environments.py",
    "tests/gitops/test_workflows.py",
    "tests/gitops/test_promotion.py::test_a_promotion_changes_the_two_lines_of_the_release_and_its_render",
    "tests/chart/test_package.py",
    "tests/chart/test_renders.py::test_renders_are_the_golden_ones",
    "tests/monitoring/test_dashboards.py",
    "tests/monitoring/test_runbook.py",
    "tests/unit/test_documentation.py",
]
if os.environ.get("NEDC_BENCH_EVERYTHING"):
    TESTS = [*TESTS[:3], "tests/chart", "tests/monitoring", "tests/unit/test_documentation.py"]


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The project as its working tree is, after two releases: dev runs the second, the others the first."""
    clone = Clone(tmp_path_factory.mktemp("upstream"))
    listed = ["git", "-C", str(PROJECT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    for name in subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split("\0"):
        if name and os.path.lexists(PROJECT / name):  # what was deleted may not be staged yet
            (clone.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, clone.root / name, follow_symlinks=False)
    clone.git("init", "--quiet", "--initial-branch", "main")
    _introduce(clone)
    clone.git("add", "--all")
    clone.git("commit", "--quiet", "--message", "all of it")
    clone.git("tag", "v0.1.0")
    clone.git("tag", "v0.2.0")
    for environment in ("dev", "staging", "prod"):
        clone.deliver(environment, "v0.1.0", FIRST)
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
    _make(shallow, "rename", "START_OVER=1", *variables)
    folder = shallow.path("prod-eu").parent
    folder.mkdir()
    for file in ("config.yaml", "values.yaml", "release.yaml"):
        text = shallow.path("prod", file).read_text()
        text = text.replace("name: prod\n", "name: prod-eu\n").replace("nedc-bench-prod\n", "nedc-bench-prod-eu\n")
        (folder / file).write_text(text.replace("cluster: in-cluster", "cluster: eu"))
    shallow.commit("a fork")
    old = f"{home.REPOSITORY}|{home.IMAGE}|{home.CHARTS}"
    assert not [line for line in _lines(shallow) if re.search(old, line)]
    ran = _pytest(shallow, *TESTS)
    assert "skipped" not in ran.splitlines()[-1]


def test_a_shallow_clone_of_a_released_project_says_what_it_cannot_check(shallow: Clone) -> None:
    ran = _pytest(shallow, "tests/gitops/test_environments.py")
    assert re.search(r"dev runs the chart of v0\.2\.0, which this clone lacks: git fetch --tags", ran)
    assert "this clone lacks a part of the history: git fetch --unshallow" in ran


def test_ci_must_check_it(shallow: Clone) -> None:
    failed = _pytest(shallow, "tests/gitops/test_environments.py", status=1, CI="true")
    assert "a workflow checks out with fetch-depth: 0" in failed
    shallow.git("fetch", "--quiet", "--unshallow", "--tags")
    assert "skipped" not in _pytest(shallow, "tests/gitops/test_environments.py", CI="true").splitlines()[-1]


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("repository", "git@github.com:lab/nedc-bench.git"),
        ("image", "nedc-bench"),
        ("image", "ghcr.io/Lab/nedc-bench"),
        ("charts", "oci://ghcr.io/lab/charts"),
    ],
)
def test_a_name_that_its_users_would_not_take_is_refused(shallow: Clone, key: str, name: str) -> None:
    with pytest.raises(WrongNameError, match=f"{key} is"):
        rename(shallow.root, read(shallow.root) | {key: name})
    assert shallow.git("status", "--porcelain") == ""


def test_a_rename_can_be_taken_back_by_another(shallow: Clone) -> None:
    before = read(shallow.root)
    others = {key: f"{value}-two" for key, value in before.items()}
    assert "names.toml" in rename(shallow.root, others)
    rename(shallow.root, before)
    assert shallow.git("status", "--porcelain") == ""


def _introduce(clone: Clone) -> None:
    for name, value in (("user.name", "test"), ("user.email", "test@localhost"), ("commit.gpgsign", "false")):
        clone.git("config", name, value)


def _make(clone: Clone, *words: str) -> None:
    subprocess.run(["make", "--assume-old=venv", f"BIN={BIN}", *words], cwd=clone.root, check=True, capture_output=True)


def _pytest(clone: Clone, *tests: str, status: int = 0, **variables: str) -> str:
    command = [
        str(BIN / "python"),
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--ignore=tests/gitops/test_fork.py",
    ]
    command += ["-m", "not integration and not compose and not cluster and not gitops", *tests]
    environment = {key: value for key, value in os.environ.items() if key not in {"CI", "PYTEST_ADDOPTS"}} | variables
    done = subprocess.run(command, cwd=clone.root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def _lines(clone: Clone) -> list[str]:
    return clone.git("grep", "-I", "-h", "-e", "", "--", ".", ":!*.lock", ":!tests/data").splitlines()
