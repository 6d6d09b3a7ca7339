"""The chart's archive is whole, of the version of the package, and can follow the release before it."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import helm_python as helm
import pytest
import yaml

from chart import document, golden
from chart.rendering import CASES, CHART, HERE, ROOT, Manifest, templates
from home import IMAGE
from nedc_bench.version import __version__

DIGEST = f"sha256:{'0' * 64}"


def _package(destination: Path, **variables: str) -> Path:
    """What ``make package`` makes."""
    given = {"DIST": str(destination), "VENV": str(Path(sys.executable).parents[1])} | variables
    command = [
        "make",
        "--silent",
        "--assume-old=venv",
        "package",
        *(f"{name}={value}" for name, value in given.items()),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _package(tmp_path_factory.mktemp("archive"))


def test_chart_and_app_have_the_version_of_the_package(archive: Path) -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == __version__
    assert archive.name == f"nedc-bench-{__version__}.tgz"


def test_the_chart_holds_files_and_no_links() -> None:
    """Flux, Rancher and git on Windows do not follow a link out of the chart's folder."""
    assert [path for path in CHART.rglob("*") if path.is_symlink()] == []


def test_the_files_that_the_chart_has_from_elsewhere_are_those_of_today() -> None:
    made = ("LICENSE", "files/rules/*", "files/dashboards/*", "files/probe/*_*")
    kept = {str(path.relative_to(CHART)): path.read_text() for pattern in made for path in CHART.glob(pattern)}
    assert kept == document.files(), "make chart-docs"


def test_the_archive_holds_what_the_tree_holds(archive: Path) -> None:
    with tarfile.open(archive) as opened:
        packed = {member.name: member for member in opened.getmembers()}
    assert all(member.isreg() for member in packed.values())
    kept = {str(path.relative_to(CHART)) for path in CHART.rglob("*") if path.is_file()}
    unneeded = {name for name in kept if name.startswith("ci/") or "__pycache__" in name} | {".helmignore"}
    assert {name.removeprefix("nedc-bench/") for name in packed} - {".helmignore"} == kept - unneeded


@pytest.mark.parametrize("values", CASES.values(), ids=CASES)
def test_the_archive_renders_as_the_tree_does(archive: Path, values: Manifest) -> None:
    assert templates(values, archive) == templates(values)


def test_a_release_names_its_image_by_digest_and_a_user_may_name_another(tmp_path: Path) -> None:
    archive = _package(tmp_path, DIGEST=DIGEST)

    def image(values: Manifest | None = None) -> str:
        deployment = templates(values, archive)["nedc-bench/templates/deployment.yaml"]
        return str(yaml.safe_load(deployment)["spec"]["template"]["spec"]["containers"][0]["image"])

    assert image() == f"{IMAGE}:{__version__}@{DIGEST}"
    assert image({"image": {"tag": "1.2.3"}}) == f"{IMAGE}:1.2.3"


def test_helm_finds_nothing_to_object_to() -> None:
    for values in CASES.values():
        found = helm.lint(CHART, values, strict=True)
        assert found["errors"] == []
        assert [message["error"] for message in found["messages"]] == ["icon is recommended"]


def test_an_upgrade_from_the_last_release_changes_no_immutable_field() -> None:
    """``released.json`` has them as in 0.1.0, the first release: it never changes."""
    released = json.loads((HERE / "released.json").read_text())
    assert {case: fields for case, fields in golden.immutable().items() if case in released} == released
