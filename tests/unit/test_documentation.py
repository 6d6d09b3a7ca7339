"""What the documentation says is so: links, commands, names of figures and warnings, and the examples."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nedc_bench import Figures, Parameters, read_parameters, read_recording
from nedc_bench.cli import main
from nedc_bench.scoring import ALGORITHM
from nedc_bench.scoring.verdicts import RULES

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "monitoring/README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
README = (ROOT / "README.md").read_text()
VERDICTS = (ROOT / "docs/verdicts.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    missing = [link for link in links if not link.startswith("http") and not (page.parent / link).exists()]
    assert missing == []


def test_every_named_place_of_the_readme_exists() -> None:
    places = re.findall(r"^\| `([^`]+/|[^`]+\.py)` \|", README, re.MULTILINE)
    assert len(places) >= 5
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_the_make_targets_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"^make ([a-z-]+)", README, re.MULTILINE))
    assert named
    assert named <= targets


def test_the_readmes_python_example_runs(tmp_path: Path) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    code = f"if __name__ == '__main__':\n{re.sub('^', '    ', block, flags=re.MULTILINE)}"
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, check=True)
    assert (tmp_path / "build/two-recordings/summary.txt").exists()


def test_the_readmes_table_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    (table,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    data = ROOT / "tests/data/chb-mit"
    assert main(["score", str(data / "ref.list"), str(data / "hyp.list")]) == 0
    assert capsys.readouterr().out == table


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
    (block,) = re.findall(r"```toml\n(.*?)```", VERDICTS, re.DOTALL)
    assert block.count("=") == 5
    assert read_parameters(io.StringIO(block)) == Parameters()


def test_the_explanation_is_what_the_command_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (text,) = re.findall(r"```text\n(.*?)```", VERDICTS, re.DOTALL)
    monkeypatch.chdir(ROOT)
    lists = [f"tests/data/chb-mit/{side}.list" for side in ("ref", "hyp")]
    assert main(["explain", *lists, "--between", "taes", "szcore-event", "--limit", "6"]) == 0
    assert capsys.readouterr().out == text


def test_every_warning_is_described() -> None:
    section = (ROOT / "docs/result.md").read_text().partition("## Warnings")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
    assert {code for cell in cells for code in re.findall("`([a-z-]+)`", cell)} == warning_codes()


def warning_codes() -> set[str]:
    """The codes of all warnings.

    Those of a file with every irregularity and of a parameter file with some; and those of lists (``list-order``,
    ``missing``), of a pair (``base-name``), of figures (``mcc``) and of other formats (``label``, ``level``).
    """
    columns = "channel,start_time,stop_time,label,confidence\n"
    text = f"# version = csv_v1.0.0\n# version = 7\n# duration = 8 secs\n# duration = 9 min\n{columns}"
    text += f"TERM,-1,3,seiz,1\nTERM,2,10,seiz,nan\nTERM,4,4,seiz,1\nFP1,1,2,seiz,1\n{columns}"
    parameters = read_parameters(io.StringIO("[MAP]\nA = 'x'\na = 'bckg'\nBCKG = 'bckg'\n[X]\n"))
    found = {warning.code for warning in (*read_recording(io.StringIO(text)).warnings, *parameters.warnings)}
    return {"list-order", "missing", "base-name", "mcc", "label", "level"} | found
